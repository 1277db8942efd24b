"""Intervals: their numbers from scipy and by hand, and how often they hold the truth."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from scipy import stats

from mlpcli import workers
from mlpcli.training import intervals
from mlpcli.training.intervals import (
    bca_limits,
    bootstrap_interval,
    mean_interval,
    share_interval,
    shares_interval,
    skewness,
    student_quantile,
    t_interval,
    too_skewed,
)
from mlpcli.workers import SHARED, WorkerTimes

DOFS = [1, 2, 3, 9.5, 59, 119, 120, 121, 1e3, 1e6, 1e12]


@pytest.mark.parametrize("dof", DOFS)
@pytest.mark.parametrize("probability", [0.6, 0.9, 0.975, 0.995, 0.9999, 0.025, 1e-6])
def test_students_quantile_is_scipys(probability, dof):
    expected = stats.t.ppf(probability, dof)
    assert student_quantile(probability, dof) == pytest.approx(expected, rel=1e-8)
    if 0.005 <= probability <= 0.995:
        assert student_quantile(probability, dof) == pytest.approx(expected, rel=1e-11)


def test_students_quantile_in_closed_form():
    # One degree of freedom is Cauchy's distribution, tan(π (p − ½)).
    # Two: √2 x / √(1 − x²), x = 2p − 1.
    assert student_quantile(0.975, 1) == pytest.approx(math.tan(0.475 * math.pi), rel=1e-12)
    x = 0.95
    assert student_quantile(0.975, 2) == pytest.approx(math.sqrt(2 / (1 - x * x)) * x, rel=1e-12)
    assert student_quantile(0.5, 3) == 0
    assert student_quantile(0.1, 7) == -student_quantile(0.9, 7)
    for wrong in ((0.0, 3), (1.0, 3), (0.5, 0.5)):
        with pytest.raises(ValueError, match="probability"):
            student_quantile(*wrong)


def test_t_by_hand():
    # 1 2 4 5: mean 3, s² = (4 + 1 + 1 + 4)/3 = 10/3, s/√4 = √(10/12); t(0.975, 3) = 3.182446305.
    found = t_interval(np.array([1.0, 2.0, 4.0, 5.0]))
    assert found.estimate == 3
    assert found.high - 3 == pytest.approx(3.182446305 * math.sqrt(10 / 12), rel=1e-9)
    assert 3 - found.low == pytest.approx(found.high - 3, rel=1e-12)
    assert (found.method, found.level) == ("t", 0.95)


def test_paired_t_is_scipys():
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(2, 40))
    found = mean_interval(a - b)
    expected = stats.ttest_rel(a, b).confidence_interval(0.95)
    assert found.method == "t"
    np.testing.assert_allclose([found.low, found.high], expected, rtol=1e-10)


def test_shares_by_hand():
    # 8 gained and 2 lost of 38: p = 9/40, q = 3/40, d = 6/40, (12/40 − 36/1600)/40 = 0.0069375.
    found = shares_interval(8, 2, 38)
    reach = 1.959963985 * math.sqrt(0.0069375)
    assert found.estimate == pytest.approx(6 / 38)
    assert (found.low, found.high) == pytest.approx((0.15 - reach, 0.15 + reach), abs=1e-9)
    other = shares_interval(2, 8, 38)
    assert (other.low, other.high) == pytest.approx((-found.high, -found.low), rel=1e-12)


@pytest.mark.parametrize("n", [10, 22, 60])
@pytest.mark.parametrize(
    ("p", "q"), [(0.05, 0.05), (0.1, 0.1), (0.2, 0.1), (0.3, 0.3), (0.4, 0.05)]
)
def test_the_coverage_of_shares_computed_from_every_outcome(n, p, q):
    """The exact probability, a sum over all (gained, lost), that p − q is inside."""
    covered = 0.0
    for gained in range(n + 1):
        for lost in range(n + 1 - gained):
            found = shares_interval(gained, lost, n)
            if found.low <= p - q <= found.high:
                counts = [gained, lost, n - gained - lost]
                covered += stats.multinomial.pmf(counts, n, [p, q, 1 - p - q])
    assert 0.93 < covered < (0.9999 if n * (p + q) > 2 else 1)


@pytest.mark.parametrize("level", [0.9, 0.95])
@pytest.mark.parametrize(("hits", "n"), [(0, 1), (1, 1), (0, 10), (7, 10), (10, 10), (321, 1000)])
def test_the_interval_of_a_share_is_scipys(hits, n, level):
    expected = stats.binomtest(hits, n).proportion_ci(level, method="wilson")
    found = share_interval(hits, n, level)
    assert (found.estimate, found.method, found.level) == (hits / n, "Wilson", level)
    assert found.low == pytest.approx(expected.low, abs=1e-12)
    assert found.high == pytest.approx(expected.high, abs=1e-12)
    assert 0 <= found.low <= found.estimate <= found.high <= 1


def test_skewness_is_scipys_and_knows_what_is_constant():
    rng = np.random.default_rng(0)
    sample = rng.exponential(size=50)
    assert skewness(sample) == pytest.approx(stats.skew(sample), rel=1e-12)
    assert skewness(1e-180 * sample) == pytest.approx(stats.skew(sample), rel=1e-9)
    assert skewness(-1e180 * sample) == pytest.approx(-stats.skew(sample), rel=1e-9)
    assert skewness(np.full(7, 0.1)) == 0
    assert skewness(np.zeros(3)) == 0


def test_where_t_ends_and_bca_begins():
    # One 1 among n numbers: g² = (n − 2)²/(n − 1), so that n ≤ 25 g² for every n ≥ 4. One in four:
    # g² = (1/2)²/(3/16) = 4/3, and t from n = 34.
    assert too_skewed(np.eye(40)[0])
    assert too_skewed(np.tile([1.0, 0, 0, 0], 8))
    assert not too_skewed(np.tile([1.0, 0, 0, 0], 9))
    assert mean_interval(np.eye(40)[0]).method == "BCa"
    assert mean_interval(np.tile([1.0, 0, 0, 0], 9)).method == "t"


class Given:
    """What scipy's bootstrap takes for a bootstrap that has been done."""

    def __init__(self, replicates):
        self.bootstrap_distribution = replicates


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_bca_limits_are_scipys(level):
    rng = np.random.default_rng(3)
    sample = rng.lognormal(size=25)
    replicates = sample[rng.integers(0, 25, (2000, 25))].mean(axis=1)
    jackknife = (sample.sum() - sample) / 24
    expected = stats.bootstrap(
        (sample,),
        np.mean,
        n_resamples=0,
        bootstrap_result=Given(replicates),
        method="BCa",
        confidence_level=level,
    ).confidence_interval
    found = bca_limits(sample.mean(), replicates, jackknife, level)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    plain = np.quantile(replicates, [(1 - level) / 2, (1 + level) / 2])
    assert (found > plain + 0.02).all()  # the correction is not nothing: the sample is skewed


