"""mlp sweep SPEC."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlpcli.cli.command import verb
from mlpcli.cli.console import flush, print_error, print_note, print_raw
from mlpcli.cli.options import Debug, Json, Overrides, Quiet, Seed, SpecPath
from mlpcli.cli.output import OutputError
from mlpcli.cli.signals import StopRequest
from mlpcli.cli.time_limit import TimeLimit
from mlpcli.cli.training_options import ProgressKind, RequeueCode, StopAfter
from mlpcli.errors import FileError, RunError, UsageError
from mlpcli.machine import cores

if TYPE_CHECKING:
    from mlpcli.data.dataset import Dataset
    from mlpcli.spec.load import LoadedSpec
    from mlpcli.sweep.study import Study


@verb
def sweep(
    spec: SpecPath,
    overrides: Overrides = None,
    seed: Seed = None,
    storage: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="The study; by default runs/NAME-sweep/study.log."),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs", "-j", min=1, metavar="N", help="Worker processes; by default one per core."
        ),
    ] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Replace the spec's number of trials.")
    ] = None,
    best: Annotated[
        bool, typer.Option("--best", help="Train nothing; print the best spec so far as YAML.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Accepted for scripts: a sweep always resumes.")
    ] = False,
    stop_after: StopAfter = None,
    requeue_code: RequeueCode = 75,
    progress: ProgressKind = "auto",
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int | None:
    """Search the keys that a spec's section `sweep` names.

    Trials whose networks have the same shape train side by side. What is finished is in the study:
    interrupted or killed, the same command goes on where it was, with the same result as if it had
    never been; the same command in another terminal helps. Test rows are left alone. With -q
    standard output is the study's path alone. The study of another spec or data is exit code 5.

    Needs Optuna: pip install 'mlpcli[sweep]'.

    \b
    Examples:
      mlp check configs/iris_sweep.yaml
      mlp sweep configs/iris_sweep.yaml
      mlp sweep configs/iris_sweep.yaml --best > best.yaml && mlp train best.yaml
    """
    _check_optuna()
    if best and json:
        raise UsageError("--best prints YAML: leave out --json")
    loaded = _loaded(spec, overrides or [], seed, trials)
    command = _command(spec, overrides or [], seed, storage)
    with TimeLimit(stop_after, requeue_code) as limit:
        study, dataset = _study(loaded, storage, create=not best)
        if best:
            _print_best(study, loaded, command, quiet=quiet)
            return None
        if not quiet:
            _note_on_grid(loaded)
        with StopRequest(limit) as stop:
            again = _again(command, spec, trials)
            with _advising(again):
                _search(study, loaded, dataset, jobs, "none" if quiet or json else progress, stop)
            return _end(study, command, again, stop, json=json, quiet=quiet)


def _command(spec: str, overrides: list[str], seed: int | None, storage: str | None) -> str:
    """Return the command that comes to the same study, as a shell takes it."""
    words = ["mlp", "sweep", spec, *(word for each in overrides for word in ("--set", each))]
    words += [] if seed is None else ["--seed", str(seed)]
    words += [] if storage is None else ["--storage", storage]
    return shlex.join(words)


@contextmanager
def _advising(again: str) -> Iterator[None]:
    """Add to an error of the disk how to go on once it is mended."""
    try:
        yield
    except FileError as error:
        advice = "what is finished is kept; once that is mended, to go on"
        raise FileError(f"{error}; {advice}: {again}") from None


def _again(command: str, spec: str, trials: int | None) -> str:
    """Return the command that goes on with a study, as a shell takes it."""
    again = command if trials is None else f"{command} --trials {trials}"
    return f"{again} < SPEC, SPEC being the same spec" if spec == "-" else again


def _note_on_grid(loaded: LoadedSpec) -> None:
    """Say where more trials are asked for than a grid has settings."""
    sweep = loaded.spec.sweep
    assert sweep is not None
    if sweep.method == "grid" and (sweep.trials or 0) > sweep.n_trials:
        n = sweep.grid_size
        settings = f"{n:,} setting{'s' * (n != 1)}"
        print_note(f"the grid has {settings}: that many trials, not {sweep.trials:,}")


def _check_optuna() -> None:
    try:
        import optuna  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name != "optuna":
            raise
        raise UsageError("mlp sweep needs Optuna: pip install 'mlpcli[sweep]'") from None


def _loaded(spec: str, overrides: list[str], seed: int | None, trials: int | None) -> LoadedSpec:
    from mlpcli.spec.load import load_spec
    from mlpcli.training.metrics import METRICS

    loaded = load_spec(spec, overrides, seed, METRICS)
    if loaded.spec.sweep is None:
        raise UsageError(f"{spec}: has no section sweep; mlp sweep --help shows where to begin")
    if trials is not None:
        loaded = load_spec(spec, [*overrides, f"sweep.trials={trials}"], seed, METRICS)
    return loaded


def _study(loaded: LoadedSpec, storage: str | None, *, create: bool) -> tuple[Study, Dataset]:
    """Return the study, and the data that it is about."""
    from mlpcli.sweep.rows import check_rows
    from mlpcli.sweep.study import Study
    from mlpcli.sweep.study_file import LOG
    from mlpcli.training.build import load_dataset

    dataset = load_dataset(loaded)
    check_rows(loaded, dataset)
    path = Path(storage or f"runs/{loaded.name}-sweep/{LOG}")
    assert loaded.spec.sweep is not None
    return Study(path, loaded, dataset, loaded.spec.sweep.n_trials, create=create), dataset


def _print_best(study: Study, loaded: LoadedSpec, command: str, *, quiet: bool) -> None:
    from mlpcli.sweep.board import winner

    text = winner(study, loaded)
    if text is None:
        is_over = study.n_finished >= study.n_trials
        why = "none of its trials reached a value" if is_over else "no trial is complete yet"
        raise RunError(f"{study.path}: {why}; run {command}{' to see why' * is_over}")
    if study.n_finished < study.n_trials and not quiet:
        print_note(f"the best of {study.n_finished} trials; {study.n_trials} are planned")
    print_raw(text.removesuffix("\n"))


def _end(
    study: Study, command: str, again: str, stop: StopRequest, *, json: bool, quiet: bool
) -> int | None:
    """Print what the study shows; return the exit code, having said why it is not 0.

    command  that comes to this study, and
    again    that goes on with the same number of trials
    """
    from mlpcli.cli.sweep_board import print_board

    lost = None
    try:
        print_board(study, json=json, quiet=quiet, command=command)
        flush()
    except OutputError as error:
        print_error(f"{error}; the trials are in {study.path}")
        lost = error.exit_code
    if stop() and study.n_finished < study.n_trials:
        done = f"{study.n_finished} of {study.n_trials} trials are in {study.path}"
        print_error(f"interrupted; {done}; to go on: {again}")
        return stop.exit_code
    if study.best() is None:
        print_error("no trial reached a value: see above why they failed")
        return 4
    return lost


def _search(
    study: Study,
    loaded: LoadedSpec,
    dataset: Dataset,
    jobs: int | None,
    progress: str,
    stop: StopRequest,
) -> None:
    from mlpcli.cli.describe import rows_line
    from mlpcli.cli.sweep_board import sweep_progress
    from mlpcli.sweep.runner import Runner
    from mlpcli.sweep.search import search

    if progress != "none":
        print_note(rows_line(dataset))
        print_note(f"sweep: {loaded.spec.sweep}")
        before = study.n_finished
        print_note(f"study {study.path}" + (f", {before} trials are finished" if before else ""))
    shown = sweep_progress(progress, study)
    try:
        for event in search(study, Runner(loaded, dataset), jobs or cores(), stop):
            shown.show(event)
    finally:
        shown.close()
