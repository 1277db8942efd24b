"""What a draft looks for beside what training and check find: order in time, numbered rows."""

from __future__ import annotations

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.columns import Coded, Numbers
from mlpcli.data.roles import LETTERS, TIMES, Candidate
from mlpcli.data.table import Table

LEAST_TIMES = 20  # different ones, and at least as many as half of the rows
LEAST_NUMBERED = 100  # rows
DENSE = 0.3  # of their range that all different whole numbers fill: drawn freely some would repeat
MORE_TIMES = TIMES | {"timestamp", "unix", "epoch", "datetime", "seconds", "ts"}


def is_in_order_of_time(table: Table, name: str) -> bool:
    """Whether rows are in the order of a column of dates or years, nearly one row each.

    First or last one first. Where many rows share a date, as those of a yearly survey do, they are
    not a course in time.
    """
    column = table.column(name)
    if isinstance(column, Coded) or column.missing.any():
        return False
    if isinstance(column, Numbers) and "year" not in _words(name):
        return False
    values: Array = column.values
    if not ((values[1:] >= values[:-1]).all() or (values[1:] <= values[:-1]).all()):
        return False
    different = 1 + int(np.count_nonzero(values[1:] != values[:-1]))
    return different >= max(LEAST_TIMES, len(values) / 2)


def numbering(table: Table, name: str) -> str | None:
    """Return what a column of numbers is called that name the rows, as order numbers do.

    All different whole numbers that fill DENSE of their range, from wherever. Were n of them drawn
    freely from a range of r, about n²/2r would be drawn twice: from 100 rows on 15 at least.
    """
    if _words(name) & MORE_TIMES:
        return None
    values = Candidate(table, name).whole_numbers()
    if values is None or len(values) < LEAST_NUMBERED:
        return None
    first, last = int(values[0]), int(values[-1])
    if len(values) < DENSE * (last - first + 1):
        return None
    return f"numbers the rows: all different, from {first} to {last}"


def _words(name: str) -> set[str]:
    return {word.lower() for word in LETTERS.findall(name)}
