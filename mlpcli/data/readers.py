"""Readers: one for each kind of file, chosen by the file's ending."""

from __future__ import annotations

import contextlib
import gzip
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from mlpcli.data.columns import Column, array_column, series_column
from mlpcli.data.csv_reader import read_csv
from mlpcli.data.encodings import read_text
from mlpcli.data.file_kinds import START, kind_of, misfit
from mlpcli.data.guesses import Guess
from mlpcli.data.npz import read_arrays
from mlpcli.data.readings.words import MISSING
from mlpcli.data.source import Source, Spool, is_pipe, no_file
from mlpcli.data.table import Table, absence, absent
from mlpcli.errors import DataError, FileError, listing
from mlpcli.family import Family, Member
from mlpcli.similar_files import did_you_mean
from mlpcli.standard_input import open_standard_input

if TYPE_CHECKING:
    from mlpcli.data.blocks import Opened, StreamOptions, TableStream

READERS = Family("reader")
SMALL = 1 << 21  # bytes: longer files take the csv module longer than pandas takes to be imported


@dataclass(frozen=True)
class ReadOptions:
    """How cells become values.

    missing    texts that mean: no value
    delimiter  of CSV files; None: as the first lines show, else what is usual for the ending
    text       columns to be read as text, though they may look like numbers
    decimal    of numbers in CSV files: a point or a comma; None: as the numbers show
    encoding   of text files; None: UTF-8 or UTF-16, else Windows-1252
    usual_delimiter  where the first lines leave it open; None: that of the ending
    usual_decimal    where the numbers leave it open
    usual_encoding   of what is neither UTF-8 nor UTF-16; None: Windows-1252
    codes      whether digits with leading zeros in CSV files, such as 01067, stay text
    required   columns that have to be there; a file that lacks one is not read beyond its header
    spelt      names of columns that are known with blanks around them, which the others lose
    """

    missing: Sequence[str] = MISSING
    delimiter: str | None = None
    text: Sequence[str] = ()
    decimal: str | None = None
    encoding: str | None = None
    usual_delimiter: str | None = None
    usual_decimal: str = "."
    usual_encoding: str | None = None
    codes: bool = False
    required: Sequence[str] = ()
    spelt: Sequence[str] = ()


class Reader(Member):
    """Reads one kind of file into a table."""

    name: ClassVar[str]

    def read(self, source: Source, options: ReadOptions) -> Table:
        """Return the table. Raises DataError for whatever the file has wrong."""
        raise NotImplementedError

    def stream(self, opened: Opened, options: ReadOptions, wanted: StreamOptions) -> TableStream:
        """Return the table's rows as blocks, which take no more memory than one of them needs.

        Raises DataError where the columns that are required or to be kept are not there.
        """
        raise NotImplementedError


@READERS.add("csv")
class CsvReader(Reader):
    """Comma-separated values with one header line: RFC 4180. Blank lines are skipped.

    Encoding, delimiter and decimal sign are found where the options leave them open.

    A file of at most SMALL bytes is read by the csv module, a larger one by pandas.
    """

    delimiter: ClassVar[str] = ","

    def read(self, source: Source, options: ReadOptions) -> Table:
        return read_text(
            source,
            options.encoding,
            lambda text: read_csv(text, options, options.usual_delimiter or self.delimiter, SMALL),
            options.usual_encoding,
        )

    def stream(self, opened: Opened, options: ReadOptions, wanted: StreamOptions) -> TableStream:
        from mlpcli.data.csv_stream import CsvStream

        usual = options.usual_delimiter or self.delimiter
        return CsvStream(opened, options, wanted, usual)


@READERS.add("tsv")
class TsvReader(CsvReader):
    """Tab-separated values with one header line."""

    delimiter: ClassVar[str] = "\t"


@READERS.add("jsonl")
class JsonLinesReader(Reader):
    """One JSON object a line, all with the same keys; null is a missing value."""

    def read(self, source: Source, options: ReadOptions) -> Table:
        from mlpcli.data.json_lines import read_json_lines

        missing = frozenset(options.missing)
        return read_text(
            source,
            options.encoding,
            lambda text: read_json_lines(text, missing, options.required),
            options.usual_encoding,
        )

    def stream(self, opened: Opened, options: ReadOptions, wanted: StreamOptions) -> TableStream:
        from mlpcli.data.typed_streams import JsonLinesStream

        return JsonLinesStream(opened, options, wanted)


@READERS.add("parquet")
class ParquetReader(Reader):
    """Apache Parquet; needs the extra `parquet`."""

    def read(self, source: Source, options: ReadOptions) -> Table:
        from mlpcli.data.parquet import read_frame

        frame = read_frame(source)
        missing = frozenset(options.missing)
        columns = {
            str(name): series_column(series, missing, as_text=name in options.text)
            for name, series in frame.items()
        }
        return _table(columns, source)

    def stream(self, opened: Opened, options: ReadOptions, wanted: StreamOptions) -> TableStream:
        from mlpcli.data.typed_streams import ParquetStream

        return ParquetStream(opened, options, wanted)


