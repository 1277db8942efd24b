"""A run on disk: its directory, model file, metrics file and manifest."""
