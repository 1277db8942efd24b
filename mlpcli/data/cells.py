"""How texts of cells become values, however the file is read.

A text is a number where Python's float reads it, unless it is NaN or has underscores or characters
beyond ASCII. pandas' C parser reads the same numbers from the same texts; only integers of more
than 64 bits, and infinities with spaces around, it leaves as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.columns import Coded, Column, Numbers

BOOLEANS = {"True": True, "TRUE": True, "true": True}
BOOLEANS |= {"False": False, "FALSE": False, "false": False}
LEAST_CODE = 3  # digits: 01 to 12 are months
DECIMAL_COMMA = str.maketrans(".,", "_.")  # no number has an underscore


def number(value: Any) -> float:
    """Return the number that a text, a boolean or a number stands for; NaN where there is none.

    >>> number(" 1e3 "), number("1_000"), number(True)
    (1000.0, nan, 1.0)
    """
    if isinstance(value, str) and ("_" in value or not value.isascii()):
        return np.nan
    try:
        return float(value)
    except ValueError:
        return np.nan


def is_number(text: str) -> bool:
    """Whether a text is a number."""
    return not np.isnan(number(text))


def as_numbers(values: Sequence[Any]) -> Array:
    """Return `number` of each value: float64 (values,)."""
    return np.array([number(value) for value in values], np.float64)


def are_codes(texts: Sequence[str]) -> bool:
    """Whether texts are digits of one length, some with a leading zero: postal codes, no numbers.

    >>> are_codes(["01067", "10115"]), are_codes(["007", "8"]), are_codes(["01", "12"])
    (True, False, False)
    """
    length = len(texts[0].strip()) if texts else 0
    if length < LEAST_CODE or not any(text.strip().startswith("0") for text in texts):
        return False
    digits = (text.strip() for text in texts)
    return all(len(text) == length and text.isascii() and text.isdigit() for text in digits)


@dataclass(frozen=True)
class CellRules:
    """How the cells of a CSV file become values.

    missing  texts that mean: no value; a number among them means so in every spelling
    text     names of the columns that are text, though they may look like numbers
    decimal  of numbers: a point or a comma
    codes    whether digits with leading zeros, such as 01067, stay text
    """

    missing: frozenset[str]
    text: frozenset[str]
    decimal: str
    codes: bool = False

    @cached_property
    def missing_numbers(self) -> list[float]:
        """The numbers that mean: no value."""
        return [number(self._plain(text)) for text in self.missing if self.is_number(text)]

    def is_number(self, text: str) -> bool:
        """Whether a text is a number in this file."""
        return is_number(self._plain(text))

    def column(self, name: str, codes: Array, texts: Sequence[str]) -> Column:
        """Return cells as a column: numbers or booleans where all are, else text.

        codes  (rows,) the index of each cell's text in `texts`
        texts  every different text that some cell has
        """
        present = [text for text in texts if text not in self.missing]
        index = {text: k for k, text in enumerate(present)}
        codes = np.array([index.get(text, -1) for text in texts], np.int32)[codes]
        if name in self.text or (self.codes and are_codes(present)):
            return Coded(codes, present)
        numbers = self._numbers(present)
        if numbers is not None:
            if codes.min(initial=0) < 0:
                numbers = np.append(numbers.astype(np.float64), np.nan)  # −1: the last
            return self.numbers(numbers[codes])
        if all(text in BOOLEANS for text in present):
            values = list(dict.fromkeys(BOOLEANS[text] for text in present))
            order = [*(values.index(BOOLEANS[text]) for text in present), -1]
            return Coded(np.array(order, np.int32)[codes], values)
        return Coded(codes, present)

    def each_number(self, values: Sequence[Any]) -> Array:
        """Return `number` of each value, a text as this file writes them: float64 (values,)."""
        return as_numbers([self._plain(v) if isinstance(v, str) else v for v in values])

    def numbers(self, values: Array) -> Numbers:
        """Return the column of these numbers, NaN for those that mean: no value."""
        if self.missing_numbers:
            gone = np.isin(values, self.missing_numbers)
            values = np.where(gone, np.nan, values) if gone.any() else values
        return Numbers(values)

    def _plain(self, text: str) -> str:
        return text if self.decimal == "." else text.translate(DECIMAL_COMMA)

    def _numbers(self, texts: Sequence[str]) -> Array | None:
        """Return texts as numbers: integers where all are; None where some text is no number."""
        texts = [self._plain(text) for text in texts]
        numbers = as_numbers(texts)
        if np.isnan(numbers).any():
            return None
        for dtype in (np.int64, np.uint64):
            with suppress(ValueError, OverflowError):
                return np.array([int(text) for text in texts], dtype)
        return numbers
