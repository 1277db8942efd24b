"""Columns of a table, the same for every kind of file.

A column holds numbers, or it is coded: texts and booleans, each different one once; dates and all
else become text, as a CSV file has them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np

from mlpcli.array_types import Array


@dataclass(frozen=True)
class Numbers:
    """A column of numbers.

    values  (rows,) integers or floating-point numbers, not to be written to; NaN: no value
    """

    values: Array

    def __len__(self) -> int:
        return len(self.values)

    @property
    def missing(self) -> Array:
        """Which rows have no value: (rows,) bool."""
        return np.isnan(self.values)

    @cached_property
    def has_infinite(self) -> bool:
        """Whether some value is infinite in float64: looked for once, asked for each part."""
        return bool(np.isinf(self.values.astype(np.float64, copy=False)).any())

    def take(self, rows: Array) -> Numbers:
        """Return these rows as a column."""
        return Numbers(self.values[rows])

    def cell(self, row: int) -> Any:
        """Return one value as Python's number; None where there is none."""
        value = self.values[row].item()
        return None if value != value else value  # noqa: PLR0124  NaN


@dataclass(frozen=True)
class Coded:
    """A column of texts, booleans, or numbers among them.

    codes   (rows,) each row's index in `values`; −1: no value
    values  every different value that some row has, as Python's str, bool, int or float
    """

    codes: Array
    values: Sequence[Any]

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def missing(self) -> Array:
        """Which rows have no value: (rows,) bool."""
        return self.codes < 0

    def take(self, rows: Array) -> Coded:
        """Return these rows as a column, with the values that they have, in the same order."""
        codes = self.codes[rows]
        kept = np.bincount(codes + 1, minlength=len(self.values) + 1)[1:] > 0
        numbers = np.append(np.cumsum(kept, dtype=np.int32) - 1, np.int32(-1))  # −1: the last
        return Coded(numbers[codes], [self.values[k] for k in np.flatnonzero(kept).tolist()])

    def cell(self, row: int) -> Any:
        """Return one value; None where there is none."""
        return None if self.codes[row] < 0 else self.values[self.codes[row]]

    def written_out(self) -> Array:
        """Return each row's value (rows,), None where there is none; of type object."""
        return np.array([*self.values, None], dtype=object)[self.codes]


@dataclass(frozen=True)
class Dates:
    """A column of dates, with or without a time.

    values  (rows,) datetime64[s]; NaT: no value
    """

    values: Array

    def __len__(self) -> int:
        return len(self.values)

    @property
    def missing(self) -> Array:
        """Which rows have no value: (rows,) bool."""
        return np.isnat(self.values)

    def take(self, rows: Array) -> Dates:
        """Return these rows as a column."""
        return Dates(self.values[rows])

    def cell(self, row: int) -> Any:
        """Return one value as text, such as 2020-01-31 or 2020-01-31T12:00:00; None: no value."""
        value = self.values[row]
        if np.isnat(value):
            return None
        is_day = value == value.astype("M8[D]")
        return str(value.astype("M8[D]") if is_day else value)


Column = Numbers | Coded | Dates


def coded(values: Sequence[Any]) -> Coded:
    """Return values as a coded column; None is no value.

    >>> coded([1, True, "1", None, 1.0]).values  # equal for Python, but not in a file
    [1, True, '1', 1.0]
    """
    numbers: dict[Any, int] = {}
    codes = [
        -1 if value is None else numbers.setdefault((type(value), value), len(numbers))
        for value in values
    ]
    return Coded(np.array(codes, np.int32), [value for _, value in numbers])


def column_of(values: Iterable[Any], missing: Collection[str] = ()) -> Column:
    """Return values as a column: numbers where every value is one or None, else coded.

    values   Python's str, bool, int or float; None: no value
    missing  texts that mean: no value
    """
    values = [None if value in missing else value for value in values]
    if all(v is None or (isinstance(v, int | float) and not isinstance(v, bool)) for v in values):
        numbers = np.array([np.nan if v is None else v for v in values])
        if numbers.dtype.kind in "iuf":
            return Numbers(numbers)
    return coded(values)


def array_column(array: Array, missing: Collection[str], *, as_text: bool = False) -> Column:
    """Return an array (rows,) of any type as a column; bytes are taken for UTF-8.

    as_text  whether dates become texts, as pandas writes them
    """
    if array.dtype.kind in "iuf":
        return Numbers(array.astype(array.dtype.newbyteorder("=")))
    if array.dtype.kind == "S":
        return column_of([text.decode("utf-8", "replace") for text in array.tolist()], missing)
    if array.dtype.kind in "bU":
        return column_of(array.tolist(), missing)
    import pandas as pd  # dates, whose texts are those of parquet files

    series = pd.Series(array if array.dtype.kind in "mM" else list(array))
    return series_column(series, missing, as_text=as_text)


def series_column(series: Any, missing: Collection[str], *, as_text: bool = False) -> Column:
    """Return a pandas series as a column of numbers, booleans or dates, or of texts.

    as_text  whether dates become texts, as pandas writes them
    """
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "iuf":
        return Numbers(series.to_numpy())
    if not as_text:
        dates = _dates(series)
        if dates is not None:
            return Dates(dates)
    if hasattr(series, "cat"):
        return _categories_column(series.cat, missing)
    cells = zip(series.tolist(), series.isna(), strict=True)
    return column_of([None if absent else _plain(value) for value, absent in cells], missing)


def _categories_column(categories: Any, missing: Collection[str]) -> Column:
    """Return pandas' categories as the column that their values are, without writing them out."""
    codes = np.array(categories.codes, np.int32)
    used, first = np.unique(codes, return_index=True)
    used = used[np.argsort(first)]  # as they come, −1 for no value among them
    texts = [_plain(value) for value in categories.categories.tolist()]
    column = column_of([None if k < 0 else texts[k] for k in used.tolist()], missing)
    place = np.empty(len(texts) + 1, np.int32)  # of each code in `used`; of −1 the last
    place[used] = np.arange(len(used), dtype=np.int32)
    return column.take(place[codes])


def _dates(series: Any) -> Array | None:
    """Return a pandas series of dates as datetime64[s] (rows,); None of anything else.

    Where they have a time zone: the time there, or UTC where its offsets differ.
    """
    import pandas as pd

    if pd.api.types.is_object_dtype(series.dtype):
        present = series[~series.isna()].tolist()
        if not present or not all(isinstance(value, date) for value in present):
            return None
        series = pd.to_datetime(series, errors="coerce", utc=_have_zones(present))
    if not pd.api.types.is_datetime64_any_dtype(series.dtype):
        return None
    if series.dt.tz is not None:
        local, utc = series.dt.tz_localize(None), series.dt.tz_convert(None)
        offsets = (local - utc).dropna()
        series = local if (offsets == offsets.min()).all() else utc
    return series.to_numpy().astype("M8[s]")


def _have_zones(values: Sequence[Any]) -> bool:
    return any(getattr(value, "tzinfo", None) is not None for value in values)


def _plain(value: Any) -> str | bool | float:
    if isinstance(value, Decimal):
        return float(value)
    return value if isinstance(value, str | bool | int | float) else str(value)
