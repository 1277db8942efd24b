"""Clipping of large gradients, before the optimizer's step."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.nn.arrays import column, empty


class ClipByNorm:
    """g ← g min(1, c / ‖g‖), ‖g‖ over all parameters of a lane: shorter, in the same direction.

    ‖g‖ ≤ c leaves every bit as it is. Source: Pascanu, Mikolov and Bengio, 2013, algorithm 1.
    PyTorch's clip_grad_norm_ divides by ‖g‖ + 1e-6; here nothing is added, since no norm below c
    is divided by.

    limit  c, one number, or one a lane, (R,)
    grad   (..., n_params), clipped in place
    """

    def __init__(self, limit: Any, grad: Array) -> None:
        self.grad, self.limit = grad, column(limit, grad)
        lane_shape = grad.shape[:-1]
        self._scale = empty((*lane_shape, 1) if lane_shape else (), grad.dtype)
        self._norm = self._scale[..., 0] if lane_shape else self._scale

    def apply(self) -> None:
        """Clip the gradient."""
        np.vecdot(self.grad, self.grad, out=self._norm)
        np.sqrt(self._scale, out=self._scale)
        np.maximum(self._scale, self.limit, out=self._scale)
        np.divide(self.limit, self._scale, out=self._scale)
        np.multiply(self.grad, self._scale, out=self.grad)


class ClipByValue:
    """g_i ← min(max(g_i, −c), c) for each parameter by itself: the direction may change.

    Source: Mikolov, 2012, 3.3; PyTorch's clip_grad_value_.

    limit  c, one number, or one a lane, (R,)
    grad   (..., n_params), clipped in place
    """

    def __init__(self, limit: Any, grad: Array) -> None:
        self.grad, self.upper = grad, column(limit, grad)
        self.lower = -self.upper

    def apply(self) -> None:
        """Clip the gradient."""
        np.minimum(self.grad, self.upper, out=self.grad)
        np.maximum(self.grad, self.lower, out=self.grad)
