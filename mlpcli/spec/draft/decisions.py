"""What a draft of a spec decides about columns and the split, each with its reason."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mlpcli.data.columns import Numbers
from mlpcli.data.dataset import Dataset
from mlpcli.data.diagnosis import Oddity
from mlpcli.data.diagnosis.values import find_sentinel
from mlpcli.data.guesses import Guess
from mlpcli.data.readings import READINGS, Reading
from mlpcli.data.roles import why_no_input
from mlpcli.data.table import Table
from mlpcli.spec.draft.rules import is_in_order_of_time, numbering

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
        self._by_numbering(dataset)
        self._by_groups([oddity.columns[0] for oddity in odd if oddity.kind == "groups"])
        for oddity in odd:
            self._by_oddity(dataset, oddity)
        inputs = set(dataset.encoding.inputs.names)
        if inputs <= {*self.exclude}:
            for name in inputs:
                del self.exclude[name]
        usual = {"nearly_constant", "same_columns"} if _are_pixels(dataset) else set()
        kept = [o.text for o in odd if o.kind not in usual and not self._is_settled(o)]
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
            if len(inputs) > 1 and is_in_order_of_time(table, name):
                self.split = {"time": name}
                self.why_split = f"the rows are in the order of {name}: later ones are predicted"
                return

    def _by_numbering(self, dataset: Dataset) -> None:
        table = dataset.tables["data"]
        for name in dataset.encoding.inputs.names:
            found = numbering(table, name)
            if found is not None and name not in self.split.values():
                self.exclude.setdefault(name, found)

    def _by_groups(self, names: Sequence[str]) -> None:
        """Split by the one identifier whose values repeat; of several none can keep its rows.

        As the names that they are, films and their viewers tell something of their ratings.
        """
        if len(names) == 1 and not self.split:
            self.split = {"group": names[0]}
            self.why_split = "rows of one are never in two parts"
        elif len(names) > 1:
            for name in names:
                if name not in self.readings:
                    self.read(name, READINGS["text"](), "an identifier that repeats: names")

    def _by_oddity(self, dataset: Dataset, oddity: Oddity) -> None:
        table, kind = dataset.tables["data"], oddity.kind
        if kind == "constant" and not _are_pixels(dataset):
            for name in oddity.columns:
                self.exclude.setdefault(name, "constant in the training rows")
        elif kind == "same_columns" and not _are_pixels(dataset):
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
        if found is None or reading.name != "number" or not found.value:
            return  # a 0 may well be one
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


def _are_pixels(dataset: Dataset) -> bool:
    """Whether the columns are like pixels: some of them constant, and an image only together."""
    return dataset.scale.name == "standard"


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
