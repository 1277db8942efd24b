"""A finished run trained again, from its own spec, and compared bit by bit as it trains."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlpcli.data.dataset import Dataset
from mlpcli.data.source import Source, is_pipe
from mlpcli.runs.difference import Difference, row_difference, tensor_difference
from mlpcli.runs.files import Folder
from mlpcli.runs.metrics_file import cell_text
from mlpcli.runs.names import METRICS, MODEL, REPLICAS
from mlpcli.runs.recorded_run import RecordedRun
from mlpcli.runs.recorder import Recorder
from mlpcli.runs.same_spec import differences
from mlpcli.runs.tensor_file import parse_json, parse_tensors
from mlpcli.spec.yaml_reader import dotted
from mlpcli.training.build import load_dataset
from mlpcli.training.events import Ended, EpochEnded, Event
from mlpcli.training.training import Training

# Of a model's description: what is compared as data and tensors, or does not change the numbers.
APART = ("mlp_version", "tensors_sha256", "spec")


@dataclass
class Outcome:
    """What came of training a run again.

    epochs       that have the same metrics
    tensors      that were compared
    difference   the first; None: there is none
    interrupted  whether it was stopped before anything was decided
    seen         how many rows of each epoch and replica were compared
    """

    epochs: int = 0
    tensors: int = 0
    difference: Difference | None = None
    interrupted: bool = False
    seen: Counter[tuple[str, str]] = field(default_factory=Counter)


# ------------------------------------------------------------ the data


def changed_files(run: RecordedRun) -> Difference | None:
    """Return the first data file with another SHA-256 than then, before any is understood.

    None as well for what can be read once only, or not at all: reading it says so.
    """
    data = run.loaded.spec.data
    files = {"data": data.path} if data.split.files is None else data.split.files.model_dump()
    for part, name in files.items():
        then = run.manifest["data"]["sha256"].get(part)
        path = "-" if name is None else run.loaded.path(name)
        if then is None or path == "-" or is_pipe(path):
            continue
        try:
            now = Source(path, path).sha256()
        except (OSError, ValueError):
            continue
        if now != then:
            return _other_data(part, path, then, now)
    return None


def changed_data(run: RecordedRun, dataset: Dataset) -> Difference | None:
    """Return the first part of the data, as they were read, with another SHA-256 than then."""
    then, now = run.manifest["data"]["sha256"], dataset.sha256
    for part in {**then, **now}:
        if then.get(part) != now.get(part):
            table = dataset.tables.get(part)
            name = part if table is None else table.name
            return _other_data(part, name, then.get(part), now.get(part))
    return None


def _other_data(part: str, name: str, then: str | None, now: str | None) -> Difference:
    return Difference("data", {"part": part, "file": name}, f"the SHA-256 of {name}", then, now)


# ------------------------------------------------------------ trained again


def prepare(run: RecordedRun) -> Training | Difference:
    """Return the training of a run, not begun; or how its data differ, which ends it.

    Raises DataError, FileError where the data cannot be read.
    """
    difference = changed_files(run)
    if difference is not None:  # else other data may be refused, and nobody knew why
        return difference
    dataset = load_dataset(run.loaded)
    difference = changed_data(run, dataset)
    if difference is not None:
        return difference
    with run.loaded.locating():
        return Training(run.loaded.spec, dataset)


def replay(
    run: RecordedRun,
    training: Training,
    stop: Callable[[], bool],
    show: Callable[[Event], None],
) -> Outcome:
    """Train a run's network again, until something differs or it ends; nothing in it is changed.

    show  is given every event
    """
    outcome = Outcome()
    with (
        tempfile.TemporaryDirectory(prefix="mlp-replay-") as temporary,
        Folder(Path(temporary)) as folder,
    ):
        recorder = Recorder(folder, training, run.loaded.folder)
        try:
            for event in training.run(stop):
                recorder.record(event)
                show(event)
                _compare(run, folder, event, outcome)
                if outcome.difference is not None or outcome.interrupted:
                    break
        finally:
            recorder.close()
    return outcome


def _compare(run: RecordedRun, folder: Folder, event: Event, outcome: Outcome) -> None:
    """Compare what an event brings with what the run has, into the outcome."""
    if isinstance(event, EpochEnded) and event.mean is not None:
        outcome.difference = _epoch_difference(run, event, outcome)
        outcome.epochs += outcome.difference is None
    elif isinstance(event, Ended):
        if event.reason == "interrupted":
            outcome.interrupted = True
            return
        outcome.difference = _rest_difference(run, outcome) or _model_difference(
            run, folder, outcome
        )


def _epoch_difference(run: RecordedRun, event: EpochEnded, outcome: Outcome) -> Difference | None:
    assert event.mean is not None
    n = outcome.epochs
    recorded = run.metrics[n] if n < len(run.metrics) else None
    found = row_difference("metrics", METRICS, recorded, event.mean, {"epoch": event.epoch})
    if found is not None or run.replicas is None:
        return found
    for lane, row in zip(event.lanes, event.rows, strict=True):
        where = {"epoch": event.epoch, "replica": lane}
        key = (cell_text(row["epoch"]), str(lane))
        recorded = next(iter(run.replicas.get(key, ())[outcome.seen[key] :]), None)
        outcome.seen[key] += 1
        found = row_difference("replicas", REPLICAS, recorded, row, where)
        if found is not None:
            return found
    return None


def _rest_difference(run: RecordedRun, outcome: Outcome) -> Difference | None:
    """Return the first row of the run that the training did not come to."""
    for row in run.metrics[outcome.epochs :]:
        where = {"epoch": row.get("epoch")}
        return Difference("metrics", where, f"epoch {row.get('epoch')} in {METRICS}", "a row", None)
    for (epoch, replica), rows in (run.replicas or {}).items():
        if len(rows) == outcome.seen[epoch, replica]:
            continue
        where = {"epoch": epoch, "replica": replica}
        told = f"epoch {epoch}, replica {replica} in {REPLICAS}"
        return Difference("replicas", where, told, "a row", None)
    return None


# ------------------------------------------------------------ the model


def _model_difference(run: RecordedRun, folder: Folder, outcome: Outcome) -> Difference | None:
    tensors, metadata = parse_tensors(folder.read(MODEL) or b"")
    outcome.tensors = len(tensors)
    for name in dict.fromkeys([*run.model.tensors, *tensors]):
        found = tensor_difference(name, run.model.tensors.get(name), tensors.get(name))
        if found is not None:
            return found
    then, now = _described(run.model.document), _described(parse_json(metadata["mlp"].encode()))
    for path, old, new in differences(then, now):
        where = {"key": dotted(path)}
        return Difference("description", where, f"{dotted(path)} in {MODEL}", old, new)
    if run.model.is_damaged:  # in what is not compared
        return Difference("checksum", {"file": MODEL}, f"the checksum of {MODEL}", "right", "wrong")
    return None


def _described(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in APART}
