"""What is wrong with the search that a spec asks for, beyond the types of its keys."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from mlpcli.errors import listing, nearest
from mlpcli.spec.data_section import DataSpec
from mlpcli.spec.schema import Spec
from mlpcli.spec.sweep import MAX_TRIALS, ParameterSpec, SweepSpec
from mlpcli.spec.yaml_reader import Problem

MAX_SHOWN = 10**9  # above it numbers are not written into a hint
SEARCHED = ("model", "training", "regularization")
# How the columns become numbers. All else of `data` says which rows there are, what a cell means,
# or what is predicted: trials that differ in it answer different questions.
SEARCHED_OF_DATA = [
    "exclude",
    "scale",
    "scale_target",
    "categorical",
    "sample_weight",
    "class_weight",
]
# What makes a loss the function that it is, in the unit that it is in, weighed as it is.
OF_THE_LOSS = ("model.loss", "data.scale_target", "data.sample_weight", "data.class_weight")


def refusal_of_key(key: str) -> tuple[str, str] | None:
    """Return why a sweep may not search a key, and what it may; None where it may.

    A key that no spec has is for validation to refuse.
    """
    section, *inner = re.split(r"[.\[]", key.strip(), maxsplit=2)
    searched = f"{listing(SEARCHED)}, and of data {listing(SEARCHED_OF_DATA)}"
    allowed = f"a sweep searches keys of {searched}"
    if section == "sweep":
        return "a sweep does not search itself", allowed
    if section == "data":
        known = not inner or inner[0] in DataSpec.model_fields
        if known and inner[:1] not in [[name] for name in SEARCHED_OF_DATA]:
            problem = "decides which rows there are, or what they mean, so trials would not compare"
            return problem, allowed
    elif section in Spec.model_fields and section not in SEARCHED:
        return "is the same for all trials: set it beside the sweep", allowed
    return None


def not_whole(parameter: ParameterSpec) -> tuple[str, str]:
    """Return what is wrong with such a parameter of a key of whole numbers, and what to write."""
    found, kind = getattr(parameter, parameter.kind), parameter.kind
    low, high = math.ceil(found[0]), math.floor(found[-1])
    if kind != "values":
        instead = f"int: [{low}, {high}]" if low < high < MAX_SHOWN else "int: [low, high]"
    elif all(each == int(each) and abs(each) < MAX_SHOWN for each in found):
        instead = f"choice: [{', '.join(str(int(each)) for each in found)}]"
    else:
        instead = "int: [low, high], or a choice of whole numbers"
    return f"takes whole numbers, which {kind} does not give", f"write {instead}"


def check(spec: Spec) -> Iterator[Problem]:
    """Check the search as far as it does not depend on the data."""
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
                allowed = "such as steps: 5, or values: [0.01, 0.1]"
                yield Problem(("sweep", "parameters", key), problem, allowed)
        if sweep.n_trials > MAX_TRIALS:
            problem = f"the grid has {sweep.grid_size:,} settings"
            allowed = f"at most {MAX_TRIALS:,}, or fewer trials, or method: random"
            yield Problem(("sweep", "parameters"), problem, allowed)
    if sweep.pruning is not None and sweep.pruning.min_epochs >= spec.training.epochs:
        problem = f"the training is over after {spec.training.epochs} epochs: nothing to prune"
        yield Problem(("sweep", "pruning", "min_epochs"), problem, "fewer epochs, or pruning: null")
    yield from _check_loss(spec, sweep)
    if spec.replicated is not None:
        yield Problem(("ensemble",), "a sweep is of single networks", "null beside a sweep")


def _check_loss(spec: Spec, sweep: SweepSpec) -> Iterator[Problem]:
    """Check that trials are not compared by losses that are not one function in one unit."""
    stopping = spec.training.early_stopping
    if sweep.figure == "loss":
        by, instead = sweep.metric, "name a metric in sweep.metric, such as accuracy or r2"
    elif sweep.pruning is not None and (stopping is None or stopping.monitor.endswith("_loss")):
        by = stopping.monitor if stopping else "val_loss"
        instead = "pruning: null, or another training.early_stopping.monitor"
    else:
        return
    for key, parameter in sweep.parameters.items():
        models = [value if key == "model" else None for _, value in parameter.probes]
        losses = [value.get("loss") for value in models if isinstance(value, dict)]
        if key.startswith(OF_THE_LOSS) or any(loss != losses[0] for loss in losses):
            problem = f"decides what the loss is, so {by} would not compare trials"
            yield Problem(("sweep", "parameters", key), problem, instead)


def check_metric(spec: Spec, metrics: list[str]) -> Iterator[Problem]:
    """Check the metric that decides, which has to fit the task."""
    if spec.sweep is not None and spec.sweep.figure not in ("loss", *metrics):
        columns = ["val_loss", *metrics]
        problem = f"{spec.sweep.metric!r} is not a figure of this task"
        allowed = f"allowed: {listing(columns, most=20)}"
        yield Problem(("sweep", "metric"), problem, allowed, nearest(spec.sweep.figure, columns))
