"""Texts that are numbers: which ones are decided as pandas does in a CSV file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from mlpcli.array_types import Array

# How everything begins that pandas reads as a number, and more; what does not, is none.
MAY_BE_NUMBER = re.compile(r"[\s\x00]*[-+]?\s*(\.|\d|inf|nan)", re.IGNORECASE)


def may_be_number(text: str) -> bool:
    """Whether it is worth asking pandas if a text is a number."""
    return MAY_BE_NUMBER.match(text) is not None


def is_number(text: str) -> bool:
    """Whether Python can read a text as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def as_numbers(values: Sequence[Any]) -> Array:
    """Return texts, booleans and numbers as numbers, float64 (values,); NaN where there is none."""
    found = np.full(len(values), np.nan)
    texts = [k for k, value in enumerate(values) if isinstance(value, str)]
    asked = [k for k in texts if may_be_number(values[k])]
    if asked:
        import pandas as pd

        series = pd.Series([values[k] for k in asked], dtype=object)
        found[asked] = pd.to_numeric(series, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    for k, value in enumerate(values) if len(texts) < len(values) else ():
        if not isinstance(value, str):
            found[k] = value
    return found
