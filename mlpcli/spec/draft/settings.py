"""Model and training of a first spec, by what docs/quality.md measured to be good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlpcli.data.dataset import Dataset

FEW_ROWS = 400  # training rows
MANY_NUMBERS = 200  # numeric inputs: 16 bins of each would be a wide layer of weights
MANY_ROWS = 100_000  # training rows, from which one network instead of four


@dataclass(frozen=True)
class Settings:
    """What the draft says beside the data."""

    units: tuple[int, ...]
    embedding: dict[str, Any] | None
    learning_rate: float
    patience: int
    replicas: int


def settings_for(dataset: Dataset) -> Settings:
    """Return the settings for a data set of this size."""
    n_train = len(dataset.parts["train"])
    n_numeric = int(dataset.encoding.inputs.numeric.sum())
    embedding = None
    if 0 < n_numeric <= MANY_NUMBERS and n_train >= FEW_ROWS:
        embedding = {"name": "piecewise_linear", "bins": 16, "by": "target"}
    replicas = 1 if n_train >= MANY_ROWS else 4
    return Settings((128, 64), embedding, 0.003, 10, replicas)
