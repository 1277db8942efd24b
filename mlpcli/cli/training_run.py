"""A training into a run directory: begun, shown and recorded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlpcli.cli.command import sentence
from mlpcli.cli.console import print_error, print_note
from mlpcli.cli.resuming import announce_finished, announce_resumed
from mlpcli.cli.signals import StopRequest

if TYPE_CHECKING:
    from mlpcli.data.dataset import Dataset
    from mlpcli.runs.directory import RunDirectory
    from mlpcli.runs.resume import FoundRun
    from mlpcli.spec.load import LoadedSpec
    from mlpcli.training.training import Training


@dataclass(frozen=True)
class RunOptions:
    """The options of `mlp train` that say into which directory, and how it goes on.

    spec      the path of the spec, as it was given
    extend    epochs in all, in place of the spec's
    progress  how it is shown; None: nothing is printed
    """

    spec: str
    run_dir: str | None = None
    force: bool = False
    resume: bool = False
    extend: int | None = None
    progress: str | None = None


def _announce(training: Training, directory: Path, remarks: list[str], spec: str) -> None:
    from mlpcli.cli.describe import (
        ensemble_line,
        network_line,
        note_guesses,
        note_replaced,
        rows_line,
    )

    print_note(rows_line(training.dataset))
    note_guesses(training.dataset.guesses, spec)
    for part, counts in training.dataset.replaced.items():
        note_replaced(training.encoding.inputs, training.dataset.tables[part].name, counts)
    for line in remarks:
        print_note(line)
    print_note(network_line(training.architecture))
    embedding: Any = training.spec.model.embedding  # its type is built from the table
    if embedding is not None and training.architecture.embedding is None:
        print_note("model.embedding: no numeric input to embed, so the network has none")
    if training.spec.ensemble is not None and training.plan is not None:
        print_note(ensemble_line(training.spec.ensemble, training.plan))
    if not training.is_watched and training.spec.training.early_stopping is not None:
        effect = "no early stopping, and the last epoch's weights are the model"
        print_note(f"no validation rows: {effect}")
    print_note(f"run {directory}")


def conclude(run: RunDirectory, result: dict[str, Any]) -> Path:
    """Let a new run that is whole replace the old one; return where it is.

    What the disk has refused is described in the result.
    """
    from mlpcli.errors import FileError
    from mlpcli.runs.swap import unfinished

    try:
        path = run.conclude(is_whole=result["status"] != "interrupted" and "disk" not in result)
    except FileError as error:
        path = unfinished(run.home)
        problem = f"{error}; the new run could not take the old one's place"
        result.setdefault("disk", {"problem": problem, "unwritten": [], "saved": {}})
    if "disk" not in result and not run.home.is_in_place:
        problem = f"{run.home.path}: it was moved, or its name given to another directory"
        result["disk"] = {"problem": problem, "unwritten": [], "saved": {}}
    return path


class StoredResult(dict[str, Any]):
    """A result as a manifest has it: nobody has looked whether all of it is there."""


def train_into(
    loaded: LoadedSpec, dataset: Dataset, options: RunOptions, stop: StopRequest
) -> tuple[Path, dict[str, Any]]:
    """Train into a run directory; return it, and the manifest's result.

    stop  entered here, as soon as there is a directory to be lost
    """
    from mlpcli.runs.directory import run_directory
    from mlpcli.runs.names import OURS, SPEC
    from mlpcli.training.training import Training

    with loaded.locating():
        training = Training(loaded.spec, dataset)
    name, chosen, again = loaded.name, options.run_dir, options.resume
    with stop, run_directory(name, chosen, force=options.force, resume=again) as run:
        found = _find(run, training, loaded, options) if again else None
        if found is not None and found.result is not None:
            if options.progress is not None:
                announce_finished(found, run.path)
            if found.complete(run.folder) and options.progress is not None:
                print_note(f"{run.path / SPEC}: it was edited or lost; it is written anew")
            return run.path, StoredResult(found.result)
        if options.progress is not None:
            _announce(training, run.path, loaded.remarks(), options.spec)
            announce_resumed(found)
        if options.resume:
            run.home.sweep(OURS)
        result = _train(run, training, loaded, options, stop, found)
        path = conclude(run, result)
        if path != run.home.path and "disk" not in result and options.progress is not None:
            print_note(f"the run in {run.home.path} is as it was; the new one is in {path}")
        return path, result


def _find(
    run: RunDirectory, training: Training, loaded: LoadedSpec, options: RunOptions
) -> FoundRun | None:
    """Return the run in a directory, restored; None where there is none yet."""
    from mlpcli.runs.resume import find_run
    from mlpcli.spec.write import with_paths
    from mlpcli.training.resolve import resolve

    spec = with_paths(resolve(training.spec, training.dataset, training.shards), loaded.folder)
    return find_run(run.folder, spec, training, options.extend)


def _train(
    run: RunDirectory,
    training: Training,
    loaded: LoadedSpec,
    options: RunOptions,
    stop: StopRequest,
    found: FoundRun | None,
) -> dict[str, Any]:
    """Train to the end, or until it is stopped, and record it; return the manifest's result.

    found  the run that goes on; None: it begins
    """
    from mlpcli.cli.progress import progress_for, reduction_line
    from mlpcli.runs.recorder import Recorder
    from mlpcli.training.events import RateReduced

    name, patience = loaded.name, stop.patience
    recorder = Recorder(run.folder, training, loaded.folder, found, name, print_error, patience)
    epochs = loaded.spec.training.epochs
    shown = progress_for(options.progress or "none", epochs, training.columns)
    try:
        for event in training.run(stop, recorder.checkpointing.clock.due):
            recorder.record(event)
            stop.leave_time(recorder.checkpointing.clock.cost)
            shown.show(event)
            if isinstance(event, RateReduced) and options.progress is not None:
                shown.note(reduction_line(event))
    except KeyboardInterrupt:
        recorder.break_off("interrupted")
        raise
    except BaseException as error:
        recorder.break_off("failed", sentence(error))
        raise
    finally:
        shown.close()
    return recorder.result
