"""checkpoint.safetensors: the state of a training, and how much of its other files counts.

One sealed safetensors file (see `seal.py`). Tensors: those of the `TrainingState`. The metadata has
one entry beside the seal, `mlp_checkpoint`, a JSON document: everything else.
The file is the commit record of a run: whatever a killed process had done after it is done again.
The one before is kept beside it, for when the newest is damaged.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from shlex import join
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mlpcli import __version__
from mlpcli.errors import MlpError, RunError
from mlpcli.memory import require
from mlpcli.runs.files import Folder
from mlpcli.runs.names import CHECKPOINT, PREVIOUS
from mlpcli.runs.seal import check_seal, seal
from mlpcli.runs.tensor_file import parse_json, parse_tensors
from mlpcli.spec.schema import Spec
from mlpcli.spec.yaml_reader import dotted
from mlpcli.training.state import TrainingState

FORMAT = 2
ENTRY = "mlp_checkpoint"
MORE = "a machine with more memory is needed"

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]
Growing = Literal["metrics.csv", "replicas.csv"]


class UnusableError(RunError):
    """There are checkpoints, and none can be used.

    said  why, of each
    """

    def __init__(self, said: str, advice: str) -> None:
        super().__init__(f"{said}; {advice}")
        self.said = said


class ChangedFileError(RunError):
    """A file that a checkpoint counts on is not as it was.

    name  of the file
    """

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(problem)
        self.name = name


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training at one moment.

    lengths      bytes of metrics.csv and replicas.csv, by name, that belong to the state
    hashes       SHA-256 of these bytes, by name
    spec_sha256  of the resolved spec, as `spec_digest` computes it
    data_sha256  of the files, by part
    epochs       that were asked for in all
    epoch        in which it was taken, from 1; 0 before the first
    rows         that were done of that epoch
    mlp_version  that wrote it
    """

    state: TrainingState
    lengths: dict[str, int]
    hashes: dict[str, str]
    spec_sha256: str
    data_sha256: dict[str, str]
    epochs: int = 0
    epoch: int = 0
    rows: int = 0
    mlp_version: str = field(default=__version__)


class _Description(BaseModel):
    """The document in the metadata."""

    model_config = ConfigDict(extra="forbid", strict=True)

    format: Literal[2]
    mlp_version: str
    lengths: dict[Growing, Count]
    hashes: dict[Growing, Sha256]
    spec_sha256: Sha256
    data_sha256: dict[str, Sha256]
    epochs: Count
    epoch: Count
    rows: Count
    state: dict[str, Any]


def comparable(spec: Spec) -> dict[str, Any]:
    """Return what of a resolved spec decides the bits of a training, as plain data.

    Not where the data are, which are known by their SHA-256; not what runs beside the numbers; not
    what a sweep would search.
    """
    plain = spec.model_dump()
    del plain["sweep"], plain["data"]["path"], plain["data"]["split"]["files"]
    plain["runtime"] = {key: plain["runtime"][key] for key in ("dtype", "shards")}
    return plain


def spec_digest(spec: Spec) -> str:
    """Return the SHA-256 of what decides the bits of each step; `epochs` only says when to end."""
    plain = comparable(spec)
    del plain["training"]["epochs"]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def serialize_checkpoint(checkpoint: Checkpoint) -> bytes:
    """Return the sealed file of a checkpoint."""
    from safetensors.numpy import save

    document = {
        "format": FORMAT,
        "mlp_version": checkpoint.mlp_version,
        "lengths": checkpoint.lengths,
        "hashes": checkpoint.hashes,
        "spec_sha256": checkpoint.spec_sha256,
        "data_sha256": checkpoint.data_sha256,
        "epochs": checkpoint.epochs,
        "epoch": checkpoint.epoch,
        "rows": checkpoint.rows,
        "state": checkpoint.state.document,
    }
    tensors = {name: np.asarray(t, order="C") for name, t in checkpoint.state.tensors.items()}
    return seal(save(tensors, metadata={ENTRY: json.dumps(document)}))


