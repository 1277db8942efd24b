"""Target means as scikit-learn's; no row's own target in its own number; frequencies."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.preprocessing import TargetEncoder

from mlpcli.data.encoders import encoded_category
from mlpcli.data.encoders.encoded_category import (
    cross_fit_folds,
    cross_fitted,
    fit_frequency,
    fit_target_mean,
    smoothed_means,
    smoothing,
)

WORDS = ["u", "v", "w", None]


def folds_of(splitter, y):
    folds = np.empty(len(y), int)
    for fold, (_, inside) in enumerate(splitter.split(y, y)):
        folds[inside] = fold
    return folds


@pytest.mark.parametrize("task", ["continuous", "binary", "multiclass"])
@pytest.mark.parametrize("m", [1.0, 7.5])
def test_as_scikit_learn_with_the_same_smoothing_and_folds(task, m, monkeypatch):
    monkeypatch.setattr(encoded_category, "smoothing", lambda *_: m)
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 40, 300)
    y = {
        "continuous": rng.normal(size=300),
        "binary": rng.integers(0, 2, 300),
        "multiclass": rng.integers(0, 3, 300),
    }[task]
    split = KFold if task == "continuous" else StratifiedKFold
    folds = folds_of(split(5, shuffle=True, random_state=7), y)
    oracle = TargetEncoder(categories=[np.arange(40)], target_type=task, smooth=m)
    X, every = codes[:, np.newaxis], np.arange(40)[:, np.newaxis]
    expected_own = np.empty((300, 3 if task == "multiclass" else 1))
    for k in range(5):  # as its fit_transform does with these folds
        oracle.fit(X[folds != k], y[folds != k])
        expected_own[folds == k] = oracle.transform(X[folds == k])
    expected = oracle.fit(X, y).transform(every)
    outputs = [y] if task != "multiclass" else [(y == k) for k in range(3)]
    names = ["y"] if task != "multiclass" else ["0", "1", "2"]
    encoder, own = fit_target_mean(
        "c",
        [str(k) for k in range(40)],
        codes,
        lambda: (np.asarray(each, float) for each in outputs),
        names,
        folds,
        "none",
        "",
    )
    np.testing.assert_allclose(own, expected_own, rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.array(encoder.values), expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(encoder.unknown, oracle.target_mean_, rtol=0, atol=1e-12)


def test_a_smoothed_mean_by_hand(monkeypatch):
    monkeypatch.setattr(encoded_category, "smoothing", lambda *_: 2.0)
    means, mean = smoothed_means(np.array([0, 0, 0, 1]), np.array([1.0, 2, 6, 11]), 3)
    assert mean == 5.0
    np.testing.assert_allclose(means, [(9 + 10) / 5, (11 + 10) / 3, 5.0], rtol=1e-15)


def test_how_much_is_smoothed_by_hand():
    # Two categories of 4 rows, each 0 2 0 2 and 10 12 10 12: within 8/6; n₀ = (8 − 4)/1 = 4;
    # between (200/1 − 8/6)/4, m = (8/6) / ((200 − 8/6)/4) is less than 1
    sums, counts = np.array([4.0, 44.0]), np.array([4, 4])
    assert smoothing(sums, counts, 8 + 200.0) == 1.0
    # means 3 apart instead of 10: B = 18, τ² = (18 − 4/3)/4 = 25/6, m = (4/3)/(25/6) = 0.32;
    # and with every deviation within three times as large: σ² = 12, τ² = 1.5, m = 8
    assert smoothing(np.array([4.0, 16.0]), counts, 8 + 18.0) == 1.0
    assert smoothing(np.array([4.0, 16.0]), counts, 72 + 18.0) == pytest.approx(8, rel=1e-12)
    assert smoothing(np.array([4.0, 4.0]), counts, 8.0) == 100.0  # categories tell nothing
    assert smoothing(np.array([4.0]), np.array([4]), 8.0) == 100.0  # one category
    assert smoothing(np.array([1.0, 2.0]), np.array([1, 1]), 0.5) == 100.0  # a row each


@given(st.data())
def test_a_rows_own_target_changes_nothing_in_its_own_number(data):
    n = data.draw(st.integers(4, 40))
    seed, row = data.draw(st.integers(0, 99)), data.draw(st.integers(0, n - 1))
    rng = np.random.default_rng(seed)
    codes, y = rng.integers(0, 5, n), rng.normal(size=n)
    folds = cross_fit_folds(n, seed)
    before = cross_fitted(codes, y, folds, 5)
    y[row] = 1e6
    after = cross_fitted(codes, y, folds, 5)
    same_fold = folds == folds[row]
    np.testing.assert_array_equal(after[same_fold], before[same_fold])
    others = ~same_fold & (codes == codes[row])
    assert (after[others] != before[others]).all()


@given(st.integers(1, 60), st.integers(0, 30), st.integers(1, 20))
def test_folds_are_equal_parts_of_whole_groups(n, seed, n_groups):
    folds = cross_fit_folds(n, seed)
    assert np.ptp(np.bincount(folds)) <= 1
    assert folds.max() + 1 == min(n, 5)
    groups = np.random.default_rng(seed).integers(0, n_groups, n)
    found = cross_fit_folds(n, seed, groups)
    if len(set(groups.tolist())) > 1:
        assert found.max() >= 1
        assert all(len(set(found[groups == g].tolist())) == 1 for g in set(groups.tolist()))
    assert (np.bincount(found) > 0).all()
    np.testing.assert_array_equal(found, cross_fit_folds(n, seed, groups * 3 + 1))


def test_folds_are_others_with_another_seed():
    assert (cross_fit_folds(50, 0) != cross_fit_folds(50, 1)).any()


def test_frequencies_by_hand():
    encoder = fit_frequency("c", ["a", "b", None], np.array([0, 0, 1, 0, 2]), "none", "")
    assert encoder.values == ((0.6,), (0.2,), (0.2,))
    assert (encoder.unknown, encoder.feature_names) == ((0.0,), ["c.frequency"])


@pytest.mark.parametrize("scale", ["standard", "asinh", "minmax", "none"])
def test_the_encoded_numbers_are_scaled_as_numbers_of_the_training_rows(scale):
    rng = np.random.default_rng(1)
    codes, y = rng.integers(0, 30, 200), rng.normal(size=200)
    names = [str(k) for k in range(30)]
    folds = cross_fit_folds(200, 0)
    encoder, own = fit_target_mean("c", names, codes, lambda: iter([y]), ["y"], folds, scale, "")
    raw = cross_fitted(codes, y, folds, 30)
    if scale == "minmax":
        expected = (raw - raw.min()) / np.ptp(raw)
    elif scale == "none":
        expected = raw
    else:
        expected = (raw - raw.mean()) / raw.std()
    expected = 3 * np.arcsinh(expected / 3) if scale == "asinh" else expected
    np.testing.assert_allclose(own[:, 0], expected, rtol=1e-12, atol=1e-12)
    out = np.empty((3, 1))
    assert encoder.write(np.array([4, -1, 0]), out) == 1
    shift, scales, width = encoder.scaling
    back = out if scale != "asinh" else width * np.sinh(out / width)
    means, mean = smoothed_means(codes, y, 30)
    np.testing.assert_allclose(back[:, 0] * scales + shift, [means[4], mean, means[0]], rtol=1e-12)
