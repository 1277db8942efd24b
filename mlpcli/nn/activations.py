"""Activation functions h = f(u), each with its derivative, applied in place.

Notation: u are pre-activations and h = f(u) activations, both (..., rows, units); delta holds
dJ/dh before and dJ/du after `times_derivative`. All functions work element by element, but for
softmax, which works row by row. What a function needs beside these three arrays, `scratch` makes
once per run: arrays to work in, its hyperparameters in the arrays' type and with their lanes, and
views of the parameters that it learns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from mlpcli.family import Family, setting
from mlpcli.nn.arrays import Array, column

ACTIVATIONS = Family("activation")
Tensors = Mapping[str, Array]
NONE: Tensors = {}


@dataclass(frozen=True)
class Activation:
    """One activation function: its value, its derivative, and what the rest must know of it."""

    name: ClassVar[str]
    initializer: ClassVar[str] = "glorot_uniform"  # the weights' default before this function
    kinks: ClassVar[tuple[float, ...]] = ()  # values of u at which f' or f'' jumps
    output_only: ClassVar[bool] = False
    is_probability: ClassVar[bool] = False  # whether h is a probability of a class

    @property
    def parameters(self) -> Mapping[str, float]:
        """What it learns beside W and b: names, each one number a unit, and where they begin."""
        return {}

    def scratch(self, u: Array, own: Tensors = NONE, d_own: Tensors = NONE) -> Any:
        """Return what the two functions need beside u, h and delta; made once per run.

        u           an array like those to come
        own, d_own  its parameters by name, each (..., units), and where their gradients go
        """
        return None

    def value(self, u: Array, h: Array, scratch: Any) -> None:
        """h ← f(u); h must not alias u."""
        raise NotImplementedError

    def times_derivative(self, u: Array, h: Array, delta: Array, scratch: Any) -> None:
        """delta ← f'(u) ∗ delta in place, and the gradients of its own parameters, if it has any.

        h = f(u) is unchanged; u may be overwritten.
        """
        raise NotImplementedError


@ACTIVATIONS.add("identity")
@dataclass(frozen=True)
class Identity(Activation):
    """f(u) = u, f'(u) = 1. Source: the lecture's linear output."""

    def value(self, u: Array, h: Array, scratch: Any) -> None:
        """h ← u."""
        np.copyto(h, u)

    def times_derivative(self, u: Array, h: Array, delta: Array, scratch: Any) -> None:
        """delta ← delta."""


@ACTIVATIONS.add("sigmoid")
@dataclass(frozen=True)
class Sigmoid(Activation):
    """f(u) = 1 / (1 + exp(−u)), f'(u) = h (1 − h). Source: the lecture, exercise on two classes.

    Exact to rounding, small values too. Below u = −80 it is held at 1.8e-35, so that exp does not
    overflow in float32.
    """

    is_probability: ClassVar[bool] = True

    def value(self, u: Array, h: Array, scratch: Any) -> None:
        """h ← 1 / (1 + exp(−u))."""
        np.negative(u, out=h)
        np.minimum(h, 80.0, out=h)
        np.exp(h, out=h)
        np.add(h, 1.0, out=h)
        np.reciprocal(h, out=h)

    def times_derivative(self, u: Array, h: Array, delta: Array, scratch: Any) -> None:
        """delta ← h (1 − h) ∗ delta."""
        np.subtract(1.0, h, out=u)
        np.multiply(u, h, out=u)
        np.multiply(delta, u, out=delta)


@ACTIVATIONS.add("tanh")
@dataclass(frozen=True)
class Tanh(Activation):
    """f(u) = tanh(u), f'(u) = 1 − h². Source: the lecture; LeCun et al., 1998, 4.4."""

    def value(self, u: Array, h: Array, scratch: Any) -> None:
        """h ← tanh(u)."""
        np.tanh(u, out=h)

    def times_derivative(self, u: Array, h: Array, delta: Array, scratch: Any) -> None:
        """delta ← (1 − h²) ∗ delta."""
        np.multiply(h, h, out=u)
        np.subtract(1.0, u, out=u)
        np.multiply(delta, u, out=delta)


@ACTIVATIONS.add("relu")
@dataclass(frozen=True)
class Relu(Activation):
    """f(u) = max(u, 0), f'(u) = 1 where u > 0 and 0 elsewhere. Source: Nair and Hinton, 2010."""

    initializer: ClassVar[str] = "he_uniform"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    def value(self, u: Array, h: Array, scratch: Any) -> None:
        """h ← max(u, 0)."""
        np.maximum(u, 0.0, out=h)

    def times_derivative(self, u: Array, h: Array, delta: Array, scratch: Any) -> None:
        """delta ← sign(h) ∗ delta: h is never negative, so sign(h) is 0 or 1."""
        np.sign(h, out=u)
        np.multiply(delta, u, out=delta)


