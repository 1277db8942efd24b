"""mlp train SPEC."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from mlpcli.cli.command import verb
from mlpcli.cli.options import Debug, Json, Overrides, Quiet, Seed, SpecPath
from mlpcli.cli.signals import StopRequest
from mlpcli.cli.time_limit import TimeLimit
from mlpcli.cli.training_options import (
    Extend,
    FindLr,
    Force,
    OnDivergence,
    Profile,
    ProgressKind,
    RequeueCode,
    Resume,
    RunDir,
    StopAfter,
    with_divergence,
)
from mlpcli.errors import UsageError

if TYPE_CHECKING:
    from mlpcli.cli.profiling import Profiler
    from mlpcli.data.dataset import Dataset
    from mlpcli.spec.load import LoadedSpec


@verb
def train(
    spec: SpecPath,
    overrides: Overrides = None,
    run_dir: RunDir = None,
    force: Force = False,
    resume: Resume = False,
    extend: Extend = None,
    stop_after: StopAfter = None,
    requeue_code: RequeueCode = 75,
    on_divergence: OnDivergence = None,
    seed: Seed = None,
    find_lr: FindLr = False,
    progress: ProgressKind = "auto",
    profile: Profile = False,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int | None:
    """Train the network of a spec into a run directory.

    The run directory gets the model, the metrics of every epoch, the resolved spec and a manifest.
    Killed or interrupted, the same command with --resume goes on to the same bits. With
    --stop-after it ends by itself in time, with state and model saved; starting and reading count,
    and where there is time for no more, nothing is trained. With --find-lr nothing is written: 200
    steps at each of 25 learning rates with four seeds, then the best, two lower ones and the spec's
    own for longer. With -q it prints the rate to take: the spec's unless another is better.

    \b
    Examples:
      mlp train configs/iris.yaml
      mlp train configs/digits.yaml --set training.epochs=50 --seed 3
      RUN=$(mlp train -q configs/iris.yaml) && mlp eval "$RUN"
      mlp train configs/iris.yaml --run-dir runs/iris --resume --stop-after 55m
      mlp train configs/digits.yaml --find-lr
    """
    from mlpcli.cli.resuming import read_command
    from mlpcli.cli.training_result import report
    from mlpcli.cli.training_run import RunOptions, train_into
    from mlpcli.spec.load import load_spec
    from mlpcli.training.metrics import METRICS

    _check_options(
        run_dir, force=force, find_lr=find_lr, profile=profile, silent=quiet and not json
    )
    changed = with_divergence(overrides, on_divergence)
    named = read_command(
        spec, run_dir, changed, resume=resume, extend=extend, force=force, find_lr=find_lr
    )
    with TimeLimit(stop_after, requeue_code) as limit, _profiler(wanted=profile) as profiler:
        from mlpcli.training.build import load_dataset  # here, where a profiler times it

        loaded = load_spec(named.spec, named.overrides, seed, METRICS)
        dataset = load_dataset(loaded)
        stop = StopRequest(limit)
        if find_lr:
            return _find_rate(loaded, dataset, stop, json=json, quiet=quiet)
        shown = None if quiet or json else progress
        options = RunOptions(named.spec, named.run_dir, force, resume, extend, shown)
        directory, result = train_into(loaded, dataset, options, stop)
    return report(result, directory, loaded, stop, profiler, shown, json=json, quiet=quiet)


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
    from mlpcli.training.find_rate import training_of_rates

    with loaded.locating():
        one = training_of_rates(loaded.spec, dataset)
    with stop:
        return find_and_print(one, stop, json=json, quiet=quiet)
