"""The tests and scores behind the rules: SciPy's and scikit-learn's numbers."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import r2_score, roc_auc_score

from mlpcli.data.diagnosis.statistics import chi_square, kolmogorov_smirnov, r_squared, roc_auc


@pytest.mark.parametrize("shift", [0, 0.1, 0.3, 1])
@pytest.mark.parametrize(("n_a", "n_b"), [(2000, 500), (100, 80)])
def test_kolmogorov_smirnov(shift, n_a, n_b):
    rng = np.random.default_rng(n_a)
    a, b = rng.normal(size=n_a).round(1), rng.normal(shift, 1, n_b).round(1)  # with ties
    expected = stats.ks_2samp(a, b, method="asymp")
    distance, p = kolmogorov_smirnov(a, b)
    assert distance == pytest.approx(expected.statistic, rel=1e-12)
    # SciPy's exact p of one sample of m rows, which Stephens' terms approximate.
    exact = stats.kstwo.sf(distance, round(n_a * n_b / (n_a + n_b)))
    assert p == pytest.approx(exact, rel=0.25)


def test_kolmogorov_smirnov_of_the_same_numbers():
    assert kolmogorov_smirnov(np.arange(50.0), np.arange(50.0)) == (0, 1)


@pytest.mark.parametrize("k", [2, 3, 10, 40])
def test_chi_square(k):
    rng = np.random.default_rng(k)
    counts = np.array([rng.multinomial(3000, np.ones(k) / k) for _ in range(2)])
    counts[1, 0] += 60
    expected = stats.chi2_contingency(counts, correction=False).pvalue
    distance, p = chi_square(np.column_stack([counts, np.zeros(2, int)]))  # none has the last
    assert p == pytest.approx(expected, rel=0.1, abs=1e-9)
    share = counts / counts.sum(axis=1, keepdims=True)
    assert distance == pytest.approx(np.abs(share[0] - share[1]).sum() / 2)


def test_distance_of_categories_by_hand():
    assert chi_square(np.array([[50, 50, 0], [20, 20, 60]]))[0] == pytest.approx(0.6)


def test_scores():
    rng = np.random.default_rng(0)
    y, score = rng.random(200) < 0.3, rng.normal(size=200).round(1)
    assert roc_auc(score, y) == pytest.approx(roc_auc_score(y, score), rel=1e-12)
    assert np.isnan(roc_auc(score, np.ones(200, bool)))
    assert r_squared(score, score + y) == pytest.approx(r2_score(score + y, score), rel=1e-12)
    assert np.isnan(r_squared(score, np.ones(200)))
