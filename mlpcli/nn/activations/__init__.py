"""Activation functions h = f(u), each with its derivative, applied in place.

One module for each kind; `activation.py` has the notation and what they all promise.
"""

from mlpcli.nn.activations.activation import ACTIVATIONS, NONE, Activation, Identity, Tensors
from mlpcli.nn.activations.rectified import Elu, LeakyRelu, Prelu, Relu, Selu
from mlpcli.nn.activations.sigmoidal import HardSigmoid, HardTanh, Sigmoid, Softsign, Tanh
from mlpcli.nn.activations.smooth import Gelu, Mish, Silu, Softplus
from mlpcli.nn.activations.softmax import Exponential, Softmax

__all__ = [
    "ACTIVATIONS",
    "NONE",
    "Activation",
    "Elu",
    "Exponential",
    "Gelu",
    "HardSigmoid",
    "HardTanh",
    "Identity",
    "LeakyRelu",
    "Mish",
    "Prelu",
    "Relu",
    "Selu",
    "Sigmoid",
    "Silu",
    "Softmax",
    "Softplus",
    "Softsign",
    "Tanh",
    "Tensors",
]
