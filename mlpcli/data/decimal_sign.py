"""Which sign separates the decimals: evidence from numbers that can be read in one way only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.columns import Column, Numbers
from mlpcli.data.patterns import Pattern

MOST_TEXTS = 200  # of a column, looked at for its decimal sign: 0.3 ms

# A number with at most a currency before or behind it, or per cent, or brackets.
DECORATED = Pattern(
    r"[^\w.,]{0,3}(?:[A-Z]{3}[^\w.,]?)?[^\w.,]{0,2}"
    r"([\d.,'\u2019 \u00a0\u202f]*\d)"
    r"(?:[eE][+-]?\d+)?\s?(?:[^\w.,]{0,3}|[A-Za-z]{1,3})"
)
BLANKS = Pattern(r"['\u2019 \u00a0\u202f]")  # between thousands
GROUPED = {
    ",": Pattern(r"\d{1,3}(\.\d{3})*,\d+|\d{1,3}(\.\d{3}){2,}"),
    ".": Pattern(r"\d{1,3}(,\d{2,3})*\.\d+|\d{1,3}(,\d{3}){2,}"),
}
THOUSANDS = Pattern(r"[1-9]\d{0,2}[.,]\d{3}")  # one sign, and it may be either
SINGLE = {",": Pattern(r"\d*,\d+"), ".": Pattern(r"\d*\.\d+")}


def shown_sign(text: str) -> str | None:
    """Return the decimal sign that a text shows, or None where it may be either.

    >>> [shown_sign(t) for t in ("1,5", "1.234,5", "$ 1,234.50", "0,125", "1.234.567")]
    [',', ',', '.', ',', ',']
    >>> [shown_sign(t) for t in ("1,234", "12.345", "15", "1,2,3", "31.12.2020", "x,5")]
    [None, None, None, None, None, None]
    """
    found = DECORATED.fullmatch(text.strip())
    if found is None:
        return None
    number = BLANKS.sub("", found[1])
    if THOUSANDS.fullmatch(number):
        return None
    for sign in ",.":
        if SINGLE[sign].fullmatch(number) or GROUPED[sign].fullmatch(number):
            return sign
    return None


def is_any_number(text: str) -> bool:
    """Whether a text is a number, with whatever decimal sign, currency or thousands."""
    found = DECORATED.fullmatch(text.strip())
    return found is not None


def column_sign(texts: Sequence[str]) -> tuple[str | None, str]:
    """Return the decimal sign that a column's texts show, and one that shows it.

    None where none does, or some show the one and some the other.

    texts  of which the first MOST_TEXTS with a comma or a point are looked at
    """
    signed = (text for text in texts if "," in text or "." in text)
    shown: dict[str | None, str] = {}
    for text in islice(signed, MOST_TEXTS):
        shown.setdefault(shown_sign(text), text)
    shown.pop(None, None)
    return next(iter(shown.items())) if len(shown) == 1 else (None, "")


def sample_sign(columns: Iterable[Sequence[str]]) -> tuple[str | None, str]:
    """Return the decimal sign that more columns of a sample show, and a text that shows it.

    None where no column shows one. As many for the one as for the other: a point.

    columns  the texts of each
    """
    examples: dict[str, list[str]] = {".": [], ",": []}
    for texts in columns:
        sign, example = column_sign(texts)
        if sign is not None:
            examples[sign].append(example)
    if not any(examples.values()):
        return None, ""
    sign = "," if len(examples[","]) > len(examples["."]) else "."
    return sign, examples[sign][0]


def overruled(columns: Iterable[Column], sign: str) -> str:
    """Return a text for which a file has to be read with the other decimal sign, or nothing.

    That is so where more columns were left as text for it than show, as numbers with decimals or
    as text, that `sign` is right; as many for the one as for the other: a point.

    columns  as they were read with `sign`
    """
    example, others, same, numbers = "", 0, 0, []
    for column in columns:
        if isinstance(column, Numbers):
            numbers.append(column.values)
            continue
        shown, text = column_sign([value for value in column.values if isinstance(value, str)])
        others += shown not in (None, sign)
        same += shown == sign
        example = text if shown not in (None, sign) and not example else example
    if not others:
        return ""
    same += sum(_has_fractions(values) for values in numbers)
    return example if others > same or (others == same and sign == ",") else ""


def _has_fractions(values: Array) -> bool:
    if values.dtype.kind != "f":
        return False
    finite = values[np.isfinite(values)]
    return bool((finite != np.floor(finite)).any())
