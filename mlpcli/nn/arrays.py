"""What every module of the engine says about arrays."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from mlpcli.array_types import Array, Shape
from mlpcli.nn.replay import np

Product = Callable[[Array, Array, Array], Any]


def product_for(lead: Shape, *, by_column: bool = False) -> Product:
    """Return the matrix product out ← a b for arrays with these leading axes.

    by_column  for an `out` in whose memory the numbers of a column are one after the other: then
               outᵀ ← bᵀ aᵀ

    Both call the same BLAS routine on the same matrices, so a lane has the same bits in a stack
    and alone (tests/nn/test_lanes.py). Without lanes `np.dot` has the smaller overhead: 0.3 µs
    against 1.0 µs for 16x4 times 4x16 (`python -m timeit`, one core).
    """
    product = _of_stacks if lead else _of_two
    return product if not by_column else lambda a, b, out: product(b.mT, a.mT, out.mT)


def _of_stacks(a: Array, b: Array, out: Array) -> None:
    np.matmul(a, b, out=out)


def _of_two(a: Array, b: Array, out: Array) -> None:
    np.dot(a, b, out=out)


LINE = 64  # bytes of a line of the cache


def empty(shape: Shape, dtype: Any = np.float64, *, by_column: bool = False) -> Array:
    """Return np.empty(shape, dtype), but beginning where a line of the cache does.

    by_column  whether the numbers of a column are one after the other in memory, not of a row

    NumPy's begin 16 bytes further, so that a vector register is loaded from two lines: the steps
    of 784-512-256-10 take 8 to 10 % longer then, the matrix products too. The bits are the same.
    """
    if by_column:
        return empty((*shape[:-2], *shape[:-3:-1]), dtype).mT
    return _at_line(np.empty, shape, dtype)


def zeros(shape: Shape, dtype: Any = np.float64) -> Array:
    """Return np.zeros(shape, dtype), beginning there too; they take no memory until written."""
    return _at_line(np.zeros, shape, dtype)


def _at_line(make: Callable[..., Array], shape: Shape, dtype: Any) -> Array:
    size = math.prod(shape) * np.dtype(dtype).itemsize
    room = make(size + LINE, np.uint8)
    begin = -room.ctypes.data % LINE
    return room[begin : begin + size].view(dtype).reshape(shape)


def empty_like(like: Array, dtype: Any = None) -> Array:
    """Return an `empty` array of the shape and type of another, and by column where it is."""
    return empty(like.shape, dtype or like.dtype, by_column=is_by_column(like))


def is_by_column(array: Array) -> bool:
    """Whether the numbers of a column are one after the other in memory, and those of a row not."""
    return array.ndim > 1 and not array.flags.c_contiguous and array.mT.flags.c_contiguous


def copy_of(array: Array) -> Array:
    """Return a copy that begins where a line of the cache does."""
    copy = empty_like(array)
    copy[...] = array
    return copy


Spread = Callable[[Array], Array]
SMALL = 1 << 14  # numbers


def spread_to(like: Array) -> Spread:
    """Return what makes a row or column ready to be added to (or subtracted from, …) like.

    A small array of one network gets a copy of the row (1, columns) or column (rows, 1), as often
    as it has rows or columns: NumPy works on two arrays of the same shape in 0.3 µs, broadcast in
    1.0, and copies in 0.25 (16 x 16, `python -m timeit`, one core). Any other, of many lanes or
    wide, is broadcast as it is.
    """
    is_stack = like.shape[:-2] != ()
    if is_stack or like.size > SMALL:
        return lambda part: part
    wide = np.empty_like(like)

    def spread(part: Array) -> Array:
        np.copyto(wide, part)
        return wide

    return spread


def mean_of_rows(losses: Array, weight: Array | None) -> Any:
    """Return the mean of the rows' losses (..., rows), (...,) in float64.

    weight  (..., rows) of each row: then Σ_d w_d J_d / Σ_d w_d; None: all are 1
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
