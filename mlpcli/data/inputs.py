"""Input columns as numbers, applied to tables; `fitted_inputs.py` fits them to training rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.encoders import ColumnEncoder, MissingIndicator, encoder_from_plain
from mlpcli.data.scaling import Scaling
from mlpcli.data.table import Table
from mlpcli.errors import counted
from mlpcli.memory import require

BLOCK_NUMBERS = 1 << 17  # of X, written at once: 512 KiB in float32
FEWER_INPUTS = "fewer rows, or with data.max_categories fewer categories as inputs, are needed"
LEAST_ROWS = 128  # written at once, however many columns: a call of NumPy for each cell takes 10 µs


@dataclass(frozen=True)
class InputEncoder:
    """The encoders of the input columns, fitted; those of one column stand side by side."""

    columns: tuple[ColumnEncoder, ...]

    @property
    def n_features(self) -> int:
        """How many numbers one row becomes."""
        return sum(column.width for column in self.columns)

    @property
    def feature_names(self) -> list[str]:
        """The name of each number."""
        return [name for column in self.columns for name in column.feature_names]

    @property
    def text_columns(self) -> list[str]:
        """The columns to be read as text."""
        return [c.name for c in self.columns if c.is_text]

    @property
    def indicated(self) -> list[str]:
        """The columns with a second input, 1 where their value is missing."""
        return [c.name for c in self.columns if isinstance(c, MissingIndicator)]

    def encode(self, table: Table, dtype: Any) -> tuple[Array, dict[str, int]]:
        """Return X (rows, n_features), and for each column how many values had to be replaced.

        Columns are found by name; others in the table are ignored.

        Raises DataError where a column is not there, or a cell is not what it was in training;
        OutOfMemoryError where X does not fit into the memory.
        """
        self._require(table, dtype)
        X = np.empty((len(table), self.n_features), dtype)
        size = self._block_rows
        return X, self._encode(table, (X[s : s + size] for s in range(0, len(X), size)), X.dtype)

    def encode_parts(
        self, table: Table, dtype: Any, parts: Sequence[Array]
    ) -> tuple[list[Array], dict[str, int]]:
        """Return `encode`'s X in parts, each of which has some of the rows.

        All rows are encoded, then each goes to its part: a million rows of 20 in 40 ms, where
        each part's values gathered column by column take 70.

        parts  the row numbers of each, ascending
        """
        self._require(table, dtype)
        X = [np.empty((len(rows), self.n_features), dtype) for rows in parts]
        block = np.empty((min(self._block_rows, len(table)), self.n_features), dtype)

        def blocks() -> Iterator[Array]:
            for start in range(0, len(table), len(block)):
                n = min(len(block), len(table) - start)
                yield block[:n]
                for rows, out in zip(parts, X, strict=True):
                    low, high = np.searchsorted(rows, (start, start + n))
                    # With "raise", NumPy would write into memory of its own first.
                    block.take(rows[low:high] - start, 0, out[low:high], mode="clip")

        return X, self._encode(table, blocks(), block.dtype)

    @property
    def _block_rows(self) -> int:
        """As many rows as the cache holds: a million of 20, column by column, take 0.4 s."""
        return max(LEAST_ROWS, BLOCK_NUMBERS // max(1, self.n_features))

    def _require(self, table: Table, dtype: Any) -> None:
        """Raise OutOfMemoryError where a table's rows do not fit into the memory."""
        n_rows, width = len(table), self.n_features
        n_bytes = (n_rows + min(self._block_rows, n_rows)) * width * np.dtype(dtype).itemsize
        what = f"{table.name}: {counted(n_rows, 'row')} of {counted(width, 'input')}"
        require(n_bytes, what, FEWER_INPUTS)

    def _encode(self, table: Table, blocks: Iterable[Array], dtype: Any) -> dict[str, int]:
        """Write a table's rows into blocks (some rows, n_features), one after the other."""
        sources = [column.source(table) for column in self.columns]
        ends = np.cumsum([column.width for column in self.columns]).tolist()
        counts, finite, start = [0] * len(self.columns), True, 0
        for block in blocks:
            here = slice(start, start + len(block))
            with np.errstate(over="ignore"):
                for k, column in enumerate(self.columns):
                    out = block[:, ends[k] - column.width : ends[k]]
                    counts[k] += column.write(sources[k][here], out)
            finite = finite and bool(np.isfinite(block).all())
            start += len(block)
        if not finite:
            for column in self.columns:
                column.check(table, dtype)
        return {c.name: n for c, n in zip(self.columns, counts, strict=True) if n}

    @property
    def by_name(self) -> dict[str, ColumnEncoder]:
        """The first encoder of each of the table's columns."""
        return {column.name: column for column in reversed(self.columns)}

    @property
    def names(self) -> list[str]:
        """The names of the table's columns."""
        return list(dict.fromkeys(column.name for column in self.columns))

    @property
    def numeric(self) -> Array:
        """Which features are numbers, not 0 and 1 of a category or a missing value: (features,)."""
        return self._per_feature([column.is_numeric for column in self.columns])

    @property
    def scaling(self) -> Scaling:
        """What was done to each feature; nothing to 0 and 1."""
        each = [column.scaling for column in self.columns]
        none = (np.zeros(0),) * 3
        return Scaling(*map(np.concatenate, zip(none, *each, strict=True)))

    @property
    def column_numbers(self) -> Array:
        """The number of the table's column that each feature is, or is a part of: (n_features,)."""
        numbers = {name: k for k, name in enumerate(self.names)}
        return self._per_feature([numbers[column.name] for column in self.columns])

    def _per_feature(self, values: Sequence[Any]) -> Array:
        """Return each encoder's value for each of its features: (n_features,)."""
        return np.repeat(np.array(values), [column.width for column in self.columns])

    def raw(self, X: Array) -> Array:
        """Return rows (rows, n_features) as they were before scaling, float64.

        A number in its column's unit; 0 and 1 of a category or a missing value as they are.
        """
        return self.scaling.raw(X)

    def to_plain(self) -> list[dict[str, Any]]:
        """Return plain data, for a model file."""
        return [column.to_plain() for column in self.columns]

    @staticmethod
    def from_plain(plain: Sequence[dict[str, Any]]) -> InputEncoder:
        """Return what `to_plain` wrote, or the former form without kinds."""
        return InputEncoder(tuple(map(encoder_from_plain, plain)))
