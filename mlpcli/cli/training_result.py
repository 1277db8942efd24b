"""What `mlp train` prints when it is over, and its exit code."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlpcli.cli.console import (
    flush,
    format_number,
    on_terminal,
    print_error,
    print_json,
    print_note,
    print_raw,
    print_result,
)
from mlpcli.cli.output import OutputError, is_unread
from mlpcli.cli.progress import progress_kind
from mlpcli.cli.resuming import command_to_continue
from mlpcli.cli.signals import StopRequest
from mlpcli.cli.training_run import StoredResult
from mlpcli.errors import RunError, listing
from mlpcli.runs.names import CHECKPOINT, METRICS

if TYPE_CHECKING:
    from mlpcli.cli.profiling import Profiler
    from mlpcli.spec.load import LoadedSpec

ENDS = {"patience": "early stopping"}  # the other reasons are words as they are


@contextlib.contextmanager
def reading(result: dict[str, Any], directory: Path) -> Iterator[None]:
    """Raise RunError where a result of before is not as mlp records it."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, StopIteration):
        if not isinstance(result, StoredResult):
            raise
        problem = "the result in manifest.json is damaged; what the model reaches says mlp eval"
        raise RunError(f"{directory}: {problem} {shlex.join([str(directory)])}") from None


def report(
    result: dict[str, Any],
    directory: Path,
    loaded: LoadedSpec,
    stop: StopRequest,
    profiler: Profiler | None,
    progress: str | None,
    *,
    json: bool,
    quiet: bool,
) -> int | None:
    """Print how a training ended, with its scores; return the exit code.

    progress  how it was shown; where that was a bar on a terminal, a box with its curves comes too
    """
    with reading(result, directory):
        lost = print_training(result, directory, profiler, progress, json=json, quiet=quiet)
        return exit_code(result, directory, loaded, stop) or lost


def print_training(
    result: dict[str, Any],
    directory: Path,
    profiler: Profiler | None,
    progress: str | None,
    *,
    json: bool,
    quiet: bool,
) -> int | None:
    """Print how a training ended, with its scores; return 6 where that could not be printed."""
    try:
        _print_training(result, directory, profiler, progress, json=json, quiet=quiet)
        flush()
    except OutputError as error:
        print_error(f"{error}; what was trained is in {directory}")
        return error.exit_code
    if is_unread():
        print_error(f"the reader of standard output has gone; what was trained is in {directory}")
    return None


def _print_training(
    result: dict[str, Any],
    directory: Path,
    profiler: Profiler | None,
    progress: str | None,
    *,
    json: bool,
    quiet: bool,
) -> None:
    from mlpcli.cli.describe import print_ensemble, print_scores, temperature_line

    if json:
        timed = {} if profiler is None else {"profile": profiler.document()}
        print_json({"run": str(directory), **result, **timed})
        return
    if quiet:
        print_raw(str(directory))
        return
    epochs = f"{result['epochs']} epoch{'s' if result['epochs'] != 1 else ''}"
    seconds, best = result["seconds"], result["best_epoch"]
    how = ENDS.get(result["reason"], result["reason"])
    print_note(f"{how} after {epochs}, {seconds:.3g} s; best epoch {best}")
    if progress is not None and progress_kind(progress) == "rich" and on_terminal(sys.stderr):
        from mlpcli.cli.loss_curve import print_panel
        from mlpcli.runs.metrics_file import read_metrics

        print_panel(read_metrics(directory / METRICS)[: result["epochs"]], best)
    if result["calibration"] is not None:
        print_note(temperature_line(result["calibration"]))
    if result["scores"]:
        print_scores(result["scores"])
    else:
        print_note("no scores: they would have taken too long for a run that is stopped")
    if "ensemble" in result and result["ensemble"]["spread"]:
        print_ensemble(result["ensemble"])
    if not result["beats_baseline"]:
        part = list(result["scores"])[-1]
        to_beat = result["baseline"]
        score = format_number(to_beat[part])
        print_note(f"no better on the {part} rows than {to_beat['what']}, {score}")
    if profiler is not None:
        from mlpcli.cli.profiling import print_profile

        print_profile(profiler.document())
    print_result(f"run: {directory}")


