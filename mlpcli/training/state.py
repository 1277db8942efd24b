"""The state of a training between two steps: all that decides the bits of what follows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mlpcli.array_types import Array


@dataclass(frozen=True)
class TrainingState:
    """What a training needs to go on where it was, beside its spec and data.

    tensors   the arrays, by name
    document  the other numbers, as plain data that JSON can hold: counts, the position within an
              epoch, the states of generators
    """

    tensors: dict[str, Array] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=dict)
