"""The columns and rows that the rules look at: raw, as the tables have them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.columns import Dates
from mlpcli.data.dataset import Dataset, Part
from mlpcli.data.diagnosis.row_numbers import combine
from mlpcli.data.encoders.categories import CategoryEncoder
from mlpcli.data.table import Table

SAMPLE_ROWS = 20_000  # of each part, where a sample is enough


@dataclass(frozen=True)
class DataView:
    """A data set by its raw input columns."""

    dataset: Dataset

    @property
    def parts(self) -> dict[str, Part]:
        return self.dataset.parts

    @property
    def train(self) -> Part:
        return self.dataset.parts["train"]

    def table(self, part: str) -> Table:
        """Return the table that a part's rows come from."""
        return self.dataset.tables["data" if self.dataset.codes is not None else part]

    @cached_property
    def names(self) -> list[str]:
        """The columns of the training table that inputs come from."""
        return self.dataset.encoding.inputs.names

    @cached_property
    def dates(self) -> list[str]:
        """The input columns of dates."""
        table = self.table("train")
        return [name for name in self.names if isinstance(table.column(name), Dates)]

    @cached_property
    def textual(self) -> list[str]:
        """The input columns of categories."""
        columns = self.dataset.encoding.inputs.columns
        found = {column.name for column in columns if isinstance(column, CategoryEncoder)}
        return [name for name in self.names if name in found]

    @cached_property
    def numeric(self) -> list[str]:
        """The input columns of numbers."""
        others = {*self.textual, *self.dates}
        return [name for name in self.names if name not in others]

    @cached_property
    def samples(self) -> dict[str, Array]:
        """Row numbers within each part, at most SAMPLE_ROWS, ascending; the same in every run."""
        rng = np.random.default_rng(0)
        return {
            name: np.arange(len(part))
            if len(part) <= SAMPLE_ROWS
            else np.sort(rng.choice(len(part), SAMPLE_ROWS, replace=False))
            for name, part in self.parts.items()
        }

    def numbers(self, part: str, name: str, *, sample: bool = True) -> Array:
        """Return a numeric column in a part's sample, or in all its rows: float64, NaN: missing."""
        rows = self.parts[part].rows
        return self.table(part).numbers(name, "")[rows[self.samples[part]] if sample else rows]

    def times(self, part: str, name: str) -> Array:
        """Return a column of dates in all rows of a part: seconds since 1970, float64, NaN."""
        column = self.table(part).column(name)
        assert isinstance(column, Dates)
        values = column.values[self.parts[part].rows]
        seconds = values.astype("datetime64[s]").astype(np.int64).astype(np.float64)
        return np.where(np.isnat(values), np.nan, seconds)

    def codes(self, part: str, name: str, *, sample: bool = True) -> Array:
        """Return a column of categories: (rows,) the index in `words`, −1: missing."""
        numbers = {word: k for k, word in enumerate(self.words[name])}
        codes, texts = self.table(part).coded_texts(name)
        rows = self.parts[part].rows
        some = codes[rows[self.samples[part]] if sample else rows]
        return np.array([*(numbers[text] for text in texts), -1])[some]

    @cached_property
    def words(self) -> dict[str, list[str]]:
        """Every different text that each column of categories has in any table."""
        tables = self.dataset.tables.values()
        texts = {name: [t.coded_texts(name)[1] for t in tables] for name in self.textual}
        return {name: list(dict.fromkeys(chain(*each))) for name, each in texts.items()}

    def labels(self, part: str, *, sample: bool = True) -> Array:
        """Return a part's labels (rows, outputs): numbers, or class numbers."""
        labels = self.parts[part].labels.reshape(len(self.parts[part]), -1)
        return labels[self.samples[part]] if sample else labels

    @cached_property
    def input_rows(self) -> dict[str, Array]:
        """For each part a number for each row's inputs (rows,) uint64, equal where all values are.

        Of 64 bits: in a million rows two different ones are equal with a chance of 3e-8.
        """
        return {
            part: combine(np.zeros(len(self.parts[part]), np.uint64), self._columns(part))
            for part in self.parts
        }

    def _columns(self, part: str) -> Iterator[Array]:
        yield from (self.numbers(part, name, sample=False) for name in self.numeric)
        yield from (self.codes(part, name, sample=False) for name in self.textual)
        yield from (self.times(part, name) for name in self.dates)

    def whole_rows(self, part: str) -> Array:
        """Return a number for each row's inputs and targets (rows,) uint64."""
        return combine(self.input_rows[part], self.labels(part, sample=False).T)

    def each_table(self) -> Iterator[tuple[str, Table]]:
        """Yield each table and how messages call it; nothing where there is but one."""
        several = len(self.dataset.tables) > 1
        for name, table in self.dataset.tables.items():
            yield f" of {name}" if several else "", table
