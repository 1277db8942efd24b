"""Means of metrics over replicas, with intervals that keep to the range of each metric.

Student's x̄ ± t e of five folds may reach below an error of 0 or above an R² of 1. The intervals
here are those of x̄ on a scale on which a bound lies infinitely far off, or of Wilson's inequality:
they hold x̄ and keep within the bounds by construction. Far from the bounds they are nearly t's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.nn.losses import Loss
from mlpcli.training.intervals import LEVEL, Interval, is_constant, student_quantile
from mlpcli.training.metrics import METRICS, Metric

LOSS = "loss"
NO_INTERVAL = "none"
CORRECTED = "corrected resampled "
FAR_OUT = 1.5  # times the mean of the others: what the mean is where one number decides it


def spread(
    metrics: Mapping[str, Array],
    level: float = LEVEL,
    resampled: float | None = None,
    *,
    loss: Loss | None = None,
    rows: int | None = None,
) -> dict[str, dict[str, Any]]:
    """Return mean, standard error and interval of each metric over the replicas, as plain data.

    And `far_out`, where one replica decides the mean: its number, and the mean of the others.

    metrics    (R,) each, one number a replica
    resampled  rows held out of each replica for each row it is trained on, where the metrics are
               of those: the replicas' rows overlap, and the variance is s² (1/R + resampled) in
               place of s²/R (Nadeau and Bengio, 2003). None: the metrics are of the same rows for
               all, and replicas are independent
    loss       of the networks, whose values are the metric `loss`; None: it has no bound
    rows       how many rows all replicas together held out, where the metrics are of those
    """
    found = {}
    for name, values in metrics.items():
        lower, upper = bounds(name, loss)
        share = 1 / len(values) + (resampled or 0.0)
        counted = rows if _is_mean_over_rows(name) else None
        with np.errstate(all="ignore"):  # of numbers as large as their type holds
            interval = interval_within(values, lower, upper, share=share, rows=counted, level=level)
            error = standard_error(values, share)
        one = asdict(interval)
        if resampled is not None and interval.method != NO_INTERVAL:
            one["method"] = CORRECTED + interval.method
        far = far_out(values, lower, upper)
        found[name] = {"mean": one.pop("estimate"), "standard_error": error, **one, "far_out": far}
    return found


def bounds(name: str, loss: Loss | None = None) -> tuple[float, float]:
    """Return the least and the greatest value of a metric, or of `loss`; infinite: no bound."""
    if name == LOSS and loss is not None:
        return loss.lower, math.inf
    if name in METRICS:
        return METRICS[name].lower, METRICS[name].upper
    return -math.inf, math.inf


def _is_mean_over_rows(name: str) -> bool:
    return name in METRICS and METRICS[name].rows is not Metric.rows


def far_out(sample: Array, lower: float, upper: float) -> dict[str, float] | None:
    """Return the number farthest from the one bound, and the mean of the others; or None.

    None where the mean is at most 1.5 times as far from the bound as that of the others, where
    there are fewer than three numbers, and where the bounds are two or none.
    """
    n, sign = len(sample), 1.0 if math.isfinite(lower) else -1.0
    if n < 3 or math.isfinite(lower) == math.isfinite(upper) or not np.isfinite(sample).all():  # noqa: PLR2004
        return None
    bound = lower if math.isfinite(lower) else upper
    distance = sign * (sample - bound)
    farthest = int(np.argmax(distance))
    others = np.delete(sample, farthest)
    if np.mean(distance) <= FAR_OUT * sign * (np.mean(others) - bound):
        return None
    return {"replica": float(sample[farthest]), "others": float(np.mean(others))}


def standard_error(sample: Array, share: float) -> float:
    """Return s √share, s² with n − 1; NaN of one number, and where one is not finite."""
    if len(sample) < 2 or not np.isfinite(sample).all():  # noqa: PLR2004
        return math.nan
    size = float(np.max(np.abs(sample))) or 1.0  # so that the square of a huge number is one
    return size * float(np.std(sample / size, ddof=1)) * math.sqrt(share)


def interval_within(
    sample: Array,
    lower: float = -math.inf,
    upper: float = math.inf,
    *,
    share: float | None = None,
    rows: int | None = None,
    level: float = LEVEL,
) -> Interval:
    """Return an interval of the mean μ of numbers between two bounds; limits NaN: there is none.

    With e = s √share, and t the quantile of n − 1 degrees of freedom:

    no bound    x̄ ± t e: "t"
    one         lower + (x̄ − lower) exp(± t e / (x̄ − lower)), from above alike: "t on a log scale"
    both, 0, 1  all μ with (x̄ − μ)² ≤ q μ (1 − μ), q = t² max(e² / (x̄ (1 − x̄)), 1/rows): "Wilson"

    Of equal numbers there is no interval: that s = 0 says nothing of s. With `rows` there is
    Wilson's, as if so many rows had x̄ for a share. Nor is there one of a number out of bounds.

    sample  (n,)
    share   of s² in the variance of x̄; None: 1/n
    rows    that the shares are counted on: the variance of x̄ is that of so many at least

    Source: Meeker and Escobar, 1998, Statistical Methods for Reliability Data, 7 (of log x̄, by the
    delta method); Wilson, 1927, with the variance and the degrees of freedom of a few groups of
    rows as in Korn and Graubard, 1998, Confidence intervals for proportions with small expected
    number of positive counts estimated from survey data, and Dean and Pagano, 2015.
    """
    n, mean = len(sample), float(np.mean(sample))
    is_share = math.isfinite(lower) and math.isfinite(upper)
    if not _has_interval(sample, lower, upper) or (is_constant(sample) and not (is_share and rows)):
        return Interval(mean, math.nan, math.nan, NO_INTERVAL, level)
    t = student_quantile(0.5 + level / 2, n - 1)
    reach = t * standard_error(sample, 1 / n if share is None else share)
    above, below = float(np.mean(sample - lower)), float(np.mean(upper - sample))
    if is_share:
        width = upper - lower
        from_rows = t**2 / rows if rows else 0.0
        low, high = wilson_limits(above / width, below / width, reach / width, from_rows)
        # Of a share next to 0 or 1, such as 1e-302, the squares underflow.
        low, high = min(lower + width * low, mean), max(upper - width * high, mean)
        return Interval(mean, low, high, "Wilson", level)
    if math.isfinite(lower):
        low, high = log_limits(above, reach)
        return Interval(mean, lower + low, lower + high, "t on a log scale", level)
    if math.isfinite(upper):
        low, high = log_limits(below, reach)
        return Interval(mean, upper - high, upper - low, "t on a log scale", level)
    return Interval(mean, mean - reach, mean + reach, "t", level)


def _has_interval(sample: Array, lower: float, upper: float) -> bool:
    """Whether there are two numbers or more, all finite and within the bounds."""
    if len(sample) < 2 or not np.isfinite(sample).all():  # noqa: PLR2004
        return False
    return bool(sample.min() >= lower and sample.max() <= upper)


def log_limits(mean: float, reach: float) -> tuple[float, float]:
    """Return x̄ exp(−r/x̄) and x̄ exp(r/x̄): log x̄ ± r/x̄, the error of log x̄ being that of x̄ / x̄."""
    with np.errstate(over="ignore"):
        ratio = float(np.exp(reach / mean))
    return mean / ratio, mean * ratio


def wilson_limits(p: float, rest: float, reach: float, least: float) -> tuple[float, float]:
    """Return the μ of (p − μ)² = q μ (1 − μ), q = max(reach² / (p (1 − p)), least): (μ, 1 − μ).

    By the roots' products, p² / (1 + q): neither limit is a difference, and none is below 0.

    rest   1 − p
    least  of q
    """
    q = max(reach**2 / (p * rest), least) if reach else least
    root = math.sqrt(q * q / 4 + q * p * rest)
    return p * p / (p + q / 2 + root), rest * rest / (rest + q / 2 + root)
