"""Losses of the residual r = ŷ − y: squared, absolute, and two between them."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from mlpcli.array_types import Array
from mlpcli.family import setting
from mlpcli.nn.arrays import column
from mlpcli.nn.losses.loss import LOSSES, Loss

FAR = 20.0  # there log cosh r is |r| − log 2 to 4e-18, less than float64's rounding


class ResidualLoss(Loss):
    """A loss of ŷ − y for regression, with any output activation."""

    link: ClassVar[str] = "identity"
    tasks: ClassVar[tuple[str, ...]] = ("regression",)
    outputs: ClassVar[tuple[str, ...] | None] = None


@LOSSES.add("mse")
class MeanSquaredError(ResidualLoss):
    """J = 1/(2N) Σ_d Σ_j (ŷ_dj − y_dj)², dJ/dŷ = (ŷ − y) / N.

    N rows d, outputs j, the square of the target's unit. For classes y is 0 or 1 for each output
    (Brier's score, up to the factor). Source: the lecture.
    """

    tasks: ClassVar[tuple[str, ...]] = ("regression", "binary", "multiclass", "multilabel")

    def value(self, u: Array, y: Array) -> Array:
        residual = u - y
        return np.vecdot(residual, residual) / 2

    def delta(self, u: Array, y: Array, scale: Array, out: Array, scratch: Any) -> None:
        np.subtract(u, y, out=out)
        np.multiply(out, scale, out=out)


@LOSSES.add("mae")
class MeanAbsoluteError(ResidualLoss):
    """J = 1/N Σ_d Σ_j |ŷ_dj − y_dj|, dJ/dŷ = sign(ŷ − y) / N, at ŷ = y 0.

    Its minimum is the median: outliers pull no harder than any other row. The unit is the
    target's, or standard deviations of it where it is standardized.
    Source: Bishop, PRML, 1.5.5; PyTorch's L1Loss, which averages over j as well.
    """

    def value(self, u: Array, y: Array) -> Array:
        return np.sum(np.abs(u - y), axis=-1)

    def delta(self, u: Array, y: Array, scale: Array, out: Array, scratch: Any) -> None:
        np.subtract(u, y, out=out)
        np.sign(out, out=out)
        np.multiply(out, scale, out=out)

    def side(self, u: Array, y: Array) -> Array | None:
        return u > y


@LOSSES.add("huber")
class Huber(ResidualLoss):
    """J = 1/N Σ_d Σ_j c (r − c/2), r = ŷ − y, c = r cut off at ±δ; dJ/dŷ = c / N.

    r²/2 where |r| ≤ δ, and δ (|r| − δ/2), a straight line, beyond. δ is in the unit of the target
    as the loss sees it: standard deviations, where it is standardized.
    Source: Huber, 1964, Robust Estimation of a Location Parameter; PyTorch's HuberLoss, which
    averages over j as well.
    """

    cutoff: float = setting(1.0, "δ, the largest residual that is squared", key="delta", gt=0.0)

    def value(self, u: Array, y: Array) -> Array:
        residual, delta = u - y, column(self.cutoff, u)
        cut = np.clip(residual, -delta, delta)
        return np.vecdot(cut, residual - cut / 2)

    def scratch(self, out: Array) -> Any:
        return column(self.cutoff, out)

    def delta(self, u: Array, y: Array, scale: Array, out: Array, scratch: Any) -> None:
        np.subtract(u, y, out=out)
        np.clip(out, -scratch, scratch, out=out)
        np.multiply(out, scale, out=out)

    def side(self, u: Array, y: Array) -> Array | None:
        """−1, 0 or 1: below −δ, between, above δ."""
        residual = u - y
        return np.sign(residual) * (np.abs(residual) > column(self.cutoff, u))


@LOSSES.add("log_cosh")
class LogCosh(ResidualLoss):
    """J = 1/N Σ_d Σ_j log cosh r, r = ŷ − y; dJ/dŷ = tanh(r) / N.

    r²/2 where r is small, |r| − log 2 where it is large, and smooth between, unlike Huber's.
    Computed as log(1 + 2 sinh²(a/2)) + (|r| − a), a = min(|r|, 20): exact where r is small, and
    without overflow where it is large. The unit is that of Huber's δ.
    Source: Green, 1990, Bayesian reconstructions from emission tomography data; Keras's LogCosh,
    which averages over j as well.
    """

    def value(self, u: Array, y: Array) -> Array:
        """Return Σ_j log1p(2 sinh²(a/2)) + (|r| − a), r = u − y."""
        size = np.abs(u - y)
        a = np.minimum(size, FAR)
        return np.sum(np.log1p(2 * np.sinh(a / 2) ** 2) + (size - a), axis=-1)

    def delta(self, u: Array, y: Array, scale: Array, out: Array, scratch: Any) -> None:
        np.subtract(u, y, out=out)
        np.tanh(out, out=out)
        np.multiply(out, scale, out=out)
