"""Numbers as sentences and tables of a page show them."""

from __future__ import annotations

from mlpcli.plain import format_number

number = format_number


def percent(share: float) -> str:
    """Return a share in percent, to a tenth where it is small or near to all.

    The space before the sign does not break.

    >>> [percent(x) for x in (0.5, 0.034, 0.9991, 0.95, 0.0, 1.0)]
    ['50 %', '3.4 %', '99.9 %', '95 %', '0 %', '100 %']
    """
    value = 100 * share
    near = 0 < value < 10 or 90 < value < 100  # noqa: PLR2004
    shown = f"{value:.1f}" if near else f"{value:.0f}"
    return f"{shown.removesuffix('.0')} %"
