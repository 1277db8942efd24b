"""Columns as the texts of cells, many at once: bytes in a matrix, put together to rows.

A matrix of cells has a row for each cell; bytes that a cell does not need are HOLE, which is in no
UTF-8 text, and are taken out of the whole rows at once. `"%.9g" % x` and the csv module take
0.35 µs a number, this 0.1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mlpcli.array_types import Array

HOLE = 0xFF
WIDEST = 64  # bytes of a cell in a matrix: longer ones are put together one by one
DIGITS = 9  # of a float32
WIDTH, JSON_WIDTH = 16, 20  # bytes of the longest, -1.23456789e-300 and -1234567890000000.0
NEAR = 1e-5  # of a tie: closer, and what rounds it are more digits than float64 has
FEWEST, MOST = 1e-290, 1e290  # beyond, a power of ten is not exact enough, or not there
FIXED = range(-4, 9)  # exponents that %g writes out
POWERS = np.array([float(f"1e{k}") for k in range(-300, 301)])
POWER_TEXTS = np.frombuffer(
    b"".join((b"e%+03d" % k).ljust(5, bytes([HOLE])) for k in range(-300, 301)), np.uint8
).reshape(-1, 5)
_LETTERS = np.arange(10_000)[:, np.newaxis] // (1000, 100, 10, 1) % 10 + ord("0")
QUADS = _LETTERS.astype(np.uint8).view(np.uint32)[:, 0]  # four digits each
ZEROS = sum(np.arange(10_000) % 10**k == 0 for k in (1, 2, 3, 4))  # at the end of them


def float_cells(values: Array, *, as_json: bool = False) -> Array:
    """Return `"%.9g" % x` of each number, as cells (rows, bytes); nothing of NaN.

    values   (rows,) float64
    as_json  `repr(float("%.9g" % x))` instead, and null of what is not finite
    """
    magnitude = np.abs(values)
    with np.errstate(invalid="ignore"):
        easy = (magnitude >= FEWEST) & (magnitude <= MOST)
    magnitude[~easy] = 1.0
    exponent, digits, near_tie = _rounded(magnitude)
    easy &= ~near_tie
    if as_json:
        easy &= (exponent < FIXED.stop) | (exponent > 15)  # noqa: PLR2004  as repr writes it
    cells = np.full((len(values), JSON_WIDTH if as_json else WIDTH), HOLE, np.uint8)
    layout = np.where((exponent >= FIXED.start) & (exponent < FIXED.stop), exponent, FIXED.stop)
    for k in np.flatnonzero(np.bincount(layout - FIXED.start)) + FIXED.start:
        rows = np.flatnonzero(layout == k)
        every = len(rows) == len(values)
        group = cells if every else np.full((len(rows), cells.shape[1]), HOLE, np.uint8)
        _write(group, digits[rows], exponent[rows], int(k), as_json=as_json)
        if not every:
            cells[rows] = group
    cells[values < 0, 0] = ord("-")
    text = _json_number if as_json else _csv_number
    for row in np.flatnonzero(~easy).tolist():
        cells[row] = HOLE
        one = text(float(values[row]))
        cells[row, : len(one)] = np.frombuffer(one, np.uint8)
    return cells


def _csv_number(x: float) -> bytes:
    return b"" if x != x else b"%.9g" % x  # noqa: PLR0124  NaN


def _json_number(x: float) -> bytes:
    return repr(float(f"{x:.9g}")).encode() if np.isfinite(x) else b"null"


def _rounded(magnitude: Array) -> tuple[Array, Array, Array]:
    """Return x = d · 10^(e − 8): e, d rounded to an integer of nine digits, and whether by a hair.

    The scaled number is wrong by at most 4 · 2⁻⁵³ · 10⁹ < 10⁻⁶ ≪ NEAR. Where the logarithm is
    rounded onto a whole number, or off it, d is a power of ten within that.
    """
    exponent = np.floor(np.log10(magnitude)).astype(np.int64)
    scaled = magnitude * POWERS[(DIGITS - 1 - exponent) + 300]
    near_tie = np.abs(scaled - np.floor(scaled) - 0.5) < NEAR
    digits = np.rint(scaled).astype(np.int64)
    over = digits >= 10**DIGITS
    digits[over] = 10 ** (DIGITS - 1)
    return exponent + over, digits, near_tie


def _write(cells: Array, digits: Array, exponents: Array, exponent: int, *, as_json: bool) -> None:
    """Write numbers, without their sign, from the second byte of cells on.

    exponent  of all of them, one of FIXED; else beyond, and they are written with their own
    """
    high, low = _divided(digits)
    first, middle = _divided(high)
    quads = np.empty((len(cells), 3), np.uint32)
    quads[:, 0], quads[:, 1], quads[:, 2] = QUADS[first], QUADS[middle], QUADS[low]
    letters = quads.view(np.uint8)[:, 3:]
    zeros = np.where(low > 0, ZEROS[low], np.where(middle > 0, 4 + ZEROS[middle], 8))
    n = DIGITS - zeros  # digits that are shown
    whole = exponent + 1 if exponent in FIXED else 1  # digits before the point
    shown = np.maximum(n, max(whole, 0))
    letters[np.arange(DIGITS) >= shown[:, np.newaxis]] = HOLE
    point = np.where(n > whole, ord("."), HOLE)
    if exponent in FIXED and exponent < 0:
        lead = np.frombuffer(b"0." + b"0" * (-exponent - 1), np.uint8)
        cells[:, 1 : 1 + len(lead)] = lead
        cells[:, 1 + len(lead) : 1 + len(lead) + DIGITS] = letters
        return
    cells[:, 1 : 1 + whole] = letters[:, :whole]
    cells[:, 1 + whole] = point
    end = 2 + DIGITS
    cells[:, 2 + whole : end] = letters[:, whole:]
    if exponent not in FIXED:
        cells[:, end : end + POWER_TEXTS.shape[1]] = POWER_TEXTS[exponents + 300]
    elif as_json:
        cells[n <= whole, end : end + 2] = np.frombuffer(b".0", np.uint8)


def _divided(numbers: Array) -> tuple[Array, Array]:
    """Return numbers below 2³¹ divided by 10,000, and the rests; twice as fast as divmod."""
    # Half a unit is far more than the quotient is rounded by.
    quotient = ((numbers + 0.5) * 1e-4).astype(np.int64)
    return quotient, numbers - quotient * 10_000


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
