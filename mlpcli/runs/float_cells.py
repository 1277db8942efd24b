"""Numbers of nine digits as the texts of cells, many at once.

`"%.9g" % x` takes 350 ns a number, this about 30 of a probability and 80 of any number, of 16,384
(AMD EPYC, one core). Digits come as words of four letters, which are looked up; a number below 1
is four such words, so that none of its single letters is looked at.
"""

from __future__ import annotations

import numpy as np

from mlpcli.array_types import Array
from mlpcli.runs.cell_text import HOLE

DIGITS = 9  # of a float32
WIDTH, JSON_WIDTH = 16, 20  # bytes of the longest, -1.23456789e-300 and -1234567890000000.0
NEAR = 1e-5  # of a tie: closer, and what rounds it are more digits than float64 has
FEWEST, MOST = 1e-290, 1e290  # beyond, a power of ten is not exact enough, or not there
FIXED = range(-4, DIGITS)  # exponents that %g writes out
TWO_DIGITS = range(-99, 100)  # exponents
REPR_FROM = 16  # the exponent from which repr writes one
GAP = bytes([HOLE])

TENS = range(-300, 301)  # the exponents of these tables
POWERS = np.array([float(f"1e{k}") for k in TENS])
POWER_TEXTS = np.frombuffer(
    b"".join((b"e%+03d" % k).ljust(5, GAP) for k in TENS), np.uint8
).reshape(-1, 5)
# Layouts, beside 0 to 8, which are those of the exponents: 0.00012, 1.2e-05 and 1.2e-105.
FRACTION, SHORT, LONG = -1, DIGITS, DIGITS + 1
LAYOUTS = np.array(
    [max(k, FRACTION) if k in FIXED else SHORT if k in TWO_DIGITS else LONG for k in TENS], np.int8
)

