"""Confidence intervals of means, shares and metrics: t, BCa, adjusted Wald, Wilson.

Two models on the same rows are compared by the differences of those rows, which do not contain
what makes a row easy or hard for both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import islice
from statistics import NormalDist

import numpy as np

from mlpcli.array_types import Array
from mlpcli.randomness import generator
from mlpcli.training.metrics import Metric, Outcome
from mlpcli.workers import ALONE, SHARED

LEVEL = 0.95
REPLICATES = 2000  # for 95 % BCa limits: Efron and Tibshirani, 1993, 14.3
MAX_GROUPS = 500  # of a jackknife: with more rows than that, it leaves out several at a time
COCHRAN = 25.0  # n > 25 g²: see `too_skewed`
SERIES_FROM = 60.0
MAX_DRAWN = 1 << 22  # numbers drawn at a time: 32 MB
THREADS_FROM = 10_000  # rows: of fewer, threads wait for Python's lock for longer than they save
LARGEST = 1e15  # quantile: beyond, a probability's last bit decides
EPSILON = float(np.finfo(np.float64).eps)
NORMAL = NormalDist()


@dataclass(frozen=True)
class Interval:
    """An estimate, and limits that hold the true value in a share `level` of all samples."""

    estimate: float
    low: float
    high: float
    method: str
    level: float = LEVEL


@lru_cache(maxsize=64)
def student_quantile(probability: float, dof: float) -> float:
    """Return t with P(T ≤ t) = probability, for Student's t with dof degrees of freedom.

    With t = √dof tan θ its distribution is P(|T| ≤ t) = 2 c ∫₀^θ cos^(dof−1) φ dφ,
    c = Γ((dof+1)/2) / (√π Γ(dof/2)): a smooth integrand, of which Gauss and Legendre's rule with
    64 nodes leaves an error near 1e-14. Bisected between 0 and a t that is too large.

    >>> round(student_quantile(0.975, 10), 6)
    2.228139

    Source: Student, 1908, The probable error of a mean; Abramowitz and Stegun, 26.7.3-4.
    """
    if not 0 < probability < 1 or not dof >= 1:  # with fewer the integrand is not smooth
        raise ValueError(f"probability {probability}, dof {dof}")
    tail = abs(probability - 0.5)
    low, high = 0.0, 1.0
    while high < LARGEST and _half(high, dof) < tail:
        low, high = high, 2 * high
    while low < (middle := 0.5 * (low + high)) < high:
        low, high = (middle, high) if _half(middle, dof) < tail else (low, middle)
    return math.copysign(high, probability - 0.5) if tail else 0.0


@cache
def _nodes() -> tuple[Array, Array]:
    """Return 64 nodes and weights on (−1, 1); NumPy's polynomials take a while to import."""
    return np.polynomial.legendre.leggauss(64)


def _half(t: float, dof: float) -> float:
    """Return P(0 ≤ T ≤ t)."""
    theta = math.atan2(t, math.sqrt(dof))
    nodes, weights = _nodes()
    angle = 0.5 * theta * (nodes + 1)
    density = np.exp(0.5 * (dof - 1) * np.log1p(-(np.sin(angle) ** 2)))
    integral = 0.5 * theta * float(weights @ density)
    return math.exp(_log_gamma_ratio(dof / 2)) / math.sqrt(math.pi) * integral


def _log_gamma_ratio(a: float) -> float:
    """Return log Γ(a + ½) − log Γ(a): where a is large by its series, as both have lost digits.

    Source: Abramowitz and Stegun, 6.1.47, as a series in 1/a; the next term is 17/14336 a⁻⁷.
    """
    if a < SERIES_FROM:
        return math.lgamma(a + 0.5) - math.lgamma(a)
    return 0.5 * math.log(a) - 1 / (8 * a) + 1 / (192 * a**3) - 1 / (640 * a**5)


