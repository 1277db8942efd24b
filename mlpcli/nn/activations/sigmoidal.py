"""Activations that rise from one bound to another: sigmoid, tanh, and cheaper ones."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from mlpcli.array_types import Array
from mlpcli.nn.activations.activation import ACTIVATIONS, NONE, Activation, Tensors


def exponent_limit(like: Array) -> Array:
    """Return the largest whole x for which exp(x) and exp(−x) are normal numbers of like's type.

    >>> int(exponent_limit(np.empty(0, np.float32))), int(exponent_limit(np.empty(0)))
    (87, 708)
    """
    return np.asarray(np.floor(-np.log(float(np.finfo(like.dtype).tiny))), like.dtype)


@ACTIVATIONS.add("sigmoid")
class Sigmoid(Activation):
    """f(u) = 1 / (1 + exp(−u)), f'(u) = h (1 − h). Source: the lecture, exercise on two classes.

    Exact to rounding, small values too. exp must not overflow: below u = −87 (−708 in float64) it
    is held at 1.6e-38 (3.3e-308).
    """

    is_probability: ClassVar[bool] = True

    def scratch(self, u: Array, params: Tensors = NONE, grads: Tensors = NONE) -> Any:
        return exponent_limit(u)

    def value(self, u: Array, h: Array, scratch: Any) -> None:
        np.negative(u, out=h)
        np.minimum(h, scratch, out=h)
        np.exp(h, out=h)
        np.add(h, 1.0, out=h)
        np.reciprocal(h, out=h)

    def times_derivative(self, u: Array, h: Array, delta: Array, scratch: Any) -> None:
        np.subtract(1.0, h, out=u)
        np.multiply(u, h, out=u)
        np.multiply(delta, u, out=delta)

    def inverse(self, h: Array) -> Array:
        """Return log(h / (1 − h)), h held away from 0 and 1 by what the type can tell apart."""
        info = np.finfo(h.dtype)
        held = np.clip(h, info.tiny, 1 - info.epsneg)
        return np.log(held) - np.log1p(-held)


@ACTIVATIONS.add("tanh")
class Tanh(Activation):
    """f(u) = tanh(u), f'(u) = 1 − h². Source: the lecture; LeCun et al., 1998, 4.4."""

    in_place: ClassVar[bool] = True

    def value(self, u: Array, h: Array, scratch: Any) -> None:
        np.tanh(u, out=h)

    def times_derivative(self, u: Array, h: Array, delta: Array, scratch: Any) -> None:
        np.multiply(h, h, out=u)
        np.subtract(1.0, u, out=u)
        np.multiply(delta, u, out=delta)


@ACTIVATIONS.add("softsign")
class Softsign(Activation):
    """f(u) = u / (1 + |u|), f'(u) = 1 / (1 + |u|)². Source: Bergstra et al., 2009.

    f'' jumps from 2 to −2 at u = 0. f' is not taken from h, since 1 − |h| has few digits where
    |u| is large.
    """

    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    def value(self, u: Array, h: Array, scratch: Any) -> None:
        np.abs(u, out=h)
        np.add(h, 1.0, out=h)
        np.divide(u, h, out=h)

    def times_derivative(self, u: Array, h: Array, delta: Array, scratch: Any) -> None:
        """delta ← delta / (1 + |u|) / (1 + |u|): the square could overflow."""
        np.abs(u, out=u)
        np.add(u, 1.0, out=u)
        np.divide(delta, u, out=delta)
        np.divide(delta, u, out=delta)


@ACTIVATIONS.add("hard_sigmoid")
class HardSigmoid(Activation):
    """f(u) = min(max(u + 3, 0), 6) / 6, f'(u) = 1/6 where −3 < u < 3 and 0 elsewhere.

    Of the several functions of this name the one of PyTorch and Keras 3.
    Source: Howard et al., Searching for MobileNetV3, 2019, 5.2.
    """

    kinks: ClassVar[tuple[float, ...]] = (-3.0, 3.0)
    is_probability: ClassVar[bool] = True

    def value(self, u: Array, h: Array, scratch: Any) -> None:
        np.add(u, 3.0, out=h)
        np.maximum(h, 0.0, out=h)
        np.minimum(h, 6.0, out=h)
        np.divide(h, 6.0, out=h)

    def times_derivative(self, u: Array, h: Array, delta: Array, scratch: Any) -> None:
        """delta ← 1[|u| < 3] ∗ delta / 6; from u, since u + 3 is rounded."""
        np.abs(u, out=u)
        np.less(u, 3.0, out=u)
        np.multiply(delta, u, out=delta)
        np.divide(delta, 6.0, out=delta)


@ACTIVATIONS.add("hard_tanh")
class HardTanh(Activation):
    """f(u) = min(max(u, −1), 1), f'(u) = 1 where −1 < u < 1 and 0 elsewhere.

    Source: Collobert, Large Scale Machine Learning, 2004.
    """

    kinks: ClassVar[tuple[float, ...]] = (-1.0, 1.0)

    def value(self, u: Array, h: Array, scratch: Any) -> None:
        np.maximum(u, -1.0, out=h)
        np.minimum(h, 1.0, out=h)

    def times_derivative(self, u: Array, h: Array, delta: Array, scratch: Any) -> None:
        np.abs(u, out=u)
        np.less(u, 1.0, out=u)
        np.multiply(delta, u, out=delta)
