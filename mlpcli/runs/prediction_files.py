"""Predictions as text, one group of rows after the other: CSV, JSON lines, one JSON document."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.columns import Coded
from mlpcli.plain import without_nan
from mlpcli.runs.cell_text import (
    coded_cells,
    float_cells,
    rows_text,
    spread,
    text_cells,
)
from mlpcli.runs.prediction_stream import Predicted

Write = Callable[[bytes], None]


class TextOutput:
    """Writes predictions as text; a subclass says how a row, a number and a text are written.

    write   takes the pieces of the text
    names   of the columns: those that are kept, then those that are predicted
    single  whether the network's numbers are float32: then 9 digits are written, else 17; more
            would be noise
    """

    as_json = False
    blank = b""

    def __init__(self, write: Write, names: Sequence[str], *, single: bool) -> None:
        self.write, self.names, self.single = write, list(names), single
        self.separators = self._separators()

    def begin(self) -> None:
        """Write what stands before the first row."""

    def rows(self, predicted: Predicted) -> None:
        """Write rows."""
        columns = [text_cells(self.texts(kept)) for kept in predicted.kept.values()]
        for column in predicted.columns.values():
            cells = self._cells(column)
            if predicted.good is not None:
                cells = spread(cells, predicted.good, self.blank)
            columns.append(cells)
        self._write(rows_text(self.separators, columns))

    def _write(self, text: bytes) -> None:
        self.write(text)

    def end(self, summary: dict[str, Any]) -> None:
        """Write what stands behind the last row.

        summary  plain data about all rows
        """

    def cell(self, value: Any) -> bytes:
        """Return the text of a value."""
        raise NotImplementedError

    def _separators(self) -> list[bytes]:
        """Return what stands before each cell, and behind the last."""
        raise NotImplementedError

    def texts(self, values: Sequence[Any]) -> Sequence[bytes]:
        """Return the text of each value."""
        known = {value: self.cell(value) for value in set(values)}
        return [known[value] for value in values]

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

    def texts(self, values: Sequence[Any]) -> Sequence[bytes]:
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
        return json.dumps(without_nan(value)).encode()

    def number(self, x: float) -> bytes:
        return json.dumps(without_nan(x)).encode()

    def _separators(self) -> list[bytes]:
        keys = [json.dumps(name).encode() + b": " for name in self.names]
        return [b"{" + keys[0], *(b", " + key for key in keys[1:]), b"}\n"]


class JsonOutput(JsonLinesOutput):
    """One JSON document, its rows the list `predictions`.

    document  what stands before it
    """

    def __init__(
        self, write: Write, names: Sequence[str], document: dict[str, Any], *, single: bool
    ) -> None:
        super().__init__(write, names, single=single)
        self.document, self.is_first = document, True

    def begin(self) -> None:
        text = json.dumps(self.document, indent=1).removesuffix("\n}")
        self.write(f'{text},\n "predictions": ['.encode())

    def rows(self, predicted: Predicted) -> None:
        if predicted.n_rows:
            super().rows(predicted)

    def _write(self, text: bytes) -> None:
        self.write(text[1:] if self.is_first else text)
        self.is_first = False

    def _separators(self) -> list[bytes]:
        first, *others, _ = super()._separators()
        return [b",\n  " + first, *others, b"}"]

    def end(self, summary: dict[str, Any]) -> None:
        rest = json.dumps(without_nan(summary), indent=1).removeprefix("{")
        self.write(f"\n ],{rest}\n".encode())
