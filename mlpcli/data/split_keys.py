"""What rows are split by where they are not drawn one by one: their groups, or their times."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.cells import as_numbers
from mlpcli.data.columns import Coded
from mlpcli.data.patterns import Pattern
from mlpcli.data.table import Table, quoted

GROUP, TIME = ("data", "split", "group"), ("data", "split", "time")
MONTH = Pattern(r"\d{4}-\d\d")
NO_TIME = "a split by time needs a date or a number in every row"


@dataclass(frozen=True)
class SplitKey:
    """A group or a time of each row; one of `groups` and `times` is None.

    column  that it comes from
    groups  (rows,) equal numbers: one group, never in two parts
    times   (rows,) float64, seconds since 1970 or the column's own numbers
    """

    column: str
    groups: Array | None = None
    times: Array | None = None

    def take(self, rows: Array) -> SplitKey:
        """Return the key of these rows."""
        if self.groups is not None:
            return replace(self, groups=self.groups[rows])
        assert self.times is not None
        return replace(self, times=self.times[rows])


def split_key(table: Table, *, group: str | None, time: str | None) -> SplitKey | None:
    """Return the key of each row of a table; None where rows are drawn one by one.

    group, time  the names of columns, of which one is None
    Raises DataError where there is no such column, or a row has no time.
    """
    if group is not None:
        return SplitKey(group, groups=group_numbers(table, group))
    if time is not None:
        return SplitKey(time, times=times(table, time))
    return None


def group_numbers(table: Table, name: str) -> Array:
    """Return the number of each row's group (rows,), by the order of the values.

    A missing value is no group: each such row is one by itself, numbered after the others.
    """
    column = table.column(name, GROUP)
    if isinstance(column, Coded):
        codes, texts = table.coded_texts(name)
        each = np.unique(np.array(texts, object), return_inverse=True)[1] if texts else codes[:0]
        found = np.append(each, -1)[codes]  # −1, missing: the last
    else:
        found = np.unique(column.values, return_inverse=True)[1]
    found, missing = found.astype(np.intp), np.flatnonzero(column.missing)
    found[missing] = len(table) + np.arange(len(missing))
    return np.unique(found, return_inverse=True)[1]


def times(table: Table, name: str) -> Array:
    """Return each row's time as float64 (rows,): seconds since 1970 of dates, numbers as they are.

    Raises DataError at the first row that has none, or a text that is neither.
    """
    column = table.column(name, TIME)
    if isinstance(column, Coded):
        each = _each_time(column)
        found, wrong = np.append(each, np.nan)[column.codes], np.append(np.isnan(each), False)
        if wrong.any():
            row = int(np.argmax(wrong[column.codes]))
            problem = f"{quoted(column.cell(row))} is neither a date nor a number; {NO_TIME}"
            raise table.error(row, name, problem)
    elif is_dates(column):
        seconds = column.values.astype("datetime64[s]")
        found = np.where(column.missing, np.nan, seconds.astype(np.int64).astype(np.float64))
    else:
        found = table.numbers(name, NO_TIME)
    if np.isnan(found).any():
        row = int(np.argmax(np.isnan(found)))
        raise table.error(
            row, name, f"there is no value here; {NO_TIME}: leave the row out, or give it one"
        )
    return found


def is_dates(column: Any) -> bool:
    """Whether a column holds dates, of which a model can use the parts, such as the month."""
    return getattr(getattr(column, "values", None), "dtype", np.dtype(float)).kind == "M"


def _each_time(column: Coded) -> Array:
    """Return the time of each different value (values,); NaN where it is none."""
    numbers = as_numbers(column.values)
    if not np.isnan(numbers).any():
        return numbers
    return np.array([_iso_time(value) for value in column.values], np.float64)


def _iso_time(value: Any) -> float:
    """Return the seconds since 1970 of an ISO 8601 text, UTC where it has no zone; NaN: none.

    >>> _iso_time("1970-01-02"), _iso_time("1970-01-01T01:00+01:00"), _iso_time("1970-02")
    (86400.0, 0.0, 2678400.0)
    """
    text = str(value).strip()
    with suppress(ValueError, OverflowError):
        found = datetime.fromisoformat(f"{text}-01" if MONTH.fullmatch(text) else text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    return float("nan")