_NUMBERS = np.arange(10_000)[:, np.newaxis]
_LETTERS = (_NUMBERS // (1000, 100, 10, 1) % 10 + ord("0")).astype(np.uint8)
_IS_ZERO = _NUMBERS % (10_000, 1000, 100, 10) == 0  # and all behind it
QUADS = _LETTERS.view(np.uint32)[:, 0]  # four digits each
TRIMMED = np.where(_IS_ZERO, np.uint8(HOLE), _LETTERS).view(np.uint32)[:, 0]
# The first byte is for the sign. Of numbers with an exponent: the first digit, with a point.
FRACTION_START = np.frombuffer(GAP * 2 + b"0.", np.uint32)[0]
SHORT_STARTS = np.frombuffer(b"".join(GAP + b"%d." % d + GAP for d in range(10)), np.uint32)
SHORT_ENDS = np.frombuffer(b"".join(b"e%+03d" % k for k in TWO_DIGITS), np.uint32)
# The zeros behind the point, and the first digit: of the exponents -1 to -4, ten digits each.
ZEROS = np.frombuffer(
    b"".join((b"0" * n).rjust(3, GAP) + b"%d" % d for n in range(4) for d in range(10)), np.uint32
)


def float_cells(values: Array, *, as_json: bool = False) -> Array:
    """Return `"%.9g" % x` of each number, as cells (rows, bytes); nothing of NaN.

    values   (rows,) float64
    as_json  `repr(float("%.9g" % x))` instead, and null of what is not finite
    """
    magnitude = np.abs(values)
    with np.errstate(invalid="ignore"):
        easy = (magnitude >= FEWEST) & (magnitude <= MOST)
    zero = magnitude == 0
    magnitude[~easy] = 1.0
    exponent, digits, near_tie = _rounded(magnitude)
    easy &= ~near_tie
    if as_json:
        easy &= (exponent < FIXED.stop) | (exponent >= REPR_FROM)
    cells = _cells(digits, exponent, as_json=as_json)
    cells[:, 0] = np.where(np.signbit(values), np.uint8(ord("-")), np.uint8(HOLE))
    if zero.any():  # of probabilities there may be many
        text = np.frombuffer(b"0.0" if as_json else b"0", np.uint8)
        cells[zero, 1:] = HOLE
        cells[zero, 1 : 1 + len(text)] = text
        easy |= zero
    number = _json_number if as_json else _csv_number
    for row in np.flatnonzero(~easy).tolist():
        cells[row] = HOLE
        one = number(float(values[row]))
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
    scaled = magnitude * POWERS[(DIGITS - 1 - TENS.start) - exponent]
    rounded = np.rint(scaled)
    np.subtract(scaled, rounded, out=scaled)
    near_tie = np.abs(scaled, out=scaled) > 0.5 - NEAR
    digits = rounded.astype(np.int64)
    over = np.flatnonzero(digits >= 10**DIGITS)
    digits[over] = 10 ** (DIGITS - 1)
    exponent[over] += 1
    return exponent, digits, near_tie


def _cells(digits: Array, exponents: Array, *, as_json: bool) -> Array:
    """Return numbers d · 10^(e − 8) as cells, without their sign."""
    words = _digit_words(digits)
    cells = np.full((len(digits), JSON_WIDTH if as_json else WIDTH), HOLE, np.uint8)
    layout = LAYOUTS[exponents - TENS.start]
    for k in range(layout.min(initial=LONG), layout.max(initial=FRACTION) + 1):
        if k == FRACTION:  # of rows of other layouts, too: they are written over
            _write_fractions(cells, words, exponents)
            continue
        rows = np.flatnonzero(layout == k)
        if not len(rows):
            continue
        group = np.full((len(rows), cells.shape[1]), HOLE, np.uint8)
        if k == SHORT:
            _write_short(group, words[rows], exponents[rows])
        else:
            _write(group, words[rows], exponents[rows], k, as_json=as_json)
        cells[rows] = group
    return cells


def _digit_words(digits: Array) -> Array:
    """Return nine digits as three words of four letters, zeros at the end left out.

    The first has one digit, its last letter; three zeros before it.
    """
    high, low = _divided(digits)
    first, middle = _divided(high)
    words = np.empty((len(digits), 3), np.uint32)
    words[:, 0], words[:, 1], words[:, 2] = QUADS[first], QUADS[middle], TRIMMED[low]
    short = np.flatnonzero(low == 0)
    words[short, 1] = TRIMMED[middle[short]]
    return words


def _divided(numbers: Array) -> tuple[Array, Array]:
    """Return numbers below 2³¹ divided by 10,000, and the rests; twice as fast as divmod."""
    # Half a unit is far more than the quotient is rounded by.
    quotient = ((numbers + 0.5) * 1e-4).astype(np.int64)
    return quotient, numbers - quotient * 10_000


def _write_fractions(cells: Array, words: Array, exponents: Array) -> None:
    """Write numbers from 0.0001 to 1, four letters at a time; in other rows what is no number."""
    out = cells[:, :WIDTH].view(np.uint32)
    out[:, 0] = FRACTION_START
    zeros = np.clip(-1 - exponents, 0, 3)
    out[:, 1] = ZEROS[10 * zeros + _first_digits(words)]
    out[:, 2:] = words[:, 1:]


def _write_short(cells: Array, words: Array, exponents: Array) -> None:
    """Write numbers with an exponent of two digits, four letters at a time."""
    out = cells[:, :WIDTH].view(np.uint32)
    out[:, 0] = SHORT_STARTS[_first_digits(words)]
    cells[words.view(np.uint8)[:, 4] == HOLE, 2] = HOLE  # no point behind an only digit
    out[:, 1:3] = words[:, 1:]
    out[:, 3] = SHORT_ENDS[exponents - TWO_DIGITS.start]


def _first_digits(words: Array) -> Array:
    return words.view(np.uint8)[:, 3] - np.uint8(ord("0"))


def _write(cells: Array, words: Array, exponents: Array, exponent: int, *, as_json: bool) -> None:
    """Write numbers from the second byte of cells on, which are HOLE elsewhere.

    exponent  of all of them, from 0 on; LONG: they are written with their own
    """
    letters = words.view(np.uint8)[:, 3:]
    whole = 1 if exponent == LONG else exponent + 1  # digits before the point
    end = 2 + DIGITS
    before = letters[:, :whole]
    cells[:, 1 : 1 + whole] = np.where(before == HOLE, np.uint8(ord("0")), before)
    is_whole = letters[:, whole] == HOLE if whole < DIGITS else np.ones(len(cells), bool)
    cells[:, 1 + whole] = np.where(is_whole, np.uint8(HOLE), np.uint8(ord(".")))
    cells[:, 2 + whole : end] = letters[:, whole:]
    if exponent == LONG:
        cells[:, end : end + POWER_TEXTS.shape[1]] = POWER_TEXTS[exponents - TENS.start]
    elif as_json:
        cells[is_whole, end : end + 2] = np.frombuffer(b".0", np.uint8)
