"""A run read for a report: its model, its records, and its scores on each part of its data."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from mlpcli.data.dataset import Part
from mlpcli.runs.directory import find_model
from mlpcli.runs.evaluate import load_parts
from mlpcli.runs.evaluation_document import evaluation_document
from mlpcli.runs.metrics_file import read_metrics
from mlpcli.runs.model_file import Model, load_model
from mlpcli.runs.names import MANIFEST, METRICS
from mlpcli.training.evaluation import Scores, evaluate
from mlpcli.training.importance import Importance, permutation_importance


@dataclass(frozen=True)
class ReportedRun:
    """A run, or a model file alone, and its data.

    name     as the user named it
    parts    of its data, by name; the last is the one that is judged by: test where there is one
    scores   of each part
    notes    what reading them had to say
    history  the rows of metrics.csv; none of a model file alone
    manifest  the run's, or empty
    data     the file it is judged by; None: its own
    """

    name: str
    path: Path
    model: Model
    parts: dict[str, Part]
    scores: dict[str, Scores]
    notes: list[str] = field(default_factory=list)
    history: list[dict[str, float]] = field(default_factory=list)
    manifest: dict[str, Any] = field(default_factory=dict)
    data: str | None = None

    @property
    def judged(self) -> str:
        """The name of the part that the verdict is about."""
        return list(self.parts)[-1]

    @cached_property
    def document(self) -> dict[str, Any]:
        """The evaluation, as `mlp eval --json` prints it."""
        return evaluation_document(self.model, self.parts, self.scores)

    @cached_property
    def importance(self) -> Importance | None:
        """The permutation importance of the columns for the judged rows."""
        return permutation_importance(
            self.model.network,
            self.model.encoding,
            self.parts[self.judged],
            seed=self.model.spec.seed,
            temperature=self.model.temperature,
        )


def load_run(name: str, data: str | None = None) -> ReportedRun:
    """Read a run and evaluate it on its data, or on another file."""
    path = find_model(name)
    model = load_model(path)
    parts, _, notes = load_parts(model, data, None)
    scores = {
        part: evaluate(model.network, model.encoding, rows, model.temperature)
        for part, rows in parts.items()
    }
    folder = Path(name)
    history = read_metrics(folder / METRICS) if folder.is_dir() else []
    return ReportedRun(name, path, model, parts, scores, notes, history, _manifest(folder), data)


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        document = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
