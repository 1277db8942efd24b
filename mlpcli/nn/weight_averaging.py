"""Weight averaging: the parameters' running mean, which jumps less than they do."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.nn.arrays import empty, empty_like


class WeightAverage:
    """θ̄ ← θ̄ + (1 − d) / (1 − dᵗ) (θ − θ̄) after step t: an exponential moving average.

    It is the mean of θ₁ … θₜ with weights dᵗ⁻ⁱ that sum to 1: after the first step θ̄ = θ₁, and the
    initial θ₀ has no part in it, as it has, with the weight dᵗ, in PyTorch's get_ema_multi_avg_fn.
    Source: Polyak and Juditsky, 1992; the correction 1 − dᵗ: Kingma and Ba, 2015, 3 and 7.2.

    decay    d, 0 ≤ d < 1, one number, or one a lane, (R,)
    theta    (..., n_params), read only
    average  (..., n_params) θ̄; theta itself before the first update. To resume, write it and
    power    (...,) float64, dᵗ
    """

    def __init__(self, decay: Any, theta: Array) -> None:
        lane_shape = theta.shape[:-1]
        self.theta, self.average = theta, theta.copy()
        self.decay = np.array(np.broadcast_to(np.asarray(decay, np.float64), lane_shape))
        self.power = np.ones(lane_shape)
        self._rest = 1.0 - self.decay
        # (1 − d) / (1 − dᵗ) in float64, then in theta's type.
        self._share = empty(lane_shape)
        self._weight = empty((*lane_shape, 1) if lane_shape else (), theta.dtype)
        self._change = empty_like(theta)

    def update(self) -> None:
        """Update the average, once after each step."""
        self.count()
        self.move(slice(None))

    def count(self) -> None:
        """Count a step: (1 − d) / (1 − dᵗ)."""
        np.multiply(self.power, self.decay, out=self.power)
        np.subtract(1.0, self.power, out=self._share)
        np.divide(self._rest, self._share, out=self._share)
        np.copyto(self._weight, self._share.reshape(self._weight.shape), casting="same_kind")

    def move(self, part: slice) -> None:
        """Move the average of some parameters, once the step is counted."""
        average, change = self.average[..., part], self._change[..., part]
        np.subtract(self.theta[..., part], average, out=change)
        np.multiply(change, self._weight, out=change)
        np.add(average, change, out=average)
