"""The page of several runs: which is best, whether that is shown, and what they differ in."""
