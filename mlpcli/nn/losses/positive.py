"""Losses of a mean μ that is positive: of counts, and of amounts whose spread grows with them.

Their link is log μ = u, the activation `exponential`. So that nothing overflows in float32, the
exponential is continued by its tangent above 60: E(u) = exp(c) (1 + u − c), c = min(u, 60), with
the derivative E'(u) = exp(c). Value and delta are those of the same function.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from mlpcli.array_types import Array
from mlpcli.nn.arrays import empty_like
from mlpcli.nn.losses.loss import LOSSES, Loss

FAR = 60.0  # e^60 is 1e26: times 1e4 and a large target it is still a float32


class PositiveLoss(Loss):
    """A loss of a positive mean, whose target is divided by its mean, never standardized."""

    link: ClassVar[str] = "exponential"
    tasks: ClassVar[tuple[str, ...]] = ("regression",)
    outputs: ClassVar[tuple[str, ...] | None] = ("softplus",)
    standardized: ClassVar[bool] = False
    lower: ClassVar[float] = -math.inf  # without the constants of the likelihood


@LOSSES.add("poisson")
class Poisson(PositiveLoss):
    """J = 1/N Σ_d Σ_j [ μ_dj − y_dj u_dj ], μ = exp(u), y ≥ 0; dJ/du = (μ − y) / N.

    The negative logarithm of the probability of the count y where μ are expected, without the
    constant log y!. Above u = 60 exp(u) goes on as a straight line. The target is never
    standardized: it is divided by its mean, so that μ begins near it, or left as it is. With
    `output: softplus`, μ = softplus(u), J = 1/N Σ [ μ − y log μ ].
    Source: McCullagh and Nelder, 1989, Generalized Linear Models, 6.2; PyTorch's PoissonNLLLoss,
    which averages over j as well.
    """

    target_range: ClassVar[str] = "below 0"

    def for_task(self, task: str, *, output: str | None = None) -> Loss:
        return self.to_class(PoissonOfSoftplus if output == "softplus" else Poisson)

    def refused(self, y: Array) -> Array:
        return y < 0

    def value(self, u: Array, y: Array) -> Array:
        """Return Σ_j E(u) − y u."""
        return np.sum(_exponential(u) - y * u, axis=-1)

    def delta(self, u: Array, y: Array, scale: Array, out: Array, scratch: Any) -> None:
        """out ← scale (E'(u) − y)."""
        np.minimum(u, FAR, out=out)
        np.exp(out, out=out)
        np.subtract(out, y, out=out)
        np.multiply(out, scale, out=out)

    def side(self, u: Array, y: Array) -> Array | None:
        """Whether exp(u) is a straight line there; None where it is none anywhere."""
        straight = u > FAR
        return straight if straight.any() else None


@LOSSES.add("gamma")
class Gamma(PositiveLoss):
    """J = 1/N Σ_d Σ_j [ y_dj / μ_dj + log μ_dj ], μ = exp(u), y > 0; dJ/du = (1 − y/μ) / N.

    The negative logarithm of a gamma density with mean μ, divided by its shape, without what does
    not depend on μ: half the gamma deviance, up to a constant. An error of ten per cent costs the
    same at any size. Below u = −60 1/μ = exp(−u) goes on as a straight line. The target is
    divided by its mean, or left as it is, never standardized. `output: softplus` makes
    μ = softplus(u).
    Source: McCullagh and Nelder, 1989, Generalized Linear Models, 8.3.
    """

    target_range: ClassVar[str] = "of 0 or below"

    def for_task(self, task: str, *, output: str | None = None) -> Loss:
        return self.to_class(GammaOfSoftplus if output == "softplus" else Gamma)

    def refused(self, y: Array) -> Array:
        return y <= 0

    def value(self, u: Array, y: Array) -> Array:
        """Return Σ_j y E(−u) + u."""
        return np.sum(y * _exponential(-u) + u, axis=-1)

    def delta(self, u: Array, y: Array, scale: Array, out: Array, scratch: Any) -> None:
        """out ← scale (1 − y E'(−u))."""
        np.negative(u, out=out)
        np.minimum(out, FAR, out=out)
        np.exp(out, out=out)
        np.multiply(out, y, out=out)
        np.subtract(1.0, out, out=out)
        np.multiply(out, scale, out=out)

    def side(self, u: Array, y: Array) -> Array | None:
        straight = u < -FAR
        return straight if straight.any() else None


def _exponential(u: Array) -> Array:
    """Return E(u) = exp(c) (1 + u − c), c = min(u, 60)."""
    c = np.minimum(u, FAR)
    return np.exp(c) * (1 + (u - c))


def _softplus_terms(u: Array) -> tuple[Array, Array, Array]:
    """Return μ = softplus(c), log μ + (u − c), and u − c, c = max(u, −60).

    Below −60 softplus(u) is exp(u) to 1e-26, and its logarithm falls with u.
    """
    c = np.maximum(u, -FAR)
    mean, below = np.logaddexp(c, 0), u - c
    return mean, np.log(mean) + below, below


def _softplus_slopes(u: Array, sigma: Array, ratio: Array) -> None:
    """sigma ← σ(c) = exp(c − softplus(c)), ratio ← softplus(c), c = max(u, −60)."""
    np.maximum(u, -FAR, out=sigma)
    np.logaddexp(sigma, 0.0, out=ratio)
    np.subtract(sigma, ratio, out=sigma)
    np.exp(sigma, out=sigma)


class PoissonOfSoftplus(Poisson):
    """J = 1/N Σ [ μ − y log μ ], μ = softplus(u); dJ/du = (σ(u) − y σ(u)/μ) / N."""

    link: ClassVar[str] = "softplus"

    def value(self, u: Array, y: Array) -> Array:
        mean, log_mean, _ = _softplus_terms(u)
        return np.sum(mean - y * log_mean, axis=-1)

    def scratch(self, out: Array) -> Any:
        return empty_like(out)

    def delta(self, u: Array, y: Array, scale: Array, out: Array, scratch: Any) -> None:
        """out ← scale (σ − y (σ/μ))."""
        _softplus_slopes(u, out, scratch)
        np.divide(out, scratch, out=scratch)
        np.multiply(scratch, y, out=scratch)
        np.subtract(out, scratch, out=out)
        np.multiply(out, scale, out=out)


class GammaOfSoftplus(Gamma):
    """J = 1/N Σ [ y/μ + log μ ], μ = softplus(u); dJ/du = σ(u)/μ (1 − y/μ) / N."""

    link: ClassVar[str] = "softplus"

    def value(self, u: Array, y: Array) -> Array:
        """Return Σ_j (y/μ) (1 − (u − c)) + log μ."""
        mean, log_mean, below = _softplus_terms(u)
        return np.sum(y / mean * (1 - below) + log_mean, axis=-1)

    def scratch(self, out: Array) -> Any:
        return empty_like(out)

    def delta(self, u: Array, y: Array, scale: Array, out: Array, scratch: Any) -> None:
        """out ← scale (σ/μ) (1 − y/μ)."""
        _softplus_slopes(u, out, scratch)
        np.divide(out, scratch, out=out)
        np.divide(y, scratch, out=scratch)
        np.subtract(1.0, scratch, out=scratch)
        np.multiply(out, scratch, out=out)
        np.multiply(out, scale, out=out)
