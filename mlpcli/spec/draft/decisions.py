"""What a draft of a spec decides about columns and the split, each with its reason."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mlpcli.data.columns import Dates, Numbers
from mlpcli.data.dataset import Dataset
from mlpcli.data.diagnosis import Oddity
from mlpcli.data.diagnosis.values import find_sentinel
from mlpcli.data.guesses import Guess
from mlpcli.data.readings import READINGS, Reading
from mlpcli.data.roles import LETTERS, why_no_input
from mlpcli.data.table import Table

LEAST_TIMES = 20  # different ones, for a table to be in the order of time
ACTED_ON = {"leak", "identifier", "split_column", "constant", "same_columns", "groups"}
ACTED_ON |= {"sentinel", "postal_code"}
ADVICE = re.compile(r": a leak\? |; (?:if|to|as|one) ")  # where it begins in a finding
READ = {"reading", "text", "missing"}  # kinds of guesses on how columns are read


@dataclass
class Decisions:
    """What a draft says of columns and rows; grows from round to round.

    exclude   column -> why it is no input
    readings  column -> how it is read
    why_read  column -> why it is read so
    split     key of data.split -> column; at most one
    notes     what was found and left as it is
    """

    exclude: dict[str, str] = field(default_factory=dict)
    readings: dict[str, Reading] = field(default_factory=dict)
    why_read: dict[str, str] = field(default_factory=dict)
    split: dict[str, str] = field(default_factory=dict)
    why_split: str = ""
    notes: list[str] = field(default_factory=list)

    def read(self, name: str, reading: Reading, why: str) -> None:
        """Decide how a column is read."""
        self.readings[name], self.why_read[name] = reading, why

    @property
    def kept_readings(self) -> dict[str, Reading]:
        """The readings of the columns that are not excluded."""
        return {name: each for name, each in self.readings.items() if name not in self.exclude}

    def decide(self, dataset: Dataset, odd: Iterable[Oddity]) -> bool:
        """Decide what was found in a data set; return whether there was anything new.

        The last input is never excluded.
        """
        before = (dict(self.exclude), dict(self.readings), dict(self.split))
        odd = list(odd)
        self._by_guesses(dataset)
        self._by_time(dataset)
        for oddity in odd:
            self._by_oddity(dataset, oddity)
        inputs = set(dataset.encoding.inputs.names)
        if inputs <= {*self.exclude}:
            for name in inputs:
                del self.exclude[name]
        kept = [oddity.text for oddity in odd if not self._is_settled(oddity)]
        kept += [g.text for g in dataset.guesses if g.kind in ("target", "rows")]
        self.notes = kept
        return before != (self.exclude, self.readings, self.split)

    def _by_guesses(self, dataset: Dataset) -> None:
        table = dataset.tables["data"]
        for guess in dataset.guesses:
            if guess.kind == "left_out":
                for name in guess.columns:
                    self.exclude.setdefault(name, _why_left_out(table, name))
            elif guess.kind in READ:
                self._read_as_found(dataset, guess)
            elif guess.kind == "split" and dataset.split_column in guess.columns:
                assert dataset.split_column is not None
                self.split = {"column": dataset.split_column}
                self.why_split = "the column names the part of each row"

    def _read_as_found(self, dataset: Dataset, guess: Guess) -> None:
        for name in guess.columns:
            reading = dataset.encoding.readings.get(name)
            if reading is not None and name not in self.readings:
                self.read(name, reading, reason(guess.text))

    def _by_time(self, dataset: Dataset) -> None:
        """Split by time where the rows are in the order of a column of dates or years."""
        if self.split or dataset.split_column is not None:
            return
        table, inputs = dataset.tables["data"], dataset.encoding.inputs.names
        for name in inputs:
            if len(inputs) > 1 and _is_in_order_of(table, name):
                self.split = {"time": name}
                self.why_split = f"the rows are in the order of {name}: later ones are predicted"
                return

    def _by_oddity(self, dataset: Dataset, oddity: Oddity) -> None:
        table, kind = dataset.tables["data"], oddity.kind
        if kind == "groups" and not self.split:
            self.split = {"group": oddity.columns[0]}
            self.why_split = "rows of one are never in two parts"
        elif kind == "constant":
            for name in oddity.columns:
                self.exclude.setdefault(name, "constant in the training rows")
        elif kind == "same_columns":
            first, second = oddity.columns
            if first not in self.exclude:
                self.exclude.setdefault(second, reason(oddity.text))
        elif kind == "sentinel":
            self._sentinel(table, oddity.columns[0], oddity)
        elif kind == "postal_code":
            self.read(oddity.columns[0], READINGS["text"](), "postal codes: names of places")
        elif kind in ("leak", "identifier", "split_column"):
            name = oddity.columns[0]
            if name not in self.split.values():
                question = "a leak? " if kind == "leak" else ""
                self.exclude.setdefault(name, question + reason(oddity.text))

    def _sentinel(self, table: Table, name: str, oddity: Oddity) -> None:
        column = table.column(name)
        if not isinstance(column, Numbers):
            return
        values = table.numbers(name, "")
        found = find_sentinel(values[~np.isnan(values)])
        reading: Any = self.readings.get(name) or READINGS["number"]()
        if found is None or reading.name != "number":
            return
        word = f"{found.value:.15g}"
        if word not in reading.missing:
            why = reason(oddity.text)
            self.read(name, replace(reading, missing=(*reading.missing, word)), why)

    def _is_settled(self, oddity: Oddity) -> bool:
        """Whether the draft acts on what is odd, or says it beside the column."""
        if oddity.kind == "missing":
            return True
        touched = {*self.exclude, *self.readings, *self.split.values()}
        return oddity.kind in ACTED_ON and bool(touched & {*oddity.columns})


def reason(text: str) -> str:
    """Return a finding without the column's name before it, and the advice behind it.

    >>> reason("a: numbers the rows, from 1 to 9; to leave it out: data.exclude: [a]")
    'numbers the rows, from 1 to 9'
    """
    what = text.partition(": ")[2] or text
    return ADVICE.split(what, maxsplit=1)[0]


def _why_left_out(table: Table, name: str) -> str:
    found = why_no_input(table, name)
    if found is None:
        return "holds the names of parts of a split"
    rule, remark = found
    return f"{rule.why} ({remark})" if remark else rule.why


def _is_in_order_of(table: Table, name: str) -> bool:
    """Whether rows are in the order of a column of dates, or of years, first or last one first."""
    column = table.column(name)
    words = {word.lower() for word in LETTERS.findall(name)}
    if not isinstance(column, Dates) and not (isinstance(column, Numbers) and "year" in words):
        return False
    if column.missing.any():
        return False
    values = column.values
    forward, back = (values[1:] >= values[:-1]).all(), (values[1:] <= values[:-1]).all()
    if not (forward or back):
        return False
    return 1 + int(np.count_nonzero(values[1:] != values[:-1])) >= LEAST_TIMES
