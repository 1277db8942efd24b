"""Writes the files of a run while it trains, from the events of the training."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from mlpcli.data.diagnosis import baseline
from mlpcli.errors import FileError
from mlpcli.nn.evaluation import StoppedError
from mlpcli.runs.checkpointing import Checkpointing
from mlpcli.runs.failing_disk import RunFiles, silent
from mlpcli.runs.files import Folder
from mlpcli.runs.manifest import Manifest
from mlpcli.runs.metrics_file import MetricsFile
from mlpcli.runs.model_file import EnsembleModel, serialize_model
from mlpcli.runs.names import CHECKPOINT, METRICS, MODEL, REPLICAS, SPEC
from mlpcli.spec.write import spec_to_yaml, with_paths
from mlpcli.training.calibration import Calibration, calibrate
from mlpcli.training.evaluation import evaluate
from mlpcli.training.events import Ended, EpochEnded, Event, StateReady
from mlpcli.training.rate_reduction import learning_rate_reductions
from mlpcli.training.resolve import resolve
from mlpcli.training.training import Training

if TYPE_CHECKING:
    from mlpcli.runs.resume import FoundRun

Result = TypeVar("Result")
Document = dict[str, Any]
STATUS = {"finished": "done", "patience": "done"}


class Recorder:
    """Writes spec and manifest at once, metrics and states as they come, the model at the end.

    folder  of the run
    base    directory that the spec's paths are relative to
    found   the run in it that goes on; None: it is new
    name    of the spec: emergency files have it
    warn    is called with a sentence where the disk refuses a file
    patience  a context that raises StoppedError where the work within takes too long for a run that
              is asked to stop: the scores, and what the model could do without
    """

    def __init__(
        self,
        folder: Folder,
        training: Training,
        base: Path,
        found: FoundRun | None = None,
        name: str = "run",
        warn: Callable[[str], None] = silent,
        patience: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self.patience = patience
        self.files = files = RunFiles(folder, warn)
        self.training, self.name = training, name
        self.spec = with_paths(resolve(training.spec, training.dataset, training.shards), base)
        self.manifest = Manifest(
            files, self.spec, training.dataset, () if found is None else found.sessions
        )
        if found is not None:
            found.begin_session(folder)
        files.begin(SPEC, spec_to_yaml(self.spec).encode())
        self.result: dict[str, Any] = {}
        lengths = {} if found is None else found.lengths
        columns = training.columns
        self.metrics = MetricsFile(files, METRICS, columns, lengths.get(METRICS, 0))
        self.replicas: MetricsFile | None = None
        if self.spec.replicated is not None:
            columns = ["replica", *columns]
            self.replicas = MetricsFile(files, REPLICAS, columns, lengths.get(REPLICAS, 0))
        self.checkpointing = Checkpointing(folder, self.spec, training)

    def record(self, event: Event) -> None:
        """Write the metrics, the state or the end that an event brings."""
        self.checkpointing.note(event)
        if isinstance(event, EpochEnded) and event.mean is not None:
            if self.replicas is not None:
                rows = zip(event.lanes, event.rows, strict=True)
                self.replicas.extend([{"replica": lane, **row} for lane, row in rows])
            self.metrics.append(event.mean)
            self.files.try_again()
        elif isinstance(event, StateReady):
            files = {METRICS: self.metrics.file}
            if self.replicas is not None:
                files[REPLICAS] = self.replicas.file
            self.files.attempt(CHECKPOINT, lambda: self.checkpointing.save(files))
        elif isinstance(event, Ended):
            self._end(event)
            self.close()

    def close(self) -> None:
        """Close the files; what the disk has not taken is written elsewhere."""
        disk = self.files.close(self.name)
        if disk is not None:
            self.result["disk"] = disk

    def _end(self, ended: Ended) -> None:
        summary: dict[str, Any] = asdict(ended)
        training, network = self.training, self.training.network
        # The model first: whoever does not wait for the scores has that. No times in it, so that
        # the same training writes the same bytes.
        kept = {key: value for key, value in summary.items() if key != "seconds"}
        fitted = self._in_time(lambda: self._fit(ended))
        found, more, ensemble = fitted or (None, *self._ensemble(scores=False))
        temperature = 1.0 if found is None else found.temperature
        summary["calibration"] = (
            None if found is None else {"temperature": temperature, **asdict(found)}
        )
        summary |= more
        model = serialize_model(self.spec, training.dataset, network, kept, ensemble, temperature)
        self.files.write(MODEL, model, sync_name=False)  # the manifest's makes sure of both
        scores = self._in_time(lambda: self._scores(temperature))
        if (fitted is None or scores is None) and ended.reason in STATUS:
            ended = replace(ended, reason="interrupted")  # so that --resume comes to this end again
            summary["reason"] = ended.reason
        scores = scores or {}
        to_beat = baseline(training.dataset)
        part = list(training.dataset.parts)[-1]  # the test rows, where there are some
        summary["beats_baseline"] = not scores or to_beat.is_beaten(
            part, scores[part][to_beat.metric]
        )
        summary["baseline"] = {"what": to_beat.what, **to_beat.scores}
        if training.reductions.epochs:
            summary["learning_rate_reductions"] = learning_rate_reductions(training)
        if any(one is not None and one.reason == "diverged" for one in training.ended):
            from mlpcli.training.divergence import explain

            summary["divergence"] = explain(training, training.stop)
        status = STATUS.get(ended.reason, ended.reason)
        self.result = {"status": status, **summary, "scores": scores}
        if status != "interrupted":
            self.files.unwritten.discard(CHECKPOINT)  # none is needed any more
        if not self.files.try_again(now=True):
            # With room again, --resume makes what is not written.
            self.manifest.end("failed", self.result | {"error": self.files.problem})
            return
        self.manifest.end(status, self.result)
        if status != "interrupted":
            with contextlib.suppress(FileError):
                self.checkpointing.finish()

    def _in_time(self, work: Callable[[], Result]) -> Result | None:
        """Return what the work returns; None where it would keep a stopped run waiting."""
        with contextlib.suppress(StoppedError), self.patience():
            return work()
        return None

    def _fit(self, ended: Ended) -> tuple[Calibration | None, Document, EnsembleModel | None]:
        """Return the calibration, and what `_ensemble` returns for it."""
        found = self._calibration(ended)
        return found, *self._ensemble(1.0 if found is None else found.temperature)

    def _ensemble(
        self, temperature: float = 1.0, *, scores: bool = True
    ) -> tuple[Document, EnsembleModel | None]:
        """Return an ensemble's part of the result and of the model; of one network there is none.

        scores  whether to evaluate the replicas
        """
        if self.spec.replicated is None:
            return {}, None
        from mlpcli.runs.ensemble_result import ensemble_result

        document, model = ensemble_result(self.training, temperature, scores=scores)
        return {"ensemble": document}, model

    def _scores(self, temperature: float) -> Document:
        """Return the metrics of each part."""
        network, encoding = self.training.network, self.training.encoding
        return {
            name: {"rows": len(part), **evaluate(network, encoding, part, temperature).metrics}
            for name, part in self.training.dataset.parts.items()
        }

    def _calibration(self, ended: Ended) -> Calibration | None:
        """Return what came of fitting a temperature; None where none was to be fitted."""
        training = self.training
        validation = training.dataset.parts.get("validation")
        if self.spec.training.calibration == "none" or validation is None or not ended.best_epoch:
            return None  # at epoch 0 the network is untrained, and is kept as it is
        return calibrate(training.network, training.encoding, validation)

    def break_off(self, status: str, error: str | None = None) -> None:
        """Record that there was no end: failed, or interrupted; if that is still possible.

        error  why it failed, in a sentence
        """
        if not self.result:  # else it had come to its end
            why = {} if error is None else {"error": error}
            self.manifest.end(status, {"status": status, **why})
        self.close()
        for name, path in self.result.get("disk", {}).get("saved", {}).items():
            self.files.warn(f"{name} is saved as {path}")
