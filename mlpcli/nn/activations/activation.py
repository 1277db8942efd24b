"""The interface of an activation function h = f(u), and the identity.

u are pre-activations and h = f(u) activations, both (..., rows, units); delta holds dJ/dh before
`times_derivative` and dJ/du after it. All functions are elementwise but softmax, which works row
by row. `scratch` makes working arrays, hyperparameters in the arrays' type and with their lanes,
and views of learned parameters, once per run. `value` may leave results in it for
`times_derivative`: the two are called in turn, with the same scratch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from mlpcli.array_types import Array
from mlpcli.family import Family, Member

ACTIVATIONS = Family("activation")
Tensors = Mapping[str, Array]
NONE: Tensors = {}


class Activation(Member):
    """An activation function: its value and its derivative, in place."""

    initializer: ClassVar[str] = "glorot_uniform"  # the weights' default before this function
    kinks: ClassVar[tuple[float, ...]] = ()  # values of u at which f' or f'' jumps
    # Whether u and h may be one array, which `times_derivative` then overwrites; h lies on the same
    # side of each kink as u. A layer then has one array less to write and to read.
    in_place: ClassVar[bool] = False
    output_only: ClassVar[bool] = False
    is_probability: ClassVar[bool] = False  # whether h is a probability of a class

    @property
    def parameters(self) -> Mapping[str, float]:
        """Initial values of the parameters it learns, by name; each has one number a unit."""
        return {}

    def scratch(self, u: Array, params: Tensors = NONE, grads: Tensors = NONE) -> Any:
        """Return the working arrays and constants of the two functions for arrays like u.

        params, grads  its learned parameters and their gradients by name, each (..., units)
        """
        return None

    def value(self, u: Array, h: Array, scratch: Any) -> None:
        """h ← f(u); h must not alias u, but for an activation that is `in_place`."""
        raise NotImplementedError

    def times_derivative(self, u: Array, h: Array, delta: Array, scratch: Any) -> None:
        """delta ← f'(u) ∗ delta, and the gradients of its parameters, if it has any.

        h = f(u) is unchanged, unless u is the same array. u may be overwritten, and so may
        scratch, which is as `value` of this u has left it.
        """
        raise NotImplementedError

    def inverse(self, h: Array) -> Array:
        """Return a u with f(u) = h, for the activations that are the link of a loss."""
        raise NotImplementedError


@ACTIVATIONS.add("identity")
class Identity(Activation):
    """f(u) = u, f'(u) = 1. Source: the lecture's linear output."""

    in_place: ClassVar[bool] = True

    def value(self, u: Array, h: Array, scratch: Any) -> None:
        np.copyto(h, u)

    def times_derivative(self, u: Array, h: Array, delta: Array, scratch: Any) -> None:
        """delta ← delta."""

    def inverse(self, h: Array) -> Array:
        return h
