"""A CSV file in blocks of rows, from its header to its end."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from mlpcli.data.blocks import Block, Opened, StreamOptions, TableStream
from mlpcli.data.cells import CellRules
from mlpcli.data.columns import Column, Numbers
from mlpcli.data.csv_reader import (
    check_header_line,
    dialect_guesses,
    dropped_columns,
    is_empty,
    sampled,
)
from mlpcli.data.csv_rows import WIDE, ListedRows, PlainRows
from mlpcli.data.csv_structure import CsvFile, Record
from mlpcli.data.csv_values import KEPT_BYTES
from mlpcli.data.decimal_sign import overruled
from mlpcli.data.dialect import find_dialect
from mlpcli.data.header import NAMELESS
from mlpcli.data.lines import lines_of, read_line
from mlpcli.data.table import Table
from mlpcli.data.text_stream import TextStream
from mlpcli.errors import DataError

if TYPE_CHECKING:
    from mlpcli.data.readers import ReadOptions


class CsvStream(TableStream):
    """The rows of a CSV file.

    usual  the delimiter of the file's ending
    Raises DataError where the header is wrong, or required columns are not in it.
    """

    def __init__(
        self, opened: Opened, options: ReadOptions, wanted: StreamOptions, usual: str = ","
    ) -> None:
        super().__init__(opened.name)
        self.options, self.usual = options, usual
        self.block_bytes = wanted.block_bytes
        self.bytes = TextStream(opened, options.encoding, options.usual_encoding, self.guesses)
        first = self.bytes.read_first_line() if opened.is_pipe else None
        if first is not None:
            check_header_line(first, options, usual)
        self.bytes.read_head(wanted.head_bytes)
        self.text, sample = sampled(self.bytes.head_text())
        self.dialect, self.example = find_dialect(
            sample,
            self.text.encoding,
            usual=usual,
            delimiter=options.delimiter,
            decimal=options.decimal,
            usual_decimal=options.usual_decimal,
        )
        assert self.dialect.delimiter is not None
        delimiter, first_line = self.dialect.delimiter, self.dialect.header
        self.file = CsvFile(self.name, delimiter, self.text.open, 0, first_line)
        spelt = {*options.spelt, *options.text, *options.required, *wanted.optional}
        header = self.file.header(spelt)
        self.names = header.names
        self.columns = [each for each in self.names if not each.startswith(NAMELESS)]
        self.kept = self.to_keep(wanted.keep)
        self.needed = self.to_read(options.required, wanted.optional)
        self.looks_numeric: dict[str, bool] = {}
        self.repeated: set[str] = set()  # columns of few texts, each in many rows of a block
        self.has_missing = False  # whether some block had a missing number
        self.guesses += header.guesses

    @cached_property
    def nameless(self) -> list[str]:
        """The columns at the end that have no name, and must have no value."""
        return [name for name in self.names if name.startswith(NAMELESS)]

    def _blocks(self) -> Iterator[Block]:
        stream = self.bytes.open(self.text)
        np.empty(KEPT_BYTES, np.uint8)  # a third of the page faults, a tenth of the time
        header = next(self.file.records_in(lines_of(stream), self.file.skip(stream)))
        line = header.line + header.text.count("\n")
        n_bytes, is_first = len(self.bytes.head), True
        n_rows = 0
        while data := stream.read(n_bytes) + read_line(stream):
            if not data.endswith(b"\n"):
                data += b"\n"
            data = self.bytes.as_utf8(data)
            piece = _Piece(self, data, line, stream)
            for block in piece.blocks(decide=is_first):
                n_rows += block.n_rows
                yield block
            line += piece.n_lines
            n_bytes, is_first = self.block_bytes, False
        if not n_rows:
            raise DataError(f"{self.name}: there is a header line, and no row below it")

    def rules(self) -> CellRules:
        """Return how cells become values."""
        text = frozenset({*self.options.text, *(name.strip() for name in self.options.text)})
        decimal = str(self.dialect.decimal)
        return CellRules(frozenset(self.options.missing), text, decimal, self.options.codes)

    def decide(self, columns: Mapping[str, Column]) -> bool:
        """Find the decimal sign from the first block's columns; whether it is another."""
        sign = str(self.dialect.decimal)
        shown = "" if self.options.decimal else overruled(columns.values(), sign)
        if shown:
            self.dialect = replace(self.dialect, decimal="," if sign == "." else ".")
            self.example = shown
        self.guesses += dialect_guesses(
            self.name, self.dialect, self.options, self.usual, self.example
        )
        if self.nameless:
            self.guesses.append(dropped_columns(self.name, len(self.nameless)))
        return bool(shown)

    def find_numbers(self, columns: Mapping[str, Column]) -> None:
        """Find which kept columns are numbers, from the first block's columns."""
        rules = self.rules()
        for name in self.kept:
            self._find_number(name, columns[name], rules)

    def _find_number(self, name: str, column: Column, rules: CellRules) -> None:
        """Find whether a kept column is one of numbers, and of whole ones."""
        if isinstance(column, Numbers):
            there = column.values[np.isfinite(column.values)]
            # Gaps make NumPy's numbers floating-point ones, though those in the file are whole.
            whole = bool((there == np.floor(there)).all())
            self.numbers[name] = _reader(rules, whole=whole, null=name in self.numeric)
            return
        texts = [each for each in map(str, column.values) if each not in rules.missing]
        found = rules.each_number(texts)
        is_number = np.isfinite(found)
        if name in self.numeric:
            there = found[is_number]
            whole = bool((there == np.floor(there)).all())
            self.numbers[name] = _reader(rules, whole=whole, null=True)
        elif 2 * is_number.sum() > len(texts):
            self.as_text[name] = texts[int(np.argmin(is_number))]


