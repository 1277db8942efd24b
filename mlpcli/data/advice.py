"""Advice as it can be typed: names and texts quoted where YAML needs it."""

from __future__ import annotations

import json

from mlpcli.data.cells import is_number
from mlpcli.data.patterns import Pattern

PLAIN = Pattern(r"[^\W\d][\w.-]*")
NO_TEXTS = frozenset({"null", "true", "false"})  # words that YAML 1.2 takes for something else


def as_yaml(text: str) -> str:
    """Return a text as it stands in a spec: quoted where YAML would take it for something else.

    >>> print(as_yaml("Name"), as_yaml("Unnamed: 0"), as_yaml("null"), as_yaml("-999"))
    Name "Unnamed: 0" "null" "-999"
    """
    plain = PLAIN.fullmatch(text) and text.lower() not in NO_TEXTS and not is_number(text)
    return text if plain else json.dumps(text, ensure_ascii=not text.isprintable())