def save_checkpoint(folder: Folder, checkpoint: Checkpoint) -> None:
    """Write a run's newest checkpoint; the one before stays beside it.

    That is moved first: at any moment one of the two names has a whole one, and never is there
    room needed for three. Raises FileError.
    """
    content = serialize_checkpoint(checkpoint)
    if CHECKPOINT in folder.names():
        folder.rename(CHECKPOINT, PREVIOUS)
    folder.write(CHECKPOINT, content)


def parse_checkpoint(content: bytes) -> Checkpoint:
    """Return the checkpoint in a file's content. Raises RunError: what is wrong with it.

    The seal is checked first: nothing is parsed of a file that is not, byte for byte, as it was
    written. What is parsed is still not trusted: a seal can be made by anybody.
    """
    sealed = check_seal(content)
    if not sealed:
        raise RunError("it is damaged" if sealed is False else "no checkpoint, or a damaged one")
    try:
        tensors, metadata = parse_tensors(content)
        document = parse_json(metadata[ENTRY].encode())
        if isinstance(document, dict) and document.get("format") != FORMAT:
            raise RunError(f"its format is {document.get('format')!r}, not {FORMAT}")
        found = _Description.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise RunError(f"{dotted(first['loc'])}: {first['msg']}") from None
    except KeyError:
        raise RunError("a safetensors file, but no checkpoint of mlp") from None
    except ValueError as error:
        raise RunError(f"it is damaged: {error}") from None
    return Checkpoint(
        TrainingState(tensors, found.state),
        {str(name): length for name, length in found.lengths.items()},
        {str(name): digest for name, digest in found.hashes.items()},
        found.spec_sha256,
        found.data_sha256,
        found.epochs,
        found.epoch,
        found.rows,
        found.mlp_version,
    )


def load_checkpoint(
    folder: Folder,
    spec: Spec,
    data_sha256: Mapping[str, str],
    restore: Callable[[TrainingState], None],
) -> tuple[str, Checkpoint | None, str]:
    """Restore the newest checkpoint of a run that can be used; return its name, it, and a note.

    Empty and None: there is none. The note is for the user, where there is a newer one that is
    damaged. No file is changed.

    spec         resolved
    data_sha256  of the files, by part
    restore      `Training.restore`; raises ValueError where the state is not one of this training
    Raises UnusableError, with what to do, where there are checkpoints and none can be used;
    OutOfMemoryError where one is larger than the free memory.
    """
    problems: dict[str, str] = {}
    changed: list[str] = []
    for name in (CHECKPOINT, PREVIOUS):
        path = str(folder.path / name)
        require(2 * folder.size(name), f"{path}: the file and its tensors", MORE)
        try:
            content = folder.read(name)
            if content is None:
                continue
            found = parse_checkpoint(content)
            _check_belongs(found, folder, spec, data_sha256)
            restore(found.state)
        except (MlpError, ValueError) as error:
            if isinstance(error, ChangedFileError):
                changed.append(error.name)
            problems[path] = str(error).removeprefix(f"{path}: ")
            continue
        told = [f"{newer}: {why}; {name} is used" for newer, why in problems.items()]
        return name, found, "".join(told)
    if not problems:
        return "", None, ""
    said = "; ".join(f"{path}: {problem}" for path, problem in problems.items())
    remove = join(["rm", "--", *problems])
    if changed:
        names = " and ".join(dict.fromkeys(changed))
        raise UnusableError(said, f"put {names} back, or begin again: {remove}")
    advice = f"to train from the beginning, remove what cannot be used: {remove}"
    raise UnusableError(said, advice)


def _check_belongs(
    checkpoint: Checkpoint, folder: Folder, spec: Spec, data_sha256: Mapping[str, str]
) -> None:
    """Raise RunError where a checkpoint is not of this training, or not of the files beside it."""
    if checkpoint.spec_sha256 != spec_digest(spec):
        raise RunError("it is of another run, with another spec")
    if checkpoint.data_sha256 != dict(data_sha256):
        raise RunError("it is of other data")
    for name, length in checkpoint.lengths.items():
        digest = folder.sha256(name, length)
        if digest is None:
            raise ChangedFileError(name, f"{name}, which it counts on, is not there")
        if digest != checkpoint.hashes.get(name):
            raise ChangedFileError(name, f"{name} was changed since the checkpoint")