@ACTIVATIONS.add("leaky_relu")
@dataclass(frozen=True)
class LeakyRelu(Activation):
    """f(u) = max(u, s u), f'(u) = 1 where u > 0 and s elsewhere. Source: Maas et al., 2013."""

    initializer: ClassVar[str] = "he_uniform"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    slope: float = setting(0.01, "s, the slope where u ≤ 0", ge=0.0, lt=1.0)

    def scratch(self, u: Array, own: Tensors = NONE, d_own: Tensors = NONE) -> Any:
        """Return s, in u's type and with its lanes."""
        return column(self.slope, u)

    def value(self, u: Array, h: Array, scratch: Any) -> None:
        """h ← max(u, s u)."""
        np.multiply(u, scratch, out=h)
        np.maximum(u, h, out=h)

    def times_derivative(self, u: Array, h: Array, delta: Array, scratch: Any) -> None:
        """delta ← max(1[u > 0], s) ∗ delta."""
        np.greater(u, 0.0, out=u)
        np.maximum(u, scratch, out=u)
        np.multiply(delta, u, out=delta)


@ACTIVATIONS.add("softmax")
@dataclass(frozen=True)
class Softmax(Activation):
    """f(u)_j = exp(u_j) / Σ_k exp(u_k) in each row, ∂f_j/∂u_k = h_j (1[j = k] − h_k).

    For the output only. Source: the lecture, exercise on many classes; Bishop, PRML, 4.3.4.
    """

    output_only: ClassVar[bool] = True
    is_probability: ClassVar[bool] = True

    def value(self, u: Array, h: Array, scratch: Any) -> None:
        """h ← softmax(u), shifted by each row's maximum so that exp cannot overflow."""
        np.subtract(u, np.max(u, axis=-1, keepdims=True), out=h)
        np.exp(h, out=h)
        np.divide(h, np.sum(h, axis=-1, keepdims=True), out=h)

    def times_derivative(self, u: Array, h: Array, delta: Array, scratch: Any) -> None:
        """delta ← h ∗ (delta − Σ_k h_k delta_k)."""
        np.subtract(delta, np.vecdot(h, delta)[..., np.newaxis], out=delta)
        np.multiply(delta, h, out=delta)


@ACTIVATIONS.add("softplus")
@dataclass(frozen=True)
class Softplus(Activation):
    """f(u) = log(1 + exp(u)), f'(u) = sigmoid(u) = 1 − exp(−h). Source: Dugas et al., 2001."""

    def value(self, u: Array, h: Array, scratch: Any) -> None:
        """h ← log(exp(u) + exp(0))."""
        np.logaddexp(u, 0.0, out=h)

    def times_derivative(self, u: Array, h: Array, delta: Array, scratch: Any) -> None:
        """delta ← exp(u − h) ∗ delta."""
        np.subtract(u, h, out=u)
        np.exp(u, out=u)
        np.multiply(delta, u, out=delta)


@ACTIVATIONS.add("exponential")
@dataclass(frozen=True)
class Exponential(Activation):
    """f(u) = exp(c) (1 + u − c), c = min(u, 60), which is exp(u) below 60; f'(u) = exp(c).

    Above 60 it goes on as a straight line, so that it does not overflow in float32.
    Source: McCullagh and Nelder, 1989, 6.2, the inverse of their logarithmic link.
    """

    output_only: ClassVar[bool] = True

    def scratch(self, u: Array, own: Tensors = NONE, d_own: Tensors = NONE) -> Any:
        """An array like u."""
        return np.empty_like(u)

    def value(self, u: Array, h: Array, scratch: Any) -> None:
        """h ← exp(c) (1 + u − c)."""
        np.minimum(u, 60.0, out=scratch)
        np.subtract(u, scratch, out=h)
        np.add(h, 1.0, out=h)
        np.exp(scratch, out=scratch)
        np.multiply(h, scratch, out=h)

    def times_derivative(self, u: Array, h: Array, delta: Array, scratch: Any) -> None:
        """delta ← exp(min(u, 60)) ∗ delta."""
        np.minimum(u, 60.0, out=u)
        np.exp(u, out=u)
        np.multiply(delta, u, out=delta)
