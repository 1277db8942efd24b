"""What pandas has read, as columns of a table. Imported only where pandas is needed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from mlpcli.array_types import Array
from mlpcli.data.columns import Coded, Column, Numbers, coded, column_of, without
from mlpcli.data.numerals import is_number


def csv_column(series: Any, missing: Collection[str]) -> Column:
    """Return a column that pandas has read from CSV.

    Put right where a number has more than 64 bits: pandas then gives Python's integers, or text
    in which what is missing is text too.
    """
    if pd.api.types.is_numeric_dtype(series):
        return pandas_column(series)
    series = series.mask(series.isin(list(missing)))
    present = series.dropna().astype(str)
    if len(present) and is_number(present.iloc[0]):
        numbers = pd.to_numeric(present, errors="coerce")
        if numbers.notna().all():
            return pandas_column(numbers.astype(np.float64).reindex(series.index))
    return pandas_column(series)


def pandas_column(series: Any) -> Column:
    """Return a series as a column: no value is where pandas has none."""
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "iuf":
        return Numbers(series.to_numpy())
    if series.dtype == object or pd.api.types.is_bool_dtype(series):
        present = series.notna()
        return coded(
            [v if here else None for v, here in zip(series.tolist(), present, strict=True)]
        )
    codes, values = pd.factorize(series)
    return Coded(codes.astype(np.int32), values.tolist())


class ColumnParts:
    """The parts of a column of a CSV file, read one after the other.

    Numbers are copied into one array at once, so that the memory of one part serves the next: a
    million rows of 20 take 0.2 s less than parts that are joined at the end.
    """

    def __init__(self, missing: Collection[str], *, as_text: bool) -> None:
        self.missing, self.as_text = missing, as_text
        self.n, self.kinds = 0, set[str]()
        self.numbers = np.empty(0)
        self.codes: list[Array] = []
        self.values: dict[Any, int] = {}

    def append(self, part: Any, n_expected: int) -> None:
        """Take a part, as pandas has read it.

        n_expected  about how many rows the whole column has: memory for them is set aside
        """
        kind = _kind(part)
        self.kinds.add(kind)
        if self.kinds <= {"signed", "unsigned", "missing"}:
            self._put(part.to_numpy(), n_expected)
        if kind in ("text", "boolean", "missing"):
            own, values = pd.factorize(part)
            places = [self.values.setdefault(v, len(self.values)) for v in values.tolist()]
            self.codes.append(np.array([*places, -1], np.int32)[own])
        self.n += len(part)

    def _put(self, part: Array, n_expected: int) -> None:
        end = self.n + len(part)
        dtype = np.result_type(self.numbers, part) if self.n else part.dtype
        if end > len(self.numbers) or dtype != self.numbers.dtype:
            grown = 2 * end if end > len(self.numbers) > 0 else len(self.numbers)
            larger = np.empty(max(end, n_expected, grown), dtype)
            larger[: self.n] = self.numbers[: self.n]
            self.numbers = larger
        self.numbers[self.n : end] = part

    def column(self) -> Column | None:
        """Return the whole column.

        None where it takes all cells at once to say what it holds: where pandas has found numbers
        in one part and text in another, or text that begins with a number.
        """
        kinds = self.kinds - {"missing"}
        if kinds <= {"signed"} or self.kinds == {"unsigned"}:
            return Numbers(self.numbers[: self.n])
        if kinds not in ({"text"}, {"boolean"}):
            return None
        whole = Coded(np.concatenate(self.codes), list(self.values))
        if self.as_text or kinds == {"boolean"}:
            return whole
        whole = without(whole, self.missing)
        return None if is_number(next(iter(whole.values), "")) else whole


def _kind(part: Any) -> str:
    """Return what a part of a column holds, as far as parts have to agree in it."""
    if isinstance(part.dtype, pd.StringDtype):
        return "text"
    if part.dtype.kind == "f" and np.isnan(part.iloc[0]) and part.isna().all():
        return "missing"
    return {"i": "signed", "f": "signed", "u": "unsigned", "b": "boolean"}.get(part.dtype.kind, "")


def array_column(array: Array, missing: Collection[str]) -> Column:
    """Return an array (rows,) of any type as a column; bytes are taken for UTF-8."""
    if array.dtype.kind == "S":
        return _texts([text.decode("utf-8", "replace") for text in array.tolist()], missing)
    if array.dtype.kind in "biufMmU":
        return plain_column(pd.Series(array.astype(array.dtype.newbyteorder("="))), missing)
    return plain_column(pd.Series(list(array), dtype=object), missing)


def plain_column(series: Any, missing: Collection[str]) -> Column:
    """Return a column of numbers or booleans as it is, any other as text.

    missing  texts that mean: no value
    """
    kinds = pd.api.types
    real = kinds.is_numeric_dtype(series) and not kinds.is_complex_dtype(series)
    if real and isinstance(series.dtype, np.dtype):
        return pandas_column(series)
    values = [
        None if absent else _plain(value)
        for value, absent in zip(series.tolist(), series.isna(), strict=True)
    ]
    return _texts(values, missing)


def _texts(values: Sequence[Any], missing: Collection[str]) -> Column:
    return column_of([None if value in missing else value for value in values])


def _plain(value: Any) -> str | bool | float:
    if isinstance(value, Decimal):
        return float(value)
    return value if isinstance(value, str | bool | int | float) else str(value)
