"""The rows of a chunk, each batch of them row by row or by column, in a piece of memory."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from mlpcli.array_types import Array, Shape
from mlpcli.nn.arrays import empty
from mlpcli.nn.replay import np

Batches = Sequence[tuple[int, int]]  # the first row of each in the chunk, and how many it has


class Blocks:
    """Numbers (..., rows, columns) of a chunk, kept batch by batch.

    A batch is one piece of memory, in which the numbers of a row are side by side, or by column
    those of a column: a step works on it as on an array of its own. What is taken from many
    batches at once finds them by `places`.

    flat  (..., rows · columns) the numbers as they are in memory
    """

    def __init__(self, shape: Shape, dtype: Any, *, by_column: bool) -> None:
        *lead, rows, self.columns = shape
        self.lead, self.by_column = tuple(lead), by_column
        self.flat = empty((*lead, rows * self.columns), dtype)

    def of_batch(self, first: int, n: int) -> Array:
        """Return the numbers (..., n, columns) of n rows from the given one, a view."""
        return self._of(first, 1, n)[..., 0, :, :]

    def _of(self, first: int, batches: int, n: int) -> Array:
        """Return those of batches one after the other, (..., batches, n, columns)."""
        begin, size = first * self.columns, batches * n * self.columns
        piece = self.flat[..., begin : begin + size]
        if not self.by_column:
            return piece.reshape(*self.lead, batches, n, self.columns)
        return piece.reshape(*self.lead, batches, self.columns, n).mT

    def copy_to(self, out: Array, batches: Batches) -> None:
        """Write the numbers of these batches into out (..., rows, columns), row by row."""
        (_, n), (last, rest) = batches[0], batches[-1]
        for first, count, size in ((0, last // n, n), (last, 1, rest)):
            to = out[..., first : first + count * size, :]
            shape = (*self.lead, count, size, self.columns)
            np.copyto(to.reshape(shape, copy=False), self._of(first, count, size))

    def places(self, batches: Batches) -> tuple[Array, Array]:
        """Return where each row's first number is, (..., rows), and how far the next, (rows,).

        They are places in `flat` as one vector.
        """
        begins = np.array([first for first, n in batches for _ in range(n)], np.intp)
        rows = np.arange(len(begins), dtype=np.intp)
        lanes = np.arange(prod(self.lead), dtype=np.intp) * self.flat.shape[-1]
        if self.by_column:
            apart = np.array([n for _, n in batches for _ in range(n)], np.intp)
            firsts = begins * (self.columns - 1) + rows
        else:
            firsts, apart = rows * self.columns, np.ones(len(rows), np.intp)
        return firsts + lanes.reshape(*self.lead, 1), apart
