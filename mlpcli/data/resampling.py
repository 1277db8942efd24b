"""Rows drawn anew from the training rows: bootstrap samples, and folds.

They keep to what the parts are split by: rows of one group are drawn, or held out, together, and
rows that are held out come later than all that are trained on, where rows have times.
"""

from __future__ import annotations

import heapq

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.split_keys import SplitKey
from mlpcli.data.splitting import time_blocks
from mlpcli.randomness import generator


def bootstrap_rows(n_rows: int, seed: int) -> Array:
    """Return n rows drawn from n with replacement, in rising order; some come several times.

    A row is in none of the n draws with probability (1 − 1/n)ⁿ ≈ 0.368: it is out of the bag.
    Source: the lecture; Efron, 1979; Breiman, Bagging predictors, 1996.
    """
    return np.sort(generator(seed, "bootstrap").integers(0, n_rows, n_rows))


def out_of_bag(rows: Array, n_rows: int) -> Array:
    """Return the rows of n that a sample has not drawn, in rising order."""
    return np.flatnonzero(np.bincount(rows, minlength=n_rows) == 0)


def folds(n_rows: int, k: int, seed: int, classes: Array | None = None) -> Array:
    """Return the fold of each row (n_rows,), 0 to k − 1; folds differ by at most one row.

    classes  class numbers to stratify by: each fold has its share of each class's rows, to within
             one. None: no stratification

    Rows are shuffled, sorted by class with the shuffled order kept, and dealt out in turns.
    """
    order = generator(seed, "bootstrap", 0, 1).permutation(n_rows)
    if classes is not None:
        order = order[np.argsort(classes[order], kind="stable")]
    found = np.empty(n_rows, np.intp)
    found[order] = np.arange(n_rows) % k
    return found


def group_bootstrap_rows(groups: Array, seed: int) -> Array:
    """Return the rows of G groups drawn from G with replacement, in rising order.

    A group that is drawn twice has each of its rows twice; so the number of rows varies.

    groups  (n_rows,) group numbers
    Source: Davison and Hinkley, Bootstrap Methods and their Application, 1997, 3.8; Field and
    Welsh, Bootstrapping clustered data, 2007.
    """
    numbers, groups = np.unique(groups, return_inverse=True)
    n_groups = len(numbers)
    drawn = generator(seed, "bootstrap").integers(0, n_groups, n_groups)
    return np.repeat(np.arange(len(groups)), np.bincount(drawn, minlength=n_groups)[groups])


def group_folds(groups: Array, k: int, seed: int) -> Array:
    """Return the fold of each row (n_rows,), 0 to k − 1; each group is whole in one fold.

    Groups in random order, sorted by size, the largest first, go each to the fold that has the
    fewest rows.

    groups  (n_rows,) group numbers, at least k different ones
    Source: Graham's rule, 1969; as GroupKFold of scikit-learn.
    """
    numbers, groups = np.unique(groups, return_inverse=True)
    sizes = np.bincount(groups)
    order = generator(seed, "bootstrap", 0, 1).permutation(len(numbers))
    order = order[np.argsort(-sizes[order], kind="stable")]
    found, folds_by_rows = np.empty(len(numbers), np.intp), [(0, fold) for fold in range(k)]
    for group, size in zip(order.tolist(), sizes[order].tolist(), strict=True):
        rows, fold = folds_by_rows[0]
        found[group] = fold
        heapq.heapreplace(folds_by_rows, (rows + size, fold))
    return found[groups]


def draw_folds(
    n_rows: int, k: int, seed: int, classes: Array | None = None, key: SplitKey | None = None
) -> list[tuple[Array, Array]]:
    """Return for each of k folds the rows to train on, and those held out, both in rising order.

    Without a key the folds are `folds`, of groups `group_folds`. Of times there are k + 1 blocks
    of as many rows: fold r trains on the first r + 1 of them and holds out the next one, so that
    the first block is never held out.

    key  of the rows, with groups or times enough: see `most_folds`
    Source, of times: TimeSeriesSplit of scikit-learn; Bergmeir and Benítez, 2012, On the use of
    cross-validation for time series predictor evaluation.
    """
    if key is not None and key.times is not None:
        cuts = [n_rows * (r + 1) // (k + 1) for r in range(k)]
        block = time_blocks(key.times, cuts)
        return [(np.flatnonzero(block <= r), np.flatnonzero(block == r + 1)) for r in range(k)]
    if key is not None and key.groups is not None:
        fold = group_folds(key.groups, k, seed)
    else:
        fold = folds(n_rows, k, seed, classes)
    return [(np.flatnonzero(fold != r), np.flatnonzero(fold == r)) for r in range(k)]


def most_folds(n_rows: int, key: SplitKey | None) -> int:
    """Return how many folds there can be: rows, groups, or different times after the first."""
    if key is None:
        return n_rows
    if key.times is not None:
        return len(np.unique(key.times)) - 1
    assert key.groups is not None
    return len(np.unique(key.groups))


def draw_bootstrap(n_rows: int, seed: int, key: SplitKey | None) -> tuple[Array, Array | None]:
    """Return the rows of a bootstrap sample, in rising order, and those out of the bag.

    Rows with times have none out of the bag: they would lie between those that are trained on.
    """
    if key is not None and key.groups is not None:
        rows = group_bootstrap_rows(key.groups, seed)
    else:
        rows = bootstrap_rows(n_rows, seed)
    is_timed = key is not None and key.times is not None
    return rows, None if is_timed else out_of_bag(rows, n_rows)
