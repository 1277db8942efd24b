"""Keeps the files of a run while it trains: listens to the loop's events."""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mlpcli.errors import MlpError
from mlpcli.runs.directory import MANIFEST, METRICS, MODEL, SPEC
from mlpcli.runs.files import write_whole
from mlpcli.runs.manifest import Manifest
from mlpcli.runs.metrics_file import MetricsFile
from mlpcli.runs.model_file import save_model
from mlpcli.spec.write import spec_to_yaml, with_paths
from mlpcli.training.assemble import resolve
from mlpcli.training.loop import Ended, EpochEnded, Event, Training, score

STATUS = {"finished": "done", "patience": "done"}


class Recorder:
    """Writes spec and manifest at once, metrics as they come, the model at the end.

    folder  that the spec's paths are relative to
    """

    def __init__(self, directory: Path, training: Training, folder: Path) -> None:
        self.directory, self.training = directory, training
        self.spec = with_paths(resolve(training.spec, training.encoding), folder)
        write_whole(directory / SPEC, spec_to_yaml(self.spec).encode())
        self.manifest = Manifest(directory / MANIFEST, self.spec, training.dataset)
        self.metrics = MetricsFile(directory / METRICS, training.columns)

    def take(self, event: Event) -> None:
        """Write what an event brings."""
        if isinstance(event, EpochEnded):
            self.metrics.append(event.row)
        elif isinstance(event, Ended):
            self.metrics.close()
            self._end(event)

    def _end(self, ended: Ended) -> None:
        summary: dict[str, Any] = asdict(ended)
        training = self.training
        network = training.network
        scores = {
            name: {"rows": len(part), **score(network, training.encoding, part).figures}
            for name, part in training.dataset.parts.items()
        }
        save_model(self.directory / MODEL, self.spec, training.dataset, network, summary)
        status = STATUS.get(ended.reason, ended.reason)
        self.manifest.end(status, {"status": status, **summary, "scores": scores})

    def failed(self) -> None:
        """Write down that something else went wrong, if that is still possible."""
        with contextlib.suppress(MlpError, OSError):
            self.manifest.end("failed", {"status": "failed"})
