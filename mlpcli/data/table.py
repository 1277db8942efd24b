"""A table as it was read, and where each of its cells stands in the file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mlpcli.errors import DataError, listing, nearest
from mlpcli.nn.arrays import Array

BOOLEANS = {"true": "True", "TRUE": "True", "false": "False", "FALSE": "False"}  # as pandas reads
Locate = Callable[[int, str], str]
COMMA_NUMBER = r"[+-]?\d[\d.]*(,\d+)+(\.\d+)?"
COMMA_HINT = (
    "looks like a number with a decimal comma, or with separated thousands; set data.decimal to "
    "',', or write the thousands without"
)


@dataclass(frozen=True)
class Table:
    """Rows and named columns.

    frame   one column of numbers, text or booleans each; NaN or None where there is no value
    name    of the file, for messages
    sha256  of the file's bytes, as they lie on the disk
    locate  (row, column name) -> "FILE:LINE:COLUMN" or the like; called for messages only
    """

    frame: Any
    name: str
    sha256: str
    locate: Locate

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.frame)

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in the order of the file."""
        return [str(name) for name in self.frame.columns]

    def column(self, name: str, key: tuple[str | int, ...] | None = None) -> Any:
        """Return a column. Raises DataError, naming the nearest, where there is none.

        key  of the spec, where the name comes from
        """
        if name in self.frame.columns:
            return self.frame[name]
        near = nearest(name, self.columns)
        problem = f"{self.name} has no column {name!r}; its columns: {listing(self.columns)}"
        if all(is_number(column) for column in self.columns):
            problem += "; the first line looks like data, so perhaps there is no header line"
        raise DataError(problem + (f"; did you mean {near!r}?" if near else ""), key)

    def error(self, row: int, column: str, problem: str) -> DataError:
        """Return the error that a cell gives rise to, with its place."""
        return DataError(f"{self.locate(row, column)}: {column}: {problem}")

    def numbers(self, name: str, hint: str) -> Array:
        """Return a column as float64 (rows,), NaN where a value is missing.

        hint  what the user can do about a cell that is not a number
        Raises DataError at the first cell that is not a number, or is infinite.
        """
        series = self.column(name)
        if pd.api.types.is_bool_dtype(series):
            values = series.to_numpy(np.float64)
        elif pd.api.types.is_numeric_dtype(series):
            values = series.to_numpy(np.float64, na_value=np.nan)
        else:
            values = pd.to_numeric(series, errors="coerce").to_numpy(np.float64, na_value=np.nan)
            wrong = np.isnan(values) & series.notna().to_numpy()
            if wrong.any():
                row = int(np.argmax(wrong))
                raise self.error(row, name, f"{quoted(series.iloc[row])} is not a number; {hint}")
        if np.isinf(values).any():
            row = int(np.argmax(np.isinf(values)))
            raise self.error(row, name, "the number is infinite; remove the row or the value")
        return values

    def is_text(self, name: str, hint: str) -> bool:
        """Whether a column holds text or booleans, not numbers.

        hint  what the user can do about a text in a column of which at least half is numbers
        Raises DataError at such a text; also where at least half looks like numbers written with
        a decimal comma or with thousands separated.
        """
        series = self.column(name)
        if pd.api.types.is_bool_dtype(series):
            return True
        if pd.api.types.is_numeric_dtype(series):
            return False
        present = series[series.notna()]
        if present.dtype == object:
            if present.map(lambda value: isinstance(value, bool)).all():
                return True
            codes, values = np.arange(len(present)), present
        else:  # all text: each value is looked at once (a million rows: 0.2 s, not 2)
            codes, unique = pd.factorize(present)
            values = pd.Series(unique)
        if 2 * pd.to_numeric(values, errors="coerce").notna().to_numpy()[codes].sum() >= len(codes):
            self.numbers(name, hint)
            return False
        alike = values.astype(str).str.strip().str.fullmatch(COMMA_NUMBER).to_numpy(bool)[codes]
        if 2 * alike.sum() >= len(alike):
            row = int(np.flatnonzero(series.notna())[int(np.argmax(alike))])
            raise self.error(row, name, f"{quoted(series.iloc[row])} {COMMA_HINT}")
        return True

    def texts(self, name: str) -> Any:
        """Return a column as text, None where a value is missing.

        5.0 reads as 5, and every spelling of a boolean as True or False, so that a value reads
        the same from files of all kinds.
        """
        series = self.column(name)
        if series.dtype != object:  # of one type: each value is written once (4 times as fast)
            codes, unique = pd.factorize(series)  # −1, a missing value, takes the last
            return np.array([*map(_text, unique.tolist()), None], dtype=object)[codes]
        texts = np.array([_text(value) for value in series.tolist()], dtype=object)
        texts[series.isna().to_numpy()] = None
        return texts


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value)
    return BOOLEANS.get(text, text)


def quoted(value: Any) -> str:
    """Return a value of a cell as messages show it, cut where it gets long.

    >>> quoted("x" * 100)[-5:]
    'xxxx…'
    """
    text = repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) <= 60 else text[:59] + "…"  # noqa: PLR2004


def is_constant(values: Array) -> Any:
    """Whether each column (rows, ...) has one value, to rounding: no spread to divide by.

    Compared by extremes: the standard deviation of equal numbers need not come out as 0.
    """
    largest, smallest = values.max(axis=0) / 2, values.min(axis=0) / 2  # halved: no overflow
    return largest - smallest <= 1e-12 * np.maximum(np.abs(largest), np.abs(smallest))


def is_number(text: str) -> bool:
    """Whether a text can be read as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