def test_bca_without_bias_and_skewness_is_the_percentiles():
    replicates = np.arange(-1000.0, 1001)  # symmetric about the estimate
    low, high = bca_limits(0.0, replicates, np.array([-1.0, 0.0, 1.0]))
    assert low == pytest.approx(-950, abs=1e-6)
    assert high == pytest.approx(950, abs=1e-6)


def test_bca_by_hand():
    # Three of four replicates below, none equal: z₀ = Φ⁻¹(¾) = 0.67449; jackknife without skewness:
    # the levels are Φ(2 z₀ ± z) = Φ(−0.61098), Φ(3.30894).
    replicates = np.repeat(np.arange(1000.0), 1)
    low, high = bca_limits(750.0 - 0.5, replicates, np.array([1.0, 2.0, 3.0]))
    assert low == pytest.approx(999 * NormalDist().cdf(2 * 0.6744897502 - 1.959963985), rel=1e-7)
    assert high == pytest.approx(999 * NormalDist().cdf(2 * 0.6744897502 + 1.959963985), rel=1e-7)


def test_any_figure_of_rows_as_the_mean_of_them():
    rng = np.random.default_rng(8)
    sample = rng.exponential(size=20)
    found, expected = (
        bootstrap_interval(lambda k: float(sample[k].mean()), 20),
        mean_interval(sample),
    )
    assert expected.method == "BCa"
    assert found.estimate == pytest.approx(expected.estimate)
    # The same rows drawn in the same order: the same interval, not only one like it.
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-9)


