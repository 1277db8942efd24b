"""Predictions in a file, one group of rows after the other: CSV, JSON lines, one JSON document."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.columns import Coded
from mlpcli.errors import DataError, UsageError, listing
from mlpcli.plain import without_nan
from mlpcli.runs.cell_text import (
    coded_cells,
    rows_text,
    spread,
    text_cells,
)
from mlpcli.runs.float_cells import float_cells
from mlpcli.runs.prediction_stream import Predicted, PredictionStream

Write = Callable[[bytes], None]


class Output:
    """Writes predictions.

    write        takes the pieces of the file
    predictions  whose columns are written: those that are kept, then those that are predicted
    """

    def __init__(self, write: Write, predictions: PredictionStream) -> None:
        self.write, self.stream = write, predictions.stream
        self.names = [*predictions.stream.kept, *predictions.names]
        # As many digits as the network's numbers have, 9 or 17: more would be noise.
        self.single = predictions.model.network.dtype == "float32"

    def begin(self) -> None:
        """Write what stands before the first row."""

    def rows(self, predicted: Predicted) -> None:
        """Write rows."""
        raise NotImplementedError

    def end(self, summary: dict[str, Any]) -> None:
        """Write what stands behind the last row.

        summary  plain data about all rows
        """


class TextOutput(Output):
    """Writes predictions as text; a subclass says how a row, a number and a text are written."""

    as_json = False
    blank = b""

    def __init__(self, write: Write, predictions: PredictionStream) -> None:
        super().__init__(write, predictions)
        self.separators = self._separators()

    def rows(self, predicted: Predicted) -> None:
        columns = [text_cells(self.kept(*each)) for each in predicted.kept.items()]
        for column in predicted.columns.values():
            cells = self._cells(column)
            if predicted.good is not None:
                cells = spread(cells, predicted.good, self.blank)
            columns.append(cells)
        self._write(rows_text(self.separators, columns))

    def _write(self, text: bytes) -> None:
        self.write(text)

    def cell(self, value: Any) -> bytes:
        """Return the text of a value."""
        raise NotImplementedError

    def kept(self, name: str, values: Sequence[Any]) -> Sequence[bytes]:
        """Return the text of each value of a kept column."""
        raise NotImplementedError

    def _separators(self) -> list[bytes]:
        """Return what stands before each cell, and behind the last."""
        raise NotImplementedError

    def _cells(self, column: Any) -> Array | list[bytes]:
        if isinstance(column, Coded):
            return coded_cells(column.codes, [*map(self.cell, column.values), self.blank])
        array = np.asarray(column)
        if array.dtype.kind != "f":
            return text_cells([self.cell(value) for value in array.tolist()])
        if self.single:
            return float_cells(array.astype(np.float64, copy=False), as_json=self.as_json)
        return text_cells([self.number(x) for x in array.tolist()])

    def number(self, x: float) -> bytes:
        """Return the text of a predicted number of a network of float64."""
        raise NotImplementedError


class CsvOutput(TextOutput):
    """Comma-separated values, as `csv.writer` quotes them."""

    delimiter = ","

    def begin(self) -> None:
        self.write(self._row(self.names) + b"\n")

    def cell(self, value: Any) -> bytes:
        return self._row([value, ""])[: -len(self.delimiter)]

    def number(self, x: float) -> bytes:
        return b"" if x != x else b"%.17g" % x  # noqa: PLR0124  NaN

    def kept(self, name: str, values: Sequence[Any]) -> Sequence[bytes]:
        if not all(isinstance(value, str) for value in values):
            return [self.cell(value) for value in values]
        text = "\n".join(values)
        quoted = any(sign in text for sign in (self.delimiter, '"', "\r"))
        if quoted or text.count("\n") != len(values) - 1:
            return [self.cell(value) for value in values]
        return text.encode().split(b"\n")

    def _row(self, values: Sequence[Any]) -> bytes:
        text = io.StringIO()
        csv.writer(text, delimiter=self.delimiter, lineterminator="\n").writerow(values)
        return text.getvalue().removesuffix("\n").encode()

    def _separators(self) -> list[bytes]:
        between = self.delimiter.encode()
        return [b"", *[between] * (len(self.names) - 1), b"\n"]

    def _cells(self, column: Any) -> Array | list[bytes]:
        cells = super()._cells(column)
        if len(self.names) == 1:  # an empty cell would be an empty line, which is no row
            nothing = b'""'
            if isinstance(cells, list):
                return [cell or nothing for cell in cells]
            return spread(cells, (cells != 0xFF).any(axis=1), nothing)  # noqa: PLR2004
        return cells


class TsvOutput(CsvOutput):
    """Tab-separated values."""

    delimiter = "\t"


class JsonLinesOutput(TextOutput):
    """A JSON object a line; null where there is no number."""

    as_json = True
    blank = b"null"

    def cell(self, value: Any) -> bytes:
        return json.dumps(without_nan(value), default=str).encode()

    def kept(self, name: str, values: Sequence[Any]) -> Sequence[bytes]:
        return [self.cell(value) for value in typed(values, self.stream.numbers.get(name))]

    def number(self, x: float) -> bytes:
        return json.dumps(without_nan(x)).encode()

    def _separators(self) -> list[bytes]:
        keys = [json.dumps(name).encode() + b": " for name in self.names]
        return [b"{" + keys[0], *(b", " + key for key in keys[1:]), b"}\n"]


class JsonOutput(JsonLinesOutput):
    """One JSON document, its rows the list `predictions`.

    document  what stands before it
    is_begun  whether some of it is written
    n_rows    that are in it
    """

    def __init__(
        self, write: Write, predictions: PredictionStream, document: dict[str, Any]
    ) -> None:
        super().__init__(write, predictions)
        self.document, self.is_first = document, True
        self.is_begun, self.n_rows = False, 0

    def begin(self) -> None:
        self.is_begun = True
        text = json.dumps(self.document, indent=1).removesuffix("\n}")
        self.write(f'{text},\n "predictions": ['.encode())

    def rows(self, predicted: Predicted) -> None:
        if predicted.n_rows:
            super().rows(predicted)
            self.n_rows += predicted.n_rows

    def _write(self, text: bytes) -> None:
        self.write(text[1:] if self.is_first else text)
        self.is_first = False

    def _separators(self) -> list[bytes]:
        first, *others, _ = super()._separators()
        return [b",\n  " + first, *others, b"}"]

    def end(self, summary: dict[str, Any]) -> None:
        rest = json.dumps(without_nan(summary), indent=1).removeprefix("{").removesuffix("}")
        self.write(f"\n ]{',' * bool(summary)}{rest.rstrip() if summary else ''}\n}}\n".encode())


class ParquetOutput(Output):
    """Apache Parquet, a row group for each group of rows; needs the extra `parquet`.

    The types of kept columns are those of the file, or of the first group's values.
    """

    def __init__(self, write: Write, predictions: PredictionStream) -> None:
        super().__init__(write, predictions)
        try:
            import pyarrow.parquet
        except ImportError:
            raise UsageError(
                "writing parquet needs pyarrow: pip install 'mlpcli[parquet]'"
            ) from None
        self.arrow = pyarrow
        self.file: Any = None
        self.n_rows = 0

    def rows(self, predicted: Predicted) -> None:
        pa = self.arrow
        arrays = [self._kept(*each) for each in predicted.kept.items()]
        arrays += [self._predicted(each, predicted.good) for each in predicted.columns.values()]
        if self.file is None:
            arrays = [a.cast(pa.string()) if pa.types.is_null(a.type) else a for a in arrays]
            schema = pa.schema(zip(self.names, (a.type for a in arrays), strict=True))
            self.file = pa.parquet.ParquetWriter(_Sink(self.write), schema)
        self.file.write_table(pa.Table.from_arrays(arrays, schema=self.file.schema))
        self.n_rows += predicted.n_rows

    def end(self, summary: dict[str, Any]) -> None:
        if self.file is not None:
            self.file.close()

    def _kept(self, name: str, values: Sequence[Any]) -> Any:
        pa = self.arrow
        wanted = self.stream.types.get(name)
        if wanted is None and self.file is not None:
            wanted = self.file.schema.field(name).type
        try:
            return pa.array(typed(values, self.stream.numbers.get(name)), wanted)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
            after = f" after the first {self.n_rows:,} rows" if self.n_rows else ""
            raise DataError(
                f"{self.stream.name}: {name}: its values{after} do not fit one type, as parquet "
                f"needs it ({str(error).splitlines()[0]}); write CSV or JSON lines"
            ) from None

    def _predicted(self, column: Any, good: Array | None) -> Any:
        pa = self.arrow
        if isinstance(column, Coded):
            found = pa.array(column.values).take(pa.array(column.codes))
        else:
            found = pa.array(np.asarray(column) if not isinstance(column, list) else column)
        if good is None:
            return found
        places = np.cumsum(good) - 1
        return found.take(pa.array(places, mask=~good))


class _Sink(io.RawIOBase):
    """A file for Arrow that only grows."""

    def __init__(self, put: Write) -> None:
        self.put, self.n = put, 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.n

    def write(self, content: Any) -> int:
        piece = bytes(content)
        self.put(piece)
        self.n += len(piece)
        return len(piece)


def typed(values: Sequence[Any], read: Callable[[str], int | float | None] | None) -> Sequence[Any]:
    """Return texts as the numbers that they are; a text that is none as it is.

    read  a number, None of a missing one, NaN where a text is none; None: they stay texts
    """
    if read is None:
        return values
    found = [read(value) if isinstance(value, str) else value for value in values]
    return [v if x != x else x for v, x in zip(values, found, strict=True)]  # noqa: PLR0124  NaN


OUTPUTS: dict[str, type[Output]] = {
    "csv": CsvOutput,
    "tsv": TsvOutput,
    "jsonl": JsonLinesOutput,
    "parquet": ParquetOutput,
}


def output_kind(path: str) -> type[Output]:
    """Return what writes a file, by the ending of its name: CSV where it has none.

    Raises UsageError where no output has that ending.
    """
    ending = PurePath(path).suffix.removeprefix(".").lower()
    if ending and ending not in OUTPUTS:
        raise UsageError(
            f"--output {path}: predictions are written to files that end in {listing(OUTPUTS)}"
        )
    return OUTPUTS[ending or "csv"]
