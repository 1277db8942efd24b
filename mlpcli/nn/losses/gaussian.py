"""A normal distribution of the target: its mean, and its spread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from mlpcli.array_types import Array
from mlpcli.family import setting
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.arrays import column, empty, empty_like
from mlpcli.nn.losses.loss import LOSSES, Loss, mean_of
from mlpcli.nn.replay import np


@dataclass(frozen=True)
class _Parts:
    """The arrays of one delta, each (..., N, targets), and the floor."""

    raw: Array
    softplus: Array
    residual: Array
    variance: Array
    ratio: Array
    d_mean: Array  # the two halves of delta
    d_raw: Array
    floor: Array


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

    floor: float = setting(
        1e-6, "the least variance, in the square of the unit that the loss sees", ge=1e-12
    )

    def n_outputs(self, n_targets: int) -> int:
        """Two for each target: its mean and its s."""
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
        """Return the means."""
        return y_hat[..., : y_hat.shape[-1] // 2]

    def predictions(self, y_hat: Array) -> Iterator[tuple[str, Array, bool]]:
        """Yield the means, then the standard deviations."""
        yield "", self.central(y_hat), False
        yield "_std", y_hat[..., y_hat.shape[-1] // 2 :], True

    def scratch(self, delta: Array) -> Any:
        """Five arrays of half of u, and views."""
        targets = delta.shape[-1] // 2
        like = empty((*delta.shape[:-1], targets), delta.dtype)
        return _Parts(
            raw=like,
            softplus=empty_like(like),
            residual=empty_like(like),
            variance=empty_like(like),
            ratio=empty_like(like),
            d_mean=delta[..., :targets],
            d_raw=delta[..., targets:],
            floor=column(self.floor, delta),
        )

    def rows_and_delta(
        self, u: Array, target: Array, scale: Array, rows: Array, delta: Array, scratch: Any
    ) -> None:
        """rows = 1/2 Σ_j log v + r²/v; delta = scale (r/v, 1/2 σ(s) (1 − r²/v) / v)."""
        targets = target.shape[-1]
        raw, softplus, residual = scratch.raw, scratch.softplus, scratch.residual
        variance, ratio = scratch.variance, scratch.ratio
        np.copyto(raw, u[..., targets:])
        np.logaddexp(raw, 0.0, out=softplus)
        np.add(softplus, scratch.floor, out=variance)
        np.subtract(u[..., :targets], target, out=residual)
        np.divide(residual, variance, out=ratio)
        np.multiply(ratio, scale, out=scratch.d_mean)
        np.multiply(residual, ratio, out=ratio)  # r²/v

        np.subtract(raw, softplus, out=raw)
        np.exp(raw, out=raw)  # σ(s)
        np.log(variance, out=softplus)
        np.add(softplus, ratio, out=softplus)
        np.add.reduce(softplus, axis=-1, out=rows)
        np.multiply(rows, 0.5, out=rows)

        np.subtract(1.0, ratio, out=ratio)
        np.multiply(ratio, raw, out=ratio)
        np.divide(ratio, variance, out=ratio)
        np.multiply(ratio, 0.5, out=ratio)
        np.multiply(ratio, scale, out=scratch.d_raw)
