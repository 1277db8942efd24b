"""Pictures and pages from finished runs: `mlp report`, `mlp explain`."""
