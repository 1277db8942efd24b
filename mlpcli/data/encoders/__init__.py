"""Encoders of input columns; one class for each way, fitted on training rows by `inputs.py`.

`encoder.py` has the interface.
"""

from __future__ import annotations

from typing import Any

from mlpcli.data.encoders.categories import CategoryColumn
from mlpcli.data.encoders.date_part import DatePart
from mlpcli.data.encoders.encoded_category import EncodedCategory, Frequency, TargetMean
from mlpcli.data.encoders.encoder import ColumnEncoder
from mlpcli.data.encoders.indicator import MissingIndicator
from mlpcli.data.encoders.numeric import NumericColumn

__all__ = [
    "ENCODERS",
    "CategoryColumn",
    "ColumnEncoder",
    "DatePart",
    "EncodedCategory",
    "Frequency",
    "MissingIndicator",
    "NumericColumn",
    "TargetMean",
    "encoder_from_plain",
    "kind_of",
]

ENCODERS: dict[str, type[ColumnEncoder]] = {
    each.kind: each
    for each in (NumericColumn, CategoryColumn, DatePart, TargetMean, Frequency, MissingIndicator)
}


def kind_of(plain: Any) -> Any:
    """Return the kind of an encoder in a model file; files without one have two, told by fields."""
    if not isinstance(plain, dict):
        return None
    return plain.get("kind", "category" if "categories" in plain else "numeric")


def encoder_from_plain(plain: dict[str, Any]) -> ColumnEncoder:
    """Return what an encoder's `to_plain` wrote."""
    return ENCODERS[kind_of(plain)].from_plain(plain)