def test_a_jackknife_by_groups_sees_the_same_skewness(monkeypatch):
    rng = np.random.default_rng(2)
    sample = rng.exponential(size=400)
    whole = bootstrap_interval(lambda k: float(sample[k].mean()), 400)
    monkeypatch.setattr("mlpcli.training.intervals.MAX_GROUPS", 100)
    grouped = bootstrap_interval(lambda k: float(sample[k].mean()), 400)
    width = whole.high - whole.low
    assert abs(grouped.low - whole.low) < 0.03 * width
    assert abs(grouped.high - whole.high) < 0.03 * width


def test_a_figure_that_is_seldom_defined_has_no_limits():
    def figure(rows):
        return float("nan") if 0 in rows else float(rows.mean())

    found = bootstrap_interval(figure, 30)
    assert math.isnan(found.estimate)
    rare = bootstrap_interval(lambda k: 1.0 if len(set(k.tolist())) > 25 else float("nan"), 30)
    assert rare.estimate == 1
    assert math.isnan(rare.low)
    assert math.isnan(rare.high)


def share_covered(draw, truth, n, times, seed):
    rng = np.random.default_rng(seed)
    found = [mean_interval(draw(rng, n)) for _ in range(times)]
    covered = np.mean([one.low <= truth <= one.high for one in found])
    return covered, {one.method for one in found}


def within(times, share, sigmas=3.0):
    spread = sigmas * math.sqrt(share * (1 - share) / times)
    return share - spread, share + spread


@pytest.mark.parametrize("n", [5, 30])
def test_the_coverage_of_t_on_normal_numbers(n):
    """95 % of 4000 intervals, within three binomial standard deviations: ±1 %."""
    rng = np.random.default_rng(n)
    found = [t_interval(rng.normal(3.0, 2.0, n)) for _ in range(4000)]
    low, high = within(4000, 0.95)
    assert low < np.mean([one.low <= 3 <= one.high for one in found]) < high


def test_the_coverage_of_bca_on_skewed_numbers():
    """Exponential, n = 60: 93 to 94 % (Efron and Tibshirani's own experience), and on both sides.

    The percentile method and t leave more on one side.
    """
    rng = np.random.default_rng(1)
    times, n, below, above = 1500, 60, 0, 0
    for _ in range(times):
        sample = rng.exponential(size=n)
        replicates = sample[rng.integers(0, n, (1000, n))].mean(axis=1)
        low, high = bca_limits(sample.mean(), replicates, (n * sample.mean() - sample) / (n - 1))
        below, above = below + (high < 1), above + (low > 1)
    low, high = within(times, 0.94)
    assert low < 1 - (below + above) / times < high
    assert below / times < 0.049  # t: 0.059, percentiles: 0.055
    assert above / times > 0.022  # t: 0.005, percentiles: 0.018


@pytest.mark.parametrize(("n", "floor"), [(20, 0.90), (100, 0.925)])
def test_the_coverage_of_the_choice_on_skewed_numbers(n, floor):
    def draw(rng, n):
        return rng.exponential(size=n)

    covered, methods = share_covered(draw, 1.0, n, 500, seed=4)
    assert methods == {"t", "BCa"}
    assert covered > floor


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_share_out_the_samples_and_change_no_bit(monkeypatch, threads):
    rng = np.random.default_rng(0)
    values = rng.standard_normal(100) ** 3
    alone = bootstrap_interval(lambda k: float(np.median(values[k])), 100)
    monkeypatch.setattr(intervals, "THREADS_FROM", 100)
    monkeypatch.setattr(intervals, "MAX_DRAWN", 30_000)  # 300 samples at a time
    monkeypatch.setattr(SHARED, "n", threads)
    monkeypatch.setattr(SHARED, "times", WorkerTimes())
    monkeypatch.setattr(workers, "LONGEST_ALONE", 0.0)  # samples as short as these are shared out
    monkeypatch.setattr(SHARED, "_alone_until", 0.0)
    assert bootstrap_interval(lambda k: float(np.median(values[k])), 100) == alone
    assert SHARED.times.runs == 8  # 2000 samples in 7 groups, and the jackknife's 100
    bootstrap_interval(lambda k: float(np.median(values[k])), 99)  # of too few rows for threads
    assert SHARED.times.runs == 8