def t_interval(sample: Array, level: float = LEVEL) -> Interval:
    """x̄ ± t s/√n, t the quantile of n − 1 degrees of freedom; of paired differences: paired t.

    sample  (n,), n ≥ 2
    Source: Student, 1908.
    """
    mean, error = float(np.mean(sample)), float(np.std(sample, ddof=1)) / math.sqrt(len(sample))
    reach = student_quantile(0.5 + level / 2, len(sample) - 1) * error
    return Interval(mean, mean - reach, mean + reach, "t", level)


def shares_interval(gained: int, lost: int, n: int, level: float = LEVEL) -> Interval:
    """d ± z √((p + q − d²)/(n + 2)), d = p − q, p = (gained + 1)/(n + 2), q = (lost + 1)/(n + 2).

    For the difference (gained − lost)/n of two shares of the same n rows, such as accuracies. It
    never claims certainty where two models agree on every row, as t does.

    gained, lost  rows that are right in the one model only, and in the other only
    Source: Bonett and Price, 2012, Adjusted Wald confidence interval for a difference of binomial
    proportions based on paired data; recommended by Fagerland, Lydersen and Laake, 2014.
    """
    p, q = (gained + 1) / (n + 2), (lost + 1) / (n + 2)
    reach = NORMAL.inv_cdf(0.5 + level / 2) * math.sqrt((p + q - (p - q) ** 2) / (n + 2))
    low, high = max(-1.0, p - q - reach), min(1.0, p - q + reach)
    return Interval((gained - lost) / n, low, high, "adjusted Wald", level)


def share_interval(hits: int, n: int, level: float = LEVEL) -> Interval:
    """(p + z²/2n ± z √(p (1 − p)/n + z²/4n²)) / (1 + z²/n), p = hits/n, of one share of n rows.

    It lies within 0 and 1, and has a width where p is 0 or 1.

    >>> [round(share_interval(0, 10).high, 4), round(share_interval(7, 10).low, 4)]
    [0.2775, 0.3968]

    Source: Wilson, 1927; recommended by Brown, Cai and DasGupta, 2001, Interval estimation for a
    binomial proportion.
    """
    p, z2 = hits / n, NORMAL.inv_cdf(0.5 + level / 2) ** 2
    reach = math.sqrt(z2 * (p * (1 - p) + z2 / (4 * n)) / n)
    middle, scale = p + z2 / (2 * n), 1 + z2 / n
    # Of shares of 0 and 1 one end is p itself, but for the last bits.
    low, high = max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)
    low, high = min(low, p), max(high, p)
    return Interval(p, low, high, "Wilson", level)


def skewness(sample: Array) -> float:
    """g = m₃ / m₂^(3/2), m the central moments; 0 for a constant sample."""
    if is_constant(sample):
        return 0.0
    centered = sample - np.mean(sample)
    centered /= np.max(np.abs(centered))  # the third power of a huge number is none
    return float(np.mean(centered**3) / np.mean(centered**2) ** 1.5)


def is_constant(sample: Array) -> bool:
    """Whether numbers are equal, up to the rounding of their mean."""
    spread = float(np.max(np.abs(sample - np.mean(sample)), initial=0.0))
    return spread <= EPSILON * float(np.max(np.abs(sample), initial=0.0))


def too_skewed(sample: Array) -> bool:
    """Whether n ≤ 25 g²: then the mean is too far from normal for t.

    Source: Cochran, 1977, Sampling Techniques, 2.15: with n > 25 g² a 95 % interval of the mean
    is wrong in at most 6 % of samples.
    """
    return len(sample) <= COCHRAN * skewness(sample) ** 2


