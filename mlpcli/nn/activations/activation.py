"""What an activation function h = f(u) is, and the simplest one.

Notation: u are pre-activations and h = f(u) activations, both (..., rows, units); delta holds
dJ/dh before and dJ/du after `times_derivative`. All functions work element by element, but for
softmax, which works row by row. What a function needs beside these three arrays, `scratch` makes
once per run: arrays to work in, its hyperparameters in the arrays' type and with their lanes, and
views of the parameters that it learns. `value` may leave there what `times_derivative` can use
again: the two are called in turn, with the same scratch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from mlpcli.array_types import Array
from mlpcli.family import Family, Member

# Names in the order of the modules' names, and in each module as they stand there.
ACTIVATIONS = Family("activation")
Tensors = Mapping[str, Array]
NONE: Tensors = {}


class Activation(Member):
    """One activation function: its value, its derivative, and what the rest must know of it."""

    initializer: ClassVar[str] = "glorot_uniform"  # the weights' default before this function
    kinks: ClassVar[tuple[float, ...]] = ()  # values of u at which f' or f'' jumps
    # Whether u and h may be one array, which `times_derivative` then overwrites, and whose values
    # stand on the sides of the kinks that u's do: a layer has one array less to write and to read.
    in_place: ClassVar[bool] = False
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
        """h ← f(u); h must not alias u, but for an activation that is `in_place`."""
        raise NotImplementedError

    def times_derivative(self, u: Array, h: Array, delta: Array, scratch: Any) -> None:
        """delta ← f'(u) ∗ delta in place, and the gradients of its own parameters, if it has any.

        h = f(u) is unchanged, unless u is the same array; u may be overwritten. scratch is as
        `value` of this u has left it, and may be overwritten too.
        """
        raise NotImplementedError

    def inverse(self, h: Array) -> Array:
        """Return a u with f(u) = h, of an activation that is a loss's link."""
        raise NotImplementedError


@ACTIVATIONS.add("identity")
class Identity(Activation):
    """f(u) = u, f'(u) = 1. Source: the lecture's linear output."""

    in_place: ClassVar[bool] = True

    def value(self, u: Array, h: Array, scratch: Any) -> None:
        """h ← u."""
        np.copyto(h, u)

    def times_derivative(self, u: Array, h: Array, delta: Array, scratch: Any) -> None:
        """delta ← delta."""

    def inverse(self, h: Array) -> Array:
        """Return h."""
        return h
