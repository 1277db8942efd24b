"""Readers: one for each kind of file, chosen by the file's ending."""

from __future__ import annotations

import hashlib
import io
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from mlpcli.data.csv_structure import CsvFile
from mlpcli.data.table import Table
from mlpcli.errors import DataError, FileError, listing
from mlpcli.family import Family

READERS = Family("reader")


@dataclass(frozen=True)
class ReadOptions:
    """How cells become values.

    missing    texts that mean: no value
    delimiter  of CSV files; None: what is usual for the ending
    text       columns to be read as text, though they may look like numbers
    """

    missing: Sequence[str] = ("", "NA")
    delimiter: str | None = None
    text: Sequence[str] = ()


@dataclass(frozen=True)
class Source:
    """A file, or the bytes of standard input.

    name  for messages
    """

    name: str
    path: str | None
    content: bytes = b""

    def bytes(self) -> bytes:
        """Return the file's bytes, uncompressed."""
        if self.path is None:
            return self.content
        with CsvFile(self.name, ",", self.path).open() as stream:
            return stream.read()

    def sha256(self) -> str:
        """Return the SHA-256 of the bytes as they lie on the disk."""
        if self.path is None:
            return hashlib.sha256(self.content).hexdigest()
        with Path(self.path).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()


@dataclass(frozen=True)
class Reader:
    """Reads one kind of file into a table."""

    name: ClassVar[str]

    def read(self, source: Source, options: ReadOptions) -> Table:
        """Return the table. Raises DataError for whatever the file has wrong."""
        raise NotImplementedError


@READERS.add("csv")
@dataclass(frozen=True)
class CsvReader(Reader):
    """Comma-separated values with one header line: RFC 4180, UTF-8. Blank lines are skipped."""

    delimiter: ClassVar[str] = ","

    def read(self, source: Source, options: ReadOptions) -> Table:
        """Check the structure, then let pandas read the values."""
        delimiter = options.delimiter or self.delimiter
        file = CsvFile(source.name, delimiter, source.path, source.content)
        names = file.header()
        file.check(len(names))
        text = {name: str for name in options.text if name in names}
        with file.open() as stream:
            try:
                frame = pd.read_csv(
                    stream,
                    sep=delimiter,
                    dtype=text,
                    keep_default_na=False,
                    na_values=list(options.missing),
                    low_memory=False,
                    index_col=False,
                    encoding="utf-8-sig",
                )
            except UnicodeDecodeError:
                list(file.records())  # finds the line
                raise
            except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
                raise DataError(f"{source.name}: {str(error).strip()}") from None
        frame.columns = pd.Index(names, dtype=object)
        place = {name: index for index, name in enumerate(names)}
        return Table(
            frame, source.name, source.sha256(), lambda row, column: file.locate(row, place[column])
        )


@READERS.add("tsv")
@dataclass(frozen=True)
class TsvReader(CsvReader):
    """Tab-separated values with one header line."""

    delimiter: ClassVar[str] = "\t"


@READERS.add("jsonl")
@dataclass(frozen=True)
class JsonLinesReader(Reader):
    """One JSON object a line, all with the same keys; null is a missing value."""

    def read(self, source: Source, options: ReadOptions) -> Table:
        """Parse line by line, so that a fault has a line."""
        import json

        records: list[Mapping[str, Any]] = []
        lines: list[int] = []
        for number, line in enumerate(io.BytesIO(source.bytes()), start=1):
            if not line.strip():
                continue
            where = f"{source.name}:{number}"
            try:
                record = json.loads(line, parse_constant=_no_constant)
            except (ValueError, RecursionError) as error:
                raise DataError(f"{where}: not valid JSON: {error}") from None
            if not isinstance(record, dict):
                raise DataError(f"{where}: must be an object, {{...}}")
            for key, value in record.items():
                if isinstance(value, dict | list):
                    raise DataError(f"{where}: {key}: must be a number, text, true, false or null")
                if isinstance(value, int) and abs(value) >= 2**63:
                    record[key] = float(value) if abs(value) < 10**308 else float("inf")
            if records and record.keys() != records[0].keys():
                odd = sorted(record.keys() ^ records[0].keys())
                raise DataError(f"{where}: the keys differ from the first line's: {listing(odd)}")
            records.append(record)
            lines.append(number)
        if not records or not records[0]:
            raise DataError(f"{source.name}: the file is empty")
        missing = set(options.missing)
        columns = {
            name: [None if r[name] in missing else r[name] for r in records] for name in records[0]
        }
        return Table(
            pd.DataFrame({name: _series(values) for name, values in columns.items()}),
            source.name,
            source.sha256(),
            lambda row, _column: f"{source.name}:{lines[row]}",
        )


