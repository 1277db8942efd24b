"""The values of a CSV file, read with pandas in chunks of rows, its bytes counted on their way.

pandas refuses a line with more fields than the first line of a chunk, and fills a shorter one
without a word. So where the first line of every chunk has its n fields, and the file as many lines
as rows and (n − 1) delimiters for each of them, every line has n fields: two counts tell what
`CsvFile.check` finds out by looking at every line. A file that is not so plain is checked line by
line, which says where it is broken, and read as a whole.
"""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Collection, Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np
import pandas as pd

from mlpcli.data.columns import Column
from mlpcli.data.csv_cells import CellOptions
from mlpcli.data.csv_structure import CsvFile
from mlpcli.data.pandas_columns import ColumnParts, csv_column, pandas_column
from mlpcli.errors import DataError

CHUNK_NUMBERS, CHUNK_ROWS = 1 << 20, 1 << 10  # that are read at once; at least so many rows
KEPT_BYTES = 31 << 20  # the largest block that glibc will keep
ASCII_END = 128


def read_values(
    file: CsvFile, names: Sequence[str], options: CellOptions
) -> tuple[dict[str, Column], str]:
    """Return the columns of a file, and the SHA-256 of its bytes if that was found on the way.

    names  of the columns: the header
    Raises DataError where the file is broken.
    """
    parts = [ColumnParts(options.missing, as_text=name in options.text) for name in names]
    # What is freed first tells glibc how large a block it keeps for the next (mallopt(3)): one
    # chunk's memory is then the next one's. Without, it goes back to the system and is mapped
    # anew: 100,000 page faults for 176 MB, where there are 27,000 so, and 0.2 s more.
    np.empty(KEPT_BYTES, np.uint8)
    with file.open() as stream:
        sha256 = _read_plain(file, stream, names, parts, options)
    if sha256 is None:
        file.check(len(names))
        return _whole(file, names, names, options), ""
    columns = {name: part.column() for name, part in zip(names, parts, strict=True)}
    doubtful = [name for name, column in columns.items() if column is None]
    again = _whole(file, names, doubtful, options) if doubtful else {}
    found = {name: again[name] if column is None else column for name, column in columns.items()}
    return found, "" if file.is_compressed else sha256


def _read_plain(
    file: CsvFile,
    stream: BinaryIO,
    names: Sequence[str],
    parts: Sequence[ColumnParts],
    options: CellOptions,
) -> str | None:
    """Append the values to the parts; return the SHA-256 of the bytes, or None: not plain."""
    header = stream.readline()
    written = header.removeprefix(codecs.BOM_UTF8).removesuffix(b"\n").removesuffix(b"\r")
    if len(names) == 1 or written != file.delimiter.join(names).encode():
        return None
    size = max(CHUNK_ROWS, CHUNK_NUMBERS // len(names))
    counted = _Counted(stream, file.delimiter, len(names) - 1, size)
    counted.digest.update(header)
    n_rows = 0
    try:
        with _read_csv(
            counted,
            file,
            options,
            header=None,
            names=list(names),
            dtype=dict.fromkeys(options.text & set(names), str),
            chunksize=size,
        ) as chunks:
            for chunk in chunks:
                # About how many rows there are, from how many bytes those so far have.
                n_expected = int(1.05 * len(chunk) * file.size() / max(1, counted.n_bytes))
                for part, (_, series) in zip(parts, chunk.items(), strict=True):
                    part.append(series, n_expected)
                n_rows += len(chunk)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError):
        if counted.error is None:
            return None
    if counted.error is not None:
        raise counted.error
    return counted.digest.hexdigest() if n_rows and counted.is_plain(n_rows) else None


