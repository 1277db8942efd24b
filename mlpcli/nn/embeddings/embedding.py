"""The interface of an embedding of numeric columns, and its layer h = [X | e(x) of each column].

Inside the layer arrays are (..., columns, units, rows), the rows last: NumPy's inner loops then
run over the batch, not over the few units of a column, and each column's units lie together. What
the network sees is a view, (..., rows, units).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, ClassVar, Literal

import numpy as np

from mlpcli.array_types import Array, Shape
from mlpcli.family import Family, Member, setting
from mlpcli.nn.arrays import empty
from mlpcli.nn.initializers import InitialValue

EMBEDDINGS = Family("embedding")
Tensors = Mapping[str, Array]


class Embedding(Member):
    """One embedding e(x) of a number x, for each of the chosen columns with its own constants."""

    columns: tuple[str, ...] | Literal["auto"] = setting(
        default="auto",
        doc="to embed; auto: the numeric inputs of more than two values in the training rows",
    )
    keep_value: bool = setting(
        default=True, doc="whether the scaled value stays an input beside its embedding"
    )

    @property
    def width(self) -> int:
        """How many numbers one value becomes."""
        raise NotImplementedError

    @property
    def multiply_adds(self) -> int:
        """Of one value's matrix product."""
        return 0

    @property
    def numbers(self) -> int:
        """How many numbers the layer holds for one value."""
        return self.width

    def parameters(self, n_columns: int) -> Mapping[str, tuple[Shape, InitialValue]]:
        """Shape and initial value of what it learns, by name."""
        return {}

    def statistics(self, n_columns: int) -> Mapping[str, Shape]:
        """Shape of what is fitted on the training rows, by name."""
        return {}

    def fit(self, X: Array, targets: Sequence[Array]) -> Mapping[str, Array]:
        """Return the statistics, fitted.

        X        (rows, columns) training rows of the chosen columns
        targets  (rows,) each: numbers, and of classes for each class 0 and 1
        """
        return {}

    def layer(self, sizes: Sizes, params: Tensors, grads: Tensors) -> Embed:
        """Return the layer.

        params  parameters and statistics by name, (..., columns, …)
        grads   where the gradients of the parameters go
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Sizes:
    """What a layer's arrays are made for.

    n_inputs  columns of X
    embedded  the numbers of those that are embedded, ascending
    kept      of those that pass unchanged, ascending
    width     numbers that one value becomes
    """

    lane_shape: Shape
    n_rows: int
    dtype: Any
    n_inputs: int
    embedded: Sequence[int]
    kept: Sequence[int]
    width: int


class Embed:
    """h = [the inputs that are kept | e(x) of the first column | e(x) of the second | …].

    x          (..., columns, 1, rows) the values
    embedded   (..., columns, width, rows) e(x), part of
    rows_last  (..., units, rows), of which
    h          (..., rows, units) is a view
    learns     whether it has parameters, whose gradients `backward` writes, and
    deltas     its arrays of dJ/d(…) on the way
    """

    learns: ClassVar[bool] = False

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        lanes, n_rows, n_kept = sizes.lane_shape, sizes.n_rows, len(sizes.kept)
        n_columns = len(sizes.embedded)
        units = n_kept + n_columns * sizes.width
        self.rows_last = empty((*lanes, units, n_rows), sizes.dtype)
        self.h = self.rows_last.mT
        self.kept, below = self.rows_last[..., :n_kept, :], self.rows_last[..., n_kept:, :]
        shape = (*lanes, n_columns, sizes.width, n_rows)
        self.embedded = np.reshape(below, shape, copy=False)
        self.x = empty((*lanes, n_columns, 1, n_rows), sizes.dtype)
        self.deltas: list[Array] = []
        x = self.x[..., 0, :]
        self.copies = [
            (out[..., start : start + stop - first, :], slice(first, stop))
            for out, numbers in ((self.kept, sizes.kept), (x, sizes.embedded))
            for start, first, stop in _runs(numbers)
        ]

    def forward(self, X: Array) -> Array:
        """Return h, given X (..., rows, n_inputs)."""
        for out, columns in self.copies:
            np.copyto(out, X[..., columns].mT)
        self.embed()
        return self.h

    def embed(self) -> None:
        """embedded ← e(x)."""
        raise NotImplementedError

    def backward(self, delta: Array) -> Array:
        """Write the gradients of what is learned, given dJ/dh; X needs none."""
        return delta

    @property
    def multiply_adds(self) -> int:
        """Of the forward pass."""
        return 0

    def sides(self) -> Iterator[Array]:
        """Yield arrays (..., columns, units, rows) that change where a unit passes its kink."""
        yield from ()

    def scale_of(self, name: str) -> Any:
        """Return how much e changes at most when an entry of a parameter changes by one.

        A number, or an array that broadcasts over the parameter.
        """
        return 1.0

    def delta_of(self, delta: Array) -> Array:
        """Return dJ/de (..., columns, width, rows), a view of dJ/dh."""
        shape = self.embedded.shape
        return np.reshape(delta[..., len(self.sizes.kept) :].mT, shape, copy=False)


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Yield place, first and stop of each run of consecutive numbers.

    >>> list(_runs([0, 1, 2, 5, 6]))
    [(0, 0, 3), (3, 5, 7)]
    """
    breaks = [k for k in range(1, len(numbers)) if numbers[k] != numbers[k - 1] + 1]
    for start, stop in pairwise([0, *breaks, len(numbers)]):
        if stop > start:
            yield start, numbers[start], numbers[stop - 1] + 1


