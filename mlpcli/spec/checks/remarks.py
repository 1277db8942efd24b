"""What a spec may say, but is seldom meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlpcli.spec.schema import Spec
from mlpcli.spec.yaml_reader import Problem


def remarks(spec: Spec) -> list[Problem]:
    """Return what is worth a word before training, and no fault."""
    return [*_selu(spec), *_warmup(spec), *_sweep(spec)]


def _selu(spec: Spec) -> Iterator[Problem]:
    layers: list[Any] = list(spec.model.layers)
    for k, layer in enumerate(layers):
        if layer.activation.name == "selu" and layer.keep_prob < 1:
            problem = (
                "selu keeps the mean and variance of its units, and dropout breaks that; what is "
                "meant for it, alpha dropout, is not built"
            )
            yield Problem(("model", "layers", k, "keep_prob"), problem, "1, or another activation")


def _warmup(spec: Spec) -> Iterator[Problem]:
    schedule: Any = spec.training.schedule  # its type is built from the table
    epochs = spec.training.epochs
    if schedule.warmup > epochs > 0:
        problem = (
            f"the warm-up is longer than the training, {epochs} epoch{'s' * (epochs != 1)}: λ is "
            "never reached, and the schedule itself never begins"
        )
        yield Problem(("training", "schedule", "warmup"), problem)


def _sweep(spec: Spec) -> Iterator[Problem]:
    if spec.sweep is not None:
        problem = "only mlp sweep looks at this section; mlp train trains the spec without it"
        yield Problem(("sweep",), problem)