class _Counted:
    """A stream of rows that counts and hashes what is read of it, without a second look.

    stream        open behind the header
    n_delimiters  that each line has to have
    every         the lines 0, every, 2 every, … are looked at one by one
    """

    def __init__(self, stream: BinaryIO, delimiter: str, n_delimiters: int, every: int) -> None:
        self.stream, self.delimiter = stream, delimiter.encode()
        self.n_delimiters, self.every = n_delimiters, every
        self.digest = hashlib.sha256()
        self.decoder = codecs.getincrementaldecoder("utf-8")()
        self.error: BaseException | None = None
        self.plain = True
        self.n_bytes = self.n_lines = self.n_found = 0
        self.begun = b""  # the line that the last piece ends in
        self.end = b"\n"

    def read(self, n: int) -> bytes:
        """Return the next bytes; none where it makes no sense to go on."""
        if not self.plain:
            return b""
        try:
            piece = self.stream.read(n)
            self.digest.update(piece)
            self._count(piece)
        except UnicodeDecodeError:
            self.plain = False
        except BaseException as error:  # noqa: BLE001  pandas would make one of its own of it
            self.error, self.plain = error, False
        return piece if self.plain else b""

    def __iter__(self) -> Iterator[bytes]:
        """Make it a stream in pandas' eyes, which asks for no line."""
        return iter(())

    def is_plain(self, n_rows: int) -> bool:
        """Whether every line is a row, with as many delimiters as it has to have."""
        n_lines = self.n_lines
        if self.begun:  # the last line has no end
            self._look_at(n_lines, self.begun)
            n_lines += 1
        else:  # blank lines behind the last one, as files often have
            n_lines -= max(0, self.end[len(self.end.rstrip(b"\r\n")) :].count(b"\n") - 1)
        whole = not self.decoder.getstate()[0]  # the last character is
        return (
            whole
            and self.plain
            and n_lines == n_rows
            and self.n_found == n_rows * self.n_delimiters
        )

    def _count(self, piece: bytes) -> None:
        n_returns = piece.count(b"\r") if b"\r" in piece else 0
        # A line's end that lies in two pieces: the return in the first is then the last byte.
        n_ends = piece.count(b"\r\n") + piece.endswith(b"\r") if n_returns else 0
        late = self.end.endswith(b"\r") and bool(piece) and not piece.startswith(b"\n")
        if b'"' in piece or b"\0" in piece or n_returns != n_ends or late:
            self.plain = False
            return
        codes = np.frombuffer(piece, np.uint8)
        # bytes.isascii() takes three times as long: 4 ms more of a million rows.
        if codes.max(initial=0) >= ASCII_END or self.decoder.getstate()[0]:
            self.decoder.decode(piece)
        n_lines = int(np.count_nonzero(codes == ord("\n")))
        self.n_found += int(np.count_nonzero(codes == ord(self.delimiter)))
        first = -(-self.n_lines // self.every) * self.every
        if first < self.n_lines + n_lines:
            lines = (self.begun + piece).split(b"\n")
            for number in range(first, self.n_lines + n_lines, self.every):
                self._look_at(number, lines[number - self.n_lines])
        cut = piece.rfind(b"\n") + 1
        self.begun = piece[cut:] if cut else self.begun + piece
        self.n_lines += n_lines
        if self.n_lines % self.every == 0 and self.begun.count(self.delimiter) > self.n_delimiters:
            self.plain = False  # already now: pandas would warn of what it leaves out
        self.n_bytes += len(piece)
        self.end = (self.end + piece[-8:])[-8:]

    def _look_at(self, number: int, line: bytes) -> None:
        if number % self.every == 0 and line.count(self.delimiter) != self.n_delimiters:
            self.plain = False


def _whole(
    file: CsvFile, names: Sequence[str], wanted: Collection[str], options: CellOptions
) -> dict[str, Column]:
    """Return the wanted columns of a file whose structure has been checked."""
    places = [place for place, name in enumerate(names) if name in wanted]
    found = [names[place] for place in places]
    with file.open() as stream:
        try:
            frame = _read_csv(
                stream,
                file,
                options,
                dtype={name: str for name in found if name in options.text},
                encoding="utf-8-sig",
                usecols=places if len(places) < len(names) else None,
            )
        except UnicodeDecodeError:
            list(file.records())  # finds the line
            raise
        except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
            raise DataError(f"{file.name}: {str(error).strip()}") from None
    frame.columns = pd.Index(found, dtype=object)
    columns = {}
    for name, series in frame.items():
        as_text = name in options.text
        columns[name] = pandas_column(series) if as_text else csv_column(series, options.missing)
    return columns


def _read_csv(stream: Any, file: CsvFile, options: CellOptions, **more: Any) -> Any:
    try:
        return pd.read_csv(
            stream,
            sep=file.delimiter,
            decimal=options.decimal,
            keep_default_na=False,
            na_values=list(options.missing),
            low_memory=False,
            index_col=False,
            **more,
        )
    except pd.errors.ParserError as error:
        if "Calling read" in str(error):  # how pandas reports a signal while it reads
            raise KeyboardInterrupt from None
        raise
