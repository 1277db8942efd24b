"""What is wrong with the search that a spec asks for, beyond the types of its keys."""

from __future__ import annotations

from collections.abc import Iterator

from mlpcli.errors import listing, nearest
from mlpcli.spec.checks.problem import Problem
from mlpcli.spec.schema import Spec
from mlpcli.spec.sweep import MAX_TRIALS


def check_sweep(spec: Spec) -> Iterator[Problem]:
    """Check the search before any data has been seen."""
    sweep = spec.sweep
    if sweep is None:
        return
    if sweep.folds is not None and sweep.seeds is not None:
        problem = "a trial is repeated over folds or over seeds, not both"
        yield Problem(("sweep", "seeds"), problem, "leave one of them out")
    if sweep.method == "grid":
        for key, parameter in sweep.parameters.items():
            if not parameter.count:
                problem = f"a grid needs to know how many values of {parameter.kind} to take"
                path = ("sweep", "parameters", key)
                yield Problem(path, problem, "such as steps: 5, or values: [0.01, 0.1]")
        if sweep.n_trials > MAX_TRIALS:
            problem = f"the grid has {sweep.grid_size:,} settings"
            allowed = f"at most {MAX_TRIALS:,}, or fewer trials, or method: random"
            yield Problem(("sweep", "parameters"), problem, allowed)
    if sweep.pruning is not None and sweep.pruning.min_epochs >= spec.training.epochs:
        problem = f"the training is over after {spec.training.epochs} epochs: nothing to prune"
        yield Problem(("sweep", "pruning", "min_epochs"), problem, "fewer epochs, or pruning: null")
    if spec.ensemble is not None:
        yield Problem(("ensemble",), "a sweep is of single networks", "null beside a sweep")


def check_sweep_of_task(spec: Spec, metrics: list[str]) -> Iterator[Problem]:
    """Check what decides, once the data has said what the task is."""
    if spec.sweep is not None and spec.sweep.figure not in ("loss", *metrics):
        allowed = ["val_loss", *metrics]
        yield Problem(
            ("sweep", "metric"),
            f"{spec.sweep.metric!r} is not a figure of this task",
            f"allowed: {listing(allowed, most=20)}",
            nearest(spec.sweep.figure, allowed),
        )
