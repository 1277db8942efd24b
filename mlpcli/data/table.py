"""A table as it was read, and where each of its cells stands in the file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.cells import as_numbers, is_number
from mlpcli.data.columns import Coded, Column, Dates, Numbers
from mlpcli.data.guesses import Guess
from mlpcli.errors import DataError, listing, nearest

if TYPE_CHECKING:
    from mlpcli.data.dialect import Dialect

BOOLEANS = {"true": "True", "TRUE": "True", "false": "False", "FALSE": "False"}  # as pandas reads
Locate = Callable[[int, str], str]


class CellsError(DataError):
    """Cells of a column do not fit; the sentence is of the first of them.

    rows  (rows,) bool, which they are
    at    (row) -> the sentence for another of them
    """

    def __init__(self, rows: Array, at: Callable[[int], str]) -> None:
        super().__init__("")
        self.rows, self.at = rows, at

    def __str__(self) -> str:
        return self.at(int(np.argmax(self.rows)))

    def __reduce__(self) -> tuple[type[DataError], tuple[str]]:
        return DataError, (str(self),)


@dataclass(frozen=True)
class Table:
    """Rows and named columns.

    data    the columns by name, in the order of the file; at least one
    name    of the file, for messages
    sha256  of the file's bytes, as they lie on the disk
    locate  (row, column name) -> "FILE:LINE:COLUMN" or the like; called for messages only
    guesses  what was found where it had not been said how the file is written
    dialect  how it is written, where it is a text file
    kept    (rows,) the file's rows that these are, ascending; None: all
    n_read  how many rows the file has; None: these
    """

    data: Mapping[str, Column]
    name: str
    sha256: str
    locate: Locate
    guesses: tuple[Guess, ...] = ()
    dialect: Dialect | None = None
    kept: Array | None = None
    n_read: int | None = None

    @property
    def decimal(self) -> str:
        """The decimal sign of numbers in the file; a point where it has none."""
        return (self.dialect and self.dialect.decimal) or "."

    def __len__(self) -> int:
        return len(next(iter(self.data.values())))

    @property
    def n_file_rows(self) -> int:
        """How many rows the file has, with those that were left out."""
        return len(self) if self.n_read is None else self.n_read

    def take(self, rows: Array) -> Table:
        """Return these rows, ascending, as a table; messages name their lines in the file."""
        return replace(
            self,
            data={name: column.take(rows) for name, column in self.data.items()},
            locate=lambda row, column: self.locate(int(rows[row]), column),
            kept=self.file_rows(rows),
            n_read=self.n_file_rows,
        )

    def file_rows(self, rows: Array) -> Array:
        """Return the numbers in the file of rows of this table."""
        return rows if self.kept is None else self.kept[rows]

    def in_file(self, values: Array, left_out: int) -> Array:
        """Return a value for each row of this table as one for each row of the file.

        left_out  the value of the rows that are not in this table
        """
        if self.kept is None:
            return values
        found = np.full(self.n_file_rows, left_out, values.dtype)
        found[self.kept] = values
        return found

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in the order of the file."""
        return list(self.data)

    def column(self, name: str, key: tuple[str | int, ...] | None = None) -> Column:
        """Return a column; a name with blanks around it is also found without them.

        Raises DataError, naming the nearest, where there is none.

        key  of the spec, where the name comes from
        """
        if name in self.data:
            return self.data[name]
        if name.strip() in self.data:
            return self.data[name.strip()]
        raise DataError(absence(self.name, [name], self.columns), key)

    def error(self, row: int, column: str, problem: str) -> DataError:
        """Return the error that a cell gives rise to, with its place."""
        return DataError(f"{self.locate(row, column)}: {column}: {problem}")

    def cells_error(self, rows: Array, column: str, problem: Callable[[int], str]) -> CellsError:
        """Return the error of all cells of a column that do not fit for the same reason.

        rows     (rows,) bool, which they are; one at least
        problem  (row) -> what is wrong there
        """
        return CellsError(rows, lambda row: str(self.error(row, column, problem(row))))

    def numbers(self, name: str, hint: str) -> Array:
        """Return a column as float64 (rows,), NaN where a value is missing.

        hint  what the user can do about a cell that is not a number
        Raises DataError at the first cell that is not a number, or is infinite.
        """
        column = self.column(name)
        if isinstance(column, Numbers):
            values = column.values.astype(np.float64, copy=False)
            infinite = column.has_infinite
        elif isinstance(column, Dates):
            raise DataError(f"{self.name}: {name}: the column has dates, not numbers; {hint}")
        else:
            each = as_numbers(column.values)
            values = np.append(each, np.nan)[column.codes]
            wrong = np.append(np.isnan(each), False)[column.codes]
            if wrong.any():

                def problem(row: int) -> str:
                    return f"{quoted(column.cell(row))} is not a number; {hint}"

                raise self.cells_error(wrong, name, problem)
            infinite = bool(np.isinf(values).any())
        if infinite:
            advice = "the number is infinite; remove the row or the value"
            raise self.cells_error(np.isinf(values), name, lambda _: advice)
        return values

    def is_text(self, name: str) -> bool:
        """Whether a column holds text or booleans, not numbers or dates."""
        return isinstance(self.column(name), Coded)

    def coded_texts(self, name: str) -> tuple[Array, list[str]]:
        """Return a column as text: (rows,) numbers of texts, −1 where a value is missing; texts.

        5.0 reads as 5, and every spelling of a boolean as True or False, so that a value reads
        the same from files of all kinds; dates as 2020-01-31 or 2020-01-31T12:00:00. A text can be
        there more than once.
        """
        column = self.column(name)
        if isinstance(column, Coded):
            return column.codes, [_text(value) for value in column.values]
        values, codes = np.unique(column.values, return_inverse=True)
        if isinstance(column, Dates):
            texts = [Dates(values).cell(k) or "" for k in range(len(values))]
            return np.where(column.missing, -1, codes), texts
        return np.where(column.missing, -1, codes), [_text(value) for value in values.tolist()]

    def texts(self, name: str) -> Any:
        """Return `coded_texts` written out: (rows,) texts, None where a value is missing."""
        codes, texts = self.coded_texts(name)
        return np.array([*texts, None], dtype=object)[codes]


