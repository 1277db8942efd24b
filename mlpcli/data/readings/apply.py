"""Readings applied to tables by the names of their columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from mlpcli.data.cells import is_number
from mlpcli.data.columns import Coded, Column, Numbers
from mlpcli.data.readings.reading import READINGS, Evidence, Reading, cell_error
from mlpcli.data.readings.words import has_further_words
from mlpcli.data.table import Table


def apply_readings(
    table: Table, readings: Mapping[str, Reading], missing: Collection[str]
) -> Table:
    """Return the table with these columns read; a column that it does not have is left out.

    missing  texts that mean: no value
    Raises DataError at the first cell that does not fit.
    """
    read = {
        name: reading.read(table, name, missing)
        for name, reading in readings.items()
        if name in table.data
    }
    return replace(table, data={**table.data, **read})


def adapt_readings(
    table: Table,
    readings: Mapping[str, Reading],
    numeric: Iterable[str],
    missing: Collection[str],
    decimal: str,
) -> Table:
    """Return a table that a model is to be applied to, its columns read as in training.

    The texts of a column may be written in another way than those of training: what they show
    decides, and where they show nothing, the reading of training does.

    readings  of the columns that the model uses, as they were in training
    numeric   columns that were plain numbers in training
    decimal   sign of numbers in the files of training
    Raises DataError at the first cell that does not fit.
    """
    found = adapted_readings(table, readings, numeric, missing, decimal)
    return apply_readings(table, found, missing) if found else table


def adapted_readings(
    table: Table,
    readings: Mapping[str, Reading],
    numeric: Iterable[str],
    missing: Collection[str],
    decimal: str,
    *,
    despite_odd: bool = False,
) -> dict[str, Reading]:
    """Return the readings that `adapt_readings` applies, by the columns' names.

    despite_odd  whether texts that a column of numbers cannot have are left for `Reading.read`
    """
    words = has_further_words(missing)
    sign = None if table.dialect is None else table.dialect.decimal
    shown = sign if sign != decimal else None
    found: dict[str, Reading] = {}
    for name, reading in readings.items():
        if name in table.data:
            texts = evidence_of([table.data[name]], missing, words=words, decimal=shown)
            found[name] = reading.adapted(texts) if texts.counts else reading
    for name in numeric:
        column = table.data.get(name)
        if isinstance(column, Coded) and any(isinstance(value, str) for value in column.values):
            texts = evidence_of([column], missing, words=words, decimal=table.decimal)
            fit = READINGS["number"]().fit(texts)
            if fit.open:
                problem = "could be thousands or a fraction, and no other number tells; write it as"
                problem += " 1234.5, as the model was trained on plain numbers here"
                raise cell_error(table, name, set(texts.counts), problem)
            if not fit.odd:
                found[name] = fit.reading
            elif despite_odd:
                if not _is_plain(fit.reading, table.decimal):
                    found[name] = fit.reading
            elif not all(is_number(text) for text in texts.counts.keys() - {*fit.odd}):
                problem = "is not a number; the model was trained on numbers here"
                raise cell_error(table, name, set(fit.odd), problem)
    return found


def _is_plain(reading: Any, decimal: str) -> bool:
    """Whether a reading of numbers reads what plain numbers with this decimal sign are."""
    return bool(reading.decimal == decimal and not reading.thousands + reading.unit)


def columns_of_texts(readings: Mapping[str, Reading]) -> list[str]:
    """Return the columns whose texts are needed, though they may be plain numbers in a file."""
    return [name for name, reading in readings.items() if reading.needs_texts]


def evidence_of(columns: Iterable[Column], missing: Collection[str], **more: Any) -> Evidence:
    """Return what the texts of columns of one name show.

    missing  texts that mean: no value
    """
    counts: Counter[str] = Counter()
    others: Counter[Any] = Counter()
    with_blanks = ""
    for column in columns:
        if not isinstance(column, Coded):
            continue
        cells = np.bincount(column.codes + 1, minlength=len(column.values) + 1)[1:].tolist()
        for value, n in zip(column.values, cells, strict=True):
            if not isinstance(value, str):
                others[value] += n
            elif value.strip() not in missing:
                text = value.strip()
                counts[text] += n
                with_blanks = with_blanks or (value if text != value else "")
    return Evidence(counts, others, with_blanks=with_blanks, **more)


def mixed_columns(tables: Collection[Table]) -> list[str]:
    """Return the columns that are plain numbers in some tables, and texts in others."""
    kinds: dict[str, set[type]] = {}
    for table in tables:
        for name, column in table.data.items():
            kinds.setdefault(name, set()).add(type(column))
    return [name for name, found in kinds.items() if {Numbers, Coded} <= found]
