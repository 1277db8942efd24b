"""Losses of a mean μ that is positive: of counts, and of amounts whose spread grows with them.

Their link is log μ = u, the activation `exponential`. So that nothing overflows in float32, the
exponential is continued by its tangent above 60: E(u) = exp(c) (1 + u − c), c = min(u, 60), with
the derivative exp(c). Value and delta are those of the same function.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from mlpcli.array_types import Array
from mlpcli.nn.arrays import empty_like
from mlpcli.nn.losses.loss import LOSSES, Loss
from mlpcli.nn.replay import np

FAR = 60.0  # e^60 is 1e26: times 1e4 and a large target it is still a float32


@LOSSES.add("poisson")
class Poisson(Loss):
    """J = 1/N Σ_d Σ_j [ μ_dj − y_dj u_dj ], μ = exp(u), y ≥ 0; dJ/du = (μ − y) / N.

    The negative logarithm of the probability of the count y where μ are expected, without the
    constant log y!. Above u = 60 exp(u) goes on as a straight line. The target is never
    standardized: it is divided by its mean, so that μ begins near it, or left as it is. With
    `output: softplus`, μ = softplus(u), J = 1/N Σ [ μ − y log μ ].
    Source: McCullagh and Nelder, 1989, Generalized Linear Models, 6.2; PyTorch's PoissonNLLLoss,
    which averages over j as well.
    """

    link: ClassVar[str] = "exponential"
    tasks: ClassVar[tuple[str, ...]] = ("regression",)
    outputs: ClassVar[tuple[str, ...] | None] = ("softplus",)
    standardized: ClassVar[bool] = False
    target_range: ClassVar[str] = "below 0"

    def for_task(self, task: str, *, output: str | None = None, mixed: bool = False) -> Loss:
        """Return the form for the output activation."""
        return self.form(PoissonOfSoftplus if output == "softplus" else Poisson)

    def refused(self, target: Array) -> Array:
        """Where y < 0."""
        return target < 0

    def side(self, u: Array, target: Array) -> Array | None:
        """Whether exp(u) is a straight line there; None where it is none anywhere."""
        straight = u > FAR
        return straight if straight.any() else None

    def scratch(self, delta: Array) -> Any:
        """Two arrays like u."""
        return empty_like(delta), empty_like(delta)

    def rows_and_delta(
        self, u: Array, target: Array, scale: Array, rows: Array, delta: Array, scratch: Any
    ) -> None:
        """rows = Σ_j E(u) − y u; delta = scale (E'(u) − y)."""
        power, product = scratch
        _exponential(u, delta, power)
        np.multiply(u, target, out=product)
        np.subtract(delta, product, out=delta)
        np.add.reduce(delta, axis=-1, out=rows)
        np.subtract(power, target, out=delta)
        np.multiply(delta, scale, out=delta)


@LOSSES.add("gamma")
class Gamma(Loss):
    """J = 1/N Σ_d Σ_j [ y_dj / μ_dj + log μ_dj ], μ = exp(u), y > 0; dJ/du = (1 − y/μ) / N.

    The negative logarithm of a gamma density with mean μ, divided by its shape, without what does
    not depend on μ: half the gamma deviance, up to a constant. An error of ten per cent costs the
    same at any size. Below u = −60 1/μ = exp(−u) goes on as a straight line. The target is
    divided by its mean, or left as it is, never standardized. `output: softplus` makes
    μ = softplus(u).
    Source: McCullagh and Nelder, 1989, Generalized Linear Models, 8.3.
    """

    link: ClassVar[str] = "exponential"
    tasks: ClassVar[tuple[str, ...]] = ("regression",)
    outputs: ClassVar[tuple[str, ...] | None] = ("softplus",)
    standardized: ClassVar[bool] = False
    target_range: ClassVar[str] = "of 0 or below"

    def for_task(self, task: str, *, output: str | None = None, mixed: bool = False) -> Loss:
        """Return the form for the output activation."""
        return self.form(GammaOfSoftplus if output == "softplus" else Gamma)

    def refused(self, target: Array) -> Array:
        """Where y ≤ 0."""
        return target <= 0

    def side(self, u: Array, target: Array) -> Array | None:
        """Whether exp(−u) is a straight line there; None where it is none anywhere."""
        straight = u < -FAR
        return straight if straight.any() else None

    def scratch(self, delta: Array) -> Any:
        """Three arrays like u."""
        return empty_like(delta), empty_like(delta), empty_like(delta)

    def rows_and_delta(
        self, u: Array, target: Array, scale: Array, rows: Array, delta: Array, scratch: Any
    ) -> None:
        """rows = Σ_j y E(−u) + u; delta = scale (1 − y E'(−u))."""
        negated, each, power = scratch
        np.negative(u, out=negated)
        _exponential(negated, each, power)
        np.multiply(each, target, out=each)
        np.add(each, u, out=each)
        np.add.reduce(each, axis=-1, out=rows)
        np.multiply(power, target, out=power)
        np.subtract(1.0, power, out=delta)
        np.multiply(delta, scale, out=delta)


def _exponential(u: Array, value: Array, derivative: Array) -> None:
    """value ← exp(c) (1 + u − c), derivative ← exp(c), c = min(u, 60)."""
    np.minimum(u, FAR, out=derivative)
    np.subtract(u, derivative, out=value)
    np.add(value, 1.0, out=value)
    np.exp(derivative, out=derivative)
    np.multiply(value, derivative, out=value)


@dataclass(frozen=True)
class _Softplus:
    """What both losses need of μ = softplus(u), with c = max(u, −60); each like u.

    Below −60 softplus(u) is exp(u) to 1e-26, and log softplus(u) falls with u.
    """

    below: Array  # u − c, not above 0
    mean: Array  # softplus(c)
    slope: Array  # σ(c) = exp(c − softplus(c))
    logarithm: Array  # log softplus(c) + (u − c)
    work: Array

    @classmethod
    def like(cls, delta: Array) -> _Softplus:
        """Return the arrays for this delta."""
        return cls(*(empty_like(delta) for _ in range(5)))

    def take(self, u: Array) -> None:
        """Compute them all."""
        np.maximum(u, -FAR, out=self.slope)
        np.subtract(u, self.slope, out=self.below)
        np.logaddexp(self.slope, 0.0, out=self.mean)
        np.subtract(self.slope, self.mean, out=self.slope)
        np.exp(self.slope, out=self.slope)
        np.log(self.mean, out=self.logarithm)
        np.add(self.logarithm, self.below, out=self.logarithm)


class PoissonOfSoftplus(Poisson):
    """J = 1/N Σ [ μ − y log μ ], μ = softplus(u); dJ/du = (σ(u) − y σ(u)/μ) / N."""

    link: ClassVar[str] = "softplus"

    def scratch(self, delta: Array) -> Any:
        """Five arrays like u."""
        return _Softplus.like(delta)

    def rows_and_delta(
        self, u: Array, target: Array, scale: Array, rows: Array, delta: Array, scratch: Any
    ) -> None:
        """rows = Σ_j μ − y log μ; delta = scale (σ − y (σ/μ))."""
        scratch.take(u)
        np.multiply(scratch.logarithm, target, out=delta)
        np.subtract(scratch.mean, delta, out=delta)
        np.add.reduce(delta, axis=-1, out=rows)
        np.divide(scratch.slope, scratch.mean, out=delta)
        np.multiply(delta, target, out=delta)
        np.subtract(scratch.slope, delta, out=delta)
        np.multiply(delta, scale, out=delta)


class GammaOfSoftplus(Gamma):
    """J = 1/N Σ [ y/μ + log μ ], μ = softplus(u); dJ/du = σ(u)/μ (1 − y/μ) / N."""

    link: ClassVar[str] = "softplus"

    def scratch(self, delta: Array) -> Any:
        """Five arrays like u."""
        return _Softplus.like(delta)

    def rows_and_delta(
        self, u: Array, target: Array, scale: Array, rows: Array, delta: Array, scratch: Any
    ) -> None:
        """rows = Σ_j (y/μ) (1 − (u − c)) + log μ; delta = scale (σ/μ) (1 − y/μ)."""
        scratch.take(u)
        ratio = scratch.work
        np.divide(target, scratch.mean, out=ratio)
        np.subtract(1.0, scratch.below, out=delta)
        np.multiply(delta, ratio, out=delta)
        np.add(delta, scratch.logarithm, out=delta)
        np.add.reduce(delta, axis=-1, out=rows)
        np.subtract(1.0, ratio, out=ratio)
        np.divide(scratch.slope, scratch.mean, out=delta)
        np.multiply(delta, ratio, out=delta)
        np.multiply(delta, scale, out=delta)