def _no_constant(word: str) -> float:
    raise ValueError(f"{word} is not a JSON number")


def _series(values: list[Any]) -> Any:
    """Return a column: numbers where every value is one, else the values as they are."""
    if all(v is None or (isinstance(v, int | float) and not isinstance(v, bool)) for v in values):
        return pd.Series([np.nan if v is None else v for v in values])
    return pd.Series(values, dtype=object)


@READERS.add("parquet")
@dataclass(frozen=True)
class ParquetReader(Reader):
    """Apache Parquet; needs the extra `parquet`."""

    def read(self, source: Source, options: ReadOptions) -> Table:
        """Let pandas and pyarrow read it."""
        try:
            frame = pd.read_parquet(io.BytesIO(source.bytes()), engine="pyarrow")
        except ImportError:
            problem = "reading parquet needs pyarrow: pip install 'mlpcli[parquet]'"
            raise DataError(f"{source.name}: {problem}") from None
        except Exception as error:  # noqa: BLE001  pyarrow raises many kinds
            raise DataError(f"{source.name}: not a parquet file: {_first_line(error)}") from None
        return _plain_table(frame, source)


@READERS.add("npz")
@dataclass(frozen=True)
class NpzReader(Reader):
    """NumPy's .npz: a 1-D array is a column, a 2-D array `X` is columns X_0, X_1, … No pickles."""

    def read(self, source: Source, options: ReadOptions) -> Table:
        """Read every array, refusing objects."""
        columns: dict[str, Any] = {}
        content = source.bytes()
        if not content.startswith(b"PK"):
            raise DataError(f"{source.name}: not an .npz file")
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                for name in arrays.files:
                    array = arrays[name]
                    flat = array.reshape(len(array), -1) if array.ndim else array
                    if array.ndim == 1:
                        columns[name] = array
                    elif array.ndim > 1:
                        columns |= {f"{name}_{j}": flat[:, j] for j in range(flat.shape[1])}
        except Exception as error:  # noqa: BLE001  NumPy and zipfile raise many kinds
            raise DataError(f"{source.name}: not a readable .npz: {_first_line(error)}") from None
        lengths = {len(column) for column in columns.values()}
        if len(lengths) != 1:
            raise DataError(f"{source.name}: the arrays differ in length: {sorted(lengths)}")
        frame = pd.DataFrame(
            {n: c.astype(str) if c.dtype.kind in "US" else c for n, c in columns.items()}
        )
        return _plain_table(frame, source)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _plain_table(frame: Any, source: Source) -> Table:
    if not len(frame):
        raise DataError(f"{source.name}: there is no row")
    frame.columns = pd.Index([str(name) for name in frame.columns], dtype=object)
    return Table(
        frame, source.name, source.sha256(), lambda row, _column: f"{source.name}: row {row}"
    )


def read_table(path: str, options: ReadOptions) -> Table:
    """Return the table in a file, or on standard input for `-` (as CSV).

    Raises DataError where there is no such file or it cannot be understood; FileError where the
    operating system refuses.
    """
    if path == "-":
        source = Source("<stdin>", None, sys.stdin.buffer.read())
        return CsvReader().read(source, options)
    ending = path.lower().removesuffix(".gz").rpartition(".")[2]
    if ending not in READERS:
        raise DataError(
            f"{path}: the ending {ending!r} is not known; allowed: {listing(READERS)}, and .gz"
        )
    try:
        table: Table = READERS[ending]().read(Source(path, path), options)
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise DataError(f"{path}: is a folder, not a file") from None
    except EOFError:
        raise DataError(f"{path}: the compressed file ends early") from None
    except OSError as error:
        if type(error).__name__ == "BadGzipFile":
            raise DataError(f"{path}: not a gzip file: {error}") from None
        raise FileError(f"{path}: {error.strerror or error}") from None
    return table
