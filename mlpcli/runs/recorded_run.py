"""A finished run, as its directory has it, read to be compared with a training done again."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlpcli.array_types import Array
from mlpcli.errors import BusyError, FileError, MlpError, RunError
from mlpcli.runs import swap
from mlpcli.runs.files import Folder
from mlpcli.runs.names import MANIFEST, METRICS, MODEL, REPLICAS, SPEC
from mlpcli.runs.seal import check_seal
from mlpcli.runs.status import is_dead, process_of, read_manifest, resume_command
from mlpcli.runs.tensor_file import parse_json, parse_tensors
from mlpcli.similar_files import did_you_mean
from mlpcli.spec.load import LoadedSpec, load_spec

Cells = dict[str, str]


@dataclass(frozen=True)
class RecordedModel:
    """A model file taken apart; nothing in it is believed.

    is_damaged  whether its checksum does not match
    """

    tensors: dict[str, Array]
    document: dict[str, Any]
    is_damaged: bool


@dataclass(frozen=True)
class RecordedRun:
    """What the directory of a finished run holds.

    loaded    its spec
    metrics   the rows of metrics.csv, as texts by column
    replicas  those of replicas.csv, by epoch and replica, of which there are several where a
              learning rate was reduced; None where there is no such file
    """

    path: Path
    manifest: dict[str, Any]
    loaded: LoadedSpec
    metrics: list[Cells]
    replicas: dict[tuple[str, str], list[Cells]] | None
    model: RecordedModel


def read_run(run: str) -> RecordedRun:
    """Return a finished run. No file of it is changed.

    Raises RunError where it is none, or is not finished; BusyError while it is training.
    """
    path = Path(run)
    manifest = _manifest(run, path)
    try:
        loaded = load_spec(str(swap.current(path, SPEC)))
    except MlpError as error:
        raise RunError(f"{path}: the run's spec cannot be used: {error}") from None
    rows = _rows(path, REPLICAS) if loaded.spec.replicated is not None else None
    replicas: dict[tuple[str, str], list[Cells]] | None = None if rows is None else {}
    for row in rows or ():
        assert replicas is not None
        replicas.setdefault((row.get("epoch", ""), row.get("replica", "")), []).append(row)
    metrics = _rows(path, METRICS)
    if metrics is None:
        raise RunError(f"{path}: there is no {METRICS} in this run")
    return RecordedRun(path, manifest, loaded, metrics, replicas, _model(path))


def _manifest(run: str, path: Path) -> dict[str, Any]:
    try:
        is_file, is_directory = path.is_file(), path.is_dir()
    except (OSError, ValueError) as error:
        raise RunError(f"{run!r}: {getattr(error, 'strerror', None) or error}") from None
    if is_file:
        raise RunError(
            f"{path}: is a file; a training is done again from its run directory, which says with "
            "what and how it was trained"
        )
    if not is_directory:
        hint = did_you_mean(run, lambda each: (each / MANIFEST).is_file())
        raise RunError(f"{path}: there is no such run directory{hint}")
    with Folder(path) as folder:
        manifest = read_manifest(folder)
    if manifest is None:
        raise RunError(f"{path}: there is no {MANIFEST} that mlp wrote in it, so it is no run")
    _check_finished(path, manifest)
    return manifest


def _check_finished(path: Path, manifest: dict[str, Any]) -> None:
    """Raise RunError, with what to do, where a run has not ended by itself."""
    status = manifest["status"]
    if status in ("done", "diverged"):
        return
    if status == "failed":
        raise RunError(f"{path}: the run failed, so there is nothing to compare with")
    if status == "running" and not is_dead(manifest, path):
        process = process_of(manifest) or "a process"
        raise BusyError(f"{path}: the run is training ({process}); try again when it has ended")
    was = "interrupted" if status == "interrupted" else "killed"
    raise RunError(f"{path}: the run was {was}; {resume_command(path)} finishes it")


def _rows(path: Path, name: str) -> list[Cells] | None:
    """Return the rows of a run's CSV file, as texts; None where there is none."""
    file = swap.current(path, name)
    try:
        text = file.read_bytes().decode()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileError(f"{file}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise RunError(f"{file}: is damaged: not UTF-8 text") from None
    header, *rows = [*csv.reader(text.splitlines())] or [[]]
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise RunError(f"{file}:{number}: is damaged: {len(row)} cells, not {len(header)}")
    return [dict(zip(header, row, strict=True)) for row in rows]


def _model(path: Path) -> RecordedModel:
    file = swap.current(path, MODEL)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise RunError(f"{file}: {error.strerror or error}") from None
    try:
        tensors, metadata = parse_tensors(content)
        document = parse_json(metadata["mlp"].encode())
    except KeyError:
        raise RunError(f"{file}: a safetensors file, but not one that mlp wrote") from None
    except ValueError as error:
        raise RunError(f"{file}: the model file is damaged: {error}") from None
    if not isinstance(document, dict):
        raise RunError(f"{file}: the model's description is damaged: it is no object")
    return RecordedModel(tensors, document, check_seal(content) is False)
