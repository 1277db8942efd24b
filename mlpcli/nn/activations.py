"""Activation functions h = f(u), each with its derivative, applied in place.

Notation: u are pre-activations and h = f(u) activations, both (..., rows, units); delta holds
dJ/dh before and dJ/du after `times_derivative`. All functions work element by element, but for
softmax, which works row by row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mlpcli.family import Family, setting
from mlpcli.nn.arrays import Array

ACTIVATIONS = Family("activation")


@dataclass(frozen=True)
class Activation:
    """One activation function: its value, its derivative, and what the rest must know of it."""

    name: ClassVar[str]
    initializer: ClassVar[str] = "glorot_uniform"  # the weights' default before this function
    kinks: ClassVar[tuple[float, ...]] = ()  # values of u at which f' jumps
    output_only: ClassVar[bool] = False
    is_probability: ClassVar[bool] = False  # whether h is a probability of a class

    def problem(self) -> str | None:
        """Return what is wrong with the settings taken together, as a sentence; or None."""
        return None

    def value(self, u: Array, h: Array) -> None:
        """h ← f(u); h must not alias u."""
        raise NotImplementedError

    def times_derivative(self, u: Array, h: Array, delta: Array) -> None:
        """delta ← f'(u) ∗ delta in place; h = f(u) is unchanged, u may be overwritten."""
        raise NotImplementedError


@ACTIVATIONS.add("identity")
@dataclass(frozen=True)
class Identity(Activation):
    """f(u) = u, f'(u) = 1. Source: the lecture's linear output."""

    def value(self, u: Array, h: Array) -> None:
        """h ← u."""
        np.copyto(h, u)

    def times_derivative(self, u: Array, h: Array, delta: Array) -> None:
        """delta ← delta."""


@ACTIVATIONS.add("sigmoid")
@dataclass(frozen=True)
class Sigmoid(Activation):
    """f(u) = 1 / (1 + exp(−u)), f'(u) = h (1 − h). Source: the lecture, exercise on two classes.

    Exact to rounding, small values too. Below u = −80 it is held at 1.8e-35, so that exp does not
    overflow in float32.
    """

    is_probability: ClassVar[bool] = True

    def value(self, u: Array, h: Array) -> None:
        """h ← 1 / (1 + exp(−u))."""
        np.negative(u, out=h)
        np.minimum(h, 80.0, out=h)
        np.exp(h, out=h)
        np.add(h, 1.0, out=h)
        np.reciprocal(h, out=h)

    def times_derivative(self, u: Array, h: Array, delta: Array) -> None:
        """delta ← h (1 − h) ∗ delta."""
        np.subtract(1.0, h, out=u)
        np.multiply(u, h, out=u)
        np.multiply(delta, u, out=delta)


@ACTIVATIONS.add("tanh")
@dataclass(frozen=True)
class Tanh(Activation):
    """f(u) = tanh(u), f'(u) = 1 − h². Source: the lecture; LeCun et al., 1998, 4.4."""

    def value(self, u: Array, h: Array) -> None:
        """h ← tanh(u)."""
        np.tanh(u, out=h)

    def times_derivative(self, u: Array, h: Array, delta: Array) -> None:
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

    def value(self, u: Array, h: Array) -> None:
        """h ← max(u, 0)."""
        np.maximum(u, 0.0, out=h)

    def times_derivative(self, u: Array, h: Array, delta: Array) -> None:
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

    def value(self, u: Array, h: Array) -> None:
        """h ← max(u, s u)."""
        np.multiply(u, self.slope, out=h)
        np.maximum(u, h, out=h)

    def times_derivative(self, u: Array, h: Array, delta: Array) -> None:
        """delta ← max(1[u > 0], s) ∗ delta."""
        np.greater(u, 0.0, out=u)
        np.maximum(u, self.slope, out=u)
        np.multiply(delta, u, out=delta)


@ACTIVATIONS.add("softmax")
@dataclass(frozen=True)
class Softmax(Activation):
    """f(u)_j = exp(u_j) / Σ_k exp(u_k) in each row, ∂f_j/∂u_k = h_j (1[j = k] − h_k).

    For the output only. Source: the lecture, exercise on many classes; Bishop, PRML, 4.3.4.
    """

    output_only: ClassVar[bool] = True
    is_probability: ClassVar[bool] = True

    def value(self, u: Array, h: Array) -> None:
        """h ← softmax(u), shifted by each row's maximum so that exp cannot overflow."""
        np.subtract(u, np.max(u, axis=-1, keepdims=True), out=h)
        np.exp(h, out=h)
        np.divide(h, np.sum(h, axis=-1, keepdims=True), out=h)

    def times_derivative(self, u: Array, h: Array, delta: Array) -> None:
        """delta ← h ∗ (delta − Σ_k h_k delta_k)."""
        np.subtract(delta, np.vecdot(h, delta)[..., np.newaxis], out=delta)
        np.multiply(delta, h, out=delta)
