"""What is wrong with the network that a spec asks for, and with settings that contradict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlpcli.errors import listing
from mlpcli.family import Family
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.embeddings import EMBEDDINGS
from mlpcli.nn.initializers import INITIALIZERS
from mlpcli.nn.norms import NORMS
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.nn.schedules import SCHEDULES
from mlpcli.spec.members import build
from mlpcli.spec.schema import Spec
from mlpcli.spec.yaml_reader import Path, Problem


def check(spec: Spec) -> Iterator[Problem]:
    """Check the hidden layers, and that no member's settings contradict each other."""
    model, training = spec.model, spec.training
    members: list[tuple[Path, Family, Any]] = [
        (("model", "embedding"), EMBEDDINGS, model.embedding),
        (("model", "output"), ACTIVATIONS, model.output),
        (("model", "output_initializer"), INITIALIZERS, model.output_initializer),
        (("training", "optimizer"), OPTIMIZERS, training.optimizer),
        (("training", "schedule"), SCHEDULES, training.schedule),
    ]
    layers: list[Any] = list(model.layers)  # their members' types are built from tables
    for k, layer in enumerate(layers):
        path: Path = ("model", "layers", k)
        yield from _check_layer(spec, path, layer)
        members += [
            ((*path, "activation"), ACTIVATIONS, layer.activation),
            ((*path, "norm"), NORMS, layer.norm),
            ((*path, "initializer"), INITIALIZERS, layer.initializer),
        ]
    for path, family, member in members:
        problem = None if member is None else build(family, member).problem()
        if problem is not None:
            yield Problem(path, problem)


def _check_layer(spec: Spec, path: Path, layer: Any) -> Iterator[Problem]:
    name, batch_size = layer.activation.name, spec.training.batch_size
    if ACTIVATIONS[name].output_only:
        hidden = [n for n, f in ACTIVATIONS.items() if not f.output_only]
        allowed = listing(hidden, most=24)
        problem = f"{name} is for the output only"
        yield Problem((*path, "activation"), problem, f"allowed: {allowed}")
    if layer.norm is None:
        return
    norm, path = NORMS[layer.norm.name], (*path, "norm")
    if batch_size is not None and batch_size < norm.least_rows:
        problem = f"{norm.name} normalization over a batch of {batch_size} row leaves 0"
        allowed = f"layer, or a training.batch_size of at least {norm.least_rows}"
        yield Problem(path, problem, allowed)
    if layer.units < norm.least_units:
        problem = f"{norm.name} normalization over {layer.units} unit leaves 0"
        yield Problem(path, problem, "more units")
