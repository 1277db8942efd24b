"""A run read for a report: its model, its records, and its scores on each part of its data."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mlpcli.data.dataset import Dataset, Part
from mlpcli.data.diagnosis import Oddity, oddities
from mlpcli.errors import MlpError
from mlpcli.report.records import read_records
from mlpcli.runs.directory import find_model
from mlpcli.runs.evaluate import load_parts
from mlpcli.runs.evaluation_document import evaluation_document
from mlpcli.runs.model_file import Model, load_model
from mlpcli.spec.load import LoadedSpec
from mlpcli.spec.yaml_reader import Document
from mlpcli.training.baselines import Baselines, fit_baselines
from mlpcli.training.build import load_dataset
from mlpcli.training.evaluation import Scores, evaluate
from mlpcli.training.image_patches import image_patches
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
    replicas  the rows of replicas.csv; none where it is no ensemble's
    lost     what of these records is missing or cannot be read, in sentences
    data     the file it is judged by; None: its own
    rows     whether a page may show rows of the data
    """

    name: str
    path: Path
    model: Model
    parts: dict[str, Part]
    scores: dict[str, Scores]
    notes: list[str] = field(default_factory=list)
    history: list[dict[str, float]] = field(default_factory=list)
    manifest: dict[str, Any] = field(default_factory=dict)
    replicas: list[dict[str, float]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    data: str | None = None
    rows: bool = True

    @property
    def judged(self) -> str:
        """The name of the part that the verdict is about."""
        return list(self.parts)[-1]

    @property
    def best_epochs(self) -> list[int]:
        """The epoch of each network's weights; none where that is not known."""
        if self.model.ensemble is None:
            best = self.model.training.get("best_epoch")
            return [best] if isinstance(best, int) else []
        ensemble = (self.manifest.get("result") or {}).get("ensemble") or {}
        return [one["best_epoch"] for one in ensemble.get("replicas", ()) if one.get("kept")]

    @cached_property
    def document(self) -> dict[str, Any]:
        """The evaluation, as `mlp eval --json` prints it."""
        return evaluation_document(self.model, self.parts, self.scores)

    @cached_property
    def importance(self) -> Importance | None:
        """Permutation importance of the columns, or an image's patches, for the judged rows."""
        image = self.model.spec.data.image
        return permutation_importance(
            self.model.network,
            self.model.encoding,
            self.parts[self.judged],
            seed=self.model.spec.seed,
            temperature=self.model.temperature,
            groups=None if image is None else image_patches(image.shape),
        )

    @cached_property
    def dataset(self) -> Dataset | None:
        """Its data as they were for its training, read again.

        None where other data were given, or where they are split in another way today, as by
        another version.
        """
        if self.data is not None or self.model.spec.data.path == "-":
            return None
        try:
            dataset = load_dataset(LoadedSpec(self.model.spec, Document(self.name), Path(), ""))
        except MlpError:  # read by the model's own encoding it was good enough
            return None
        codes, then = dataset.codes, self.model.codes
        same = codes is None or (then is not None and np.array_equal(codes, then))
        return dataset if same else None

    @cached_property
    def oddities(self) -> list[Oddity]:
        """What `mlp check` finds odd in its data."""
        return [] if self.dataset is None else oddities(self.dataset)

    @cached_property
    def baselines(self) -> Baselines | None:
        """The baselines of its training rows, as `mlp check` fits them; None without them."""
        if self.dataset is None:
            return None
        spec = self.model.spec
        return fit_baselines(self.dataset, spec.seed, spec.data.split.group)


def load_run(name: str, data: str | None = None) -> ReportedRun:
    """Read a run and evaluate it on its data, or on another file."""
    path = find_model(name)
    model = load_model(path)
    parts, _, notes = load_parts(model, data, None)
    scores = {
        part: evaluate(model.network, model.encoding, rows, model.temperature)
        for part, rows in parts.items()
    }
    found = read_records(Path(name), model)
    return ReportedRun(
        name,
        path,
        model,
        parts,
        scores,
        notes,
        found.history,
        found.manifest,
        found.replicas,
        found.lost,
        data,
    )
