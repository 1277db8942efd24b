"""Advice as it can be typed: names and texts quoted where YAML needs it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

from mlpcli.data.cells import is_number
from mlpcli.data.patterns import Pattern
from mlpcli.errors import DataError

PLAIN = Pattern(r"[^\W\d][\w.-]*")
NO_TEXTS = frozenset({"null", "true", "false"})  # words that YAML 1.2 takes for something else

OF_SPEC = re.compile(
    r"; where that is wrong, .*|; else set data\..*|, or name the encoding, such as data\..*"
    r"| set data\.delimiter: .*|, as data\.encoding says it is; auto finds others"
)


def without_spec(text: str) -> str:
    """Return a sentence on a file without what a spec could say of it: new data have none.

    >>> without_spec("a.csv: the delimiter is a tab; where that is wrong, set data.delimiter: ;")
    'a.csv: the delimiter is a tab'
    """
    return OF_SPEC.sub("", text)


@contextmanager
def new_data() -> Iterator[None]:
    """Say of data that no spec describes what is wrong, and not what a spec could say of it."""
    try:
        yield
    except DataError as error:
        error.args = (without_spec(str(error)), *error.args[1:])
        raise


def as_yaml(text: str) -> str:
    """Return a text as it stands in a spec: quoted where YAML would take it for something else.

    >>> print(as_yaml("Name"), as_yaml("Unnamed: 0"), as_yaml("null"), as_yaml("-999"))
    Name "Unnamed: 0" "null" "-999"
    """
    plain = PLAIN.fullmatch(text) and text.lower() not in NO_TEXTS and not is_number(text)
    return text if plain else json.dumps(text, ensure_ascii=not text.isprintable())
