"""The structure of CSV files: header, records, and the line and column of each cell.

Small files are read by the csv module. Large ones are read by pandas, which fills short rows and
renames equal headers without a warning: `CsvFile.blocks` checks the rows before pandas gets them.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import BinaryIO, NamedTuple

import numpy as np

from mlpcli.data.advice import as_yaml
from mlpcli.data.dialect import DELIMITERS, SAMPLE_LINES, Sample
from mlpcli.data.encodings import NotUtf8Error
from mlpcli.data.header import Header, HeaderError, column_names
from mlpcli.data.lines import check_length, lines_of, read_line
from mlpcli.errors import DataError

BLOCK_BYTES = 1 << 18  # of a file checked at once: it and NumPy's arrays of it fit in the cache
BLOCK_RECORDS = 1 << 10
SAMPLE_BYTES = 1 << 16  # of the first lines, at least; and three lines, however long they are
MOST_BLANK = 1 << 21  # lines between two records: a spreadsheet has half as many rows
BLANK = f"more than {MOST_BLANK:,} blank lines follow each other: no table has so many"
RETURN = "a carriage return stands within the line"
ZERO = "there is a zero byte: this is not a text file"
csv.field_size_limit(1 << 24)


class Record(NamedTuple):
    """A record of a CSV file: the number of its first line, its fields, and its raw text."""

    line: int
    fields: list[str]
    text: str


@dataclass(frozen=True)
class CsvFile:
    """A CSV file.

    name     for messages
    open     returns a new stream of its bytes, UTF-8
    n_bytes  about how many those are
    first    the first line that counts: of the header, or a blank one above it
    """

    name: str
    delimiter: str
    open: Callable[[], BinaryIO]
    n_bytes: int
    first: int = 1

    def records(self) -> Iterator[Record]:
        """Yield the header, and each record below it; blank lines are none.

        Raises DataError at what is not valid CSV or UTF-8, and at zero bytes.
        """
        with self.open() as stream:
            yield from self.records_in(lines_of(stream), self.skip(stream))

    def rows(self, n_fields: int) -> Iterator[Record]:
        """Yield the records below the header. Raises DataError where one has not n_fields."""
        with self.open() as stream:
            records = self.records_in(lines_of(stream), self.skip(stream))
            next(records)
            yield from self._checked(records, n_fields)

    def blocks(self, n_fields: int) -> Iterator[bytes]:
        """Yield the text of `rows`, UTF-8, in file blocks of whole records.

        NumPy counts the fields of plain blocks. From the first block with a quote, a blank line or
        a fault on, the csv module reads the records, and says where the fault is.
        """
        with self.open() as stream:
            header = next(self.records_in(lines_of(stream), self.skip(stream)))
            line = header.line + header.text.count("\n")
            while data := stream.read(BLOCK_BYTES) + read_line(stream):
                n_lines = self.count_plain(data, n_fields)
                if not n_lines:
                    records = self.records_in(
                        chain(lines_of(io.BytesIO(data)), lines_of(stream)), line
                    )
                    rows = self._checked(records, n_fields)
                    while text := "".join(row.text for row in islice(rows, BLOCK_RECORDS)):
                        yield text.encode()
                    return
                yield data
                line += n_lines

    def skip(self, stream: BinaryIO) -> int:
        """Skip the lines that do not count; return the number of the next."""
        for _ in range(1, self.first):
            read_line(stream)
        return self.first

    def count_plain(self, data: bytes, n_fields: int) -> int:
        """Return how many lines there are, if each is a row of n_fields without quotes; else 0."""
        odd = b'"' in data or b"\0" in data or not data.endswith(b"\n") or not is_utf8(data)
        if odd or n_fields == 1:
            return 0
        if b"\r" in data and data.count(b"\r") != data.count(b"\r\n"):
            return 0
        codes = np.frombuffer(data, np.uint8)
        ends = np.flatnonzero(codes == ord("\n"))
        delimiters = (codes == ord(self.delimiter)).view(np.uint8)
        # In 8 bits, a quarter of the time of 32: a count that wraps around is too large, and none
        # is too small to make up for it in the sum.
        dtype = np.uint8 if n_fields <= 1 << 8 else np.uint32
        counts = np.add.reduceat(delimiters, np.append(0, ends[:-1]), dtype=dtype)
        in_sum = np.count_nonzero(delimiters) == len(ends) * (n_fields - 1)
        return len(ends) if in_sum and (counts == n_fields - 1).all() else 0

    def records_in(self, stream: Iterable[bytes], first: int) -> Iterator[Record]:
        """Yield the records in the lines of a stream, the first of them the line number `first`.

        No line is taken beyond the record that is yielded.
        """
        lines: list[str] = []  # of the record

        def texts() -> Iterator[str]:
            for number, line in enumerate(stream, start=first):
                lines.append(decoded(self.name, line, number))
                yield lines[-1]

        reader = csv.reader(texts(), delimiter=self.delimiter, strict=True)
        begin = first
        try:
            after = first + MOST_BLANK  # the last record
            for fields in reader:
                if fields:
                    yield Record(begin, fields, "".join(lines))
                    after = begin + MOST_BLANK
                elif begin > after:
                    raise DataError(f"{self.name}:{begin}: {BLANK}")
                lines.clear()
                begin = first + reader.line_num
        except csv.Error as error:
            where = f"{self.name}:{begin}"
            if "new-line" not in str(error):
                # A quote may be opened so far from the end that its field is too long for csv.
                is_open = "end of data" in str(error) or (
                    "field limit" in str(error) and len(lines) > 1
                )
                why = "a quote is opened here and never closed" if is_open else str(error)
                raise DataError(f"{where}: not valid CSV: {why}") from None
            if '"' not in lines[-1]:
                where += f":{lines[-1].index(chr(13)) + 1}"
            raise DataError(f"{where}: {RETURN}") from None

    def _checked(self, records: Iterable[Record], n_fields: int) -> Iterator[Record]:
        for record in records:
            problem = self.problem(record, n_fields)
            if problem:
                raise DataError(problem)
            yield record

    def problem(self, record: Record, n_fields: int) -> str:
        """Return why a record is no row of n_fields, with its place; nothing where it is one."""
        fields = record.fields
        if len(fields) != n_fields:
            name = DELIMITERS.get(self.delimiter, repr(self.delimiter))
            size = "long" if len(fields) > n_fields else "short"
            return (
                f"{self.place(record, n_fields)}: the row is too {size}: {len(fields)} fields "
                f"where the header has {n_fields} (the delimiter is a {name})"
            )
        if n_fields == 1 and fields[0] and not fields[0].strip(" \t"):
            return f"{self.name}:{record.line}: there is nothing in the line but spaces"
        return ""

    def header(self, spelt: Collection[str] = ()) -> Header:
        """Return the names of the columns. Raises DataError where they cannot serve as names.

        spelt  names that are known with blanks around them, and keep them
        """
        record = next(self.records(), None)
        if record is None:
            raise DataError(f"{self.name}: the file is empty; it needs a header line and rows")
        names = record.fields
        others = [d for d in DELIMITERS if d != self.delimiter and d in names[0]]
        if len(names) == 1 and others:
            raise DataError(
                f"{self.name}:{record.line}: there is one column, named {names[0][:60]!r}; is the "
                f"delimiter a {DELIMITERS[others[0]]}? set data.delimiter: {as_yaml(others[0])}"
            )
        try:
            return column_names(self.name, names, spelt)
        except HeaderError as error:
            raise DataError(f"{self.place(record, error.field)}: {error}") from None

    def nameless(self, number: int) -> DataError:
        """Return the error of a column, counted from 1, that has values, but no name."""
        place = self.place(next(self.records()), number - 1)
        return DataError(f"{place}: column {number} has no name")

    def locate(self, row: int, column: int) -> str:
        """Return FILE:LINE:COLUMN of a cell; row 0 is the first below the header."""
        record = next(islice(self.records(), row + 1, None))
        return self.place(record, column)

    def place(self, record: Record, field: int) -> str:
        """Return FILE:LINE:COLUMN where a field begins, counted from 0.

        Where the record has no such field: of the record's end.
        """
        text, at = record.text, 0
        inner = re.compile(f'("(?:[^"]|"")*")?[^{re.escape(self.delimiter)}\r\n]*')
        for _ in range(field):
            match = inner.match(text, at)
            assert match  # even nothing
            at = match.end()
            if text[at : at + 1] != self.delimiter:
                break
            at += 1
        line = record.line + text.count("\n", 0, at)
        return f"{self.name}:{line}:{at - text.rfind(chr(10), 0, at)}"


def decoded(name: str, line: bytes, number: int) -> str:
    """Return a line as text. Raises DataError where it is none, NotUtf8Error if it may be another.

    name    of the file, for messages
    number  of the line: the first may begin with a byte order mark
    """
    check_length(name, line, number)
    if number == 1:
        line = line.removeprefix(codecs.BOM_UTF8)
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        where = f"{name}:{number}:{len(line[: error.start].decode()) + 1}"
        raise NotUtf8Error(f"{where}: not UTF-8 text") from None
    if "\0" in text:
        raise DataError(f"{name}:{number}:{text.index(chr(0)) + 1}: {ZERO}")
    return text


def first_lines(name: str, stream: BinaryIO) -> Sample | None:
    """Return the first lines of a stream of UTF-8; None where carriage returns end them.

    name  of the file, for messages
    Raises as `decoded`.
    """
    data = stream.read(SAMPLE_BYTES)
    if b"\r" in data and b"\n" not in data:
        return None
    whole = len(data) < SAMPLE_BYTES
    if not whole:
        data += b"".join(read_line(stream) for _ in range(max(1, 3 - data.count(b"\n"))))
    pieces = data.split(b"\n", SAMPLE_LINES)
    if len(pieces) > SAMPLE_LINES:
        whole, pieces[-1] = False, b""
    for number, piece in enumerate(pieces, start=1):
        check_length(name, piece, number)
    if b"\0" in data or not is_utf8(b"\n".join(pieces)):
        for number, piece in enumerate(pieces, start=1):
            decoded(name, piece, number)  # raises, with the place
    texts = b"\n".join(pieces).removeprefix(codecs.BOM_UTF8).decode().split("\n")
    lines = [text + "\n" for text in texts[:-1]]
    return Sample(name, lines + texts[-1:] if texts[-1] else lines, whole)


def is_utf8(data: bytes) -> bool:
    """Whether bytes are UTF-8 text."""
    try:
        return data.isascii() or bool(data.decode())
    except UnicodeDecodeError:
        return False