class _Piece:
    """Some bytes of a file, whole lines, and what a record in them takes of the stream beyond.

    line     the number of the first line
    n_lines  how many there were, known once all blocks are read
    """

    def __init__(self, csv: CsvStream, data: bytes, line: int, stream: BinaryIO) -> None:
        self.csv, self.data, self.line, self.stream = csv, data, line, stream
        self.n_lines = 0

    def blocks(self, *, decide: bool) -> Iterator[Block]:
        """Yield the rows in blocks.

        decide  whether they are to show how the file is written
        """
        csv = self.csv
        n_lines = csv.file.count_plain(self.data, len(csv.names))
        if n_lines * WIDE > len(csv.names) and not csv.bytes.is_whole:
            self.n_lines = n_lines
            yield self._block(PlainRows(csv, self.data, self.line, n_lines), {}, decide=decide)
            return
        records, bad, error = self._records()
        if records or bad:
            yield self._block(ListedRows(csv, records), bad, decide=decide)
        if error is not None:
            raise error

    def _block(self, rows: PlainRows | ListedRows, bad: dict[int, str], *, decide: bool) -> Block:
        csv = self.csv
        if not len(rows):
            return Block(None, bad)
        columns = rows.columns(csv.names if decide else [*csv.needed, *csv.nameless])
        if decide and csv.decide(columns):
            columns = rows.columns(csv.names)
        if decide:
            csv.find_numbers(columns)
        for name in csv.nameless:
            if not is_empty(columns[name]):
                raise csv.file.nameless(csv.names.index(name) + 1)
        data = {name: columns[name] for name in csv.needed} or {"": Numbers(np.zeros(len(rows)))}

        def locate(row: int, column: str) -> str:
            return csv.file.place(rows.record(row), csv.names.index(column))

        table = Table(data, csv.name, "", locate, (), csv.dialect)
        return Block(table, bad, rows.texts(csv.kept))

    def _records(self) -> tuple[list[Record], dict[int, str], DataError | None]:
        """Return the rows, what is wrong with others, and an error where no more can be read."""
        csv = self.csv
        records: list[Record] = []
        bad: dict[int, str] = {}
        n_here, taken = self.data.count(b"\n"), 0

        def lines() -> Iterator[bytes]:
            nonlocal taken
            for each in chain(lines_of(io.BytesIO(self.data)), lines_of(self.stream)):
                taken += 1
                yield each

        found = csv.file.records_in(lines(), self.line)
        try:
            while taken < n_here:
                record = next(found, None)
                if record is None:
                    break
                problem = csv.file.problem(record, len(csv.names))
                if problem:
                    bad[len(records) + len(bad)] = problem
                else:
                    records.append(record)
        except DataError as error:
            return records, bad, error
        self.n_lines = taken
        return records, bad, None


def _reader(rules: CellRules, *, whole: bool, null: bool) -> Callable[[str], int | float | None]:
    """Return what reads a number, None of a missing one, NaN where a text is none.

    whole  whether numbers are integers where they can be
    null   whether a text that is no number is a missing one
    """

    def read(text: str) -> int | float | None:
        if text in rules.missing:
            return None
        found = float(rules.each_number([text])[0])
        if whole and np.isfinite(found):
            with suppress(ValueError):
                return int(text)
        return None if null and found != found else found  # noqa: PLR0124  NaN

    return read
