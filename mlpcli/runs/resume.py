"""What is in a run directory that is to be trained into again: nothing, a part, or all of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from shlex import join
from typing import Any

from mlpcli.data.dataset import Dataset
from mlpcli.errors import FileError, RunError
from mlpcli.runs import swap
from mlpcli.runs.checkpoint import Checkpoint, UnusableError, load_checkpoint
from mlpcli.runs.files import Folder
from mlpcli.runs.manifest import describe_machine
from mlpcli.runs.names import CHECKPOINT, MANIFEST, METRICS, MODEL, PREVIOUS, REPLICAS, SPEC
from mlpcli.runs.same_spec import check_spec, is_own_spec, manifest_spec, own_spec, with_epochs
from mlpcli.runs.seal import check_seal
from mlpcli.runs.status import read_manifest
from mlpcli.runs.temporary import TEMPORARY
from mlpcli.spec.schema import Spec
from mlpcli.spec.write import spec_to_yaml
from mlpcli.training.training import Training

FINISHED = ("done", "diverged")  # the statuses of a run that nothing is left to do for


@dataclass(frozen=True)
class FoundRun:
    """A run that has begun, of the same spec and data.

    manifest    its document; empty where that is lost
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
        """The processes that have trained it: started, ended, command and epochs of each."""
        if not self.manifest:
            return []
        earlier, spec = self.manifest.get("sessions"), manifest_spec(self.manifest)
        last = {key: self.manifest.get(key) for key in ("started", "ended", "command")}
        if spec is not None:
            last["epochs"] = spec.training.epochs
        return [*(earlier if isinstance(earlier, list) else ()), last]

    def complete(self, folder: Folder) -> bool:
        """Write a finished run's spec.yaml anew where it is lost or was edited; return whether."""
        spec = manifest_spec(self.manifest)
        if spec is None or is_own_spec(folder, spec):
            return False
        try:
            folder.write(SPEC, spec_to_yaml(spec).encode())
        except FileError:  # nothing is lost: the manifest has it
            return False
        return True

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
        return _without_manifest(folder, names, spec, training, extend)
    _check_data(folder, manifest, training.dataset)
    trained = manifest_spec(manifest)
    if trained is None:  # an older version's manifest
        if SPEC not in names:
            # The manifest is what a run has first. The spec follows before anything is trained.
            if CHECKPOINT in names or PREVIOUS in names or MODEL in names:
                raise RunError(f"{folder.path}: there is no {SPEC} in this run: it is damaged")
            return FoundRun(manifest)
        trained = own_spec(folder)
    if training.spec.runtime.shards is None and trained.runtime.shards is not None:
        # `auto` is what it was when the run began, perhaps on a machine with more cores.
        training.set_shards(trained.runtime.shards)
        runtime = spec.runtime.model_copy(update={"shards": trained.runtime.shards})
        spec = spec.model_copy(update={"runtime": runtime})
    check_spec(folder, trained, spec, extend)
    growing = [METRICS] if spec.replicated is None else [METRICS, REPLICAS]
    lost = [name for name in growing if name not in names]
    if manifest["status"] in FINISHED and lost:
        return FoundRun(manifest, note=f"{' and '.join(lost)} is lost: the run is made again")
    result = _result(folder, manifest) if MODEL in names else None
    if result is not None and trained.training.epochs == spec.training.epochs:
        return FoundRun(manifest, result)
    restored = load_checkpoint(folder, spec, training.dataset.sha256, training.restore)
    name, checkpoint, note = restored
    notes = [note, "" if checkpoint is None else _other_machine(manifest["machine"])]
    return FoundRun(manifest, None, checkpoint, name, "; ".join(filter(None, notes)))


def _without_manifest(
    folder: Folder, names: list[str], spec: Spec, training: Training, extend: int | None
) -> FoundRun:
    """Return a run that has lost its manifest, restored: its checkpoint says what it is of.

    Raises RunError where there is none of this spec and these data.
    """
    lost = f"there is a {names[0]} in it, and no {MANIFEST} that mlp wrote"
    if MANIFEST in names:
        lost = f"there is a {MANIFEST} in it that mlp did not write"
    why, checkpoint = "it is no run", None
    try:
        restored = load_checkpoint(folder, spec, training.dataset.sha256, training.restore)
        name, checkpoint, note = restored
    except UnusableError as error:
        why = f"only a checkpoint could say what is in it, and {error.said}"
    if checkpoint is None:
        raise RunError(f"{folder.path}: {lost}, so {why}; choose another --run-dir")
    check_spec(folder, with_epochs(spec, checkpoint.epochs), spec, extend)
    notes = [note, f"{lost}: the checkpoint is of this spec and these data, and is gone on from"]
    return FoundRun({}, None, checkpoint, name, "; ".join(filter(None, notes)))


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
                f"trained on: its SHA-256 is {_short(now)}, and was {_short(then)}; put the file "
                "back, or choose another --run-dir"
            )


def _short(digest: object) -> str:
    return f"{str(digest)[:12]}…" if digest else "none"
