"""Readers: one for each kind of file, chosen by the file's ending."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, cast

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.cells import CellRules
from mlpcli.data.columns import Column, array_column, column_of, series_column
from mlpcli.data.csv_structure import CsvFile
from mlpcli.data.csv_values import read_large, read_small
from mlpcli.data.readings.words import MISSING
from mlpcli.data.table import Table, quoted
from mlpcli.errors import DataError, FileError, listing
from mlpcli.family import Family, Member
from mlpcli.similar_files import did_you_mean
from mlpcli.standard_input import read_standard_input

READERS = Family("reader")
SMALL = 1 << 21  # bytes: longer files take the csv module longer than pandas takes to be imported


@dataclass(frozen=True)
class ReadOptions:
    """How cells become values.

    missing    texts that mean: no value
    delimiter  of CSV files; None: what is usual for the ending
    decimal    of numbers in CSV files: a point or a comma
    text       columns to be read as text, though they may look like numbers
    """

    missing: Sequence[str] = MISSING
    delimiter: str | None = None
    text: Sequence[str] = ()
    decimal: str = "."


@dataclass(frozen=True)
class Source:
    """A file, or the bytes of standard input.

    name  for messages
    """

    name: str
    path: str | None
    content: bytes = b""

    def open(self) -> BinaryIO:
        """Return a new stream of the bytes, uncompressed."""
        if self.path is None:
            return io.BytesIO(self.content)
        if self.path.lower().endswith(".gz"):
            return cast("BinaryIO", gzip.open(self.path))
        return Path(self.path).open("rb")

    def read(self, most: int = -1) -> bytes:
        """Return the first bytes, uncompressed; all of them by default."""
        with self.open() as stream:
            return stream.read(most)

    def n_bytes(self) -> int:
        """Return how many bytes there are, as they lie on the disk."""
        return len(self.content) if self.path is None else Path(self.path).stat().st_size

    def sha256(self) -> str:
        """Return the SHA-256 of the bytes as they lie on the disk."""
        if self.path is None:
            return hashlib.sha256(self.content).hexdigest()
        with Path(self.path).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()


class Reader(Member):
    """Reads one kind of file into a table."""

    name: ClassVar[str]

    def read(self, source: Source, options: ReadOptions) -> Table:
        """Return the table. Raises DataError for whatever the file has wrong."""
        raise NotImplementedError


@READERS.add("csv")
class CsvReader(Reader):
    """Comma-separated values with one header line: RFC 4180, UTF-8. Blank lines are skipped.

    A file of at most SMALL bytes is read by the csv module, a larger one by pandas.
    """

    delimiter: ClassVar[str] = ","

    def read(self, source: Source, options: ReadOptions) -> Table:
        delimiter = options.delimiter or self.delimiter
        file = CsvFile(source.name, delimiter, source.open, source.n_bytes())
        names = file.header()
        rules = CellRules(frozenset(options.missing), frozenset(options.text), options.decimal)
        read = read_small if len(source.read(SMALL + 1)) <= SMALL else read_large
        columns = read(file, names, rules)
        return Table(
            columns,
            source.name,
            source.sha256(),
            lambda row, column: file.locate(row, names.index(column)),
            options.decimal,
        )


@READERS.add("tsv")
class TsvReader(CsvReader):
    """Tab-separated values with one header line."""

    delimiter: ClassVar[str] = "\t"


@READERS.add("jsonl")
class JsonLinesReader(Reader):
    """One JSON object a line, all with the same keys; null is a missing value."""

    def read(self, source: Source, options: ReadOptions) -> Table:
        records: list[Mapping[str, Any]] = []
        lines: list[int] = []
        for number, line in enumerate(io.BytesIO(source.read()), start=1):
            if not line.strip():
                continue
            where = f"{source.name}:{number}"
            record = _json_object(line, where)
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
        missing = frozenset(options.missing)
        return Table(
            {name: column_of([r[name] for r in records], missing) for name in records[0]},
            source.name,
            source.sha256(),
            lambda row, _column: f"{source.name}:{lines[row]}",
        )


def _json_object(line: bytes, where: str) -> dict[str, Any]:
    try:
        record = json.loads(line, parse_constant=_no_constant, object_pairs_hook=_unique_keys)
        if b"\\u" in line:
            json.dumps(record, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except json.JSONDecodeError as error:
        raise DataError(f"{where}:{error.colno}: not valid JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: not valid JSON: {error}") from None
    if not isinstance(record, dict):
        raise DataError(f"{where}: must be an object, {{...}}")
    return record


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {quoted(twice)} stands twice")
    return record


def _no_constant(word: str) -> float:
    raise ValueError(f"{word} is not a JSON number")


@READERS.add("parquet")
class ParquetReader(Reader):
    """Apache Parquet; needs the extra `parquet`."""

    def read(self, source: Source, options: ReadOptions) -> Table:
        import pandas as pd

        content = source.read()
        try:
            frame = pd.read_parquet(io.BytesIO(content), engine="pyarrow")
            frame = frame.reset_index(drop=not any(frame.index.names))  # with a name: a column
        except ImportError:
            problem = "reading parquet needs pyarrow: pip install 'mlpcli[parquet]'"
            raise DataError(f"{source.name}: {problem}") from None
        except Exception as error:  # noqa: BLE001  pyarrow raises many kinds
            why = _first_line(error).removeprefix(
                "Could not open Parquet input source '<Buffer>': "
            )
            raise DataError(f"{source.name}: not a parquet file: {why}") from None
        missing = frozenset(options.missing)
        columns = {
            str(name): series_column(series, missing, as_text=name in options.text)
            for name, series in frame.items()
        }
        return _table(columns, source)


@READERS.add("npz")
class NpzReader(Reader):
    """NumPy's .npz: a 1-D array is a column, a 2-D array `X` is columns X_0, X_1, … No pickles."""

    def read(self, source: Source, options: ReadOptions) -> Table:
        content = source.read()
        if not content.startswith(b"PK"):
            raise DataError(f"{source.name}: not an .npz file")
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                found = [c for name in arrays.files for c in _array_columns(name, arrays[name])]
        except ValueError as error:
            why = "it holds Python objects" if "allow_pickle" in str(error) else _first_line(error)
            raise DataError(f"{source.name}: not a readable .npz: {why}") from None
        except Exception as error:  # noqa: BLE001  NumPy and zipfile raise many kinds
            raise DataError(f"{source.name}: not a readable .npz: {_first_line(error)}") from None
        columns = dict(found)
        if len(columns) < len(found):
            twice = next(name for name, array in found if columns[name] is not array)
            raise DataError(f"{source.name}: two columns are named {twice}")
        lengths = {len(column) for column in columns.values()}
        if len(lengths) > 1:
            raise DataError(f"{source.name}: the arrays differ in length: {sorted(lengths)}")
        missing = frozenset(options.missing)
        return _table(
            {n: array_column(a, missing, as_text=n in options.text) for n, a in columns.items()},
            source,
        )


