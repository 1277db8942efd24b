"""A finished run trained again, from its own spec, and compared bit by bit as it trains."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.dataset import Dataset
from mlpcli.data.source import Source, is_pipe
from mlpcli.runs.checkpoint import comparable
from mlpcli.runs.files import Folder
from mlpcli.runs.manifest import describe_machine
from mlpcli.runs.metrics_file import cell_text
from mlpcli.runs.names import METRICS, MODEL, REPLICAS
from mlpcli.runs.recorded_run import Cells, RecordedRun
from mlpcli.runs.recorder import Recorder
from mlpcli.runs.resume import differences
from mlpcli.runs.tensor_file import parse_json, parse_tensors
from mlpcli.spec.schema import Spec
from mlpcli.spec.yaml_reader import dotted
from mlpcli.training.events import Ended, EpochEnded, Event
from mlpcli.training.training import Training

MACHINE = {  # of the manifest: what other bits may come of, most likely first
    "blas_kernel": "CPU kernel",
    "blas": "BLAS",
    "blas_threads": "BLAS threads",
    "numpy": "NumPy",
    "pandas": "pandas",
    "python": "Python",
    "mlp": "mlp",
}
# Of a model's description: what is compared as data and tensors, or does not change the numbers.
MOST_LETTERS = 80  # of a value in a sentence
APART = ("mlp_version", "tensors_sha256", "spec")


@dataclass(frozen=True)
class Difference:
    """What differs first between a run and its training done again.

    kind   data, metrics, replicas, tensor or description
    where  epoch and column, tensor and index, the file or the key: for programs
    text   the same for people
    then, now  both values, in full digits
    """

    kind: str
    where: dict[str, Any]
    text: str
    then: Any
    now: Any

    def sentence(self) -> str:
        """Return it in a sentence."""
        return f"{self.text}: {_said(self.then)} then, {_said(self.now)} now"


@dataclass(frozen=True)
class Change:
    """Something besides the bits that is not as it was when a run trained."""

    what: str
    then: Any
    now: Any


@dataclass
class Outcome:
    """What came of training a run again.

    epochs       that have the same metrics
    tensors      that were compared
    difference   the first; None: there is none
    interrupted  whether it was stopped before anything was decided
    """

    epochs: int = 0
    tensors: int = 0
    difference: Difference | None = None
    interrupted: bool = False
    seen: set[tuple[str, str]] = field(default_factory=set)


def _said(value: Any) -> str:
    text = "none" if value is None or value == "" else str(value)
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}…"


# ------------------------------------------------------------ what has changed


def changed_machine(run: RecordedRun) -> list[Change]:
    """Return what decides the bits besides spec and data, and is another than then."""
    then, now = run.manifest["machine"], describe_machine()
    found = [key for key in MACHINE if key in then and then[key] != now[key]]
    if then.get("blas_kernel") is None and then.get("cpu") not in (None, now["cpu"]):
        return [Change("CPU", then["cpu"], now["cpu"]), *_changes(found, then, now)]
    return _changes(found, then, now)


def _changes(keys: list[str], then: dict[str, Any], now: dict[str, Any]) -> list[Change]:
    return [Change(MACHINE[key], then[key], now[key]) for key in keys]


def changed_spec(run: RecordedRun) -> list[Change]:
    """Return the keys in which a run's spec is another than the one in its model file."""
    try:
        then = Spec.model_validate(run.model.document.get("spec"))
    except ValueError:  # of another version; or damaged, which the seal shows
        return []
    found = differences(comparable(then), comparable(run.loaded.spec))
    return [Change(f"spec: {dotted(path)}", old, new) for path, old, new in found]


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


def replay(
    run: RecordedRun,
    training: Training,
    stop: Callable[[], bool],
    show: Callable[[Event], None],
) -> Outcome:
    """Train a run's network again, until something differs or it ends; nothing in it is changed.

    training  of the run's spec, not begun
    show      is given every event
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
    found = _row_difference("metrics", METRICS, recorded, event.mean, {"epoch": event.epoch})
    if found is not None or run.replicas is None:
        return found
    for lane, row in zip(event.lanes, event.rows, strict=True):
        where = {"epoch": event.epoch, "replica": lane}
        key = (cell_text(row["epoch"]), str(lane))
        outcome.seen.add(key)
        found = _row_difference("replicas", REPLICAS, run.replicas.get(key), row, where)
        if found is not None:
            return found
    return None


def _row_difference(
    kind: str, file: str, then: Cells | None, now: dict[str, float], where: dict[str, Any]
) -> Difference | None:
    """Return the first column of a row that differs, but for `seconds`, which no two runs share.

    Columns that only one of two versions of mlp writes are not compared.
    """
    row = ", ".join(f"{key} {value}" for key, value in where.items())
    if then is None:
        return Difference(kind, where, f"{row} in {file}", None, "a row")
    for column, value in now.items():
        text = cell_text(value)
        if column != "seconds" and then.get(column, text) != text:
            told = f"{row}: {column} in {file}"
            return Difference(kind, {**where, "column": column}, told, then[column], text)
    return None


def _rest_difference(run: RecordedRun, outcome: Outcome) -> Difference | None:
    """Return the first row of the run that the training did not come to."""
    for row in run.metrics[outcome.epochs :]:
        where = {"epoch": row.get("epoch")}
        return Difference("metrics", where, f"epoch {row.get('epoch')} in {METRICS}", "a row", None)
    for epoch, replica in (key for key in run.replicas or {} if key not in outcome.seen):
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
    return None


def _described(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in APART}


def tensor_difference(name: str, then: Array | None, now: Array | None) -> Difference | None:
    """Return the first number that differs between two tensors, bit by bit, and how far."""
    where: dict[str, Any] = {"tensor": name}
    if then is None or now is None or then.shape != now.shape or then.dtype != now.dtype:
        shapes = [None if t is None else f"{t.dtype} {t.shape}" for t in (then, now)]
        return Difference("tensor", where, f"the tensor {name}", *shapes)
    bits = f"u{then.dtype.itemsize}"
    differing = np.argwhere(then.view(bits) != now.view(bits))
    if not len(differing):
        return None
    index = tuple(differing[0].tolist())
    old, new = then[index], now[index]
    told = f"{name}[{', '.join(map(str, index))}]" if index else name
    far = ""
    where |= {"index": list(index), "differing": len(differing), "numbers": then.size}
    if then.dtype.kind == "f":
        where["ulps"] = ulps(old, new)
        far = f", {where['ulps']:,} ulp{'s' * (where['ulps'] != 1)} apart"
    of = f"{len(differing):,} of {then.size:,} numbers differ{far}; {told} in {MODEL}"
    return Difference("tensor", where, of, str(old), str(new))


def ulps(a: Any, b: Any) -> int:
    """Return how many floats of their type lie from one float to another, signed zeros apart.

    >>> ulps(np.float32(1), np.nextafter(np.float32(1), np.float32(2)))
    1
    >>> ulps(np.float32(-0.0), np.float32(0.0))
    1
    """
    return abs(_rank(a) - _rank(b))


def _rank(number: Any) -> int:
    """Return a float's place among all of its type: −0.0 is the one before 0.0."""
    bits = int(number.view(f"i{number.dtype.itemsize}"))
    return bits if bits >= 0 else -1 - (bits + (1 << 8 * number.dtype.itemsize - 1))


def listed(changes: list[Change]) -> Iterator[str]:
    """Yield each change in a few words."""
    for each in changes:
        yield f"{each.what}: {_said(each.then)} then, {_said(each.now)} now"
