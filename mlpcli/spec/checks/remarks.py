"""What a spec may say, but is seldom meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlpcli.spec.checks.problem import Problem
from mlpcli.spec.schema import Spec


def remarks(spec: Spec) -> list[Problem]:
    """Return what is worth a word before training, and no fault."""
    return [*_selu(spec)]


def _selu(spec: Spec) -> Iterator[Problem]:
    layers: list[Any] = list(spec.model.layers)
    for k, layer in enumerate(layers):
        if layer.activation.name == "selu" and layer.keep_prob < 1:
            problem = (
                "selu keeps the mean and variance of its units, and dropout breaks that; what is "
                "meant for it, alpha dropout, is not built"
            )
            yield Problem(("model", "layers", k, "keep_prob"), problem, "1, or another activation")
