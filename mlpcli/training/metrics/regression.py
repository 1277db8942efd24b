"""Metrics of regression, in the target's unit; some apply to one loss only."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from mlpcli.array_types import Array
from mlpcli.training.metrics.metric import METRICS, Metric, Outcome


class RegressionMetric(Metric):
    """A metric of regression: an error, 0 where there is none, unless it says otherwise."""

    tasks: ClassVar[tuple[str, ...]] = ("regression",)
    greater_is_better: ClassVar[bool] = False
    lower: ClassVar[float] = 0.0


class MeanOfEntries(RegressionMetric):
    """A metric that is the mean over rows, outputs, and levels where there are any."""

    def entries(self, outcome: Outcome) -> Array:
        """Return the numbers (..., N, ...) of which the metric is the mean."""
        raise NotImplementedError

    def values(self, outcome: Outcome) -> Array:
        entries = self.entries(outcome)
        return np.asarray(np.mean(entries.reshape(*outcome.lane_shape, -1), axis=-1))

    def rows(self, outcome: Outcome) -> Array:
        entries = self.entries(outcome)
        return np.mean(entries, axis=tuple(range(1, entries.ndim)))


def by_output(entries: Array) -> Array:
    """Return (..., N, outputs) as (..., outputs, N), in one piece.

    Sums along the last axis are the same bits whatever axes stand before it; along the one before
    they need not be.
    """
    return np.ascontiguousarray(np.swapaxes(entries, -1, -2))


@METRICS.add("mse")
class MeanSquare(MeanOfEntries):
    """Mean of (ŷ − y)², in the square of the target's unit; the mean over outputs."""

    def entries(self, outcome: Outcome) -> Array:
        return (outcome.score - outcome.target) ** 2


@METRICS.add("rmse")
class RootMeanSquare(RegressionMetric):
    """Root of the mean of (ŷ − y)², in the target's unit; the mean over outputs."""

    each_epoch: ClassVar[tuple[str, ...]] = ("regression",)

    def values(self, outcome: Outcome) -> Array:
        squares = by_output((outcome.score - outcome.target) ** 2)
        return np.asarray(np.mean(np.sqrt(np.mean(squares, axis=-1)), axis=-1))


@METRICS.add("mae")
class MeanAbsolute(MeanOfEntries):
    """Mean of |ŷ − y|, in the target's unit; the mean over outputs."""

    def entries(self, outcome: Outcome) -> Array:
        return np.abs(outcome.score - outcome.target)


@METRICS.add("r2")
class RSquared(RegressionMetric):
    """1 − Σ (ŷ − y)² / Σ (y − mean y)²; the mean over outputs.

    A constant target has R² = 1 where it is predicted exactly, else 0.
    """

    greater_is_better: ClassVar[bool] = True
    lower: ClassVar[float] = -math.inf
    upper: ClassVar[float] = 1.0
    each_epoch: ClassVar[tuple[str, ...]] = ("regression",)

    def values(self, outcome: Outcome) -> Array:
        target = by_output(outcome.target)
        if target.shape[-1] < 2:  # noqa: PLR2004
            return np.full(outcome.lane_shape, np.nan)
        residual = np.sum((by_output(outcome.score) - target) ** 2, axis=-1)
        total = np.sum((target - target.mean(axis=-1, keepdims=True)) ** 2, axis=-1)
        # Compared by extremes: the sum of squares of equal numbers need not come out as 0.
        is_constant = (target.max(axis=-1) == target.min(axis=-1)) | (total == 0)
        ratio = 1 - residual / np.where(is_constant, 1.0, total)
        constant = np.where(residual == 0, 1.0, 0.0)
        return np.asarray(np.mean(np.where(is_constant, constant, ratio), axis=-1))


@METRICS.add("pinball")
class Pinball(MeanOfEntries):
    """Mean of max(q (y − ŷ), (q − 1) (y − ŷ)) over rows, outputs and levels q, in y's unit."""

    each_epoch: ClassVar[tuple[str, ...]] = ("regression",)
    losses: ClassVar[tuple[str, ...]] = ("quantile",)

    def entries(self, outcome: Outcome) -> Array:
        assert outcome.quantiles is not None
        short = outcome.target[..., np.newaxis, :] - outcome.quantiles
        level = np.array(outcome.levels)[:, np.newaxis]
        return np.maximum(level * short, (level - 1) * short)


@METRICS.add("crossings")
class Crossings(MeanOfEntries):
    """Share of rows and outputs whose quantiles fall somewhere where the level rises."""

    each_epoch: ClassVar[tuple[str, ...]] = ("regression",)
    losses: ClassVar[tuple[str, ...]] = ("quantile",)
    upper: ClassVar[float] = 1.0

    def entries(self, outcome: Outcome) -> Array:
        assert outcome.quantiles is not None
        return crossing(outcome.quantiles)


def crossing(quantiles: Array) -> Array:
    """Return which rows' and outputs' quantiles (N, levels, outputs) cross: (..., N, outputs)."""
    return np.any(np.diff(quantiles, axis=-2) < 0, axis=-2)


@METRICS.add("poisson_deviance")
class PoissonDeviance(MeanOfEntries):
    """2 mean [ y log(y/ŷ) + ŷ − y ], 0 for a perfect prediction; y log y is 0 at y = 0."""

    losses: ClassVar[tuple[str, ...]] = ("poisson",)

    def entries(self, outcome: Outcome) -> Array:
        y, mean = outcome.target, _above_0(outcome.score)
        logarithm = np.where(y > 0, y, 1.0)
        return 2 * (y * np.log(logarithm / mean) + mean - y)


@METRICS.add("gamma_deviance")
class GammaDeviance(MeanOfEntries):
    """2 mean [ log(ŷ/y) + y/ŷ − 1 ], 0 for a perfect prediction."""

    losses: ClassVar[tuple[str, ...]] = ("gamma",)

    def entries(self, outcome: Outcome) -> Array:
        y, mean = outcome.target, _above_0(outcome.score)
        return 2 * (np.log(mean / y) + y / mean - 1)


def _above_0(mean: Array) -> Array:
    """Return predictions, NaN where they are not above 0."""
    return np.where(mean > 0, mean, np.nan)
