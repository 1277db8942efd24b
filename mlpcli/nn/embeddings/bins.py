"""The edges of bins: by quantiles, or by a regression tree on the target."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np

from mlpcli.array_types import Array

MAX_VALUES = 1 << 16  # different values of a column between which a tree looks for thresholds


def padded(edges: Array, n_bins: int) -> Array:
    """Return n_bins + 1 ascending edges: the different ones, the last but one of them repeated.

    So the first bin that is not empty is the first of all, and the last the last, unless it is
    the only one.

    >>> padded(np.array([0.0, 1.0, 1.0, 2.0]), 4).tolist()
    [0.0, 1.0, 1.0, 1.0, 2.0]
    """
    found = np.unique(edges)
    return np.insert(found, len(found) - 1, np.full(n_bins + 1 - len(found), found[-2:][0]))


def quantile_edges(x: Array, n_bins: int, min_rows: int) -> Array:
    """Return the edges b_t of bins that hold about as many rows each, (n_bins + 1,) float64.

    b_t is the t/T quantile of x, interpolated linearly between rows; T = n_bins, or fewer where
    a bin would have less than min_rows. Equal edges are one.

    Source: Gorishniy, Rubachev and Babenko, 2022, 3.2.1.
    """
    n = max(1, min(n_bins, len(x) // min_rows))
    rows = np.sort(x)
    place = np.linspace(0.0, len(x) - 1, n + 1)
    below = place.astype(np.intp)
    low = rows[below].astype(np.float64)
    high = rows[np.minimum(below + 1, len(x) - 1)].astype(np.float64)
    return padded(low + (high - low) * (place - below), n_bins)


def target_edges(x: Array, targets: Sequence[Array], n_bins: int, min_rows: int) -> Array:
    """Return edges where the target changes most, (n_bins + 1,) float64.

    The thresholds of a regression tree on this one column, with the column's extremes: that split
    comes next which lowers Σ_k Σ_d (y_dk − mean)² most, until there are n_bins leaves or no split
    leaves min_rows on both sides. Of 0 and 1 for each class this is Gini's impurity. A threshold
    is halfway between two rows.

    targets  (rows,) each, y_1 … y_K

    Source: Gorishniy, Rubachev and Babenko, 2022, 3.2.2; Breiman et al., 1984; the order of the
    splits as in scikit-learn with `max_leaf_nodes`.
    """
    values, group = np.unique(x, return_inverse=True)
    if len(values) > MAX_VALUES:  # neighbours are put together
        group = group * MAX_VALUES // len(values)
        first = np.searchsorted(
            np.arange(len(values)) * MAX_VALUES // len(values), range(MAX_VALUES)
        )
        lowest, highest = values[first], values[np.append(first[1:], len(values)) - 1]
    else:
        lowest = highest = values
    halfway = lowest[1:].astype(np.float64) / 2 + highest[:-1].astype(np.float64) / 2
    # Of the first i values: rows, and the sum of each target, less its mean to keep digits.
    rows = np.append(0, np.cumsum(np.bincount(group)))
    sums = [np.bincount(group, y - np.mean(y, dtype=np.float64)) for y in targets]
    total = np.array([np.append(0.0, np.cumsum(each)) for each in sums])
    thresholds: list[float] = []
    leaves: list[tuple[float, int, int, int]] = []

    def add_leaf(start: int, stop: int) -> None:
        """Enter the leaf of values start … stop − 1 with its best split, if it has one."""
        low, high = np.searchsorted(rows, (rows[start] + min_rows, rows[stop] - min_rows + 1))
        splits = np.arange(max(low, start + 1), min(high, stop))
        if not len(splits):
            return
        left, right = rows[splits] - rows[start], rows[stop] - rows[splits]
        left_sum, right_sum = (
            total[:, splits] - total[:, [start]],
            total[:, [stop]] - total[:, splits],
        )
        whole = np.sum((total[:, stop] - total[:, start]) ** 2) / (rows[stop] - rows[start])
        gains = np.sum(left_sum**2, axis=0) / left + np.sum(right_sum**2, axis=0) / right - whole
        best = int(np.argmax(gains))
        if gains[best] > 1e-12 * abs(whole):
            heapq.heappush(leaves, (-gains[best], start, int(splits[best]), stop))

    add_leaf(0, len(rows) - 1)
    while leaves and len(thresholds) < n_bins - 1:
        _, start, split, stop = heapq.heappop(leaves)
        thresholds.append(halfway[split - 1])
        add_leaf(start, split)
        add_leaf(split, stop)
    return padded(np.array([lowest[0], *thresholds, highest[-1]], np.float64), n_bins)
