"""Intervals of a metric by the influence of each row on it, alone or in groups of rows.

The influence ψ_d of a row is the metric's derivative by that row's share of the sample; Σ ψ = 0,
and the metric's standard error is √(n/(n−1) Σ ψ²) / n. Where rows come in groups, such as the
visits of one patient, ψ is summed over each group first, and n/(n−1) is of the groups: rows of a
group are alike, and say less than as many rows of their own.

Source: Hampel, 1974, The influence curve and its role in robust estimation; of groups Liang and
Zeger, 1986; of the area under the curve it is DeLong, DeLong and Clarke-Pearson, 1988.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from mlpcli.array_types import Array
from mlpcli.training.intervals import (
    LEVEL,
    Interval,
    rows_difference,
    share_interval,
    student_quantile,
)
from mlpcli.training.metrics import METRICS, Outcome
from mlpcli.training.metrics.regression import by_output
from mlpcli.training.spread import log_limits, wilson_limits

NONE = "none"
ROUNDING = 1e-9


def metric_interval(
    name: str, outcome: Outcome, groups: Array | None = None, level: float = LEVEL
) -> Interval:
    """Return a metric of some rows with its interval; limits NaN where there is none.

    name    accuracy, balanced_accuracy, roc_auc, rmse or r2
    groups  (rows,) number of each row's group; None: each row is its own
    """
    value = METRICS[name]().value(outcome)
    without = Interval(value, math.nan, math.nan, NONE, level)
    if name == "accuracy" and groups is None:
        hits = int(np.count_nonzero(METRICS[name]().rows(outcome)))
        return share_interval(hits, len(outcome.target), level)
    if name in ("balanced_accuracy", "roc_auc") and (outcome.score == outcome.score[:1]).all():
        return without  # of a constant prediction it is what it is, whatever the rows
    with np.errstate(all="ignore"):
        influence, n_rows = INFLUENCES[name](outcome)
    if not math.isfinite(value) or not np.isfinite(influence).all():
        return without
    if groups is not None:
        influence = np.bincount(np.unique(groups, return_inverse=True)[1], weights=influence)
    n_units = len(influence)
    if n_units < 2:  # noqa: PLR2004
        return without
    t = student_quantile(0.5 + level / 2, n_units - 1)
    error = math.sqrt(n_units / (n_units - 1) * float(influence @ influence)) / len(outcome.target)
    least = t**2 / n_rows * len(outcome.target) / n_units
    return _within(METRICS[name].lower, METRICS[name].upper, value, t * error, least, level)


def metric_difference(
    name: str, mine: Outcome, other: Outcome, groups: Array | None = None, level: float = LEVEL
) -> Interval:
    """Return metric(mine) − metric(other) of the same rows, with its interval.

    d ± t √(n/(n−1) Σ (ψ − ψ')²) / n; of accuracies without groups Bonett and Price's interval,
    which has a width where both are right in the same rows. Limits are NaN where there are none.
    """
    metric = METRICS[name]()
    value = metric.value(mine) - metric.value(other)
    if name == "accuracy" and groups is None:
        right, others = (np.asarray(metric.rows(each)) for each in (mine, other))
        return rows_difference(right, others)
    with np.errstate(all="ignore"):
        influence = INFLUENCES[name](mine)[0] - INFLUENCES[name](other)[0]
    if groups is not None:
        influence = np.bincount(np.unique(groups, return_inverse=True)[1], weights=influence)
    n = len(influence)
    if n < 2 or not math.isfinite(value) or not np.isfinite(influence).all() or not influence.any():  # noqa: PLR2004
        return Interval(value, math.nan, math.nan, NONE, level)
    error = math.sqrt(n / (n - 1) * float(influence @ influence)) / len(mine.target)
    reach = student_quantile(0.5 + level / 2, n - 1) * error
    return Interval(value, value - reach, value + reach, "t", level)


def _within(
    lower: float, upper: float, value: float, reach: float, least: float, level: float
) -> Interval:
    """Return an interval within a metric's bounds: Wilson's of a share, else on a log scale."""
    if math.isfinite(lower) and math.isfinite(upper):
        low, high = wilson_limits(value, 1 - value, reach, least)
        return Interval(value, min(low, value), max(1 - high, value), "Wilson", level)
    bound, sign = (lower, 1.0) if math.isfinite(lower) else (upper, -1.0)
    distance = sign * (value - bound)
    if distance <= 0 or reach <= ROUNDING * distance:  # of equal errors there is no spread
        return Interval(value, math.nan, math.nan, NONE, level)
    near, far = log_limits(distance, reach)
    limits = sorted((bound + sign * near, bound + sign * far))
    return Interval(value, limits[0], limits[1], "t on a log scale", level)


def _accuracy(outcome: Outcome) -> tuple[Array, float]:
    right = np.asarray(METRICS["accuracy"]().rows(outcome), np.float64)
    return right - right.mean(), len(right)


def _balanced_accuracy(outcome: Outcome) -> tuple[Array, float]:
    """ψ = n / (K n_k) (right − recall_k) of a row of class k; as many rows as K² / Σ 1/n_k."""
    target, right = outcome.target, (outcome.predicted == outcome.target).astype(np.float64)
    counts = np.bincount(target)
    occurs = counts > 0
    recall = np.bincount(target, weights=right) / np.maximum(counts, 1)
    n_classes = int(occurs.sum())
    influence = len(target) / (n_classes * counts[target]) * (right - recall[target])
    return influence, n_classes**2 / float(np.sum(1 / counts[occurs]))


def _roc_auc(outcome: Outcome) -> tuple[Array, float]:
    """ψ = n / n_k (V − A), V the share of the other class's rows on the right side of this one.

    Of several classes or labels the mean over them. Where all are in order Σ ψ² = 0 says nothing,
    and it is a share of as many rows as the least class has.
    """
    score, n = outcome.score, len(outcome.target)
    if outcome.task == "multiclass":
        target = outcome.target[:, np.newaxis] == np.arange(score.shape[1])
    else:
        target = outcome.target.reshape(score.shape) > 0
    influence, least = np.zeros(n), math.inf
    for positive, one in zip(target.T, score.T, strict=True):
        n_positive = int(positive.sum())
        least = min(least, n_positive, n - n_positive)
        above, below = np.sort(one[positive]), np.sort(one[~positive])
        influence[positive] += n * _centered(_placements(one[positive], below)) / n_positive
        placed = 1 - _placements(one[~positive], above)
        influence[~positive] += n * _centered(placed) / (n - n_positive)
    return influence / score.shape[1], math.inf if influence.any() else max(least, 1)


def _placements(score: Array, others: Array) -> Array:
    """Return the share of the others, sorted, that are below each score, ties counting half."""
    below = np.searchsorted(others, score, "left") + np.searchsorted(others, score, "right")
    return below / (2 * len(others)) if len(others) else np.full(len(score), np.nan)


def _centered(values: Array) -> Array:
    return values - values.mean() if len(values) else values


def _rmse(outcome: Outcome) -> tuple[Array, float]:
    """ψ = (e² − mean e²) / (2 rmse), the mean over outputs."""
    squares = by_output((outcome.score - outcome.target) ** 2)
    mean = squares.mean(axis=-1, keepdims=True)
    return np.mean((squares - mean) / (2 * np.sqrt(mean)), axis=0), len(outcome.target)


def _r2(outcome: Outcome) -> tuple[Array, float]:
    """ψ = −(e² − A)/B + (v − B) A/B², A = mean e², B = mean v, v = (y − mean y)²; over outputs."""
    target = by_output(outcome.target)
    squares = by_output((outcome.score - outcome.target) ** 2)
    spread = (target - target.mean(axis=-1, keepdims=True)) ** 2
    A, B = squares.mean(axis=-1, keepdims=True), spread.mean(axis=-1, keepdims=True)
    influence = -(squares - A) / B + (spread - B) * A / B**2
    return np.mean(influence, axis=0), len(outcome.target)


# Each gives ψ (rows,) and how many rows the metric is a share of, where it is a share.
INFLUENCES: dict[str, Callable[[Outcome], tuple[Array, float]]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "roc_auc": _roc_auc,
    "rmse": _rmse,
    "r2": _r2,
}
