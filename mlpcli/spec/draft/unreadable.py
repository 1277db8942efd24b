"""Columns that training refuses to read, such as numbers with a few texts: how to read them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlpcli.data.columns import Numbers
from mlpcli.data.data_options import DataOptions
from mlpcli.data.readers import read_table
from mlpcli.data.readings import READINGS, Reading
from mlpcli.data.readings.apply import evidence_of
from mlpcli.data.readings.choose import NEARLY_ALL, Columns, choose_readings
from mlpcli.data.readings.words import has_further_words
from mlpcli.data.table import Table, quoted
from mlpcli.errors import DataError, counted, listing

MOST_WORDS, LONGEST = 20, 40  # texts that are taken for: no value, and their characters


@dataclass(frozen=True)
class Mended:
    """How a column with mistakes is read, and why."""

    reading: Reading
    why: str


def mend(table: Table, options: DataOptions) -> dict[str, Mended]:
    """Return a reading for each column that `choose_readings` refuses.

    A few texts among numbers, dates or times are taken for no value; else the column is texts.
    Nothing of a column where that does not help.

    table  as it was read, its columns' texts not yet
    """
    found = without_infinite(table, options)
    for name in table.columns:
        if name not in {*options.columns, *found} and _is_refused(table, name, options):
            mended = _mended(table, name, options)
            if not _is_refused(table, name, replace(options, columns={name: mended.reading})):
                found[name] = mended
    return found


def without_infinite(table: Table, options: DataOptions) -> dict[str, Mended]:
    """Return a reading for each column with infinite numbers, by which they are missing."""
    found: dict[str, Mended] = {}
    for name, column in table.data.items():
        if isinstance(column, Numbers) and column.has_infinite and name not in options.columns:
            ends = column.values[np.isinf(column.values)]
            reading: Any = READINGS["number"]()
            words = tuple(sorted({f"{end:g}" for end in ends.tolist()}))
            why = f"infinite numbers taken for missing values ({counted(len(ends), 'cell')})"
            found[name] = Mended(replace(reading, missing=words), why)
    return found


def raw_table(options: DataOptions) -> Table:
    """Return the table of a file, read as training does before it looks at texts."""
    assert options.path is not None
    read = replace(options.read, text=tuple(options.columns), codes=True)
    return read_table(options.path, read)


def open_table(options: DataOptions) -> tuple[DataOptions, Table]:
    """Return the raw table of a file, and the options by which it was read.

    Where it has but one column, or is no CSV, blanks between the fields are tried.
    """
    problem: DataError | None = None
    try:
        table = raw_table(options)
        if len(table.columns) > 1:
            return options, table
    except DataError as error:
        problem = error
    by_blanks = replace(options, read=replace(options.read, delimiter=" "))
    with contextlib.suppress(DataError):
        split = raw_table(by_blanks)
        if len(split.columns) > 1:
            return by_blanks, split
    if problem is not None:
        raise problem
    return options, table


def columns_of(options: DataOptions, given: Mapping[str, Reading]) -> Columns:
    """Return what the spec would say of columns."""
    return Columns(
        given=given,
        targets=options.targets,
        task=options.task,
        weight=options.sample_weight,
        ignored={*options.exclude},
        listed=False,
        missing=options.read.missing,
    )


def _is_refused(table: Table, name: str, options: DataOptions) -> bool:
    alone = replace(table, data={name: table.data[name]})
    given = {name: options.columns[name]} if name in options.columns else {}
    try:
        choose_readings([alone], columns_of(options, given))
    except DataError:
        return True
    return False


def _mended(table: Table, name: str, options: DataOptions) -> Mended:
    texts = evidence_of(
        [table.data[name]],
        options.read.missing,
        words=has_further_words(options.read.missing),
        decimal=table.decimal,
    )
    for kind in ("number", "date", "time"):
        reading: Any = READINGS[kind]()
        fit = reading.fit(texts)
        odd = [text for text in fit.odd if isinstance(text, str) and len(text) <= LONGEST]
        n_odd = sum(texts.cells(text) for text in odd)
        few = 0 < len(odd) == len(fit.odd) <= MOST_WORDS and not fit.note
        if few and (n_odd <= (1 - NEARLY_ALL) * fit.n or 2 * n_odd <= fit.n):
            shown = listing(map(quoted, odd), most=3)
            why = f"{shown} taken for missing values ({counted(n_odd, 'cell')})"
            return Mended(replace(fit.reading, missing=(*fit.reading.missing, *odd)), why)
    return Mended(READINGS["text"](), "numbers and other texts, too many to be mistakes")