@READERS.add("npz")
class NpzReader(Reader):
    """NumPy's .npz: a 1-D array is a column, a 2-D array `X` is columns X_0, X_1, … No pickles."""

    def read(self, source: Source, options: ReadOptions) -> Table:
        found = read_arrays(source)
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

    def stream(self, opened: Opened, options: ReadOptions, wanted: StreamOptions) -> TableStream:
        from mlpcli.data.typed_streams import NpzStream

        return NpzStream(opened, options, wanted)


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
        return _read(
            Source("<stdin>", None, spool=Spool(open_standard_input("data"))), "csv", options
        )
    ending = kind_by_name(path)
    with opening_errors(path, key, hint):
        if is_pipe(path):
            opened = Path(path).open("rb")  # noqa: SIM115  closed by _read
            source = Source(path, None, spool=Spool(opened, path))
        else:
            source = Source.of_file(path)
        return _read(source, ending, options)


def kind_by_name(path: str) -> str:
    """Return which reader a path is for. Raises DataError, FileError where it is for none."""
    if "\0" in path:
        raise DataError(f"{path!r} is not the name of a file")
    ending = _ending(Path(path).name)
    if ending not in READERS and is_pipe(path):
        ending = "csv"
    if ending not in READERS:
        raise DataError(f"{path}: {_unknown_kind(path)}")
    with opening_errors(path):
        why = no_file(path)
    if why:
        raise DataError(f"{path}: is {why}")
    return ending


@contextlib.contextmanager
def opening_errors(
    path: str, key: tuple[str | int, ...] | None = None, hint: str = ""
) -> Iterator[None]:
    """Turn an OSError of a path into a DataError or FileError; arguments as of `read_table`."""
    try:
        yield
    except FileNotFoundError:
        hint = did_you_mean(path, lambda each: _ending(each.name) in READERS) or hint
        raise DataError(f"{path}: there is no such file{hint}", key) from None
    except IsADirectoryError:
        raise DataError(f"{path}: is a folder, not a file") from None
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}") from None


def _unknown_kind(path: str) -> str:
    """Return why a path is not that of a table, by its name, or by what is in the file."""
    if os.path.isdir(path):  # noqa: PTH112  Path's raises where a name is too long
        return "is a folder, not a file"
    with contextlib.suppress(OSError, EOFError, zlib.error):
        found = kind_of(Source(path, path).read(START))
        if found is not None:
            what, todo = found
            return f"looks like {what}; {todo.replace('FILE', path)}"
    known = f"a data file's name ends in {listing(READERS)}, with or without .gz"
    return f"not a known kind of file; {known}"


def _read(source: Source, ending: str, options: ReadOptions) -> Table:
    """Return the table in a source. Raises DataError, OSError."""
    reader: Reader = READERS[ending]()
    name = source.name
    try:
        with packing_errors(name):
            source.check_unpacked()
            problem = misfit(source.start(START), ending, name)
            if problem:
                raise DataError(f"{name}: {problem}")
            table = reader.read(source, options)
            missing = absent(table.columns, options.required)
            if missing:
                raise DataError(absence(name, missing, table.columns))
    finally:
        if source.spool is not None and source.name != "<stdin>":
            source.spool.pipe.close()
    guess = _packing(source)
    return table if guess is None else replace(table, guesses=(guess, *table.guesses))


@contextlib.contextmanager
def packing_errors(name: str) -> Iterator[None]:
    """Turn an error in unpacking a file into a DataError that names it."""
    try:
        yield
    except zlib.error:
        raise DataError(f"{name}: the compressed file is damaged") from None
    except EOFError:
        raise DataError(f"{name}: the compressed file ends early") from None
    except gzip.BadGzipFile as error:
        behind = str(error).startswith("Not a gzipped file")
        why = "is damaged" if not behind else "ends, and something else stands behind it"
        raise DataError(f"{name}: the compressed file {why}") from None


def _packing(source: Source) -> Guess | None:
    """Return what was found where a file's name does not say whether gzip has packed it."""
    return None if source.path is None else packing_guess(source.name, packed=source.is_packed)


def packing_guess(name: str, *, packed: bool) -> Guess | None:
    """Return what was found where a file's name does not say whether gzip has packed it."""
    if packed == name.lower().endswith(".gz"):
        return None
    said = "packed by gzip, though its name does not end in .gz"
    plain = "not packed by gzip, though its name ends in .gz"
    return Guess("encoding", f"{name}: {said if packed else plain}")
