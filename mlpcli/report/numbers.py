"""Numbers and settings as a page's sentences and drawings show them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

LONGEST_SETTING = 48  # characters


def number(value: float | None) -> str:
    """Return a number with four significant digits; a dash for None and NaN.

    >>> [number(x) for x in (0.97224, 12345.678, float("nan"), 3, 1.2e-7, None)]
    ['0.9722', '12,346', '–', '3', '1.2e-07', '–']
    """
    if value is None or value != value:  # noqa: PLR0124  NaN
        return "–"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e7 else f"{value:.4g}"  # noqa: PLR2004


def difference(value: float) -> str:
    """Return a difference with its sign.

    >>> difference(0.02), difference(-0.5), difference(0.0)
    ('+0.02', '−0.5', '0')
    """
    sign = "+" if value > 0 else "−" if value < 0 else ""
    return sign + number(abs(value)).removeprefix("-")


def setting(value: Any) -> str:
    """Return a value of a spec in a few characters; of layers their units.

    >>> setting([{"units": 64, "activation": "relu"}, {"units": 32, "activation": "relu"}])
    '64-32'
    >>> setting({"name": "adam", "learning_rate": 0.001}), setting(True), setting(None)
    ('adam', 'true', 'null')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and "name" in value:
        return str(value["name"])
    if isinstance(value, list) and value and all(_units(each) is not None for each in value):
        return "-".join(str(_units(each)) for each in value)
    if isinstance(value, float | int) and not isinstance(value, bool):
        return number(value)
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_SETTING else text[: LONGEST_SETTING - 1] + "…"


def _units(layer: Any) -> Any:
    return layer.get("units") if isinstance(layer, dict) else None


def short_keys(keys: Sequence[str]) -> dict[str, str]:
    """Return each dotted key by its last parts, as many as tell it from the others.

    >>> list(short_keys(["training.optimizer.learning_rate", "regularization.l2"]).values())
    ['learning_rate', 'l2']
    >>> list(short_keys(["model.layers[0].units", "model.layers[1].units"]).values())
    ['layers[0].units', 'layers[1].units']
    """
    found = {}
    for key in keys:
        parts, n = key.split("."), 1
        others = [each.split(".") for each in keys if each != key]
        while n < len(parts) and any(each[-n:] == parts[-n:] for each in others):
            n += 1
        found[key] = ".".join(parts[-n:])
    return found
