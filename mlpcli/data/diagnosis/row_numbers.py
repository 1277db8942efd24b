"""One number for each row, to find rows that are alike."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from mlpcli.array_types import Array


def combine(start: Array, columns: Iterable[Array]) -> Array:
    """Return a number of 64 bits for each row (rows,), equal where all its values are.

    start    (rows,) uint64, to go on from
    columns  (rows,) numbers each; NaN equals NaN
    """
    rows = start
    for column in columns:
        rows = _mixed(rows ^ _bits(column.astype(np.float64)))
    return rows


def _bits(values: Array) -> Array:
    values += 0.0  # no −0
    values[np.isnan(values)] = np.nan  # with one bit pattern
    return values.view(np.uint64)


def _mixed(x: Array) -> Array:
    """Return well spread 64 bits of each. Source: Steele et al., OOPSLA 2014 (SplitMix64)."""
    x += np.uint64(0x9E3779B97F4A7C15)
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return x
