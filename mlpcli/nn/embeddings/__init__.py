"""Embeddings of numeric columns: each value becomes several, before the first layer.

`embedding.py` has the interface and the layer, `bins.py` the edges of bins.
"""

# ruff: noqa: F401, I001  each module enters its embedding in the table, in this order
from mlpcli.nn.embeddings.embedding import EMBEDDINGS, Embed, EmbeddedColumns, Embedding
from mlpcli.nn.embeddings import piecewise_linear, periodic

__all__ = ["EMBEDDINGS", "Embed", "EmbeddedColumns", "Embedding"]
