"""Intervals of a metric's mean over replicas: their numbers, their range, what they hold."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mlpcli.nn.losses import LOSSES
from mlpcli.training.intervals import t_interval
from mlpcli.training.metrics import METRICS
from mlpcli.training.spread import bounds, far_out, interval_within, spread, wilson_limits

T4 = 2.7764451052  # Student's 0.975 quantile of 4 degrees of freedom
T3 = 3.1824463053
WILSON = stats.norm.cdf(T3)  # scipy's Wilson interval has z of it: given here, it is t


# ---------------------------------------------------------------- the numbers


def test_the_interval_of_an_error_by_hand():
    # 1 2 3 6: mean 3, s² = 14/3, e = √(14/12): 3 exp(± t₃ e / 3)
    found = interval_within(np.array([1.0, 2.0, 3.0, 6.0]), 0.0)
    factor = math.exp(T3 * math.sqrt(14 / 12) / 3)
    assert (found.estimate, found.method, found.level) == (3, "t on a log scale", 0.95)
    assert (found.low, found.high) == (pytest.approx(3 / factor), pytest.approx(3 * factor))


def test_the_bound_may_be_another_than_0():
    one = interval_within(np.array([1.0, 2.0, 3.0, 6.0]), 0.0)
    moved = interval_within(np.array([-4.0, -3.0, -2.0, 1.0]), -5.0)
    assert (moved.low, moved.high) == (pytest.approx(one.low - 5), pytest.approx(one.high - 5))


def test_the_interval_of_an_r2_by_hand():
    # 0.9 0.8 0.7 0.4, short of 1 by 0.1 0.2 0.3 0.6: mean 0.3, e = √0.14/√12
    found = interval_within(np.array([0.9, 0.8, 0.7, 0.4]), upper=1.0)
    factor = math.exp(T3 * math.sqrt(0.14 / 12) / 0.3)
    assert found.estimate == pytest.approx(0.7)
    assert (found.low, found.high) == (
        pytest.approx(1 - 0.3 * factor),
        pytest.approx(1 - 0.3 / factor),
    )


def test_the_interval_of_a_share_is_scipys_of_as_many_rows_as_have_its_variance():
    # p = 0.8, e² = d²/3 = 0.16/40: 40 rows, of which 32 right
    d = math.sqrt(0.012)
    found = interval_within(0.8 + d * np.array([-1, 1, -1, 1]), 0.0, 1.0)
    expected = stats.binomtest(32, 40).proportion_ci(2 * WILSON - 1, "wilson")
    assert found.method == "Wilson"
    assert (found.low, found.high) == (pytest.approx(expected.low), pytest.approx(expected.high))
    # the same numbers between −1 and 1, as those of a correlation
    wider = interval_within(0.6 + 2 * d * np.array([-1, 1, -1, 1]), -1.0, 1.0)
    assert (wider.low, wider.high) == (
        pytest.approx(2 * found.low - 1),
        pytest.approx(2 * found.high - 1),
    )


def test_all_right_in_all_folds_is_an_interval_of_as_many_rows():
    found = spread({"accuracy": np.ones(5)}, resampled=1 / 4, rows=150)["accuracy"]
    level = 2 * stats.norm.cdf(T4) - 1
    expected = stats.binomtest(150, 150).proportion_ci(level, "wilson")
    assert found["method"] == "corrected resampled Wilson"
    assert (found["low"], found["high"]) == (pytest.approx(expected.low), 1)
    assert expected.low == pytest.approx(150 / (150 + T4**2))
    none = spread({"accuracy": np.zeros(5)}, resampled=1 / 4, rows=150)["accuracy"]
    assert (none["low"], none["high"]) == (0, pytest.approx(1 - expected.low))


def test_folds_that_agree_by_chance_say_no_more_than_their_rows():
    """15 of 30 right in each of five folds, but for one: no less wide than of 150 rows."""
    values = np.array([15, 15, 15, 15, 16]) / 30
    narrow = interval_within(values, 0.0, 1.0)
    found = interval_within(values, 0.0, 1.0, rows=150)
    level = 2 * stats.norm.cdf(T4) - 1
    expected = stats.binomtest(76, 150).proportion_ci(level, "wilson")
    assert found.high - found.low == pytest.approx(expected.high - expected.low, rel=1e-3)
    assert narrow.high - narrow.low < 0.2 * (found.high - found.low)


def test_only_a_mean_over_rows_is_counted_on_rows():
    """Areas of 1 with three rows of a class among 150 are not those of 150 rows."""
    found = spread({"roc_auc": np.ones(5), "accuracy": np.ones(5)}, resampled=0.25, rows=150)
    assert found["roc_auc"]["method"] == "none"
    assert found["accuracy"]["method"] == "corrected resampled Wilson"


def test_the_interval_of_the_issue():
    """Five folds, one far out: 95 % from −698 to 2,811 by t, in which no error can be."""
    values = np.array([634.0, 634.0, 634.0, 634.0, 2744.0])
    found = spread({"rmse": values}, resampled=1 / 4)["rmse"]
    reach = T4 * found["standard_error"]
    assert found["standard_error"] == pytest.approx(2110 / math.sqrt(5) * math.sqrt(1 / 5 + 1 / 4))
    assert (found["mean"] - reach, found["mean"] + reach) == (
        pytest.approx(-701, abs=1),
        pytest.approx(2813, abs=1),
    )
    factor = math.exp(reach / 1056)
    assert (found["low"], found["high"]) == (
        pytest.approx(1056 / factor),
        pytest.approx(1056 * factor),
    )
    assert found["method"] == "corrected resampled t on a log scale"
    assert found["far_out"] == {"replica": 2744, "others": 634}


def test_an_error_of_0_in_one_replica():
    # 0 1 2: mean 1, s² = 1, e = 1/√3, t₂ = 4.302652730
    found = interval_within(np.array([0.0, 1.0, 2.0]), 0.0)
    factor = math.exp(4.302652730 / math.sqrt(3))
    assert (found.low, found.high) == (pytest.approx(1 / factor), pytest.approx(factor))


def test_numbers_that_are_equal_have_no_interval():
    for low, high in ((-math.inf, math.inf), (0.0, math.inf), (-math.inf, 1.0), (0.0, 1.0)):
        for value in (0.0, 0.3, 1.0):
            found = interval_within(np.full(5, value), low, high)
            assert (found.estimate, found.method) == (pytest.approx(value), "none")
            assert math.isnan(found.low)
            assert math.isnan(found.high)


def test_numbers_out_of_bounds_have_no_interval():
    assert interval_within(np.array([0.5, -0.1]), 0.0).method == "none"
    assert interval_within(np.array([0.5, 1.1]), upper=1.0).method == "none"


def test_far_from_its_bounds_it_is_students():
    sample = np.array([0.52, 0.5, 0.49, 0.51, 0.5])
    expected = t_interval(sample)
    for low, high in ((-100.0, math.inf), (-math.inf, 100.0), (-100.0, 100.0)):
        found = interval_within(sample, low, high)
        assert found.low == pytest.approx(expected.low, abs=1e-5)
        assert found.high == pytest.approx(expected.high, abs=1e-5)
    found = interval_within(sample)
    assert (found.low, found.high) == (expected.low, expected.high)


# ---------------------------------------------------------------- the range

RANGES = [(0.0, math.inf), (-math.inf, 1.0), (0.0, 1.0), (-1.0, 1.0)]
SHARES = [0.2, 0.45, 1.5]


@pytest.mark.parametrize(("lower", "upper"), RANGES)
@given(
    st.lists(st.floats(0, 1) | st.sampled_from([0.0, 1.0, 1e-300, 1e-17, 1 - 2**-53]), min_size=2),
    st.sampled_from([1.0, 1e-200, 1e200]),
    st.sampled_from(SHARES),
    st.sampled_from([None, 1, 150]),
    st.sampled_from([0.5, 0.95, 0.99999999]),
)
def test_no_interval_leaves_its_range(lower, upper, values, size, share, rows, level):
    sample = np.array(values)
    if math.isinf(lower) or math.isinf(upper):
        sample = sample * size  # an error, or what is short of 1
        sample = 1 - sample if math.isinf(lower) else sample
    else:
        sample = lower + (upper - lower) * sample
    found = interval_within(sample, lower, upper, share=share, rows=rows, level=level)
    if found.method == "none":
        assert not rows or math.isinf(lower) or math.isinf(upper)
        assert np.ptp(sample) <= 1e-15 * np.abs(sample).max()
        return
    rounding = 1e-12 * max(1.0, abs(found.estimate)) if lower else 0
    assert lower <= found.low <= found.estimate * (1 + 1e-12) + rounding
    assert found.estimate * (1 - 1e-12) - rounding <= found.high <= upper


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30), st.sampled_from([None, 40]))
def test_shares_right_and_shares_wrong_say_the_same(values, rows):
    right = np.array(values)
    found = interval_within(right, 0.0, 1.0, rows=rows)
    wrong = interval_within(1 - right, 0.0, 1.0, rows=rows)
    if found.method == wrong.method != "none":
        assert wrong.low == pytest.approx(1 - found.high, abs=1e-9)
        assert wrong.high == pytest.approx(1 - found.low, abs=1e-9)


@given(st.lists(st.floats(0.01, 100), min_size=2, max_size=30), st.floats(1e-3, 1e6))
def test_the_unit_of_an_error_does_not_matter(values, unit):
    found = interval_within(np.array(values), 0.0)
    other = interval_within(unit * np.array(values), 0.0)
    if found.method == other.method != "none":
        assert other.low == pytest.approx(unit * found.low, rel=1e-6)
        assert other.high == pytest.approx(unit * found.high, rel=1e-6)


def test_the_limits_of_wilson_solve_its_equation():
    for p, reach, least in ((0.3, 0.2, 0.0), (0.99, 0.01, 0.0), (0.5, 0.0, 0.05), (1.0, 0.0, 0.05)):
        low, short = wilson_limits(p, 1 - p, reach, least)
        q = max(reach**2 / (p * (1 - p)) if p < 1 else 0.0, least)
        for mu in (low, 1 - short):
            assert (p - mu) ** 2 == pytest.approx(q * mu * (1 - mu), abs=1e-15)
        assert low < p <= 1 - short


@pytest.mark.parametrize(
    ("name", "loss", "expected"),
    [
        ("rmse", "mse", (0, math.inf)),
        ("r2", "mse", (-math.inf, 1)),
        ("accuracy", "cross_entropy", (0, 1)),
        ("loss", "cross_entropy", (0, math.inf)),
        ("loss", "gaussian_nll", (-math.inf, math.inf)),
        ("loss", "poisson", (-math.inf, math.inf)),
    ],
)
def test_bounds_are_those_of_the_metric_or_of_the_loss(name, loss, expected):
    assert bounds(name, LOSSES[loss]()) == expected
    assert name in METRICS or bounds(name) == (-math.inf, math.inf)


def test_the_corrected_resampled_t_by_hand():
    # 0.1 0.3: mean 0.2, s² = 0.02; two folds of 100 of 300 rows: variance
    # 0.02 (1/2 + 100/200) = 0.02; one degree of freedom: 12.70620474.
    found = spread({"loss": np.array([0.1, 0.3])}, resampled=100 / 200)["loss"]
    assert found["mean"] == pytest.approx(0.2)
    assert found["high"] - 0.2 == pytest.approx(12.70620474 * math.sqrt(0.02), rel=1e-9)
    assert found["low"] - 0.2 == pytest.approx(-12.70620474 * math.sqrt(0.02), rel=1e-9)
    assert found["method"] == "corrected resampled t"


def test_the_corrected_variance_is_in_every_interval():
    """s² (1/J + n₂/n₁), here 1/4 + 1/3, in place of s²/4: on the scale that each interval has."""
    values = np.array([0.9, 0.8, 0.7, 0.4])
    error = math.sqrt(0.14 / 3 * (1 / 4 + 1 / 3))  # 0.2 0.1 0 −0.3: s² = 0.14/3
    found = spread({"rmse": values, "r2": values, "accuracy": values}, 0.95, 1 / 3)
    for one in found.values():
        assert one["standard_error"] == pytest.approx(error)
        assert one["method"].startswith("corrected resampled ")
    assert found["rmse"]["high"] == pytest.approx(0.7 * math.exp(T3 * error / 0.7))
    assert found["r2"]["low"] == pytest.approx(1 - 0.3 * math.exp(T3 * error / 0.3))
    low, high = found["accuracy"]["low"], found["accuracy"]["high"]
    q = T3**2 * error**2 / (0.7 * 0.3)
    assert (0.7 - low) ** 2 == pytest.approx(q * low * (1 - low))
    assert (0.7 - high) ** 2 == pytest.approx(q * high * (1 - high))


# ---------------------------------------------------------------- one replica far out


def test_one_replica_that_decides_the_mean():
    errors = np.array([1.0, 1.0, 1.0, 4.0])  # mean 1.75, of the others 1
    assert far_out(errors, 0.0, math.inf) == {"replica": 4, "others": 1}
    assert far_out(1 - errors, -math.inf, 1.0) == {"replica": -3, "others": 0}
    assert far_out(np.array([1.0, 1.0, 1.0, 2.9]), 0.0, math.inf) is None  # 1.475
    assert far_out(errors, -math.inf, math.inf) is None
    assert far_out(errors / 4, 0.0, 1.0) is None
    assert far_out(np.array([1.0, 9.0]), 0.0, math.inf) is None
    assert far_out(np.array([1.0, 1.0, math.nan]), 0.0, math.inf) is None
    assert far_out(np.zeros(3), 0.0, math.inf) is None


# ---------------------------------------------------------------- what they hold

TIMES = 2500
# How the numbers are drawn, their mean, and the share of intervals that hold it, by another program
# on 40,000 samples of 5 and of 20; that of t in brackets, where it is another.
ERRORS = {
    "normal": (lambda rng, n: np.abs(rng.normal(1, 0.3, n)), 1.0, {5: 0.950, 20: 0.949}),
    "lognormal": (
        lambda rng, n: rng.lognormal(0, 0.5, n),
        math.exp(0.125),
        {5: 0.935, 20: 0.936},  # (0.915, 0.928)
    ),
    "lognormal, σ 1": (
        lambda rng, n: rng.lognormal(0, 1, n),
        math.exp(0.5),
        {5: 0.887, 20: 0.899},  # (0.820, 0.868)
    ),
    "exponential": (
        lambda rng, n: rng.exponential(1, n),
        1.0,
        {5: 0.936, 20: 0.939},
    ),  # (.886, .92)
    "beta": (lambda rng, n: rng.beta(2, 8, n), 0.2, {5: 0.948, 20: 0.949}),  # (0.930, 0.944)
}


def held(intervals, truth):
    return np.mean([one.low <= truth <= one.high for one in intervals])


def within(share):
    """Four binomial standard deviations of TIMES, and of the 40,000 expected by."""
    return pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) * (1 / TIMES + 1 / 40000)))


@pytest.mark.parametrize("n", [5, 20])
@pytest.mark.parametrize("name", ERRORS)
def test_the_coverage_of_an_error(name, n):
    draw, truth, expected = ERRORS[name]
    rng = np.random.default_rng(n)
    samples = [draw(rng, n) for _ in range(TIMES)]
    covered = held([interval_within(each, 0.0) for each in samples], truth)
    assert covered == within(expected[n])
    by_t = held([t_interval(each) for each in samples], truth)
    assert covered > by_t - 0.005  # of skewed numbers it is better by 1 to 7 %
    if name == "lognormal, σ 1":
        assert covered > by_t + 0.02


@pytest.mark.parametrize("n", [5, 20])
def test_the_coverage_of_an_r2_is_that_of_the_error(n):
    draw, truth, expected = ERRORS["lognormal"]
    rng = np.random.default_rng(n)
    samples = [1 - draw(rng, n) for _ in range(TIMES)]
    covered = held([interval_within(each, upper=1.0) for each in samples], 1 - truth)
    assert covered == within(expected[n])


@pytest.mark.parametrize(("n", "rows"), [(5, 30), (5, 100), (20, 55)])
@pytest.mark.parametrize("p", [0.5, 0.8, 0.95, 0.98])
def test_the_coverage_of_a_share(n, rows, p):
    """Folds of independent rows, and folds that differ by more than their rows make them."""
    rng, times = np.random.default_rng(rows), 1200
    each = rng.binomial(rows, p, (times, n)) / rows
    some = [values for values in each if np.ptp(values)]  # 5 % are 1 in all folds, at the most
    assert len(some) > 0.93 * times
    covered = held([interval_within(values, 0.0, 1.0) for values in some], p)
    assert covered == pytest.approx(0.96, abs=0.025)
    counted = held([interval_within(values, 0.0, 1.0, rows=n * rows) for values in each], p)
    assert counted > 0.96
    each = rng.binomial(rows, rng.beta(20 * p, 20 * (1 - p), (times, n))) / rows
    by_t = held([t_interval(values) for values in each], p)
    found = held([interval_within(values, 0.0, 1.0, rows=n * rows) for values in each], p)
    assert found > max(by_t, 0.91)
