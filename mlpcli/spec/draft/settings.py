"""Model and training of a first spec, by what docs/quality.md measured to be good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlpcli.data.dataset import Dataset

# Below so many training rows the small network of the defaults, averaged, is the safe one.
FEW_ROWS = 500
MANY_NUMBERS = 200  # numeric inputs: 16 bins of each would make the first layer very wide
UNITS, BINS = (128, 64), 16
# Weights times training rows, up to which four networks are trained: their epoch takes about 2 s
# of a core (0.7 s measured at 1.9e9: docs/decisions/0047).
MOST_WORK = 5e9


@dataclass(frozen=True)
class Settings:
    """What the draft says beside the data."""

    units: tuple[int, ...]
    embedding: dict[str, Any] | None
    learning_rate: float
    patience: int
    replicas: int


def settings_for(dataset: Dataset) -> Settings:
    """Return the settings for a data set of this size.

    Measured: docs/quality.md for 500 training rows and more, docs/decisions/0047 for fewer.
    """
    n_train, inputs = len(dataset.parts["train"]), dataset.encoding.inputs
    if n_train < FEW_ROWS:
        return Settings((64,), None, 0.001, 20, 4)
    n_numeric, width = int(inputs.numeric.sum()), inputs.n_features
    embedding = None
    # Columns like pixels are of one scale: bins add nothing that their sums do not tell.
    if 0 < n_numeric <= MANY_NUMBERS and dataset.scale.name == "asinh":
        embedding = {"name": "piecewise_linear", "bins": BINS, "by": "target"}
        width += BINS * n_numeric
    work = n_train * (width * UNITS[0] + UNITS[0] * UNITS[1])
    return Settings(UNITS, embedding, 0.003, 10, 4 if work <= MOST_WORK else 1)
