"""Stands before the library: importing it takes most of the time of `mlp check`."""

raise ImportError("not in this test")