@dataclass(frozen=True)
class EmbeddedColumns:
    """Which inputs of a network are embedded, and how.

    numbers  of the embedded inputs, ascending; at least one
    fitted   the statistics of the training rows by name; None: they come from a model file
    """

    member: Embedding
    n_inputs: int
    numbers: tuple[int, ...]
    fitted: Mapping[str, Array] | None = field(default=None, compare=False, repr=False)

    @property
    def kept(self) -> list[int]:
        """The inputs that pass unchanged."""
        embedded = set() if self.member.keep_value else {*self.numbers}
        return [k for k in range(self.n_inputs) if k not in embedded]

    @property
    def units(self) -> int:
        """What the first layer sees: its fan_in."""
        return len(self.kept) + len(self.numbers) * self.member.width

    def columns_of(self, columns: Sequence[int]) -> list[int]:
        """Return the number of the column that each unit is of.

        columns  that of each input
        """
        kept = [columns[k] for k in self.kept]
        return kept + [columns[k] for k in self.numbers for _ in range(self.member.width)]

    @property
    def multiply_adds(self) -> int:
        """Of the forward pass of a row."""
        return len(self.numbers) * self.member.multiply_adds

    @property
    def numbers_a_row(self) -> int:
        """How many numbers the layer holds for a row."""
        return len(self.kept) + len(self.numbers) * (1 + self.member.numbers)

    @property
    def parameters(self) -> dict[str, tuple[Shape, InitialValue]]:
        """Shape and initial value of each parameter, by the tensor's name."""
        found = self.member.parameters(len(self.numbers))
        return {f"embedding.{name}": value for name, value in found.items()}

    @property
    def statistics(self) -> dict[str, tuple[Shape, InitialValue]]:
        """Shape and value of what is fitted, by the tensor's name; 0 where it is not."""
        shapes, fitted = self.member.statistics(len(self.numbers)), self.fitted or {}
        return {
            f"embedding.{name}": (shape, fitted.get(name, 0.0)) for name, shape in shapes.items()
        }

    def layer(
        self, lane_shape: Shape, n_rows: int, dtype: Any, params: Tensors, grads: Tensors
    ) -> Embed:
        """Return the layer, for batches of so many rows."""
        width = self.member.width
        sizes = Sizes(lane_shape, n_rows, dtype, self.n_inputs, self.numbers, self.kept, width)
        return self.member.layer(sizes, params, grads)
