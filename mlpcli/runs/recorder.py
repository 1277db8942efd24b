"""Keeps the files of a run while it trains: listens to the loop's events."""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mlpcli.data.diagnosis import baseline
from mlpcli.errors import MlpError
from mlpcli.runs.directory import MANIFEST, METRICS, MODEL, REPLICAS, SPEC
from mlpcli.runs.ensemble_result import ensemble_result
from mlpcli.runs.files import write_whole
from mlpcli.runs.manifest import Manifest
from mlpcli.runs.metrics_file import MetricsFile
from mlpcli.runs.model_file import save_model
from mlpcli.spec.write import spec_to_yaml, with_paths
from mlpcli.training.assemble import resolve
from mlpcli.training.ensemble import Ensemble, ReplicasEnded
from mlpcli.training.follower import Ended
from mlpcli.training.loop import EpochEnded, Event, Training
from mlpcli.training.scores import score

STATUS = {"finished": "done", "patience": "done"}


class Recorder:
    """Writes spec and manifest at once, metrics as they come, the model at the end.

    training  of one network, or of an ensemble
    folder    that the spec's paths are relative to
    """

    def __init__(self, directory: Path, training: Training | Ensemble, folder: Path) -> None:
        self.directory, self.training = directory, training
        self.spec = with_paths(resolve(training.spec, training.encoding), folder)
        write_whole(directory / SPEC, spec_to_yaml(self.spec).encode())
        self.manifest = Manifest(directory / MANIFEST, self.spec, training.dataset)
        self.result: dict[str, Any] = {}
        self.metrics = MetricsFile(directory / METRICS, training.columns)
        self.files = [self.metrics]
        if isinstance(training, Ensemble):
            columns = ["replica", *training.columns]
            self.replicas = MetricsFile(directory / REPLICAS, columns)
            self.files.append(self.replicas)

    def take(self, event: Event | ReplicasEnded) -> None:
        """Write what an event brings."""
        if isinstance(event, EpochEnded):
            self.metrics.append(event.row)
        elif isinstance(event, ReplicasEnded):
            rows = zip(event.replicas, event.rows, strict=True)
            self.replicas.extend([{"replica": replica, **row} for replica, row in rows])
        elif isinstance(event, Ended):
            self._close()
            self._end(event)

    def _close(self) -> None:
        for file in self.files:
            file.close()

    def _end(self, ended: Ended) -> None:
        summary: dict[str, Any] = asdict(ended)
        training = self.training
        network, ensemble = training.network, None
        assert network is not None
        if isinstance(training, Ensemble):
            summary["ensemble"], ensemble = ensemble_result(training)
        # The model first: whoever does not wait for the scores has that. No times in it, so that
        # the same training writes the same bytes.
        kept = {k: v for k, v in summary.items() if k not in ("seconds", "ensemble")}
        save_model(self.directory / MODEL, self.spec, training.dataset, network, kept, ensemble)
        scores = {
            name: {"rows": len(part), **score(network, training.encoding, part).figures}
            for name, part in training.dataset.parts.items()
        }
        to_beat = baseline(training.dataset)
        part = list(scores)[-1]  # the test rows, where there are some
        summary["beats_baseline"] = to_beat.is_beaten(part, scores[part][to_beat.metric])
        summary["baseline"] = {"what": to_beat.what, **to_beat.figures}
        status = STATUS.get(ended.reason, ended.reason)
        self.result = {"status": status, **summary, "scores": scores}
        self.manifest.end(status, self.result)

    def broken_off(self, status: str) -> None:
        """Write down that there was no end: failed, or interrupted; if that is still possible."""
        self._close()
        with contextlib.suppress(MlpError, OSError):
            self.manifest.end(status, {"status": status})
