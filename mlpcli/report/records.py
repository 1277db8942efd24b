"""What a run's directory has beside its model: manifest and metrics, and what of it is lost."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlpcli.runs.metrics_file import read_metrics
from mlpcli.runs.model_file import Model
from mlpcli.runs.names import MANIFEST, METRICS, REPLICAS
from mlpcli.runs.status import is_mlp_manifest

NEEDED = {METRICS: {"epoch", "train_loss", "learning_rate"}, REPLICAS: {"epoch", "replica"}}
Rows = list[dict[str, float]]


@dataclass
class Records:
    """The records of a run; all of them empty where there is a model file alone.

    lost  what is missing or cannot be read, in sentences
    """

    history: Rows = field(default_factory=list)
    manifest: dict[str, Any] = field(default_factory=dict)
    replicas: Rows = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


def read_records(folder: Path, model: Model) -> Records:
    """Read the records of the epochs that the model has: a run that goes on has later ones."""
    found = Records()
    if not folder.is_dir():
        return found
    found.history = _rows(folder / METRICS, model, found.lost)
    if model.spec.replicated is not None:
        found.replicas = _rows(folder / REPLICAS, model, found.lost)
    try:
        document = json.loads((folder / MANIFEST).read_text("utf-8"))
    except FileNotFoundError:
        found.lost.append(f"{folder / MANIFEST} is missing: {WITHOUT_MANIFEST}")
        return found
    except (OSError, ValueError, RecursionError):
        document = None
    if is_mlp_manifest(document):
        found.manifest = document
    else:
        found.lost.append(f"{folder / MANIFEST} cannot be read: {WITHOUT_MANIFEST}")
    return found


WITHOUT_MANIFEST = "the command, the machine and the time of training are not known"


def _rows(path: Path, model: Model, lost: list[str]) -> Rows:
    """Return the rows of a file of metrics up to the model's last epoch, and say what is lost."""
    last = model.training.get("epochs")
    rows = read_metrics(path)
    if rows and not NEEDED[path.name] <= rows[0].keys():
        rows = []
    if not isinstance(last, int):
        return rows
    rows = [row for row in rows if row["epoch"] <= last]
    have = len({row["epoch"] for row in rows})
    if have < last:
        how = "cannot be read" if path.exists() else "is missing"
        if have:
            how = f"has {have:,} of the {last:,} epochs of the model"
        lost.append(f"{path} {how}: the curves are incomplete")
    return rows
