"""What is wrong with the training that a spec asks for: its metrics, and how it runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from mlpcli.errors import listing, nearest
from mlpcli.spec.checks.loss import chosen_loss
from mlpcli.spec.checks.problem import Problem
from mlpcli.spec.schema import Spec
from mlpcli.spec.yaml_reader import Path

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
    model = f"{task} with {loss.name} on {output} outputs"
    for k, name in enumerate(spec.training.metrics or []):
        if name not in metrics:
            yield Problem(
                ("training", "metrics", k),
                f"{name!r} is not a metric of {model}",
                f"allowed: {listing(metrics)}",
                nearest(name, metrics),
            )
    if spec.training.early_stopping is not None:
        monitor = spec.training.early_stopping.monitor
        allowed = [f"{part}_{m}" for part in ("val", "train") for m in ("loss", *metrics)]
        if monitor not in allowed:
            yield Problem(
                ("training", "early_stopping", "monitor"),
                f"{monitor!r} is not a column of metrics.csv",
                f"allowed: {listing(allowed, most=30)}",
                nearest(monitor, allowed),
            )


def check_noise(spec: Spec, task: str) -> Iterator[Problem]:
    """What the noise on labels means depends on the task."""
    share = spec.regularization.noise.labels
    if task != "regression" and share > 1:
        path = ("regularization", "noise", "labels")
        problem = f"for {task} it is a probability, which {share:g} is not"
        yield Problem(path, problem, "0 to 1")


def check_size_of_numbers(spec: Spec) -> Iterator[Problem]:
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
