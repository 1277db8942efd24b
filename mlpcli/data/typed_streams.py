"""JSON lines, parquet and .npz files in blocks of rows: their values have types of their own."""

from __future__ import annotations

import io
import re
import shutil
import tempfile
import zipfile
from collections.abc import Collection, Iterator, Mapping
from math import prod
from typing import IO, TYPE_CHECKING, Any, BinaryIO

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.blocks import Block, Opened, StreamOptions, TableStream
from mlpcli.data.columns import Column, array_column, column_of, series_column
from mlpcli.data.dialect import Dialect
from mlpcli.data.json_lines import check_keys, record_of
from mlpcli.data.lines import check_length, lines_of, read_line
from mlpcli.data.npz import check_header
from mlpcli.data.npz import check_times as check_npz
from mlpcli.data.npz import unreadable as unreadable_npz
from mlpcli.data.parquet import NO_ARROW
from mlpcli.data.parquet import check_times as check_parquet
from mlpcli.data.parquet import unreadable as unreadable_parquet
from mlpcli.data.table import Table
from mlpcli.data.text_stream import TextStream
from mlpcli.errors import DataError, MlpError
from mlpcli.machine import in_bytes
from mlpcli.memory import require

if TYPE_CHECKING:
    from mlpcli.data.readers import ReadOptions

BLOCK_NUMBERS = 1 << 20  # of a block of arrays, about
INDEX = re.compile(r"__index_level_\d+__")  # pandas' own, without a name
COPIED = 1 << 20  # bytes at once
BY_ROWS = "an array whose rows lie one behind the other (numpy.ascontiguousarray) takes less"


class JsonLinesStream(TableStream):
    """The rows of a file of JSON lines; the first line has the columns.

    A line that is no object with the same keys is a bad row.
    """

    def __init__(self, opened: Opened, options: ReadOptions, wanted: StreamOptions) -> None:
        super().__init__(opened.name)
        self.options, self.wanted, name = options, wanted, self.name
        self.bytes = TextStream(opened, options.encoding, options.usual_encoding, self.guesses)
        if opened.is_pipe and self.bytes.read_first_line() is not None and self.bytes.head.strip():
            self._set_columns(record_of(self.bytes.head, f"{name}:1"))
        self.bytes.read_head(wanted.head_bytes)
        self.text = self.bytes.head_text()
        with self.text.open() as stream:
            for number, line in enumerate(lines_of(stream), start=1):
                if line.strip():
                    check_length(name, line, number)
                    self._set_columns(record_of(line, f"{name}:{number}"))
                    break
            else:
                raise DataError(f"{name}: the file is empty")

    def _set_columns(self, record: Mapping[str, Any]) -> None:
        self.columns = [*record]
        self.needed = self.to_read(self.options.required, self.wanted.optional)
        self.kept = self.to_keep(self.wanted.keep)

    def _blocks(self) -> Iterator[Block]:
        stream = self.bytes.open(self.text)
        line, n_bytes = 1, len(self.bytes.head)
        while data := stream.read(n_bytes) + read_line(stream):
            data = self.bytes.as_utf8(data)
            block = self._block(data, line)
            if block.n_rows:
                yield block
            line, n_bytes = line + data.count(b"\n"), self.wanted.block_bytes

    def _block(self, data: bytes, first: int) -> Block:
        name = self.name
        records: list[Mapping[str, Any]] = []
        numbers: list[int] = []
        bad: dict[int, str] = {}
        for number, line in enumerate(lines_of(io.BytesIO(data)), start=first):
            if not line.strip():
                continue
            try:
                check_length(name, line, number)
                record = record_of(line, f"{name}:{number}")
                check_keys(record, self.columns, f"{name}:{number}")
            except DataError as error:
                bad[len(records) + len(bad)] = str(error)
                continue
            records.append(record)
            numbers.append(number)
        if not records:
            return Block(None, bad)
        missing = frozenset(self.options.missing)
        table = Table(
            {key: column_of([record[key] for record in records], missing) for key in self.needed},
            name,
            "",
            lambda row, _column: f"{name}:{numbers[row]}",
            dialect=Dialect(self.text.encoding),
        )
        kept = {key: [record[key] for record in records] for key in self.kept}
        return Block(table, bad, kept)


