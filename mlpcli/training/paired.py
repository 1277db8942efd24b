"""Two models on the same rows: the difference of a figure, and its interval.

That both saw the same rows takes what makes a row easy or hard out of the difference: it is far
smaller than that of two intervals, one for each model, and it is the only one to judge by.
"""

from __future__ import annotations

import numpy as np

from mlpcli.array_types import Array
from mlpcli.training.intervals import Interval, of_figure, of_mean, shares_interval
from mlpcli.training.metrics import Metric, Outcome


def metric_difference(metric: Metric, mine: Outcome, other: Outcome) -> Interval:
    """Return metric(mine) − metric(other), row k of both being the same row of a file.

    By the differences of rows where the metric is a mean over rows, else by drawing rows.
    """
    rows, others = metric.rows(mine), metric.rows(other)
    if rows is not None and others is not None:
        return rows_difference(rows, others)
    return of_figure(
        lambda k: metric.value(mine.take(k)) - metric.value(other.take(k)), len(mine.target)
    )


def rows_difference(rows: Array, others: Array) -> Interval:
    """Return mean(rows) − mean(others) with its interval; rows (N,), N ≥ 2.

    Numbers that are all 0 or 1, such as right or wrong, are shares; of any others it is a paired t
    or, where the differences are too skewed for it, BCa.
    """
    rows, others = rows.astype(np.float64), others.astype(np.float64)
    both = np.concatenate([rows, others])
    if np.all((both == 0) | (both == 1)):
        gained, lost = int(np.sum(rows > others)), int(np.sum(rows < others))
        return shares_interval(gained, lost, len(rows))
    found = of_mean(rows - others)
    method = "paired t" if found.method == "t" else found.method
    return Interval(found.estimate, found.low, found.high, method, found.level)
