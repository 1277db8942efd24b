"""`mlp train --resume`: its options, and what it says of the run that it finds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import join
from typing import TYPE_CHECKING, NamedTuple

from mlpcli.cli.console import print_note
from mlpcli.errors import RunError, UsageError

if TYPE_CHECKING:
    from mlpcli.runs.resume import FoundRun


class Command(NamedTuple):
    """The spec, the run directory and the overrides that a command names."""

    spec: str
    run_dir: str | None
    overrides: list[str]


def read_command(
    spec: str,
    run_dir: str | None,
    overrides: Sequence[str] | None,
    *,
    resume: bool,
    extend: int | None,
    force: bool,
    find_lr: bool,
) -> Command:
    """Return what a command names. Raises UsageError where its options contradict each other.

    spec  with --resume and no --run-dir it may be the run directory, whose own spec is meant
    """
    overrides = list(overrides or ())
    if extend is not None and not resume:
        raise UsageError("--extend goes on with a run: it needs --resume")
    if not resume:
        return Command(spec, run_dir, overrides)
    if force:
        raise UsageError("--force replaces a run, and --resume goes on with it: leave out one")
    if find_lr:
        raise UsageError("--find-lr writes nothing: leave out --resume")
    more = [] if extend is None else [f"training.epochs={extend}"]
    if run_dir is not None:
        return Command(spec, run_dir, [*overrides, *more])
    if not spec or not Path(spec).is_dir():
        raise UsageError("--resume needs --run-dir, or the run's directory in place of the spec")
    from mlpcli.runs.names import SPEC

    own = Path(spec) / SPEC
    if not own.is_file():
        advice = "to begin one, name its spec: mlp train SPEC --resume --run-dir"
        raise RunError(f"{spec}: there is no {SPEC} in it, as a run has; {advice} {join([spec])}")
    more = more or _epochs_of_extension(Path(spec))
    return Command(str(own), spec, [*more, *overrides] if extend is None else [*overrides, *more])


def _epochs_of_extension(directory: Path) -> list[str]:
    """Return, as an override, the epochs of a run that was killed before its spec.yaml had them.

    An extension's first file is the manifest: spec.yaml still has those of an earlier session.
    """
    from mlpcli.runs.files import Folder
    from mlpcli.runs.same_spec import manifest_spec, own_spec
    from mlpcli.runs.status import read_manifest

    with Folder(directory) as folder:
        manifest = read_manifest(folder) or {}
        spec, sessions = manifest_spec(manifest), manifest.get("sessions")
        if spec is None or not isinstance(sessions, list):
            return []
        epochs = spec.training.epochs
        earlier = {s["epochs"] for s in sessions if isinstance(s, dict) and s.get("epochs")}
        if earlier <= {epochs} or own_spec(folder).training.epochs not in earlier - {epochs}:
            return []
        return [f"training.epochs={epochs}"]


def command_to_continue(directory: Path, *, standard_input: bool) -> str:
    """Return the command that goes on with a run, as a shell takes it.

    standard_input  whether the data come from there
    """
    from mlpcli.runs.status import resume_command

    command = resume_command(directory)
    return f"{command}, with the data on standard input" if standard_input else command


def announce_finished(found: FoundRun, directory: Path) -> None:
    """Print that there is nothing left to do for a run."""
    print_note(f"{directory}: finished before; nothing is trained")
    if found.note:
        print_note(found.note)


def announce_resumed(found: FoundRun | None) -> None:
    """Print where a run goes on; nothing where it is a new one."""
    if found is None:
        return
    if found.note:
        print_note(found.note)
    checkpoint = found.checkpoint
    if checkpoint is None:
        print_note("resumed: there is no checkpoint yet, so it begins again")
    elif checkpoint.rows:
        print_note(f"resumed in epoch {checkpoint.epoch}, after {checkpoint.rows:,} of its rows")
    else:
        print_note(f"resumed after epoch {checkpoint.epoch}")
