"""A data set ready for training: the encoded rows of its parts, and the fitted encoding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.guesses import Guess
from mlpcli.data.inputs import InputEncoder
from mlpcli.data.readers import ReadOptions
from mlpcli.data.readings import Reading
from mlpcli.data.readings.apply import adapt_readings, adapted_readings
from mlpcli.data.readings.fixed import FixedReadings
from mlpcli.data.scaling import ScaleChoice
from mlpcli.data.split_keys import SplitKey
from mlpcli.data.table import Table
from mlpcli.data.targets import TargetEncoder
from mlpcli.data.weights import RowWeights


@dataclass(frozen=True)
class Part:
    """The rows of one part, encoded.

    X       (rows, n_features)
    y       as the target encoder gives it, scaled or as class numbers
    labels  the same before scaling, for metrics in the target's unit
    rows    row numbers in their table
    weight  (rows,) how much each row's loss counts, 1 in the mean of the training rows (see
            `weights.py`); None: every row counts the same
    """

    X: Array
    y: Array
    labels: Array
    rows: Array
    weight: Array | None = None

    def __len__(self) -> int:
        return len(self.X)

    def take(self, rows: Array) -> Part:
        """Return these rows, numbered within the part, as a part."""
        weight = None if self.weight is None else self.weight[rows]
        return Part(self.X[rows], self.y[rows], self.labels[rows], self.rows[rows], weight)


@dataclass(frozen=True)
class Encoding:
    """The fitted encoders, and how to read a file that they can be applied to.

    weights   None where every row counts the same
    readings  of the columns that have one, as they were in training
    """

    task: str
    inputs: InputEncoder
    target: TargetEncoder
    read: ReadOptions
    weights: RowWeights | None = None
    readings: Mapping[str, Reading] = field(default_factory=dict)

    def read_columns(self, table: Table) -> Table:
        """Return a table with its columns read as in training; one that is read as it is.

        Raises DataError at the first cell that does not fit.
        """
        weights = [self.weights.column] if self.weights and self.weights.column else []
        readings, numeric = self._readings_of({*self.inputs.names, *self.target.names, *weights})
        return adapt_readings(
            table,
            readings,
            numeric,
            self.read.missing,
            self.read.usual_decimal,
        )

    def fix_readings(self, table: Table) -> FixedReadings:
        """Return how the inputs are read in all blocks of a file, as its first rows show it.

        table  of the first rows
        """
        readings, numeric = self._readings_of({*self.inputs.names})
        missing = self.read.missing
        found = adapted_readings(
            table, readings, numeric, missing, self.read.usual_decimal, despite_odd=True
        )
        wide = {n: r.widened(readings[n]) if n in readings else r for n, r in found.items()}
        return FixedReadings(wide, numeric - found.keys(), missing)

    def _readings_of(self, used: set[str]) -> tuple[dict[str, Reading], set[str]]:
        """Return the readings of these columns, and those of them that were plain numbers."""
        readings = {name: each for name, each in self.readings.items() if name in used}
        return readings, used - readings.keys() - {*self.read.text}

    def reading(self, *, targets: bool) -> ReadOptions:
        """Return how to read a file with the columns that this needs.

        targets  whether the target columns are needed beside the inputs
        """
        names = self.inputs.names
        return replace(self.read, required=(*names, *(self.target.names if targets else ())))

    def encode(self, table: Table, dtype: Any) -> tuple[Part, dict[str, int]]:
        """Return a table's rows as a part, and for each column how many values were replaced.

        Where the table has no column of weights, the part has none.

        table  with its columns read as in training (see `read_columns`)
        """
        X, replaced = self.inputs.encode(table, dtype)
        y, labels, weight = self._targets(table, dtype)
        return Part(X, y, labels, np.arange(len(table)), weight), replaced

    def encode_parts(
        self, table: Table, dtype: Any, parts: Sequence[Array]
    ) -> tuple[list[Part], dict[str, int]]:
        """Return `encode`'s part in several.

        parts  the row numbers of each, ascending; each row is in one
        """
        found, replaced = self.inputs.encode_parts(table, dtype, parts)
        y, labels, weight = self._targets(table, dtype)
        encoded = []
        for X, rows in zip(found, parts, strict=True):
            part_labels = labels[rows]
            part_y = part_labels if y is labels else y[rows]
            part_weight = None if weight is None else weight[rows]
            encoded.append(Part(X, part_y, part_labels, rows, part_weight))
        return encoded, replaced

    def _targets(self, table: Table, dtype: Any) -> tuple[Array, Array, Array | None]:
        """Return what a part has beside X: y, labels and weights."""
        labels = self.target.labels(table)
        y = self.encode_labels(table, labels, dtype)
        weight = None if self.weights is None else self.weights.compute(table, labels, dtype)
        return y, labels, weight

    def encode_labels(self, table: Table, labels: Array, dtype: Any) -> Array:
        """Return y of a table's labels. Raises DataError where it does not fit into the dtype."""
        y = self.target.encode(labels)
        if y.dtype.kind != "f":  # the numbers of classes are never large: 5 ms of a million rows
            return y
        large = np.abs(y) > np.finfo(dtype).max
        if large.any():
            row, column = np.argwhere(large)[0]
            problem = (
                f"{labels[row, column]:g} is too large for {dtype}, scaled as the training rows are"
            )
            raise table.error(int(row), self.target.names[column], problem)
        return y


@dataclass(frozen=True)
class Dataset:
    """The parts that have rows, by name; the tables they come from; the fitted encoding.

    tables    of the rows that have a target
    codes     the part of each row of the file, LEFT_OUT where it is in none; None where each part
              has a file of its own
    replaced  for each part the columns in which values were missing or unknown, with the count
    scale     of the numeric inputs
    guesses   what was found where the spec leaves it open
    split_key     groups or times of the training rows; None where rows are drawn one by one
    split_column  that the parts are from, as the spec says or as it was recognized; or None
    """

    parts: dict[str, Part]
    tables: dict[str, Table]
    codes: Array | None
    encoding: Encoding
    replaced: dict[str, dict[str, int]]
    scale: ScaleChoice = field(default_factory=lambda: ScaleChoice("none"))
    guesses: tuple[Guess, ...] = ()
    split_key: SplitKey | None = None
    split_column: str | None = None

    @property
    def sha256(self) -> dict[str, str]:
        """The SHA-256 of each file, by the name of the part, or `data`."""
        return {part: table.sha256 for part, table in self.tables.items()}
