"""Arrays of the engine: aligned memory, matrix products, hyperparameters one a lane."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from mlpcli.array_types import Array, Shape

Product = Callable[[Array, Array, Array], Any]
LINE = 64  # bytes of a cache line
CACHED = 1 << 15  # entries of each of a few arrays that stay in the cache together


def matmul_for(lane_shape: Shape) -> Product:
    """Return the matrix product out ← a b for arrays with these leading axes.

    Both call the same BLAS routine on the same matrices, so a lane has the same bits in a stack
    and alone (tests/nn/test_lanes.py). Without lanes `np.dot` has the smaller overhead: 0.3 µs
    against 1.0 µs for 16x4 times 4x16 (`python -m timeit`, one core).
    """
    return np.matmul if lane_shape else np.dot


def empty(shape: Shape, dtype: Any = np.float64) -> Array:
    """Return np.empty(shape, dtype), aligned to a cache line.

    NumPy aligns to 16 bytes, so that a vector register may be loaded from two lines: the steps of
    784-512-256-10 take 8 to 10 % longer then. The bits are the same.
    """
    return _aligned(np.empty, shape, dtype)


def zeros(shape: Shape, dtype: Any = np.float64) -> Array:
    """Return np.zeros(shape, dtype), aligned alike; it takes no memory until it is written."""
    return _aligned(np.zeros, shape, dtype)


def _aligned(allocate: Callable[..., Array], shape: Shape, dtype: Any) -> Array:
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = allocate(size + LINE, np.uint8)
    start = -memory.ctypes.data % LINE
    return memory[start : start + size].view(dtype).reshape(shape)


def empty_like(like: Array, dtype: Any = None) -> Array:
    """Return an aligned `empty` array of another's shape and type."""
    return empty(like.shape, dtype or like.dtype)


def copy_of(array: Array) -> Array:
    """Return an aligned copy."""
    copy = empty_like(array)
    copy[...] = array
    return copy


def cache_slices(array: Array) -> list[slice]:
    """Return slices of the first axis, each of at most CACHED entries of the array, or of one row.

    Several passes over a slice find it in the cache, and NumPy takes memory for its temporary
    arrays from the heap, not anew from the operating system.
    """
    n = max(1, CACHED * len(array) // max(1, array.size))
    return [slice(start, start + n) for start in range(0, len(array), n)]


def weighted_mean(losses: Array, weight: Array | None) -> Any:
    """Return Σ_d w_d J_d / Σ_d w_d of row losses (..., rows), (...,) in float64.

    weight  (..., rows) of each row; None: all are 1
    """
    if weight is None:
        return np.mean(losses, axis=-1, dtype=np.float64)
    weight = weight.astype(np.float64)
    return np.sum(losses * weight, axis=-1) / np.sum(weight, axis=-1)


def column(value: Any, like: Array) -> Array:
    """Return a hyperparameter as an array of like's type that broadcasts over like.

    value  one number, or one a lane, (R,): then the result is (R, 1, …) with like's axes

    Constants derived from a hyperparameter are computed in float64 and rounded here, once: a lane
    of a stack then works with the same bits as the network alone.
    """
    value = np.asarray(value, like.dtype)
    return value.reshape(value.shape + (1,) * (like.ndim - value.ndim)) if value.ndim else value


def one_hot(classes: Array, out: Array) -> None:
    """Write y_dk = 1[k = class of row d] into out (..., rows, n_classes), which is contiguous.

    classes  (..., rows) numbers from 0
    """
    starts = np.arange(classes.size, dtype=np.intp).reshape(classes.shape) * out.shape[-1]
    out.fill(0.0)
    out.reshape(-1, copy=False)[starts + classes] = 1.0


def cuts(n: int, pieces: int, multiple: int = 1) -> list[slice]:
    """Return slices of 0 … n, as equal as multiples allow; none is empty but where n is small.

    >>> cuts(10, 3)
    [slice(0, 3, None), slice(3, 6, None), slice(6, 10, None)]
    """
    bounds = [n * k // pieces // multiple * multiple for k in range(pieces)]
    return [slice(start, stop) for start, stop in pairwise([*bounds, n])]