class ParquetStream(TableStream):
    """The rows of a parquet file."""

    def __init__(self, opened: Opened, options: ReadOptions, wanted: StreamOptions) -> None:
        super().__init__(opened.name)
        self.options, self.wanted, name = options, wanted, self.name
        try:
            import pyarrow.parquet

            content = _seekable(opened)
            n_file = _n_bytes(content)
            file = pyarrow.parquet.ParquetFile(content, buffer_size=COPIED, pre_buffer=False)
            self.file = opened.closing.enter_context(file)
            check_parquet(name, n_file, file.metadata)
        except ImportError:
            raise DataError(f"{name}: {NO_ARROW}") from None
        except (OSError, MlpError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001  pyarrow raises many kinds
            raise unreadable_parquet(name, error) from None
        names = map(str, self.file.schema_arrow.names)
        self.columns = [each for each in names if not INDEX.fullmatch(each)]
        self.needed = self.to_read(options.required, wanted.optional)
        self.kept = self.to_keep(wanted.keep)
        self.types = {name: self.file.schema_arrow.field(name).type for name in self.kept}

    def _batches(self, names: list[str], n_rows: int) -> Iterator[Any]:
        try:
            yield from self.file.iter_batches(n_rows, columns=names)
        except (OSError, MlpError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001
            raise unreadable_parquet(self.name, error) from None

    def _blocks(self) -> Iterator[Block]:
        import pyarrow as pa

        types = {name: self.file.schema_arrow.field(name).type for name in self.needed}
        zoned = [n for n, t in types.items() if pa.types.is_timestamp(t) and t.tz]
        universal = {name for name in zoned if self._offsets_differ(name)}
        names = list(dict.fromkeys([*self.needed, *self.kept]))
        missing, start = frozenset(self.options.missing), 0
        for batch in self._batches(names, _rows_at_once(len(names), self.wanted)):
            try:  # texts that are no UTF-8, times beyond any calendar
                columns = self._columns(batch, universal, missing)
                kept = {name: batch.column(name).to_pylist() for name in self.kept}
            except (OSError, MlpError, MemoryError):
                raise
            except Exception as error:  # noqa: BLE001
                raise unreadable_parquet(self.name, error) from None
            yield Block(_numbered(columns, self.name, start), kept=kept)
            start += len(batch)
        if not start:
            raise DataError(f"{self.name}: there is no row")

    def _columns(
        self, batch: Any, universal: Collection[str], missing: frozenset[str]
    ) -> dict[str, Column]:
        # What pandas has put into the file about itself is no matter, and may be damaged.
        frame = batch.select(self.needed).replace_schema_metadata(None).to_pandas()
        found: dict[str, Column] = {}
        for name in self.needed:
            series = frame[name]
            if name in universal:
                series = series.dt.tz_convert(None)
            found[name] = series_column(series, missing, as_text=name in self.options.text)
        return found

    def _offsets_differ(self, name: str) -> bool:
        """Whether a column's times are in a zone with several offsets: then UTC is meant."""
        found: set[Any] = set()
        for batch in self._batches([name], self.wanted.block_rows):
            times = batch.column(0).to_pandas()
            local, utc = times.dt.tz_localize(None), times.dt.tz_convert(None)
            found |= set((local - utc).dropna().unique())
        return len(found) > 1


class NpzStream(TableStream):
    """The rows of an .npz file: those of all its arrays, read side by side."""

    def __init__(self, opened: Opened, options: ReadOptions, wanted: StreamOptions) -> None:
        super().__init__(opened.name)
        self.options, self.wanted, name = options, wanted, self.name
        self.arrays: list[_Member] = []
        try:
            content = _seekable(opened)
            file = opened.closing.enter_context(zipfile.ZipFile(content))
            check_npz(name, _n_bytes(content), file.infolist())
            self.arrays = [found for m in file.infolist() if (found := _member(file, m))]
        except (OSError, MlpError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001  NumPy and zipfile raise many kinds
            raise unreadable_npz(name, error) from None
        self.columns = [column for array in self.arrays for column in array.columns]
        twice = {c for c in self.columns if self.columns.count(c) > 1} if self.columns else set()
        if twice:
            raise DataError(f"{name}: two columns are named {min(twice)}")
        lengths = {array.n_rows for array in self.arrays}
        if len(lengths) > 1:
            raise DataError(f"{name}: the arrays differ in length: {sorted(lengths)}")
        if not any(lengths):
            raise DataError(f"{name}: there is no row")
        self.needed = self.to_read(options.required, wanted.optional)
        self.kept = self.to_keep(wanted.keep)

    def _blocks(self) -> Iterator[Block]:
        names = {*self.needed, *self.kept}
        arrays = [array for array in self.arrays if not names.isdisjoint(array.columns)]
        width = sum(len(array.columns) for array in arrays)
        n, missing = _rows_at_once(width, self.wanted), frozenset(self.options.missing)
        for start in range(0, self.arrays[0].n_rows, n):
            values: dict[str, Array] = {}
            for array in arrays:
                try:
                    values |= zip(array.columns, array.read(n), strict=True)
                except (OSError, MlpError, MemoryError):
                    raise
                except Exception as error:  # noqa: BLE001
                    raise unreadable_npz(self.name, error) from None
            columns = {
                name: array_column(values[name], missing, as_text=name in self.options.text)
                for name in self.needed
            }
            kept = {name: values[name].tolist() for name in self.kept}
            yield Block(_numbered(columns, self.name, start), kept=kept)


class _Member:
    """One array of an .npz file, read a few rows at a time."""

    def __init__(self, name: str, stream: IO[bytes], shape: tuple[int, ...], dtype: Any) -> None:
        self.stream, self.dtype = stream, dtype
        self.n_rows, self.width = shape[0], prod(shape[1:])
        self.columns = [name] if len(shape) == 1 else [f"{name}_{j}" for j in range(self.width)]

    def read(self, n: int) -> list[Array]:
        """Return the columns of the next n rows, or as many as there are."""
        n_bytes = n * self.width * self.dtype.itemsize
        data = self.stream.read(n_bytes)
        return [*np.frombuffer(data, self.dtype).reshape(-1, self.width).T]


class _Whole(_Member):
    """An array whose columns lie one behind the other: it is read at once."""

    def __init__(self, name: str, stream: IO[bytes], shape: tuple[int, ...], dtype: Any) -> None:
        super().__init__(name, stream, shape, dtype)
        n_bytes = prod(shape) * dtype.itemsize
        require(2 * n_bytes, f"{name}.npy: {in_bytes(n_bytes)} column by column", BY_ROWS)
        flat = np.frombuffer(stream.read(n_bytes), dtype)
        self.values = flat.reshape(shape, order="F").reshape(shape[0], -1)
        self.start = 0

    def read(self, n: int) -> list[Array]:
        self.start += n
        return [*self.values[self.start - n : self.start].T]


def _member(file: zipfile.ZipFile, member: zipfile.ZipInfo) -> _Member | None:
    """Return an array, open behind its header; None where it has no rows. Raises ValueError."""
    stream = file.open(member)
    shape, fortran, dtype = check_header(stream, member.file_size)
    if not shape or (len(shape) > 1 and not prod(shape)):
        return None
    name = member.filename.removesuffix(".npy")
    kind = _Whole if fortran and len(shape) > 1 else _Member
    return kind(name, stream, shape, dtype)


def _rows_at_once(width: int, wanted: StreamOptions) -> int:
    return max(min(wanted.block_rows, BLOCK_NUMBERS // max(width, 1)), 1)


def _numbered(columns: Mapping[str, Column], name: str, start: int) -> Table:
    return Table(columns, name, "", lambda row, _column: f"{name}: row {start + row}")


def _n_bytes(content: BinaryIO) -> int:
    n = content.seek(0, io.SEEK_END)
    content.seek(0)
    return n


def _seekable(opened: Opened) -> BinaryIO:
    """Return a file's bytes as a file that can be read anywhere; a pipe's are copied to a disk."""
    if opened.content.seekable():
        return opened.content
    copy: Any = opened.closing.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
    shutil.copyfileobj(opened.content, copy, COPIED)
    copy.seek(0)
    found: BinaryIO = copy
    return found
