"""What a spec must satisfy beyond the types of its keys: one module for each part of it."""

from __future__ import annotations

from mlpcli.spec.checks.augmentation import check_augmentation, check_augmentation_of_task
from mlpcli.spec.checks.data import (
    check_data,
    check_missing,
    check_split,
    check_weights,
    check_weights_of_task,
    is_delimiter,
)
from mlpcli.spec.checks.loss import (
    DEFAULT_LOSS,
    check_loss,
    check_loss_of_task,
    check_pairing,
    check_range,
    chosen_loss,
    loss_name,
)
from mlpcli.spec.checks.model import check_members, check_model
from mlpcli.spec.checks.problem import Problem
from mlpcli.spec.checks.remarks import remarks
from mlpcli.spec.checks.sweep import check_sweep, check_sweep_of_task, not_whole, refusal_of_key
from mlpcli.spec.checks.training import (
    check_metrics,
    check_noise,
    check_size_of_numbers,
)
from mlpcli.spec.schema import Spec

__all__ = [
    "DEFAULT_LOSS",
    "Problem",
    "check_spec",
    "check_task",
    "chosen_loss",
    "is_delimiter",
    "loss_name",
    "not_whole",
    "refusal_of_key",
    "remarks",
]


def check_spec(spec: Spec) -> list[Problem]:
    """Return what is wrong with a spec before any data has been seen."""
    return [
        *check_data(spec),
        *check_missing(spec),
        *check_weights(spec),
        *check_split(spec),
        *check_model(spec),
        *check_loss(spec),
        *check_members(spec),
        *check_augmentation(spec),
        *check_size_of_numbers(spec),
        *check_sweep(spec),
    ]


def check_task(spec: Spec, task: str, metrics: list[str]) -> list[Problem]:
    """Return what does not fit the task, once the data has said what it is.

    metrics  the names of the metrics that apply to the task
    """
    return [
        *check_loss_of_task(spec, task),
        *check_pairing(spec, task),
        *check_range(spec, task),
        *check_weights_of_task(spec, task),
        *check_augmentation_of_task(spec, task),
        *check_noise(spec, task),
        *check_metrics(spec, task, metrics),
        *check_sweep_of_task(spec, metrics),
    ]
