"""Types of single values in a spec: the weights of classes, a size in bytes."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

MAX_DIGITS = 18


def _weights_of_classes(value: Any) -> Any:
    if value is None or value == "balanced" or (isinstance(value, dict) and value):
        return value
    raise ValueError("must be balanced, a mapping such as {label: weight}, or null")


# The tag stands in pydantic's locations, where no label of a class should be taken for it.
class_weights = Annotated[
    Annotated[Literal["balanced"], Tag("balanced")]
    | Annotated[
        dict[str, Annotated[float, Field(ge=0.0)]], Field(min_length=1), Tag("{label: weight}")
    ]
    | Annotated[None, Tag("null")],
    Discriminator(
        lambda value: (
            "{label: weight}"
            if isinstance(value, dict)
            else "null"
            if value is None
            else "balanced"
        )
    ),
    BeforeValidator(_weights_of_classes),
]


UNITS = {"": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
UNITS |= {"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}


def parse_bytes(text: str) -> int | None:
    """Return how many bytes a text such as 500MB or 1.5 GiB says; None where it says none."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?([a-z]*)", text.strip().lower())
    if found is None or found[2] not in UNITS or len(found[1]) > MAX_DIGITS:
        return None
    return int(float(found[1]) * UNITS[found[2]]) or None


def _size(value: Any) -> Any:
    text = str(value) if type(value) is int else value
    if not isinstance(text, str) or parse_bytes(text) is None:
        raise ValueError("must be a size such as 500MB, 2GiB or a number of bytes, or auto")
    return text


memory_size = Annotated[str, BeforeValidator(_size, json_schema_input_type=str | int)]
