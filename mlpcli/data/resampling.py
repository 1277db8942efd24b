"""Rows drawn anew from the training rows: bootstrap samples, and folds."""

from __future__ import annotations

import numpy as np

from mlpcli.array_types import Array
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
