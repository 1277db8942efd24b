"""Readings of a file's columns that its first rows decide, applied to one block after the other."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlpcli.data.cells import CellRules
from mlpcli.data.columns import Coded, Column, Numbers
from mlpcli.data.readings.apply import apply_readings
from mlpcli.data.readings.reading import Reading, cell_error, stripped
from mlpcli.data.readings.words import further_words, has_further_words
from mlpcli.data.table import Table


@dataclass(frozen=True)
class FixedReadings:
    """How the columns that a model needs are read in every block of a file.

    readings  by the names of the columns that have one
    numeric   the other columns of numbers
    missing   texts that mean: no value
    """

    readings: Mapping[str, Reading]
    numeric: Collection[str]
    missing: Collection[str]

    def apply(self, table: Table) -> Table:
        """Return a block with its columns read. Raises DataError at a cell that does not fit.

        A word for no value, such as ?, means so in whichever block it comes first.
        """
        words = has_further_words(self.missing)
        found = {
            name: _with_words(reading, table.data[name]) if words else reading
            for name, reading in self.readings.items()
            if name in table.data
        }
        table = apply_readings(table, found, self.missing)
        plain = {
            name: self._numbers(table, name, column, words=words)
            for name, column in table.data.items()
            if name in self.numeric and isinstance(column, Coded)
        }
        return replace(table, data={**table.data, **plain}) if plain else table

    def _numbers(self, table: Table, name: str, column: Coded, *, words: bool) -> Column:
        """Return a column of texts as the numbers that they are in a column of nothing else."""
        rules = CellRules(frozenset(self.missing), frozenset(), table.decimal)
        texts = [stripped(value) for value in column.values]
        each = rules.each_number(texts)
        gone = further_words([text for text in texts if isinstance(text, str)]) if words else ()
        missing = {*gone, *self.missing}
        odd = {text for text, x in zip(texts, each, strict=True) if np.isnan(x)} - missing
        if odd:
            problem = "is not a number; the model was trained on numbers here"
            raise cell_error(table, name, odd, problem)
        return Numbers(np.append(each, np.nan)[column.codes])


def _with_words(reading: Reading, column: Column) -> Reading:
    """Return a reading for which the words for no value that a column has mean so."""
    if not isinstance(column, Coded) or not hasattr(reading, "missing"):
        return reading
    words = further_words([stripped(value) for value in column.values if isinstance(value, str)])
    missing: tuple[str, ...] = reading.missing
    more: dict[str, Any] = {"missing": tuple(dict.fromkeys((*missing, *words)))}
    return replace(reading, **more) if words else reading