def exit_code(
    result: dict[str, Any], directory: Path, loaded: LoadedSpec, stop: StopRequest
) -> int | None:
    """Return the exit code, having said why it is not 0."""
    if "disk" in result:
        _print_disk(result["disk"], directory)
        if result.get("reason") == "interrupted" and result["disk"]["unwritten"] == [CHECKPOINT]:
            from_stdin = loaded.spec.data.path == "-"
            command = command_to_continue(directory, standard_input=from_stdin)
            print_error(f"to go on, from the checkpoint before or the beginning: {command}")
        return 6  # also then: whoever is started again by 75 or 128 + signal might get no further
    optimizer: Any = loaded.spec.training.optimizer
    rate = optimizer.learning_rate
    reductions = result.get("learning_rate_reductions", ())
    reached = min((each["learning_rate"] for each in reductions), default=rate)
    halved = f", halved to {reached:.3g}" if reached < rate else ""
    advice = f"a smaller learning rate, now {rate:g}{halved}, usually helps"
    epoch = result["last_epoch"]
    replicas = result.get("ensemble", {}).get("replicas", ())
    lost = [one for one in replicas if not one["kept"]]
    diverged = [str(one["replica"]) for one in lost if one["reason"] == "diverged"]
    if diverged:
        print_error(
            f"{len(diverged)} of {len(replicas)} replicas diverged: {listing(diverged)}; the "
            f"model in {directory} is of the others; {advice}"
        )
        _print_divergence(result)
        if result["reason"] != "interrupted":
            return 4
    elif result["reason"] == "diverged":
        print_error(
            f"{result['cause']} is no longer a finite number in epoch {epoch}; the weights of "
            f"epoch {result['best_epoch']} are in {directory}; {advice}"
        )
        _print_divergence(result)
        return 4
    if result["reason"] == "interrupted":
        of = f" of {len(replicas) - len(lost)} of {len(replicas)} replicas" if lost else ""
        command = command_to_continue(directory, standard_input=loaded.spec.data.path == "-")
        print_error(f"interrupted in epoch {epoch}; the model so far{of} is in {directory}")
        print_error(f"to go on: {command}")
        return stop.exit_code
    return None


def _print_divergence(result: dict[str, Any]) -> None:
    """Print where the training, or the first replica that did, diverged, why, and what to try."""
    found = result.get("divergence")
    if found is None:
        return
    whose = f"replica {found['replica']}: " if "replica" in found else ""
    where = f"epoch {found['epoch']}" + (f", step {found['step']}" if found["step"] else "")
    grew = found["grew_from"] or found["epoch"]
    began = "began" if grew == found["epoch"] else f"the loss grew from epoch {grew} on; not finite"
    line = f"  {whose}{began} in {where}: {found['what']}"
    if found["before"]:
        last = found["before"][-1]
        norms = ", ".join(
            f"{name} {format_number(last[name])}" for name in ("weights", "gradient", "update")
        )
        line += f"; norms in the step before: {norms}"
    print_note(line)
    if found["why"]:
        print_note(f"  cause: {found['why']}")
    tries = [each["options"] for each in found["try"] if each["options"]]
    if tries:
        print_note(f"  try: {'; or '.join(tries)}")


def _print_disk(disk: dict[str, Any], directory: Path) -> None:
    """Print what the disk has refused, and where it is instead."""
    saved, lost = disk["saved"], [n for n in disk["unwritten"] if n not in disk["saved"]]
    places = [f"{name} is saved as {path}" for name, path in saved.items()]
    if not disk["unwritten"]:
        places.append(f"the run is in {directory}")
    if lost:
        places.append(f"not written: {', '.join(lost)}")
    print_error("; ".join([disk["problem"], *places]))
