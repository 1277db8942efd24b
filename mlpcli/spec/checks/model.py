"""What is wrong with the network that a spec asks for, and with settings taken together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlpcli.errors import listing
from mlpcli.family import Family
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.initializers import INITIALIZERS
from mlpcli.nn.norms import NORMS
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.nn.schedules import SCHEDULES
from mlpcli.spec.checks.problem import Problem
from mlpcli.spec.members import build
from mlpcli.spec.schema import Spec
from mlpcli.spec.yaml_reader import Path


def check_model(spec: Spec) -> Iterator[Problem]:
    """Check activations and normalizations of the hidden layers."""
    layers: list[Any] = list(spec.model.layers)  # their members' types are built from tables
    for k, layer in enumerate(layers):
        name = layer.activation.name
        if ACTIVATIONS[name].output_only:
            allowed = [n for n, f in ACTIVATIONS.items() if not f.output_only]
            path = ("model", "layers", k, "activation")
            yield Problem(path, f"{name} is for the output only", f"allowed: {listing(allowed)}")
        if layer.norm is not None:
            yield from _check_norm(spec, k, layer)


def _check_norm(spec: Spec, k: int, layer: Any) -> Iterator[Problem]:
    norm, path = NORMS[layer.norm.name], ("model", "layers", k, "norm")
    if spec.training.batch_size < norm.least_rows:
        yield Problem(
            path,
            f"{norm.name} normalization over a batch of {spec.training.batch_size} row leaves 0",
            f"layer, or a training.batch_size of at least {norm.least_rows}",
        )
    if layer.units < norm.least_units:
        yield Problem(
            path, f"{norm.name} normalization over {layer.units} unit leaves 0", "more units"
        )


def check_members(spec: Spec) -> Iterator[Problem]:
    """What a member's settings, each within its bounds, cannot be together."""
    for path, family, member in _members(spec):
        problem = None if member is None else build(family, member).problem()
        if problem is not None:
            yield Problem(path, problem)


def _members(spec: Spec) -> Iterator[tuple[Path, Family, Any]]:
    model, training = spec.model, spec.training
    layers: list[Any] = list(model.layers)
    for k, layer in enumerate(layers):
        yield ("model", "layers", k, "activation"), ACTIVATIONS, layer.activation
        yield ("model", "layers", k, "norm"), NORMS, layer.norm
        yield ("model", "layers", k, "initializer"), INITIALIZERS, layer.initializer
    yield ("model", "output"), ACTIVATIONS, model.output
    yield ("model", "output_initializer"), INITIALIZERS, model.output_initializer
    yield ("training", "optimizer"), OPTIMIZERS, training.optimizer
    yield ("training", "schedule"), SCHEDULES, training.schedule
