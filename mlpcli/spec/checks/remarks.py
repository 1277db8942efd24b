"""Warnings about valid specs: settings that are seldom meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlpcli.errors import counted
from mlpcli.spec.schema import Spec
from mlpcli.spec.yaml_reader import Problem


def remarks(spec: Spec) -> Iterator[Problem]:
    """Yield the warnings to print before training."""
    layers: list[Any] = list(spec.model.layers)  # their types are built from the tables
    for k, layer in enumerate(layers):
        if layer.activation.name == "selu" and layer.keep_prob < 1:
            problem = (
                "selu keeps the mean and variance of its units, and dropout breaks that; what is "
                "meant for it, alpha dropout, is not built"
            )
            yield Problem(("model", "layers", k, "keep_prob"), problem, "1, or another activation")
    schedule: Any = spec.training.schedule
    epochs = spec.training.epochs
    if schedule.warmup > epochs > 0:
        problem = (
            f"the warm-up is longer than the training, {counted(epochs, 'epoch')}: λ is "
            "never reached, and the schedule itself never begins"
        )
        yield Problem(("training", "schedule", "warmup"), problem)
    if spec.sweep is not None:
        problem = "only mlp sweep looks at this section; mlp train trains the spec without it"
        yield Problem(("sweep",), problem)
