"""One input column as numbers: scaled, or one-hot; fitted by `inputs.py`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.table import Table

DATE = re.compile(r"\d{4}-\d\d?-\d\d?.*|\d\d?[./]\d\d?[./]\d{2,4}.*")


@dataclass(frozen=True)
class NumericColumn:
    """z = (value − shift) / scale, a missing value replaced by `fill` first.

    linear_width  w of w asinh(z / w), which is written instead; None: z is
    two_valued    whether the training rows have at most two different values; None: no
    """

    name: str
    fill: float
    shift: float
    scale: float
    linear_width: float | None = None
    two_valued: bool | None = None

    @property
    def width(self) -> int:
        return 1

    @property
    def feature_names(self) -> list[str]:
        return [self.name]

    def source(self, table: Table) -> Array:
        """Return what `write` takes: the table's numbers (rows,), float64, NaN where missing."""
        return table.numbers(self.name, "the model was trained on numbers here")

    def write(self, source: Array, out: Array) -> int:
        """Write the scaled values of some rows of the source into out (rows, 1).

        Return how many were missing.
        """
        missing = np.isnan(source)
        n = int(np.count_nonzero(missing))
        scaled = (np.where(missing, self.fill, source) if n else source) - self.shift
        np.divide(scaled, self.scale, out=scaled)
        if self.linear_width is not None:
            np.divide(scaled, self.linear_width, out=scaled)
            np.arcsinh(scaled, out=scaled)
            np.multiply(scaled, self.linear_width, out=scaled)
        out[:, 0] = scaled
        return n

    def check(self, table: Table, dtype: Any) -> None:
        """Raise DataError at the first value that is too large for the dtype, once it is scaled."""
        source = self.source(table)
        out = np.empty((len(source), 1), dtype)
        with np.errstate(over="ignore"):
            self.write(source, out)
        finite = np.isfinite(out[:, 0])
        if not finite.all():
            row = int(np.argmin(finite))
            value = f"{source[row]:g} is too large for {out.dtype}"
            raise table.error(row, self.name, f"{value}, scaled as the training rows are")


@dataclass(frozen=True)
class CategoryColumn:
    """One column of 0 and 1 for each category; None among them stands for a missing value."""

    name: str
    categories: tuple[str | None, ...]

    @property
    def width(self) -> int:
        """As many as there are categories."""
        return len(self.categories)

    @property
    def feature_names(self) -> list[str]:
        """`name=category`."""
        return [f"{self.name}={'(missing)' if c is None else c}" for c in self.categories]

    def source(self, table: Table) -> Array:
        """Return what `write` takes: each row's category number, −1 where it is none of them."""
        numbers = {category: k for k, category in enumerate(self.categories)}
        codes, texts = table.coded_texts(self.name)
        found = [numbers.get(text, -1) for text in (*texts, None)]  # −1, missing: the last
        return np.array(found, dtype=np.int32)[codes]

    def write(self, source: Array, out: Array) -> int:
        """Write the one-hot columns of some rows of the source into out (rows, categories).

        Return how many fit no category.
        """
        out[...] = 0
        known = np.flatnonzero(source >= 0)
        out[known, source[known]] = 1
        return len(source) - len(known)

    def check(self, table: Table, dtype: Any) -> None:
        """Return: 0 and 1 are never too large."""


Column = NumericColumn | CategoryColumn
