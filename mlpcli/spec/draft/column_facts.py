"""What a column holds, in a few words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpcli.data.columns import Coded, Column, Dates
from mlpcli.data.table import Table

NUMBERS, DATES, CATEGORIES, BOOLEANS, NOTHING = (
    "numbers",
    "dates",
    "categories",
    "booleans",
    "nothing",
)
MOST_SHOWN, LONGEST = 3, 24  # categories in a line, and their characters


@dataclass(frozen=True)
class ColumnFacts:
    """A column in a few words.

    kind     numbers, dates, categories, booleans or nothing
    values   its range, or its categories
    missing  rows without a value
    """

    name: str
    kind: str
    values: str
    missing: int
    rows: int

    @property
    def is_constant(self) -> bool:
        """Whether every row has one and the same number."""
        return self.kind in (NUMBERS, DATES) and " to " not in self.values and not self.missing

    @property
    def text(self) -> str:
        """The column in one line."""
        said = f"{self.kind}, {self.values}" if self.values else self.kind
        if self.missing and self.kind != NOTHING:
            said += f"; missing in {self.missing:,} of {self.rows:,} rows"
        return said


def facts_of(table: Table, name: str) -> ColumnFacts:
    """Return what a column of a table holds."""
    column = table.column(name)
    missing = int(np.count_nonzero(column.missing))
    kind, values = (NOTHING, "") if missing == len(table) else _said(column)
    return ColumnFacts(name, kind, values, missing, len(table))


def _said(column: Column) -> tuple[str, str]:
    if isinstance(column, Coded):
        return _said_of_texts(column)
    present = column.values[~column.missing]
    ends = present.min(), present.max()
    if isinstance(column, Dates):
        first, last = (str(end.astype("M8[D]")) for end in ends)
        return DATES, first if first == last else f"{first} to {last}"
    first, last = (number_text(end) for end in ends)
    return NUMBERS, f"always {first}" if first == last else f"{first} to {last}"


def _said_of_texts(column: Coded) -> tuple[str, str]:
    if all(isinstance(value, bool) for value in column.values):
        return BOOLEANS, ""
    counts = np.bincount(column.codes + 1, minlength=len(column.values) + 1)[1:]
    first = np.argsort(-counts, kind="stable")[:MOST_SHOWN].tolist()
    shown = ", ".join(short(str(column.values[k])) for k in first)
    more = len(column.values) - len(first)
    return CATEGORIES, f"{len(column.values):,}: {shown}" + (", …" if more else "")


def number_text(value: Any) -> str:
    """Return a number with five digits, whole numbers with all of theirs.

    >>> number_text(1234567.0), number_text(0.123456)
    ('1234567', '0.12346')
    """
    number = float(value)
    return f"{number:.15g}" if number.is_integer() and abs(number) < 1e12 else f"{number:.5g}"  # noqa: PLR2004


def short(text: str) -> str:
    """Return a text in one line of printable characters, cut where it gets long.

    >>> short("x" * 30)
    'xxxxxxxxxxxxxxxxxxxxxxx…'
    """
    text = text if text.isprintable() else repr(text)[1:-1]
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
