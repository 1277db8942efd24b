"""Whether a spec is the one that a run was trained with, and what to say where it is not."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlpcli.errors import MlpError, RunError, UsageError
from mlpcli.nn.schedules import SCHEDULES
from mlpcli.runs.checkpoint import comparable
from mlpcli.runs.files import Folder
from mlpcli.runs.names import SPEC
from mlpcli.runs.status import resume_command
from mlpcli.spec.load import load_spec
from mlpcli.spec.members import build
from mlpcli.spec.schema import Spec
from mlpcli.spec.yaml_reader import Path as KeyPath
from mlpcli.spec.yaml_reader import dotted

MOST_KEYS = 6  # that a sentence names
MOST_LETTERS = 40  # of a value in a sentence
EPOCHS: KeyPath = ("training", "epochs")
Differences = list[tuple[KeyPath, Any, Any]]


def manifest_spec(manifest: dict[str, Any]) -> Spec | None:
    """Return the resolved spec in a run's manifest; None where an older version wrote it."""
    with contextlib.suppress(ValueError):  # another version's, with other keys
        return Spec.model_validate(manifest.get("spec"))
    return None


def own_spec(folder: Folder) -> Spec:
    """Return the spec in a run's spec.yaml. Raises RunError where it cannot be used."""
    try:
        folder.read(SPEC)  # refuses a pipe, which would be waited for
        return load_spec(str(folder.path / SPEC)).spec
    except MlpError as error:
        raise RunError(f"the run's spec cannot be used: {error}") from None


def is_own_spec(folder: Folder, trained: Spec) -> bool:
    """Whether a run's spec.yaml can be used, and is what it was trained with."""
    own = _own(folder, None)
    return own is not None and not _found(trained, own)


def check_spec(folder: Folder, trained: Spec, spec: Spec, extend: int | None) -> None:
    """Raise RunError, naming the keys, where a run was trained with another spec.

    trained  what it was trained with
    extend   the epochs of `spec`, where those may be more
    Raises UsageError where it cannot be extended to so many epochs.
    """
    if extend is not None:
        _check_extension(folder.path, spec, trained.training.epochs, extend)
        trained = with_epochs(trained, extend)
    found = _found(trained, spec)
    if found:
        raise RunError(f"{folder.path}: {_said(folder, trained, spec, found, extend)}")


def _said(folder: Folder, trained: Spec, spec: Spec, found: Differences, extend: int | None) -> str:
    """Return how two specs differ, and advice that works, in a sentence."""
    own = _own(folder, extend)
    edited = [] if own is None else _found(trained, own)
    if edited == found:
        keys = _listed("{} is {}, trained with {}", [(p, now, then) for p, then, now in found])
        return f"its {SPEC} was edited: {keys}; undo that"
    keys = _listed("{} is {} there, {} here", found)
    advice = ["Choose another --run-dir"]
    epochs = trained.training.epochs
    if [path for path, _, _ in found] == [EPOCHS] and epochs > spec.training.epochs:
        advice.append(f"add --extend {epochs}")
    if own is not None and not edited:
        advice.append(f"go on with its own spec: {resume_command(folder.path)}")
    *first, last = advice
    choices = f"{', '.join(first)}, or {last}" if first else last
    return f"another spec was trained in it: {keys}. {choices}"


def _own(folder: Folder, extend: int | None) -> Spec | None:
    """Return the spec in spec.yaml, with the epochs of `extend`; None: none can be used."""
    with contextlib.suppress(RunError):
        own = own_spec(folder)
        return own if extend is None else with_epochs(own, extend)
    return None


def with_epochs(spec: Spec, epochs: int) -> Spec:
    """Return a spec with another number of epochs."""
    section = spec.training.model_copy(update={"epochs": epochs})
    return spec.model_copy(update={"training": section})


def _found(trained: Spec, spec: Spec) -> Differences:
    return list(differences(comparable(trained), comparable(spec)))


def _listed(form: str, found: Differences) -> str:
    """Return a phrase for each key with its two values, for the first ones."""
    said = [form.format(dotted(path), _value(a), _value(b)) for path, a, b in found[:MOST_KEYS]]
    return "; ".join(said) + (f" (and {len(found) - MOST_KEYS} more)" if found[MOST_KEYS:] else "")


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


def _check_extension(directory: Path, spec: Spec, epochs: int, wanted: int) -> None:
    """Raise UsageError where a run of so many epochs is not the beginning of one of `wanted`."""
    if wanted < epochs:
        raise UsageError(
            f"--extend {wanted}: the run in {directory} is of {epochs} epochs; only more "
            "can be asked for"
        )
    schedule = build(SCHEDULES, spec.training.schedule)
    if wanted > epochs and schedule.depends_on_epochs:
        raise UsageError(
            f"--extend {wanted}: the learning rates of the schedule {schedule.name} depend on the "
            f"number of epochs, so that those of {epochs} epochs are others from the first on; "
            f"train anew: --set training.epochs={wanted} and another --run-dir"
        )