def mean_interval(sample: Array, level: float = LEVEL) -> Interval:
    """Return an interval of the mean of (n,) rows, n ≥ 2: t, or BCa where they are too skewed."""
    if not too_skewed(sample):
        return t_interval(sample, level)
    n, mean = len(sample), float(np.mean(sample))
    rng = generator(0, "bootstrap")
    each = max(1, MAX_DRAWN // n)
    sizes = [min(each, REPLICATES - start) for start in range(0, REPLICATES, each)]
    drawn = (sample[rng.integers(0, n, (size, n))].mean(axis=1) for size in sizes)
    jackknife = (n * mean - sample) / (n - 1)
    low, high = bca_limits(mean, np.concatenate(list(drawn)), jackknife, level)
    return Interval(mean, low, high, "BCa", level)


def bootstrap_interval(
    statistic: Callable[[Array], float], n: int, level: float = LEVEL
) -> Interval:
    """Return the BCa interval of a statistic of n rows; limits are NaN where it is rarely defined.

    statistic  a function of row numbers (any count, with repetitions); NaN: not defined

    The random stream has always the same seed: the same rows give the same interval.
    """
    rng = generator(0, "bootstrap")
    estimate = statistic(np.arange(n))
    replicates = _each(statistic, (rng.integers(0, n, n) for _ in range(REPLICATES)), n)
    n_groups = min(n, MAX_GROUPS)
    group = rng.permutation(n) % n_groups
    jackknife = _each(statistic, (np.flatnonzero(group != g) for g in range(n_groups)), n)
    defined, left = replicates[np.isfinite(replicates)], jackknife[np.isfinite(jackknife)]
    if not math.isfinite(estimate) or len(defined) < REPLICATES / 2 or not len(left):
        return Interval(estimate, math.nan, math.nan, "BCa", level)
    low, high = bca_limits(estimate, defined, left, level)
    return Interval(estimate, low, high, "BCa", level)


def _each(statistic: Callable[[Array], float], samples: Iterator[Array], n: int) -> Array:
    """Return the statistic of each sample of some of n rows; of many rows threads share them out.

    Samples are drawn by this thread alone, in their order.
    """
    found: list[float] = []
    while some := list(islice(samples, max(1, MAX_DRAWN // n))):
        values = np.empty(len(some))

        def work(k: int, some: list[Array] = some, values: Array = values) -> None:
            values[k] = statistic(some[k])

        (SHARED if n >= THREADS_FROM else ALONE).run(work, len(some))
        found += values.tolist()
    return np.array(found)


def bca_limits(
    estimate: float, replicates: Array, jackknife: Array, level: float = LEVEL
) -> tuple[float, float]:
    """Return the quantiles of the replicates at levels corrected for bias z₀ and acceleration a.

    α± = Φ(z₀ + (z₀ ± z) / (1 − a (z₀ ± z))), z = Φ⁻¹((1 + level)/2),
    z₀ = Φ⁻¹(share of the replicates below the estimate, those equal to it counting half),
    a = Σ (θ̄ − θ_i)³ / (6 (Σ (θ̄ − θ_i)²)^(3/2)), θ_i the statistic without row (or group) i.

    replicates  (B,) the statistic of samples drawn with replacement
    jackknife   (n,) the θ_i
    Source: Efron, 1987, Better bootstrap confidence intervals; a: Efron and Tibshirani, 1993, 14.3.
    """
    below = np.mean(replicates < estimate) + 0.5 * np.mean(replicates == estimate)
    edge = 0.5 / len(replicates)
    bias = NORMAL.inv_cdf(min(max(float(below), edge), 1 - edge))
    acceleration = skewness(-jackknife) / (6 * math.sqrt(len(jackknife)))
    limits = []
    for z in (NORMAL.inv_cdf(0.5 - level / 2), NORMAL.inv_cdf(0.5 + level / 2)):
        moved = bias + z
        limits.append(NORMAL.cdf(bias + moved / (1 - acceleration * moved)))
    low, high = np.quantile(replicates, limits)
    return float(low), float(high)


def metric_difference(metric: Metric, mine: Outcome, other: Outcome) -> Interval:
    """Return metric(mine) − metric(other), row k of both being the same row of a file.

    By the differences of rows where the metric is a mean over rows, else by drawing rows.
    """
    rows, others = metric.rows(mine), metric.rows(other)
    if rows is not None and others is not None:
        return rows_difference(rows, others)
    return bootstrap_interval(
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
    found = mean_interval(rows - others)
    return replace(found, method="paired t") if found.method == "t" else found