def _array_columns(name: str, array: Array) -> Iterator[tuple[str, Array]]:
    if array.ndim == 1:
        yield name, array
    elif array.size and array.ndim > 1:
        for j, column in enumerate(array.reshape(len(array), -1).T):
            yield f"{name}_{j}", column


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _table(columns: Mapping[str, Column], source: Source) -> Table:
    if not columns or not len(next(iter(columns.values()))):
        raise DataError(f"{source.name}: there is no row")
    return Table(columns, source.name, source.sha256(), lambda row, _: f"{source.name}: row {row}")


def _ending(name: str) -> str:
    """Return how a file's name ends, without .gz."""
    return name.lower().removesuffix(".gz").rpartition(".")[2]


def read_table(
    path: str,
    options: ReadOptions,
    *,
    key: tuple[str | int, ...] | None = None,
    hint: str = "",
) -> Table:
    """Return the table in a file, or on standard input for `-` (as CSV).

    key   of the spec, where the path comes from
    hint  what to add where there is no such file
    Raises DataError where there is no such file or it cannot be understood; FileError where the
    operating system refuses.
    """
    if path == "-":
        source = Source("<stdin>", None, read_standard_input("data"))
        return CsvReader().read(source, options)
    if "\0" in path:
        raise DataError(f"{path!r} is not the name of a file")
    ending = _ending(Path(path).name)
    if ending not in READERS:
        known = f"a data file's name ends in {listing(READERS)}, with or without .gz"
        what = f"not a known kind of file; {known}"
        is_folder = os.path.isdir(path)  # noqa: PTH112  Path's raises where a name is too long
        raise DataError(f"{path}: {'is a folder, not a file' if is_folder else what}")
    try:
        table: Table = READERS[ending]().read(Source(path, path), options)
    except FileNotFoundError:
        hint = did_you_mean(path, lambda each: _ending(each.name) in READERS) or hint
        raise DataError(f"{path}: there is no such file{hint}", key) from None
    except IsADirectoryError:
        raise DataError(f"{path}: is a folder, not a file") from None
    except zlib.error:
        raise DataError(f"{path}: the compressed file is damaged") from None
    except EOFError:
        raise DataError(f"{path}: the compressed file ends early") from None
    except gzip.BadGzipFile as error:
        whole = not str(error).startswith("Not a gzipped file")
        why = "the compressed file is damaged" if whole else "not a gzip file"
        raise DataError(f"{path}: {why}") from None
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}") from None
    return table
