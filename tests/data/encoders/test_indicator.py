"""Whether missing says something of the target: the tests of scipy and statsmodels' formulas."""

import numpy as np
import pytest
from scipy import stats

from mlpcli.data.encoders.indicator import difference_p, enough_missing, tells


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("sizes", [(10, 10), (10, 500), (40, 60), (3000, 200)])
def test_means_as_welchs_test_of_scipy(seed, sizes):
    rng = np.random.default_rng(seed)
    a, b = (rng.normal(rng.normal(0, 0.5), rng.uniform(0.5, 2), n) for n in sizes)
    expected = stats.ttest_ind(a, b, equal_var=False).pvalue
    found = difference_p(a, b)
    if expected > 1e-6:
        assert found == pytest.approx(expected, rel=0.05)
    assert (found < 0.001) == (expected < 0.001)


@pytest.mark.parametrize("counts", [(30, 100, 10, 100), (5, 12, 400, 900), (7, 50, 8, 50)])
def test_shares_as_the_corrected_chi_square_test_of_scipy(counts):
    k_a, n_a, k_b, n_b = counts
    a, b = (np.arange(n) < k for k, n in ((k_a, n_a), (k_b, n_b)))
    expected = stats.chi2_contingency([[k_a, n_a - k_a], [k_b, n_b - k_b]]).pvalue
    assert difference_p(a.astype(float), b.astype(float)) == pytest.approx(expected, rel=1e-9)


def test_equal_and_constant_targets():
    same, other = np.full(20, 2.5), np.full(20, 3.5)
    assert difference_p(same, same) == 1.0
    assert difference_p(same, other) == 0.0
    assert difference_p(np.zeros(20), np.zeros(20)) == 1.0


def test_how_many_rows_are_enough():
    rows = np.arange(2000)
    assert not enough_missing(rows < 19)  # less than one in a hundred
    assert enough_missing(rows < 20)
    assert not enough_missing(rows[:500] < 9)
    assert enough_missing(rows[:500] < 10)
    assert not enough_missing(rows[:30] < 21)  # nine with a value


def test_chance_is_seldom_taken_for_something():
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(2000):
        missing = rng.random(200) < 0.2
        found += tells(missing, iter(rng.normal(size=(3, 200))), 3)
    assert found <= 8  # 2 of 2000 expected, p < 0.001
    y = rng.normal(size=(3, 200))
    y[1, missing] += 2
    assert tells(missing, iter(y), 3)