def absent(names: Collection[str], wanted: Iterable[str]) -> list[str]:
    """Return which of the wanted columns are not there, as `Table.column` finds them."""
    known = set(names)
    return [name for name in wanted if name not in known and name.strip() not in known]


def absence(file: str, missing: Sequence[str], columns: Sequence[str]) -> str:
    """Return the sentence for columns that a file does not have, with the nearest that it has."""
    name_them = f"column {missing[0]!r}" if len(missing) == 1 else f"columns {_listed(missing)}"
    problem = f"{file} has no {name_them}; its columns: {listing(columns)}"
    if 2 * sum(is_number(column) for column in columns) >= len(columns):
        problem += "; the first line looks like data, so perhaps there is no header line"
    near = {name: nearest(name, columns) for name in missing}
    found = [
        repr(other) if len(missing) == 1 else f"{other!r} for {name!r}"
        for name, other in near.items()
        if other
    ]
    return problem + (f"; did you mean {listing(found)}?" if found else "")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))  # all: each has to be put in


def plain_text(value: Any) -> str:
    """Return a value as text: 5.0 as 5."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _text(value: Any) -> str:
    text = plain_text(value)
    return BOOLEANS.get(text, text)


def quoted(value: Any) -> str:
    """Return a value of a cell as messages show it, cut where it gets long.

    >>> quoted("x" * 100)[-5:]
    'xxxx…'
    """
    text = repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) <= 60 else text[:59] + "…"  # noqa: PLR2004


def is_constant(values: Array) -> Any:
    """Whether each column (rows, ...) has one value, to rounding: no spread to divide by.

    Compared by extremes: the standard deviation of equal numbers need not come out as 0.
    """
    largest, smallest = values.max(axis=0) / 2, values.min(axis=0) / 2  # halved: no overflow
    return largest - smallest <= 1e-12 * np.maximum(np.abs(largest), np.abs(smallest))
