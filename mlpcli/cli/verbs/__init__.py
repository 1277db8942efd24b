"""The verbs: module `x` defines the command `mlp x` as its function `x`."""
