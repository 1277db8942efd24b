"""What is wrong with the training that a spec asks for: its metrics, its noise, its numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from mlpcli.errors import listing, nearest
from mlpcli.nn.losses import LOSSES
from mlpcli.spec.checks.loss import DEFAULT_LOSS, chosen_loss
from mlpcli.spec.schema import Spec
from mlpcli.spec.yaml_reader import Path, Problem

# Whose numbers are rounded to the network's type; a schedule's are not, nor those of stopping.
ROUNDED: tuple[Path, ...] = (
    ("model",),
    ("training", "optimizer"),
    ("training", "gradient_clipping"),
    ("regularization",),
)


def check_metrics(spec: Spec, task: str, metrics: list[str]) -> Iterator[Problem]:
    """Check the metrics to write and the one to watch."""
    loss = chosen_loss(spec, task)
    output = loss.link if spec.model.output is None else spec.model.output.name
    for k, name in enumerate(spec.training.metrics or []):
        if name not in metrics:
            problem = f"{name!r} is not a metric of {task} with {loss.name} on {output} outputs"
            path: Path = ("training", "metrics", k)
            yield Problem(path, problem, f"allowed: {listing(metrics)}", nearest(name, metrics))
    stopping = spec.training.early_stopping
    columns = [f"{part}_{m}" for part in ("val", "train") for m in ("loss", *metrics)]
    if stopping is not None and stopping.monitor not in columns:
        path = ("training", "early_stopping", "monitor")
        problem = f"{stopping.monitor!r} is not a column of metrics.csv"
        allowed = f"allowed: {listing(columns, most=30)}"
        yield Problem(path, problem, allowed, nearest(stopping.monitor, columns))


def check_names(spec: Spec, metrics: Mapping[str, Any]) -> Iterator[Problem]:
    """Check metrics and monitor by name, before the data say what the task is.

    metrics  the class of each metric there is, by its name
    """
    loss = spec.model.loss
    tasks = list(DEFAULT_LOSS if loss is None else LOSSES[loss.name].tasks)
    if spec.data.task is not None:
        tasks = [spec.data.task]
    by_tasks: dict[tuple[str, ...], list[str]] = {}
    for name, metric in metrics.items():
        which = tuple(task for task in tasks if task in metric.tasks)
        by_tasks.setdefault(which, []).append(name)
    by_tasks.pop((), None)
    fitting = [name for names in by_tasks.values() for name in names]
    groups = [f"{listing(names)} ({', '.join(which)})" for which, names in by_tasks.items()]
    for k, name in enumerate(spec.training.metrics or []):
        if name not in fitting:
            problem = f"{name!r} is no metric" + (
                "" if spec.data.task is None else f" of {tasks[0]}"
            )
            path: Path = ("training", "metrics", k)
            yield Problem(path, problem, f"allowed: {'; '.join(groups)}", nearest(name, fitting))
    stopping = spec.training.early_stopping
    columns = [f"{part}_{m}" for part in ("val", "train") for m in ("loss", *fitting)]
    if stopping is not None and stopping.monitor not in columns:
        problem = f"{stopping.monitor!r} is no column of metrics.csv"
        allowed = f"allowed: val_ or train_ with loss; {'; '.join(groups)}"
        path = ("training", "early_stopping", "monitor")
        yield Problem(path, problem, allowed, nearest(stopping.monitor, columns))


def check_task(spec: Spec, task: str) -> Iterator[Problem]:
    """Check the noise on labels, whose meaning depends on the task."""
    share = spec.regularization.noise.labels
    if task != "regression" and share > 1:
        problem = f"for {task} it is a probability, which {share:g} is not"
        yield Problem(("regularization", "noise", "labels"), problem, "0 to 1")


def check(spec: Spec) -> Iterator[Problem]:
    """Check that what is rounded to the network's type does not become infinite."""
    dtype = spec.runtime.dtype
    largest = float(np.finfo(dtype).max)
    for section in ROUNDED:
        found: Any = spec.model_dump()
        for key in section:
            found = found[key]
        for path, value in _numbers(found, section):
            if abs(value) > largest:
                problem = f"{value:g} is too large for {dtype}"
                allowed = f"at most {largest:.2g}, or set runtime.dtype to float64"
                yield Problem(path, problem, allowed)


def _numbers(found: Any, path: Path) -> Iterator[tuple[Path, float]]:
    if isinstance(found, dict):
        for key, value in found.items():
            yield from _numbers(value, (*path, key))
    elif isinstance(found, list | tuple):
        for k, value in enumerate(found):
            yield from _numbers(value, (*path, k))
    elif isinstance(found, float):
        yield path, found
