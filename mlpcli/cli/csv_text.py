"""Columns as the text of a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

import numpy as np

from mlpcli.array_types import Array


def csv_text(columns: Iterable[tuple[str, Array | list[str]]], digits: str) -> str:
    """Return named columns as CSV: `digits % x` for floats, nothing for NaN."""
    names, values = zip(*columns, strict=True)
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(zip(*(_cells(column, digits) for column in values), strict=True))
    return file.getvalue()


def _cells(column: Array | list[str], digits: str) -> Iterable[object]:
    array = np.asarray(column)
    cells: list[Any] = array.tolist()
    if array.dtype.kind != "f":
        return cells
    return ("" if x != x else digits % x for x in cells)  # noqa: PLR0124  NaN
