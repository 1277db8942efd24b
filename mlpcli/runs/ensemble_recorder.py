"""Keeps the files of an ensemble's run: those of any run, and replicas.csv."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from mlpcli.runs.directory import REPLICAS
from mlpcli.runs.ensemble_result import ensemble_result
from mlpcli.runs.metrics_file import MetricsFile
from mlpcli.runs.model_file import EnsembleModel
from mlpcli.runs.recorder import Recorder
from mlpcli.training.ensemble import Ensemble
from mlpcli.training.loop import ReplicasEnded, Training


class EnsembleRecorder(Recorder):
    """Writes what every run has, and the figures of each replica as they come.

    folder  that the spec's paths are relative to
    """

    def __init__(self, directory: Path, training: Ensemble, folder: Path) -> None:
        super().__init__(directory, cast("Training", training), folder)
        self.ensemble = training
        self.replicas = MetricsFile(directory / REPLICAS, ["replica", *training.columns])

    def take(self, event: object) -> None:
        """Write what an event brings."""
        if isinstance(event, ReplicasEnded):
            rows = zip(event.replicas, event.rows, strict=True)
            self.replicas.extend([{"replica": replica, **row} for replica, row in rows])
        else:
            super().take(event)

    def close(self) -> None:
        """Close the files that grew while it trained."""
        super().close()
        self.replicas.close()

    def result_of_ensemble(self) -> tuple[dict[str, Any], EnsembleModel]:
        """Return what else is written of an ensemble: in the result, and in the model file."""
        result, model = ensemble_result(self.ensemble)
        return {"ensemble": result}, model
