"""What is in a run directory that is to be trained into again: nothing, a part, or all of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import join
from typing import Any

from mlpcli.data.dataset import Dataset
from mlpcli.errors import MlpError, RunError, UsageError
from mlpcli.nn.schedules import SCHEDULES
from mlpcli.runs import swap
from mlpcli.runs.checkpoint import Checkpoint, comparable, load_checkpoint
from mlpcli.runs.files import Folder
from mlpcli.runs.manifest import describe_machine
from mlpcli.runs.names import CHECKPOINT, MANIFEST, MODEL, PREVIOUS, SPEC
from mlpcli.runs.seal import check_seal
from mlpcli.runs.status import read_manifest, resume_command
from mlpcli.runs.temporary import TEMPORARY
from mlpcli.spec.load import load_spec
from mlpcli.spec.members import build
from mlpcli.spec.schema import Spec
from mlpcli.spec.yaml_reader import Path as KeyPath
from mlpcli.spec.yaml_reader import dotted
from mlpcli.training.training import Training

FINISHED = ("done", "diverged")  # the statuses of a run that nothing is left to do for
MOST_KEYS = 6  # that a sentence names
MOST_LETTERS = 40  # of a value in a sentence


@dataclass(frozen=True)
class FoundRun:
    """A run that has begun, of the same spec and data.

    manifest    its document
    result      of a run that is finished; None: there is something left to train
    checkpoint  to go on from; None: from the beginning
    name        of its file
    note        for the user, if there is something to say
    """

    manifest: dict[str, Any]
    result: dict[str, Any] | None = None
    checkpoint: Checkpoint | None = None
    name: str = ""
    note: str = ""

    @property
    def lengths(self) -> Mapping[str, int]:
        """The bytes of metrics.csv and replicas.csv that count, by name."""
        return {} if self.checkpoint is None else self.checkpoint.lengths

    @property
    def sessions(self) -> list[dict[str, Any]]:
        """The processes that have trained it: when each started and ended, and its command."""
        earlier = self.manifest.get("sessions")
        last = {key: self.manifest.get(key) for key in ("started", "ended", "command")}
        return [*(earlier if isinstance(earlier, list) else ()), last]

    def begin_session(self, folder: Folder) -> None:
        """Give the checkpoint that it goes on from the newest one's name; else remove them all.

        After the manifest says that it goes on, and before any other of its files is changed.
        """
        if self.name == PREVIOUS:
            folder.rename(PREVIOUS, CHECKPOINT)
        elif self.checkpoint is None:
            folder.remove(CHECKPOINT)
            folder.remove(PREVIOUS)


def find_run(folder: Folder, spec: Spec, training: Training, extend: int | None) -> FoundRun | None:
    """Return the run in a directory, restored where it can go on; None where there is nothing.

    No file is changed.

    spec      resolved, with `extend` as its epochs, where that is given
    training  that goes on, if the run is an unfinished one
    extend    epochs in all, if they may be more than the run has
    Raises RunError where it is no run, or one of another spec or of other data; UsageError where
    it cannot be extended to so many epochs.
    """
    names = [name for name in folder.names() if not is_left_over(name)]
    if not names:
        return None
    manifest = read_manifest(folder)
    if manifest is None:
        raise RunError(
            f"{folder.path}: there is a {names[0]} in it, and no {MANIFEST} that mlp wrote, so it "
            "is no run; choose another --run-dir"
        )
    _check_data(folder, manifest, training.dataset)
    if SPEC not in names:
        # The manifest is what a run has first. The spec follows before anything is trained.
        if CHECKPOINT in names or PREVIOUS in names or MODEL in names:
            raise RunError(f"{folder.path}: there is no {SPEC} in this run: it is damaged")
        return FoundRun(manifest)
    stored = _stored_spec(folder)
    epochs, wanted = stored.training.epochs, spec.training.epochs
    if extend is not None:
        _check_extension(folder.path, spec, epochs, wanted)
        section = stored.training.model_copy(update={"epochs": wanted})
        stored = stored.model_copy(update={"training": section})
    _check_spec(folder.path, stored, spec)
    result = _result(folder, manifest) if MODEL in names else None
    if result is not None and (epochs == wanted or not _is_cut_off(result)):
        more = "" if epochs == wanted else f"it ended by itself: {wanted} epochs change nothing"
        return FoundRun(manifest, result, note=more)
    restored = load_checkpoint(folder, spec, training.dataset.sha256, training.restore)
    name, checkpoint, note = restored
    notes = [note, "" if checkpoint is None else _other_machine(manifest["machine"])]
    return FoundRun(manifest, None, checkpoint, name, "; ".join(filter(None, notes)))


def _other_machine(then: dict[str, Any]) -> str:
    """Return what of the machine, as far as it decides bits, is another one now, in a sentence."""
    now = describe_machine()
    found = [
        f"{key} {then[key]}, here {now[key]}"
        for key in ("mlp", "numpy", "blas", "blas_kernel")
        if key in then and then[key] != now[key]
    ]
    if not found:
        return ""
    return f"trained so far with {', '.join(found)}: what follows may have other bits"


def is_left_over(name: str) -> bool:
    """Whether a file or directory is one that a killed process has not given its name yet."""
    return bool(TEMPORARY.fullmatch(name) or swap.OWN.fullmatch(name))


def _result(folder: Folder, manifest: dict[str, Any]) -> dict[str, Any] | None:
    """Return the result of a finished run, or None. Raises RunError where its model is damaged."""
    result = manifest.get("result")
    if manifest["status"] not in FINISHED or not isinstance(result, dict):
        return None
    if check_seal(folder.read(MODEL) or b"") is False:
        path = folder.path / MODEL
        remove = join(["rm", "--", str(path)])
        raise RunError(f"{path}: it is damaged; removed, it is made again: {remove}")
    return result


def _is_cut_off(result: dict[str, Any]) -> bool:
    """Whether any network of a finished run would have gone on, had there been more epochs."""
    ensemble = result.get("ensemble")
    replicas = ensemble.get("replicas") if isinstance(ensemble, dict) else None
    each = [result, *(replicas if isinstance(replicas, list) else ())]
    return any(isinstance(one, dict) and one.get("reason") == "finished" for one in each)


# ------------------------------------------------------------ the same training?


def _check_data(folder: Folder, manifest: dict[str, Any], dataset: Dataset) -> None:
    """Raise RunError, naming the file, where the data are not those of the run."""
    known, files = manifest["data"]["sha256"], manifest["data"].get("files")
    names = {part: table.name for part, table in dataset.tables.items()}
    files = files if isinstance(files, dict) else {}
    for part in {**known, **dataset.sha256}:
        then, now = known.get(part), dataset.sha256.get(part)
        if then != now:
            raise RunError(
                f"{folder.path}: {names.get(part) or files.get(part, part)} is not what was "
                f"trained on: its SHA-256 is {_short(now)}, and was {_short(then)}; choose another "
                "--run-dir"
            )


def _short(digest: object) -> str:
    return f"{str(digest)[:12]}…" if digest else "none"


def _stored_spec(folder: Folder) -> Spec:
    try:
        folder.read(SPEC)  # refuses a pipe, which would be waited for
        return load_spec(str(folder.path / SPEC)).spec
    except MlpError as error:
        raise RunError(f"the run's spec cannot be used: {error}") from None


def _check_spec(directory: Path, stored: Spec, spec: Spec) -> None:
    """Raise RunError, naming the keys, where another spec was trained."""
    found = list(differences(comparable(stored), comparable(spec)))
    if not found:
        return
    said = [
        f"{dotted(path)} is {_value(then)} there, {_value(now)} here" for path, then, now in found
    ]
    more = f" (and {len(said) - MOST_KEYS} more)" if len(said) > MOST_KEYS else ""
    raise RunError(
        f"{directory}: another spec was trained in it: {'; '.join(said[:MOST_KEYS])}{more}. Choose "
        f"another --run-dir, or go on with its own spec: {resume_command(directory)}"
    )


def differences(stored: Any, wanted: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any, Any]]:
    """Yield the keys whose values differ, with both values; of members with two names that alone.

    stored, wanted  plain data
    """
    if isinstance(stored, dict) and isinstance(wanted, dict):
        keys = list({**stored, **wanted})
        if stored.get("name") != wanted.get("name"):
            keys = ["name"]
        for key in keys:
            yield from differences(stored.get(key), wanted.get(key), (*path, key))
    elif isinstance(stored, list) and isinstance(wanted, list) and len(stored) == len(wanted):
        for k, (one, other) in enumerate(zip(stored, wanted, strict=True)):
            yield from differences(one, other, (*path, k))
    elif stored != wanted or isinstance(stored, bool) != isinstance(wanted, bool):
        yield path, stored, wanted


def _value(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 1]}…"


# ------------------------------------------------------------ going on


def _check_extension(directory: Path, spec: Spec, epochs: int, wanted: int) -> None:
    """Raise UsageError where a run of so many epochs is not the beginning of one of `wanted`."""
    if wanted < epochs:
        raise UsageError(f"--extend {wanted}: the run in {directory} is of {epochs} epochs")
    schedule = build(SCHEDULES, spec.training.schedule)
    if wanted > epochs and schedule.depends_on_epochs:
        raise UsageError(
            f"--extend {wanted}: the learning rates of the schedule {schedule.name} depend on the "
            f"number of epochs, so that those of {epochs} epochs are others from the first on; "
            f"train anew: --set training.epochs={wanted} and another --run-dir"
        )
