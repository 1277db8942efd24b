"""The values of a small CSV file whose columns are plainly numbers, booleans or text.

pandas takes as long to import as a small network to train. What is read here without it comes out
as pandas reads it, to the bit; where a column leaves any doubt about that, nothing is read here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from mlpcli.data.columns import Coded, Column, Numbers
from mlpcli.data.csv_structure import CsvFile
from mlpcli.data.numerals import may_be_number

# Numbers that Python and every pandas read alike: exact as integers, and neither huge nor tiny.
INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
NUMBER = re.compile(r"[-+]?([0-9]{1,18}(\.[0-9]{0,18})?|\.[0-9]{1,18})([eE][-+]?[0-9]{1,2})?")
BOOLEANS = {"True": True, "TRUE": True, "true": True}
BOOLEANS |= {"False": False, "FALSE": False, "false": False}


@dataclass(frozen=True)
class CellOptions:
    """How cells become values: see `ReadOptions`."""

    missing: frozenset[str]
    text: frozenset[str]
    decimal: str


def plain_columns(
    file: CsvFile, names: Sequence[str], options: CellOptions
) -> dict[str, Column] | None:
    """Return the columns of a file, or None where they are not plain.

    names  of the columns: the header
    Raises DataError where the file's structure is broken.
    """
    file.check(len(names))
    if options.decimal != "." or any(map(may_be_number, options.missing)):
        return None
    records = (fields for _, fields in file.records())
    next(records)
    columns: dict[str, Column] = {}
    for name, cells in zip(names, zip(*records, strict=True), strict=True):
        column = _column(cells, options.missing, as_text=name in options.text)
        if column is None:
            return None
        columns[name] = column
    return columns


def _column(cells: Sequence[str], missing: Collection[str], *, as_text: bool) -> Column | None:
    texts = dict.fromkeys(cells)  # each once, in order
    present = [text for text in texts if text not in missing]
    if as_text:
        return _coded(cells, {text: text for text in present})
    if all(map(INTEGER.fullmatch, present)):
        whole = len(present) == len(texts)
        return _numbers(cells, {t: (int(t) if whole else float(t)) for t in present})
    if all(map(NUMBER.fullmatch, present)):
        return _numbers(cells, {text: float(text) for text in present})
    if all(text in BOOLEANS for text in present):
        return _coded(cells, {text: BOOLEANS[text] for text in present})
    if any(map(may_be_number, present)):
        return None
    return _coded(cells, {text: text for text in present})


def _numbers(cells: Sequence[str], values: dict[str, int] | dict[str, float]) -> Numbers:
    return Numbers(np.array([values.get(cell, np.nan) for cell in cells]))


def _coded(cells: Sequence[str], values: dict[str, str] | dict[str, bool]) -> Coded:
    different = list(dict.fromkeys(values.values()))
    places = {text: different.index(value) for text, value in values.items()}
    return Coded(np.array([places.get(cell, -1) for cell in cells], np.int32), different)
