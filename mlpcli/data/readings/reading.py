"""The interface of readings, and their table."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from mlpcli.data.columns import Coded, Column
from mlpcli.data.table import Table, quoted
from mlpcli.errors import DataError
from mlpcli.family import Family, Member, key_of, settings_of

# Of a table without dates or money, neither's patterns are compiled.
NAMES = ("number", "date", "time", "boolean", "text")
READINGS = Family("reading", modules={name: f"mlpcli.data.readings.{name}" for name in NAMES})


@dataclass(frozen=True)
class Evidence:
    """What a column's reading is chosen from.

    counts   each different text of the column, without the blanks at its ends -> cells; no missing
             ones
    others   each different value that is no text -> cells: numbers and booleans of files that
             have both in one column
    words    whether further words, such as ?, may mean: no value
    given    whether the spec says which reading it is
    with_blanks  the first text that has blanks at its ends; "": none has
    decimal  of numbers, where the column does not tell; None: nothing else tells
    first    of dates, day or month, where the column does not tell; None: nothing else tells
    """

    counts: Mapping[str, int]
    others: Mapping[Any, int] = field(default_factory=dict)
    words: bool = True
    given: bool = False
    with_blanks: str = ""
    decimal: str | None = None
    first: str | None = None

    @cached_property
    def n_cells(self) -> int:
        """How many cells have a value."""
        return sum(self.counts.values()) + sum(self.others.values())

    def cells(self, value: Any) -> int:
        """Return how many cells have a value."""
        return self.counts.get(value, 0) if isinstance(value, str) else self.others.get(value, 0)


@dataclass(frozen=True)
class Fit:
    """A reading with its settings found, and how well it fits.

    odd   the values that it cannot read
    n     cells that have a value, without those of further words for: no value
    open  whether the column tells less than was needed, so that a convention has decided
    note  why it does not fit, where that is not plain from the odd texts
    """

    reading: Reading
    odd: Collection[Any]
    n: int
    open: bool = False
    note: str = ""


class Reading(Member):
    """How the texts of one column become values."""

    noun: ClassVar[str]  # what one cell is, for messages

    @property
    def needs_texts(self) -> bool:
        """Whether a file's plain numbers have to be read as texts, too."""
        return True

    def fit(self, evidence: Evidence) -> Fit:
        """Return the reading with every setting that is `auto` found from the column's texts.

        A setting that is not `auto` holds.
        """
        return Fit(self, (), evidence.n_cells)

    def adapted(self, evidence: Evidence) -> Reading:
        """Return the reading for other texts than it was found from.

        What they show decides; where they show nothing, this reading does.
        """
        return self

    def widened(self, training: Reading) -> Reading:
        """Return a reading, found from a file's first rows, that reads also what may follow.

        training  the reading of the training rows
        """
        return self

    def read(self, table: Table, name: str, missing: Collection[str] = ()) -> Column:
        """Return a table's column, read; one that is read already as it is.

        missing  texts that mean: no value
        Raises DataError at the first cell that does not fit.
        """
        raise NotImplementedError


def reading_to_plain(reading: Reading) -> dict[str, Any]:
    """Return a reading as a spec has it: its name and its settings."""
    settings = {key_of(f): getattr(reading, f.name) for f in settings_of(type(reading))}
    return {"name": reading.name, **settings}


def stripped(value: Any) -> Any:
    """Return a value, a text without the blanks at its ends."""
    return value.strip() if isinstance(value, str) else value


def cell_error(table: Table, name: str, odd: Collection[Any], problem: str) -> DataError:
    """Return the error of the first cell of a coded column whose text is one of `odd`.

    problem  follows the cell's text
    """
    column = table.column(name)
    assert isinstance(column, Coded)
    is_odd = np.array([*(stripped(value) in odd for value in column.values), False])
    cell = column.cell
    return table.cells_error(
        is_odd[column.codes], name, lambda row: f"{quoted(cell(row))} {problem}"
    )
