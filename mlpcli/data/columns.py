"""Columns of a table made alike, whatever kind of file they come from.

A column holds numbers, booleans, or text; dates and all else become text, as a CSV file has them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from mlpcli.data.table import is_number
from mlpcli.nn.arrays import Array


def column_of(values: Sequence[Any]) -> Any:
    """Return values as a column: numbers where every value is one, else the values as they are."""
    if all(v is None or (isinstance(v, int | float) and not isinstance(v, bool)) for v in values):
        return pd.Series([np.nan if v is None else v for v in values])
    return pd.Series(values, dtype=object)


def csv_column(series: Any, missing: Collection[str]) -> Any:
    """Return a column that pandas has read, put right where a number has more than 64 bits.

    pandas then gives Python's integers, or text in which what is missing is text too.
    """
    if pd.api.types.is_numeric_dtype(series):
        return series
    series = series.mask(series.isin(list(missing)))
    present = series.dropna().astype(str)
    if len(present) and is_number(present.iloc[0]):
        numbers = pd.to_numeric(present, errors="coerce")
        if numbers.notna().all():
            return numbers.astype(np.float64).reindex(series.index)
    return series


def array_column(array: Array) -> Any:
    """Return an array (rows,) of any type as a column; bytes are taken for UTF-8."""
    if array.dtype.kind == "S":
        return pd.Series([text.decode("utf-8", "replace") for text in array.tolist()], dtype=object)
    if array.dtype.kind in "biufMmU":
        return pd.Series(array.astype(array.dtype.newbyteorder("=")))
    return pd.Series(list(array), dtype=object)


def plain_column(series: Any, missing: Collection[str]) -> Any:
    """Return a column of numbers or booleans as it is, any other as text.

    missing  texts that mean: no value
    """
    kinds = pd.api.types
    real = kinds.is_numeric_dtype(series) and not kinds.is_complex_dtype(series)
    if real and not (kinds.is_bool_dtype(series) and series.isna().any()):
        return series
    return column_of(
        [
            None if absent or value in missing else value
            for value, absent in zip(map(_plain, series.tolist()), series.isna(), strict=True)
        ]
    )


def _plain(value: Any) -> str | bool | float:
    if isinstance(value, Decimal):
        return float(value)
    return value if isinstance(value, str | bool | int | float) else str(value)
