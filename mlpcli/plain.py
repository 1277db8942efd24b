"""Plain data for JSON, and numbers as texts."""

from __future__ import annotations

import math
from typing import Any


def without_nan(value: Any) -> Any:
    """Return plain data with null for every number that JSON cannot write.

    >>> without_nan({"a": [1.5, float("nan")]})
    {'a': [1.5, None]}
    """
    if isinstance(value, dict):
        return {key: without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def format_number(value: Any) -> str:
    """Return a number as a table shows it: four significant digits, a dash for NaN.

    >>> [format_number(x) for x in (0.97224, 12345.678, float("nan"), 3, 1.2e-7)]
    ['0.9722', '12345.7', '–', '3', '1.2e-07']
    """
    if value is None or value != value:  # noqa: PLR0124  NaN
        return "–"
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) else str(value)
    if 1000 <= abs(value) < 1e7:  # noqa: PLR2004
        return f"{value:.1f}"
    return f"{value:.4g}"


def harmless(text: str) -> str:
    r"""Return a line with control characters escaped, but bytes that are no UTF-8 kept.

    >>> harmless("a\x1b[31m")
    'a\\x1b[31m'
    """
    if text.isprintable():
        return text
    kept = (letter.isprintable() or "\udc80" <= letter <= "\udcff" for letter in text)
    return "".join(x if keep else repr(x)[1:-1] for x, keep in zip(text, kept, strict=True))
