"""Columns as the texts of cells, many at once: bytes in a matrix, put together to rows.

A matrix of cells has a row for each cell; bytes that a cell does not need are HOLE, which is in no
UTF-8 text, and are taken out of the whole rows at once. `float_cells` makes such cells of numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mlpcli.array_types import Array

HOLE = 0xFF
WIDEST = 64  # bytes of a cell in a matrix: longer ones are put together one by one


def text_cells(texts: Sequence[bytes]) -> Array | list[bytes]:
    """Return texts as cells; as they are where one is long, or has a zero byte."""
    width = max(map(len, texts), default=0)
    if width > WIDEST or any(b"\0" in text for text in texts):
        return list(texts)
    cells = np.array(texts, f"S{max(width, 1)}").view(np.uint8).reshape(len(texts), -1)
    return np.where(cells == 0, np.uint8(HOLE), cells)


def coded_cells(codes: Array, texts: Sequence[bytes]) -> Array | list[bytes]:
    """Return the cells of `codes`, each a place in `texts`; −1 the last of them."""
    cells = text_cells(texts)
    if isinstance(cells, list):
        return [cells[code] for code in codes.tolist()]
    return cells[codes]


def spread(cells: Array | list[bytes], good: Array, blank: bytes) -> Array | list[bytes]:
    """Return cells of the good rows as those of all rows, blank in the others.

    good  (rows,) which rows have a cell
    """
    if isinstance(cells, list):
        found, each = [blank] * len(good), iter(cells)
        for row in np.flatnonzero(good).tolist():
            found[row] = next(each)
        return found
    width = max(cells.shape[1], len(blank))
    wide = np.full((len(good), width), HOLE, np.uint8)
    wide[np.flatnonzero(good), : cells.shape[1]] = cells
    wide[~good, : len(blank)] = np.frombuffer(blank, np.uint8)
    return wide


def rows_text(separators: Sequence[bytes], columns: Sequence[Array | list[bytes]]) -> bytes:
    """Return rows as one text: each cell of `columns` between two of the `separators`."""
    if not len(columns[0]):
        return b""
    if any(isinstance(cells, list) for cells in columns):
        lists = [cells if isinstance(cells, list) else _as_list(cells) for cells in columns]
        form = _joiner(separators)
        return b"".join([form(row) for row in zip(*lists, strict=True)])
    n = len(columns[0])
    width = sum(map(len, separators)) + sum(cells.shape[1] for cells in columns)  # type: ignore[union-attr]
    rows = np.empty((n, width), np.uint8)
    start = 0
    for separator, cells in zip(separators, [*columns, np.empty((n, 0), np.uint8)], strict=True):
        for part in (np.frombuffer(separator, np.uint8), cells):
            end = start + part.shape[-1]  # type: ignore[union-attr]
            rows[:, start:end] = part
            start = end
    return rows.tobytes().translate(None, bytes([HOLE]))


def _as_list(cells: Array) -> list[bytes]:
    return [row.tobytes().translate(None, bytes([HOLE])) for row in cells]


def _joiner(separators: Sequence[bytes]) -> Callable[[Sequence[bytes]], bytes]:
    *before, last = separators

    def join(row: Sequence[bytes]) -> bytes:
        pieces: list[Any] = [piece for pair in zip(before, row, strict=True) for piece in pair]
        return b"".join([*pieces, last])

    return join
