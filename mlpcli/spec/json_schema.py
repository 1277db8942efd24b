"""The spec's JSON Schema, with the lecture's letters beside the keys they stand for."""

from __future__ import annotations

from typing import Any

from mlpcli.spec.overrides import SPELLINGS
from mlpcli.spec.schema import Spec


def json_schema() -> dict[str, Any]:
    """Return the schema, draft 2020-12."""
    schema = Spec.model_json_schema()
    for section in schema["$defs"].values():
        properties = section.get("properties", {})
        for key in [key for key in SPELLINGS if key in properties]:
            for letter in SPELLINGS[key][0]:
                properties[letter] = properties[key]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
