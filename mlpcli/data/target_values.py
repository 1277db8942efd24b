"""The values of target columns: numbers, or labels of classes; each row has one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.advice import as_yaml
from mlpcli.data.columns import Coded, Numbers
from mlpcli.data.table import Table
from mlpcli.errors import DataError

Label = str | int | float
TARGET = ("data", "target")


def refuse_dates(table: Table, name: str) -> None:
    """Raise DataError where a target is dates: neither numbers nor classes."""
    if not isinstance(table.column(name, TARGET), Numbers | Coded):
        problem = (
            f"{table.name}: {name}: the target is dates; predict a number, such as the days since "
            "a certain date; or, if they are classes, write "
            f"data.columns: {{{as_yaml(name)}: text}} and data.task: multiclass"
        )
        raise DataError(problem, TARGET)


def numbers_of(table: Table, name: str, hint: str = "a regression target is numbers") -> Array:
    """Return a target column as float64 (rows,). Raises DataError at the first cell without one.

    hint  what the user can do about a cell that is not a number
    """
    table.column(name, TARGET)
    values = table.numbers(name, hint)
    _all_present(table, name, np.isnan(values))
    return values


def values_of(table: Table, name: str) -> Any:
    """Return a target's numbers, none missing: whole ones as integers; None of other columns."""
    column = table.column(name, TARGET)
    _all_present(table, name, column.missing)
    if not isinstance(column, Numbers):
        return None
    if column.values.dtype.kind in "iu":
        return column.values  # as float64 two large numbers may be one
    values = table.numbers(name, "")
    whole = bool(np.all(values == np.floor(values)) and np.all(np.abs(values) < 2**53))
    return values.astype(np.int64) if whole else values


def labels_of(table: Table, name: str, *, as_text: bool = False) -> tuple[Array, Sequence[Label]]:
    """Return a target's labels: (rows,) their numbers; the labels, each of which some row has.

    Whole numbers are int, other numbers float, else they are text.
    """
    values = values_of(table, name)
    if as_text or values is None:
        return table.coded_texts(name)
    unique, codes = np.unique(values, return_inverse=True)
    return codes, unique.tolist()


def _all_present(table: Table, name: str, missing: Array) -> None:
    if missing.any():
        row = int(np.argmax(missing))
        count = f" ({int(missing.sum())} rows in all)" if missing.sum() > 1 else ""
        problem = f"the target has no value here{count}; remove the row, or fill it in"
        raise table.error(row, name, problem)
