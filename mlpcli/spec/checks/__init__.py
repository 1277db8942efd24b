"""What a spec must satisfy beyond the types of its keys: one module for each part of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlpcli.spec.checks import augmentation, columns, data, ensemble, loss, model, sweep, training
from mlpcli.spec.checks.loss import DEFAULT_LOSS, chosen_loss, loss_name
from mlpcli.spec.schema import Spec
from mlpcli.spec.yaml_reader import Problem

__all__ = ["DEFAULT_LOSS", "check_spec", "check_task", "chosen_loss", "loss_name"]


def check_spec(spec: Spec, metrics: Mapping[str, Any] | None = None) -> list[Problem]:
    """Return the problems of a spec that show before any data has been read.

    metrics  the class of each metric there is, by its name; None: names are not looked at
    """
    return [
        *data.check(spec),
        *columns.check(spec),
        *model.check(spec),
        *loss.check(spec),
        *augmentation.check(spec),
        *training.check(spec),
        *ensemble.check(spec),
        *sweep.check(spec),
        *([] if metrics is None else training.check_names(spec, metrics)),
        *([] if spec.data.task is None else _problems_with_task(spec, spec.data.task)),
    ]


def check_task(spec: Spec, task: str, metrics: list[str]) -> list[Problem]:
    """Return the problems of a spec with the task that the data turned out to be.

    metrics  the names of the metrics that apply to the task
    """
    return [
        *_problems_with_task(spec, task),
        *training.check_metrics(spec, task, metrics),
        *sweep.check_metric(spec, metrics),
    ]


def _problems_with_task(spec: Spec, task: str) -> list[Problem]:
    return [
        *loss.check_task(spec, task),
        *data.check_task(spec, task),
        *augmentation.check_task(spec, task),
        *training.check_task(spec, task),
    ]
