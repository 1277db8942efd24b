"""One step of the lecture on the reader's own rows: `mlp explain`."""
