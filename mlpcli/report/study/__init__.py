"""The page of a sweep: its best trial, all of them, and what its keys have to do with it."""
