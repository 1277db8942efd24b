"""A normal distribution of the target: its mean and its standard deviation."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from mlpcli.array_types import Array
from mlpcli.family import setting
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.arrays import column, empty
from mlpcli.nn.losses.loss import LOSSES, Loss, mean_of


@LOSSES.add("gaussian_nll")
class GaussianNll(Loss):
    """J = 1/(2N) Σ_d Σ_j [ log v_dj + (y_dj − μ_dj)² / v_dj ], v = floor + softplus(s).

    The negative logarithm of a normal density with mean μ and variance v, without the constant
    1/2 log 2π. The outputs are two blocks, the means μ, then s; ŷ is μ and the standard deviation
    √v. With r = μ − y

        dJ/du = r / (v N)  for μ,  σ(s) (1 − r²/v) / (2 v N)  for s.

    Source: Nix and Weigend, 1994, Estimating the mean and variance of the target probability
    distribution; Lakshminarayanan et al., 2017, 2.4, whose floor is 1e-6; PyTorch's
    GaussianNLLLoss, which cuts v off at its eps and averages over j as well.
    """

    link: ClassVar[str] = "identity"
    tasks: ClassVar[tuple[str, ...]] = ("regression",)
    lower: ClassVar[float] = -math.inf

    floor: float = setting(
        1e-6, "the least variance, in the square of the unit that the loss sees", ge=1e-12
    )

    def n_outputs(self, n_targets: int) -> int:
        return 2 * n_targets

    def predict(self, u: Array, out: Array) -> None:
        """Write the means, then the standard deviations √(floor + softplus(s)), into `out`."""
        targets = u.shape[-1] // 2
        np.copyto(out[..., :targets], u[..., :targets])
        width = np.logaddexp(u[..., targets:], 0.0)
        np.add(width, column(self.floor, width), out=width)
        np.sqrt(width, out=out[..., targets:])

    def outputs_of(self, y_hat: Array) -> Array:
        """Return the means, and each s with √(floor + softplus(s)) the standard deviation."""
        targets = y_hat.shape[-1] // 2
        width = y_hat[..., targets:] ** 2 - self.floor
        s = ACTIVATIONS["softplus"]().inverse(width)
        return np.concatenate([y_hat[..., :targets], s], axis=-1)

    def average(self, y_hat: Array, share: Array | None = None) -> Array:
        """Return mean and standard deviation of the mixture of the R normal distributions.

        μ = mean μ_r, σ² = mean (σ_r² + μ_r²) − μ²: how much they disagree is in it.
        Source: Lakshminarayanan, Pritzel and Blundell, 2017, 2.4.
        """
        targets = y_hat.shape[-1] // 2
        each, width = y_hat[..., :targets], y_hat[..., targets:]
        mean = mean_of(each, share)
        variance = mean_of(width**2 + (each - mean) ** 2, share)
        return np.concatenate([mean, np.sqrt(variance)], axis=-1)

    def central(self, y_hat: Array) -> Array:
        return y_hat[..., : y_hat.shape[-1] // 2]

    def predictions(self, y_hat: Array) -> Iterator[tuple[str, Array, bool]]:
        yield "", self.central(y_hat), False
        yield "_std", y_hat[..., y_hat.shape[-1] // 2 :], True

    def value(self, u: Array, y: Array) -> Array:
        targets = y.shape[-1]
        mean, s = u[..., :targets], u[..., targets:]
        variance = column(self.floor, u) + np.logaddexp(s, 0)
        return np.sum(np.log(variance) + (mean - y) ** 2 / variance, axis=-1) / 2

    def scratch(self, out: Array) -> Any:
        """Return three arrays of half of out, and the floor."""
        half = (*out.shape[:-1], out.shape[-1] // 2)
        return *(empty(half, out.dtype) for _ in range(3)), column(self.floor, out)

    def delta(self, u: Array, y: Array, scale: Array, out: Array, scratch: Any) -> None:
        """out ← scale (r/v, 1/2 σ(s) (1 − r²/v) / v), σ(s) = exp(s − softplus(s))."""
        sigma, variance, ratio, floor = scratch
        targets = y.shape[-1]
        mean, s = u[..., :targets], u[..., targets:]
        d_mean, d_s = out[..., :targets], out[..., targets:]
        np.logaddexp(s, 0.0, out=variance)
        np.subtract(s, variance, out=sigma)
        np.exp(sigma, out=sigma)
        np.add(variance, floor, out=variance)

        np.subtract(mean, y, out=d_mean)
        np.divide(d_mean, variance, out=ratio)
        np.multiply(d_mean, ratio, out=d_s)  # r²/v
        np.multiply(ratio, scale, out=d_mean)

        np.subtract(1.0, d_s, out=d_s)
        np.multiply(d_s, sigma, out=d_s)
        np.divide(d_s, variance, out=d_s)
        np.multiply(d_s, 0.5, out=d_s)
        np.multiply(d_s, scale, out=d_s)
