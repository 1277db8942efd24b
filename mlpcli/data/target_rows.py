"""Rows without a target: left out of every part, and said."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.guesses import Guess
from mlpcli.data.table import Table
from mlpcli.errors import DataError, counted, listing

TARGET = ("data", "target")
MOST_PLACES = 3  # lines that a message names
NEAR = 100_000  # rows; the line of one further down is found by reading all above it


def rows_with_target(
    table: Table, names: Sequence[str], rule: str, advice: str = ""
) -> tuple[Table, str]:
    """Return the rows that have a value in each target column, and a sentence on the others.

    rule    `drop`, or `fail`: then a row without a target is an error
    advice  what else the user can write where it is one
    Raises DataError also where no row is left. The sentence is empty where no row is left out.
    """
    gaps = {name: table.column(name, TARGET).missing for name in names}
    gone = np.logical_or.reduce(list(gaps.values()))
    n = int(np.count_nonzero(gone))
    if not n:
        return table, ""
    if rule == "fail":
        raise _refusal(table, gaps, advice)
    what = f"no {names[0]}" if len(names) == 1 else f"no value in one of {listing(names)}"
    if n == len(table):
        problem = f"{table.name}: no row has a target: {counted(n, 'row')}, each with {what}"
        raise DataError(problem, TARGET)
    verbs = f"have {what} and are" if n > 1 else f"has {what} and is"
    places = listing(_places(table, gaps, gone), most=MOST_PLACES)
    text = f"{table.name}: {n:,} of {counted(len(table), 'row')} {verbs} left out: {places}"
    return table.take(np.flatnonzero(~gone)), text


def drop_rows(
    tables: dict[str, Table], names: Sequence[str], rule: str
) -> tuple[dict[str, Table], list[Guess]]:
    """Return tables of the rows that have a target, and a guess for each that had others.

    rule  `data.missing_target`
    """
    kept, guesses = {}, []
    for part, table in tables.items():
        advice = "; or leave such rows out: data.missing_target: drop"
        kept[part], text = rows_with_target(table, names, rule, advice)
        if text:
            text += "; to stop there instead: data.missing_target: fail"
            guesses.append(Guess("rows", text, tuple(names)))
    return kept, guesses


def _refusal(table: Table, gaps: dict[str, Array], advice: str) -> DataError:
    name = next(name for name, gap in gaps.items() if gap.any())
    n = int(np.count_nonzero(gaps[name]))
    count = f" ({n} rows in all)" if n > 1 else ""
    problem = f"the target has no value here{count}; remove the row, or fill it in{advice}"
    return table.error(int(np.argmax(gaps[name])), name, problem)


def _places(table: Table, gaps: dict[str, Array], gone: Array) -> list[str]:
    """Return the line of each row that lacks a target; the first ones alone are not empty."""
    rows = np.flatnonzero(gone).tolist()
    shown = []
    for row in rows[:MOST_PLACES]:
        name = next(name for name, gap in gaps.items() if gap[row])
        place = table.locate(row, name) if row < NEAR else f"row {row + 1:,}"
        place = place.removeprefix(f"{table.name}:").partition(":")[0].strip()
        shown.append(f"line {place}" if place.isdigit() else place)
    return shown + [""] * (len(rows) - len(shown))
