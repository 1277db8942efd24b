"""The nearest rows of a table's rows."""

from __future__ import annotations

import numpy as np

from mlpcli.array_types import Array

BLOCK_NUMBERS = 1 << 21  # distances held at once: 16 MiB


def nearest_rows(X: Array, k: int) -> Array:
    """Return the k other rows nearest to each row, the nearest first: (rows, k) row numbers.

    ‖a − b‖² = ‖a‖² + ‖b‖² − 2 a·b, in float64, about the rows' mean: there it is most exact.
    Takes rows² · columns multiplications, in blocks of rows.

    X  (rows, columns)
    k  less than the number of rows
    """
    X = X.astype(np.float64)
    X /= np.abs(X).max() or 1.0  # so that squares are neither too large nor too small
    X -= X.mean(axis=0)
    squares = np.vecdot(X, X)
    n = len(X)
    nearest = np.empty((n, k), np.intp)
    block = max(1, BLOCK_NUMBERS // n)
    for start in range(0, n, block):
        rows = np.arange(start, min(start + block, n))
        distance = squares[rows, np.newaxis] + squares - 2 * (X[rows] @ X.T)
        distance[np.arange(len(rows)), rows] = np.inf  # not its own neighbour
        found = np.sort(np.argpartition(distance, k - 1, axis=1)[:, :k], axis=1)
        order = np.argsort(np.take_along_axis(distance, found, axis=1), axis=1, kind="stable")
        nearest[rows] = np.take_along_axis(found, order, axis=1)
    return nearest
