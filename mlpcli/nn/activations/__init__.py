"""Activation functions h = f(u), each with its derivative, applied in place.

`activation.py` has the interface, docs/decisions/0029 what each of them costs.
"""

# ruff: noqa: F401  each module enters its activations in the table
from mlpcli.nn.activations import rectified, sigmoidal, smooth, softmax
from mlpcli.nn.activations.activation import ACTIVATIONS, NONE, Activation, Tensors

__all__ = ["ACTIVATIONS", "NONE", "Activation", "Tensors"]
