"""Keys of a spec and their values as a page's sentences, tables and drawings show them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from mlpcli.report.numbers import number

LONGEST = 48  # characters of a value
VAGUE = {"name", "input", "labels", "weights"}  # keys that say little without the one before


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
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def cell(value: Any) -> object:
    """Return a value as a table takes it: numbers as they are."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number else setting(value)


def _units(layer: Any) -> Any:
    return layer.get("units") if isinstance(layer, dict) else None


def short_keys(keys: Sequence[str]) -> dict[str, str]:
    """Return each dotted key by its last parts, as many as tell it from the others.

    >>> list(short_keys(["training.optimizer.learning_rate", "regularization.l2"]).values())
    ['learning_rate', 'l2']
    >>> list(short_keys(["training.optimizer.name", "regularization.noise.input"]).values())
    ['optimizer.name', 'noise.input']
    >>> list(short_keys(["model.layers[0].units", "model.layers[1].units"]).values())
    ['layers[0].units', 'layers[1].units']
    """
    found = {}
    for key in keys:
        parts = key.split(".")
        n = 2 if parts[-1] in VAGUE else 1
        others = [each.split(".") for each in keys if each != key]
        while n < len(parts) and any(each[-n:] == parts[-n:] for each in others):
            n += 1
        found[key] = ".".join(parts[-n:])
    return found
