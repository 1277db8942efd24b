"""Keeps the files of a run while it trains: listens to the loop's events."""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mlpcli.data.diagnosis import baseline
from mlpcli.errors import MlpError
from mlpcli.runs.directory import MANIFEST, METRICS, MODEL, SPEC
from mlpcli.runs.files import write_whole
from mlpcli.runs.manifest import Manifest
from mlpcli.runs.metrics_file import MetricsFile
from mlpcli.runs.model_file import EnsembleModel, save_model
from mlpcli.spec.write import spec_to_yaml, with_paths
from mlpcli.training.assemble import resolve
from mlpcli.training.follower import Ended
from mlpcli.training.loop import EpochEnded, Training
from mlpcli.training.scores import score

STATUS = {"finished": "done", "patience": "done"}


class Recorder:
    """Writes spec and manifest at once, metrics as they come, the model at the end.

    folder  that the spec's paths are relative to
    """

    def __init__(self, directory: Path, training: Training, folder: Path) -> None:
        self.directory, self.training = directory, training
        self.spec = with_paths(resolve(training.spec, training.encoding), folder)
        self.manifest = Manifest(directory / MANIFEST, self.spec, training.dataset)
        write_whole(directory / SPEC, spec_to_yaml(self.spec).encode())
        self.result: dict[str, Any] = {}
        self.metrics = MetricsFile(directory / METRICS, training.columns)

    def take(self, event: object) -> None:
        """Write what an event brings."""
        if isinstance(event, EpochEnded):
            self.metrics.append(event.row)
        elif isinstance(event, Ended):
            self.close()
            self._end(event)

    def close(self) -> None:
        """Close the files that grew while it trained."""
        self.metrics.close()

    def result_of_ensemble(self) -> tuple[dict[str, Any], EnsembleModel | None]:
        """Return what else is written of an ensemble: in the result, and in the model file."""
        return {}, None

    def _end(self, ended: Ended) -> None:
        summary: dict[str, Any] = asdict(ended)
        training = self.training
        network = training.network
        more, ensemble = self.result_of_ensemble()
        # The model first: whoever does not wait for the scores has that. No times in it, so that
        # the same training writes the same bytes.
        kept = {key: value for key, value in summary.items() if key != "seconds"}
        save_model(self.directory / MODEL, self.spec, training.dataset, network, kept, ensemble)
        summary |= more
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

    def broken_off(self, status: str, error: str | None = None) -> None:
        """Write down that there was no end: failed, or interrupted; if that is still possible.

        error  why it failed, in a sentence
        """
        self.close()
        with contextlib.suppress(MlpError, OSError):
            why = {} if error is None else {"error": error}
            self.manifest.end(status, {"status": status, **why})
