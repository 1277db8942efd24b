"""The structure of a CSV file, checked before its values are read.

pandas fills short lines and renames equal headers without a word. So every line's fields are
counted here first: in blocks of bytes, with NumPy, where no field is quoted; with the standard
library's csv reader, which knows quotes, from the first quoted block on.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, cast

import numpy as np

from mlpcli.data.numerals import is_number
from mlpcli.data.table import quoted
from mlpcli.errors import DataError

BLOCK = 4 << 20
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
RETURN = "a carriage return stands within the line"
ZERO = "there is a zero byte: this is not a text file"
csv.field_size_limit(1 << 24)


@dataclass(frozen=True)
class CsvFile:
    """A CSV file, or its bytes where it came from a pipe.

    name  for messages
    """

    name: str
    delimiter: str
    path: str | None = None
    content: bytes = b""

    @property
    def is_compressed(self) -> bool:
        """Whether the bytes on the disk are others."""
        return self.path is not None and self.path.lower().endswith(".gz")

    def open(self) -> BinaryIO:
        """Return a new stream of its uncompressed bytes."""
        if self.path is None:
            return io.BytesIO(self.content)
        if self.is_compressed:
            return cast("BinaryIO", gzip.open(self.path))
        return Path(self.path).open("rb")

    def size(self) -> int:
        """Return how many bytes there are, on the disk."""
        return len(self.content) if self.path is None else Path(self.path).stat().st_size

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield each record's first line, counted from 1, and its fields; blank lines are none."""
        with self.open() as stream:
            text = io.TextIOWrapper(stream, "utf-8-sig", newline="\n")
            reader = csv.reader(text, delimiter=self.delimiter, strict=True)
            line = 1
            try:
                for fields in reader:
                    if fields:
                        yield line, fields
                    line = reader.line_num + 1
            except csv.Error as error:
                problem = RETURN if "new-line" in str(error) else f"not valid CSV: {error}"
                raise DataError(f"{self.name}:{line}: {problem}") from None
            except UnicodeDecodeError:
                raise self._not_utf8() from None

    def _not_utf8(self) -> DataError:
        with self.open() as stream:
            for number, line in enumerate(stream, start=1):
                try:
                    line.decode("utf-8")
                except UnicodeDecodeError as error:
                    before = line[: error.start].decode("utf-8").lstrip("\ufeff")
                    where = f"{self.name}:{number}:{len(before) + 1}"
                    return DataError(f"{where}: not UTF-8 text; save the file as UTF-8")
        return DataError(f"{self.name}: not UTF-8 text")

    def locate(self, row: int, column: int) -> str:
        """Return FILE:LINE:COLUMN of a cell; row 0 is the first below the header."""
        for index, (line, _) in enumerate(self.records()):
            if index == row + 1:
                return self._place(line, column)
        return self.name

    def _place(self, line: int, field: int) -> str:
        """Return FILE:LINE:COLUMN where a field of the record beginning in a line begins.

        Where the record has no such field: of the record's end. Fields count from 0.
        """
        n, begins, in_quotes, inside = 0, True, False, False
        number, column = line, 0
        with self.open() as stream:
            lines = io.TextIOWrapper(stream, "utf-8-sig", errors="replace", newline="\n")
            for number, text in enumerate(islice(lines, line - 1, None), start=line):
                for column, letter in enumerate(text, start=1):
                    at_end = not inside and letter in "\r\n"
                    if at_end or (begins and n == field):
                        return f"{self.name}:{number}:{column}"
                    if letter == '"' and (begins or in_quotes):
                        begins, in_quotes, inside = False, True, not inside
                    elif letter == self.delimiter and not inside:
                        n, begins, in_quotes = n + 1, True, False
                    else:
                        begins = False
        return f"{self.name}:{number}:{column + 1}"

    def header(self) -> list[str]:
        """Return the names of the columns. Raises DataError where they cannot serve as names."""
        line, names = next(self.records(), (0, []))
        if not names:
            raise DataError(f"{self.name}: the file is empty; it needs a header line and rows")
        others = [d for d in DELIMITERS if d != self.delimiter and d in names[0]]
        if len(names) == 1 and others:
            raise DataError(
                f"{self.name}:{line}: there is one column, named {names[0][:60]!r}; is "
                f"the delimiter a {DELIMITERS[others[0]]}? set data.delimiter"
            )
        seen: dict[str, int] = {}
        for place, name in enumerate(names, start=1):
            where = self._place(line, place - 1) if not name.strip() or name in seen else ""
            if not name.strip():
                index = "; if it is an index, save the file without" if place == 1 else ""
                raise DataError(f"{where}: column {place} has no name{index}")
            if name in seen:
                problem = f"columns {seen[name]} and {place} are both named {quoted(name)}"
                hint = "; is there a header line?" if is_number(name) else ""
                raise DataError(f"{where}: {problem}{hint}")
            seen[name] = place
        return names

    def check(self, n_fields: int) -> None:
        """Check that every record has n_fields fields. Raises DataError at the first that has not.

        Also refuses bytes that no text has, and files without a row.
        """
        line, rows, rest = 0, -1, b""
        with self.open() as stream:
            for block in _blocks(stream):
                if b'"' in block or n_fields == 1:
                    self._check_quoted(n_fields)
                    return
                data = rest + block
                cut = data.rfind(b"\n") + 1
                rest = data[cut:]
                lines, records = self._check_block(data[:cut], line, n_fields)
                line, rows = line + lines, rows + records
        if rest:
            rows += self._check_block(rest + b"\n", line, n_fields)[1]
        if rows < 1:
            raise DataError(f"{self.name}: there is a header line, and no row below it")

    def _check_block(self, data: bytes, line: int, n_fields: int) -> tuple[int, int]:
        """Check whole lines; return how many there were, and how many were not blank."""
        if not data:
            return 0, 0
        codes = np.frombuffer(data, np.uint8)
        ends = np.flatnonzero(codes == ord("\n"))
        starts = np.concatenate([[0], ends[:-1] + 1])
        returns = np.flatnonzero(codes == ord("\r"))
        at_end = codes[returns + 1] == ord("\n")
        if not at_end.all():
            self._refuse(data, line, int(returns[np.argmin(at_end)]), RETURN)
        if 0 in data:
            self._refuse(data, line, data.index(0), ZERO)
        delimiters = np.flatnonzero(codes == ord(self.delimiter))
        fields = np.diff(np.searchsorted(delimiters, ends), prepend=0) + 1
        blank = ends - starts - (codes[ends - 1] == ord("\r")) <= 0
        wrong = (fields != n_fields) & ~blank
        if wrong.any():
            first = int(np.argmax(wrong))
            raise self._wrong_length(line + 1 + first, int(fields[first]), n_fields)
        return len(ends), int((~blank).sum())

    def _refuse(self, data: bytes, line: int, at: int, problem: str) -> NoReturn:
        """Raise for the byte `at` of data, which begins after `line` lines."""
        before = data[:at].decode("utf-8", "replace")
        column = len(before) - before.rfind("\n")
        where = f"{self.name}:{line + 1 + before.count(chr(10))}:{column}"
        raise DataError(f"{where}: {problem}")

    def _check_quoted(self, n_fields: int) -> None:
        rows = -1
        for line, fields in self.records():
            if len(fields) != n_fields:
                raise self._wrong_length(line, len(fields), n_fields)
            if "\0" in "".join(fields):
                raise DataError(f"{self.name}:{line}: {ZERO}")
            if n_fields == 1 and fields[0] and not fields[0].strip(" \t"):
                raise DataError(f"{self.name}:{line}: there is nothing in the line but spaces")
            rows += 1
        if rows < 1:
            raise DataError(f"{self.name}: there is a header line, and no row below it")

    def _wrong_length(self, line: int, found: int, n_fields: int) -> DataError:
        """Return the error of a record: the place is its end, or where its first extra field is."""
        name = DELIMITERS.get(self.delimiter, repr(self.delimiter))
        size = "long" if found > n_fields else "short"
        return DataError(
            f"{self._place(line, n_fields)}: the row is too {size}: "
            f"{found} fields where the header has {n_fields} (the delimiter is a {name})"
        )


def _blocks(stream: Any) -> Iterator[bytes]:
    while block := stream.read(BLOCK):
        yield block
