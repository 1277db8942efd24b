"""Edges of bins: by hand, and trees against scikit-learn's as it runs."""

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from mlpcli.nn.embeddings import bins
from mlpcli.nn.embeddings.bins import quantile_edges, target_edges


def test_quantiles_by_hand():
    # Of 0 … 8 in any order the quartiles are 0, 2, 4, 6, 8.
    x = np.array([3, 1, 8, 0, 5, 7, 2, 6, 4], np.float32)
    assert quantile_edges(x, 4, 1).tolist() == [0, 2, 4, 6, 8]
    # Halfway between 3 and 4 is the median of 0, 1, 3, 4, 8, 9.
    assert quantile_edges(np.array([9.0, 8, 4, 3, 1, 0]), 2, 1).tolist() == [0, 3.5, 9]


def test_a_value_that_is_common_is_one_edge_and_the_last_but_one_is_repeated():
    x = np.array([0.0, 0, 0, 0, 0, 0, 1, 2, 3])  # quartiles 0, 0, 0, 1, 3
    assert quantile_edges(x, 4, 1).tolist() == [0, 1, 1, 1, 3]
    assert quantile_edges(np.zeros(5), 3, 1).tolist() == [0, 0, 0, 0]


def test_bins_are_fewer_where_rows_are():
    assert quantile_edges(np.arange(9.0), 4, 3).tolist() == [0, 8 / 3, 16 / 3, 16 / 3, 8]
    assert quantile_edges(np.arange(9.0), 4, 10).tolist() == [0, 0, 0, 0, 8]


def test_a_tree_by_hand():
    x, y = np.array([1.0, 2, 4, 5, 7, 8]), np.array([0.0, 0, 4, 4, 9, 9])
    assert target_edges(x, [y], 3, 1).tolist() == [1, 3, 6, 8]
    # Of Σ (y − mean)², 81 1/3 in all, 0 0 | 4 4 9 9 leaves 25, and 0 0 4 4 | 9 9 leaves 16.
    assert target_edges(x, [y], 2, 1).tolist() == [1, 6, 8]
    assert target_edges(x, [y], 9, 3).tolist() == [1, *[4.5] * 8, 8]
    # One value, or one target, has nothing to split.
    assert target_edges(np.ones(4), [np.arange(4.0)], 2, 1).tolist() == [1, 1, 1]
    assert target_edges(x, [np.ones(6)], 2, 1).tolist() == [1, 1, 8]


def thresholds(tree):
    """Return a fitted tree's thresholds, ascending."""
    return np.sort(tree.tree_.threshold[tree.tree_.children_left >= 0])


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("min_rows", [1, 5, 40])
def test_a_tree_has_the_thresholds_of_scikit_learns(seed, min_rows):
    rng = np.random.default_rng(seed)
    n, n_bins = int(rng.integers(20, 400)), int(rng.integers(2, 24))
    x = rng.normal(size=n).astype(np.float32)
    if seed % 3 == 0:
        x = x.round(1)  # ties
    y = np.sin(3 * x) + rng.normal(0, 0.3, n)
    tree = DecisionTreeRegressor(max_leaf_nodes=n_bins, min_samples_leaf=min_rows)
    tree.fit(x[:, np.newaxis], y)
    found = target_edges(x, [y], n_bins, min_rows)
    assert found.shape == (n_bins + 1,)
    np.testing.assert_allclose(np.unique(found)[1:-1], thresholds(tree), rtol=1e-13)


@pytest.mark.parametrize("seed", range(6))
def test_a_tree_of_several_targets_and_of_classes_has_them_too(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=300).astype(np.float32)
    y = np.column_stack([np.cos(2 * x), x**3]) + rng.normal(0, 0.2, (300, 2))
    tree = DecisionTreeRegressor(max_leaf_nodes=8, min_samples_leaf=9).fit(x[:, np.newaxis], y)
    found = np.unique(target_edges(x, list(y.T), 8, 9))
    np.testing.assert_allclose(found[1:-1], thresholds(tree), rtol=1e-13)
    classes = np.digitize(x + rng.normal(0, 0.4, 300), [-1, 0.3, 1.1])
    one_hot = [classes == k for k in range(4)]
    tree = DecisionTreeClassifier(max_leaf_nodes=5, min_samples_leaf=12)
    tree.fit(x[:, np.newaxis], classes)
    found = np.unique(target_edges(x, one_hot, 5, 12))
    np.testing.assert_allclose(found[1:-1], thresholds(tree), rtol=1e-13)


def test_many_different_values_are_looked_at_in_groups(monkeypatch):
    monkeypatch.setattr(bins, "MAX_VALUES", 50)
    x = np.random.default_rng(0).permutation(1000).astype(np.float32)
    found = target_edges(x, [(x >= 600) + 0.0], 2, 1)  # 600 is where a group begins
    assert found.tolist() == [0, 599.5, 999]
    assert 600 < target_edges(x, [(x >= 613) + 0.0], 2, 1)[1] < 620
