"""Texts as they are, but for the blanks around them."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

import numpy as np

from mlpcli.data.columns import Coded, Column
from mlpcli.data.readings.reading import READINGS, Reading
from mlpcli.data.table import Table


@READINGS.add("text")
class Text(Reading):
    """Texts as they are, without the blanks at their ends, though they may look like numbers."""

    noun: ClassVar[str] = "text"

    def read(self, table: Table, name: str, missing: Collection[str] = ()) -> Column:
        codes, texts = table.coded_texts(name)
        return merged(codes, [text.strip() for text in texts], missing)


def merged(codes: np.ndarray, texts: list[str], missing: Collection[str] = ()) -> Coded:
    """Return a coded column of texts of which some are equal, or mean: no value.

    codes  (rows,) the number of each cell's text; −1: no value
    """
    numbers: dict[str, int] = {}
    new = [-1 if t in missing else numbers.setdefault(t, len(numbers)) for t in texts]
    if new == list(range(len(texts))):
        return Coded(codes, texts)
    return Coded(np.array([*new, -1], np.int32)[codes], list(numbers))
