"""Columns of categories: what all their encoders share, and one-hot columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.encoders.encoder import ColumnEncoder
from mlpcli.data.table import Table

Category = str | None
NEW = -2  # the number of a category that the training rows do not have, where some are rare


@dataclass(frozen=True)
class CategoryEncoder(ColumnEncoder):
    """What encoders of categories share.

    categories  of the training rows, sorted; None among them, the last, is a missing value
    """

    is_text: ClassVar[bool] = True
    categories: tuple[Category, ...]

    def source(self, table: Table) -> Array:
        """Return each row's category number (rows,); below 0 where it is none of them."""
        codes, texts = table.coded_texts(self.name)
        found = self.numbers((*texts, None))  # −1, missing: the last
        return np.array(found, dtype=np.int32)[codes]

    def numbers(self, texts: Sequence[Category]) -> list[int]:
        """Return the number that stands for each text in `source`."""
        numbers = {category: k for k, category in enumerate(self.categories)}
        return [numbers.get(text, -1) for text in texts]

    def shown(self, value: Any) -> str:
        return repr(self.categories[value]) if value >= 0 else "an unknown category"

    def replacement(self, n: int) -> str:
        values = "values are" if n > 1 else "value is"
        return f"{n} {values} missing or in no category of the training rows: {self.unknown_rule}"

    @property
    def missing_rule(self) -> str:
        """Missing is a category where training has it."""
        if None in self.categories:
            return "a category of its own"
        return f"in no category: {self.unknown_rule}"

    @property
    def unknown_rule(self) -> str:
        """What becomes of a value of no category, in words."""
        raise NotImplementedError


@dataclass(frozen=True)
class CategoryColumn(CategoryEncoder):
    """One input of 0 and 1 for each category.

    rare  categories that are one together, `(rare)`, the last; a category that the training rows
          do not have is then one of them
    """

    kind: ClassVar[str] = "category"
    is_numeric: ClassVar[bool] = False
    rare: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """As many as there are categories, the rare ones counted as one."""
        return len(self.categories) + bool(self.rare)

    @property
    def feature_names(self) -> list[str]:
        """`name=category`."""
        names = ["(missing)" if c is None else c for c in self.categories]
        return [f"{self.name}={c}" for c in [*names, *["(rare)"] * bool(self.rare)]]

    def numbers(self, texts: Sequence[Category]) -> list[int]:
        numbers = {category: k for k, category in enumerate(self.categories)}
        if not self.rare:
            return [numbers.get(text, -1) for text in texts]
        numbers |= dict.fromkeys(self.rare, len(self.categories))
        return [numbers.get(text, -1 if text is None else NEW) for text in texts]

    def write(self, source: Array, out: Array) -> int:
        out[...] = 0
        known = np.flatnonzero(source >= 0)
        out[known, source[known]] = 1
        if self.rare:
            out[source == NEW, len(self.categories)] = 1
        return len(source) - len(known)

    @property
    def unknown_rule(self) -> str:
        """All its columns are 0, or it is a rare one."""
        every = "all its columns 0"
        return f"a new one is a rare one, a missing one has {every}" if self.rare else every

    @property
    def missing_rule(self) -> str:
        """Missing is a category where training has it."""
        is_category = None in self.categories
        return "a category of its own" if is_category else "in no category: all its columns 0"


def training_categories(table: Table, rows: Array, name: str) -> Counter[Category]:
    """Return how many training rows each category has; None is a missing value."""
    codes, texts = table.coded_texts(name)
    counts = np.bincount(codes[rows] + 1)
    found: Counter[Category] = Counter()
    for number in (np.flatnonzero(counts) - 1).tolist():
        found[texts[number] if number >= 0 else None] += int(counts[number + 1])
    return found


def ordered(categories: Counter[Category]) -> tuple[Category, ...]:
    """Return categories sorted, a missing value last."""
    missing: tuple[None, ...] = (None,) if None in categories else ()
    return (*sorted(c for c in categories if c is not None), *missing)
