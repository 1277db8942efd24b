"""mlp train SPEC."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mlpcli.cli.command import sentence, verb
from mlpcli.cli.console import (
    format_number,
    print_error,
    print_json,
    print_note,
    print_raw,
    print_result,
)
from mlpcli.cli.options import Debug, Json, Overrides, Quiet, Seed, SpecPath
from mlpcli.cli.signals import StopRequest
from mlpcli.errors import UsageError, listing

if TYPE_CHECKING:
    from mlpcli.cli.profiling import Profiler
    from mlpcli.data.dataset import Dataset
    from mlpcli.spec.load import LoadedSpec
    from mlpcli.training.training import Training


@verb
def train(
    spec: SpecPath,
    overrides: Overrides = None,
    run_dir: Annotated[
        str | None, typer.Option(metavar="DIR", help="Where the run goes; new or empty.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the run in --run-dir.")] = False,
    seed: Seed = None,
    find_lr: Annotated[
        bool, typer.Option("--find-lr", help="Try many learning rates shortly; write nothing.")
    ] = False,
    progress: Annotated[
        Literal["auto", "rich", "plain", "none"], typer.Option(help="How progress is shown.")
    ] = "auto",
    profile: Annotated[
        bool, typer.Option("--profile", help="Say where the time went, in a table.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int | None:
    """Train the network of a spec into a run directory.

    The run directory gets the model, the metrics of every epoch, the resolved spec and a manifest.
    With --find-lr nothing is written: the network is trained for 200 steps at each of 25 learning
    rates with four seeds, all at once; then the best, two lower ones and the spec's own for longer.
    What they reach is printed; with -q, the rate to take alone. It is the spec's, unless another
    one is clearly better; also where no rate is found.
    With --profile the result ends with a table of where the time went since the process began, in
    one process; with --json it is under `profile`. The numbers stay the same.

    \b
    Examples:
      mlp train configs/iris.yaml
      mlp train configs/digits.yaml --set training.epochs=50 --seed 3
      RUN=$(mlp train -q configs/iris.yaml) && mlp eval "$RUN"
      mlp train configs/digits.yaml --find-lr
      mlp train configs/digits.yaml --profile
    """
    from mlpcli.spec.load import load_spec

    _check_options(
        run_dir, force=force, find_lr=find_lr, profile=profile, silent=quiet and not json
    )
    with _profiler(wanted=profile) as profiler:
        from mlpcli.training.build import load_dataset  # here, where a profiler times it

        loaded = load_spec(spec, overrides or (), seed)
        dataset = load_dataset(loaded)
        with StopRequest() as stop:
            if find_lr:
                return _find_rate(loaded, dataset, stop, json=json, quiet=quiet)
            shown = None if quiet or json else progress
            directory, result = _train(loaded, dataset, run_dir, shown, stop, spec, force=force)
    _print(result, directory, profiler, json=json, quiet=quiet)
    return _exit_code(result, directory, loaded, stop)


def _profiler(*, wanted: bool) -> AbstractContextManager[Profiler | None]:
    if not wanted:
        return nullcontext()
    from mlpcli.cli.profiling import Profiler

    return Profiler()


def _check_options(
    run_dir: str | None, *, force: bool, find_lr: bool, profile: bool, silent: bool
) -> None:
    """Raise UsageError where two options contradict each other."""
    if force and run_dir is None:
        raise UsageError("--force replaces the run in --run-dir: say which")
    if find_lr and run_dir is not None:
        raise UsageError("--find-lr writes nothing: leave out --run-dir")
    if profile and (find_lr or silent):
        raise UsageError(f"--profile prints a table: leave out {'--find-lr' if find_lr else '-q'}")


def _find_rate(
    loaded: LoadedSpec, dataset: Dataset, stop: StopRequest, *, json: bool, quiet: bool
) -> int | None:
    from mlpcli.cli.learning_rates import find_and_print
    from mlpcli.training.lanes import Lane
    from mlpcli.training.training import Training

    with loaded.locating():
        one = Training(loaded.spec, dataset, [Lane(loaded.spec, loaded.spec.seed)])
    return find_and_print(one, stop, json=json, quiet=quiet)


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


def _train(
    loaded: LoadedSpec,
    dataset: Dataset,
    run_dir: str | None,
    progress: str | None,
    stop: StopRequest,
    spec: str,
    *,
    force: bool,
) -> tuple[Path, dict[str, Any]]:
    """Train into a run directory; return it, and the manifest's result.

    progress  how it is shown; None: nothing is printed
    spec      the path of the spec, as it was given
    """
    from mlpcli.cli.progress import progress_for
    from mlpcli.runs.directory import run_directory
    from mlpcli.runs.recorder import Recorder
    from mlpcli.training.training import Training

    with loaded.locating():
        training = Training(loaded.spec, dataset)
    with run_directory(loaded.name, run_dir, force=force) as directory:
        if progress is not None:
            _announce(training, directory, loaded.remarks(), spec)
        recorder = Recorder(directory, training, loaded.folder)
        epochs = loaded.spec.training.epochs
        shown = progress_for(progress or "none", epochs, training.columns)
        try:
            for event in training.run(stop):
                recorder.record(event)
                shown.show(event)
        except KeyboardInterrupt:
            recorder.break_off("interrupted")
            raise
        except BaseException as error:
            recorder.break_off("failed", sentence(error))
            raise
        finally:
            shown.close()
        return directory, recorder.result


def _print(
    result: dict[str, Any],
    directory: Path,
    profiler: Profiler | None,
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
    print_note(f"{result['reason']} after {epochs}, {seconds:.3g} s; best epoch {best}")
    if result["calibration"] is not None:
        print_note(temperature_line(result["calibration"]))
    print_scores(result["scores"])
    if "ensemble" in result:
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


def _exit_code(
    result: dict[str, Any], directory: Path, loaded: LoadedSpec, stop: StopRequest
) -> int | None:
    """Return the exit code, having said why it is not 0."""
    optimizer: Any = loaded.spec.training.optimizer
    advice = f"a smaller learning rate, now {optimizer.learning_rate:g}, usually helps"
    epoch = result["last_epoch"]
    replicas = result.get("ensemble", {}).get("replicas", ())
    lost = [one for one in replicas if not one["kept"]]
    diverged = [str(one["replica"]) for one in lost if one["reason"] == "diverged"]
    if diverged:
        print_error(
            f"{len(diverged)} of {len(replicas)} replicas diverged: {listing(diverged)}; the "
            f"model in {directory} is of the others; {advice}"
        )
        if result["reason"] != "interrupted":
            return 4
    elif result["reason"] == "diverged":
        print_error(
            f"{result['cause']} is no longer a finite number in epoch {epoch}; the weights of "
            f"epoch {result['best_epoch']} are in {directory}; {advice}"
        )
        return 4
    if result["reason"] == "interrupted":
        of = f" of {len(replicas) - len(lost)} of {len(replicas)} replicas" if lost else ""
        print_error(f"interrupted in epoch {epoch}; the model so far{of} is in {directory}")
        return 128 + stop.signal
    return None
