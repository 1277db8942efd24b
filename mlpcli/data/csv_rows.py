"""The rows of a block of a CSV file: as the csv module reads them, or pandas."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Sequence
from csv import QUOTE_NONE
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.cells import CellRules
from mlpcli.data.columns import Column, Numbers
from mlpcli.data.csv_structure import Record
from mlpcli.data.csv_values import text_codes
from mlpcli.data.lines import lines_of

if TYPE_CHECKING:
    from mlpcli.data.csv_stream import CsvStream

SAMPLE_ROWS = 100  # from which to guess which columns are numbers
WIDE = 10  # columns for each row, from which on pandas is slower: it takes 0.2 ms a column
OFTEN = 8  # rows for each text of a column, from which on pandas finds its texts faster


class ListedRows:
    """Rows as records of the csv module."""

    def __init__(self, csv: CsvStream, records: list[Record]) -> None:
        self.csv, self.records = csv, records

    def __len__(self) -> int:
        return len(self.records)

    def record(self, row: int) -> Record:
        """Return the record of a row."""
        return self.records[row]

    def texts(self, names: Sequence[str]) -> dict[str, Sequence[Any]]:
        """Return the texts of some columns."""
        places = {name: k for k, name in enumerate(self.csv.names)}
        return {name: [record.fields[places[name]] for record in self.records] for name in names}

    def columns(self, names: Sequence[str]) -> dict[str, Column]:
        """Return some columns."""
        rules = self.csv.rules()
        return {name: _column(rules, name, texts) for name, texts in self.texts(names).items()}


class PlainRows:
    """Rows in a text without quotes, blank lines or faults, read by pandas."""

    def __init__(self, csv: CsvStream, data: bytes, line: int, n_rows: int) -> None:
        self.csv, self.data, self.line, self.n_rows = csv, data, line, n_rows

    def __len__(self) -> int:
        return self.n_rows

    def record(self, row: int) -> Record:
        """Return the record of a row."""
        return next(islice(self._records(), row, None))

    def _records(self) -> Iterator[Record]:
        return self.csv.file.records_in(lines_of(io.BytesIO(self.data)), self.line)

    def texts(self, names: Sequence[str]) -> dict[str, Sequence[Any]]:
        """Return the texts of some columns."""
        if not names:
            return {}
        frame = self._frame([], names, repeated=())
        return {name: frame[name].tolist() for name in names}

    def columns(self, names: Sequence[str]) -> dict[str, Column]:
        """Return some columns."""
        csv, rules = self.csv, self.csv.rules()
        if not csv.looks_numeric.keys() >= {*names}:
            sample = ListedRows(csv, [*islice(self._records(), SAMPLE_ROWS)]).columns(names)
            csv.looks_numeric |= {n: isinstance(c, Numbers) for n, c in sample.items()}
        numeric = [name for name in names if csv.looks_numeric[name]]
        text = [name for name in names if not csv.looks_numeric[name]]
        # Looking for missing values takes a third of the time, until a block is seen to have some.
        frame = self._frame(numeric, text, filled=not csv.has_missing)
        if not csv.has_missing and any(frame[name].dtype.kind not in "if" for name in numeric):
            csv.has_missing = True
            frame = self._frame(numeric, text)
        found: dict[str, Column] = {}
        mixed = []
        for name in numeric:
            values = frame[name].to_numpy()
            if values.dtype.kind in "if":
                found[name] = rules.numbers(values)
            else:
                mixed.append(name)
        for name in text:
            found[name] = self._text_column(rules, name, frame[name])
        found |= {name: _column(rules, name, each) for name, each in self.texts(mixed).items()}
        return found

    def _text_column(self, rules: CellRules, name: str, series: Any) -> Column:
        if name in self.csv.repeated:
            return rules.column(name, *_as_they_come(series.cat))
        numbers: dict[str, int] = {}
        codes = text_codes(series.tolist(), numbers)
        if len(numbers) * OFTEN < len(codes):
            self.csv.repeated.add(name)
        return rules.column(name, codes, list(numbers))

    def _frame(
        self,
        numeric: Sequence[str],
        text: Sequence[str],
        *,
        filled: bool = False,
        repeated: Collection[str] | None = None,
    ) -> Any:
        """Return columns as pandas reads them.

        filled    whether no number is missing
        repeated  columns of `text` that are read as categories; None: as blocks before have shown
        """
        import pandas as pd

        repeated = self.csv.repeated if repeated is None else repeated
        csv, rules = self.csv, self.csv.rules()
        missing = [each for each in rules.missing if not rules.is_number(each)]
        return pd.read_csv(
            io.BytesIO(self.data),
            sep=csv.file.delimiter,
            decimal=rules.decimal,
            header=None,
            names=csv.names,
            usecols=[*numeric, *text],
            dtype={name: "category" if name in repeated else object for name in text},
            quoting=QUOTE_NONE,  # there are none
            index_col=False,
            skip_blank_lines=False,
            keep_default_na=False,
            na_filter=not filled,
            na_values=dict.fromkeys(numeric, missing),  # in text, the rules look for them
            low_memory=False,
        )


def _as_they_come(categories: Any) -> tuple[Array, list[str]]:
    """Return pandas' categories as codes (rows,) and texts, in the order in which they come."""
    codes, texts = categories.codes.to_numpy(), categories.categories.tolist()
    first = np.empty(len(texts), np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]  # the last to be written stays
    order = np.argsort(first)
    place = np.empty(len(texts), np.int32)
    place[order] = np.arange(len(texts), dtype=np.int32)
    return place[codes], [texts[k] for k in order.tolist()]


def _column(rules: CellRules, name: str, texts: Sequence[str]) -> Column:
    numbers: dict[str, int] = {}
    return rules.column(name, text_codes(texts, numbers), list(numbers))
