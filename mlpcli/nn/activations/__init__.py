"""Activation functions h = f(u), each with its derivative, applied in place.

One module for each kind; `activation.py` has the notation and what they all promise.
"""

# What value and derivative cost together, as multiples of np.tanh's value alone, which takes
# 0.4 ns an element in float32 and 1.7 in float64 (128 x 256 of them, AVX-512, one core, the best
# of 21 runs of `timeit`).
#
#            relu  tanh  softsign  sigmoid  silu  elu  softplus  mish  prelu  gelu
#   float32   2.4   1.3       1.3      3.8   4.5  6.6       5.7   6.0    6.8    13
#   float64   0.8   1.3       1.0      1.7   2.0  2.5       3.4   2.6    2.1   5.2

# ruff: noqa: F401  each module enters its activations in the table
from mlpcli.nn.activations import rectified, sigmoidal, smooth, softmax
from mlpcli.nn.activations.activation import ACTIVATIONS, NONE, Activation, Tensors

__all__ = ["ACTIVATIONS", "NONE", "Activation", "Tensors"]
