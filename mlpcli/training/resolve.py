"""The resolved spec: every `auto` that the data has decided, written out."""

from __future__ import annotations

from typing import Any

from mlpcli.data.dataset import Dataset, Encoding
from mlpcli.data.readings.reading import reading_to_plain
from mlpcli.family import key_of, settings_of
from mlpcli.nn.initializers import Initializer
from mlpcli.spec.checks import chosen_loss, loss_name
from mlpcli.spec.schema import Spec
from mlpcli.training.build import (
    batch_size_of,
    build_architecture,
    epoch_metrics,
    scale_of_target,
)
from mlpcli.training.embedded_columns import embedded_names


def resolve(spec: Spec, dataset: Dataset) -> Spec:
    """Return the spec with every `auto` that the data has decided written out."""
    encoding, plain = dataset.encoding, spec.model_dump()
    _resolve_data(plain["data"], spec, dataset)
    _resolve_model(plain["model"], spec, encoding)
    plain["training"]["batch_size"] = batch_size_of(spec, len(dataset.parts["train"]))
    if spec.training.metrics is None:
        plain["training"]["metrics"] = [m.name for m in epoch_metrics(spec, encoding.task)]
    return Spec.model_validate(plain)


def _resolve_data(data: dict[str, Any], spec: Spec, dataset: Dataset) -> None:
    encoding = dataset.encoding
    data["task"] = encoding.task
    read = {name: reading_to_plain(reading) for name, reading in encoding.readings.items()}
    data["columns"] |= read
    if spec.data.missing is None:
        data["missing"] = list(encoding.read.missing)
    if spec.data.decimal is None:
        data["decimal"] = encoding.read.decimal
    if spec.data.split.seed is None:
        data["split"]["seed"] = spec.seed
    if spec.data.scale == "auto":
        data["scale"] = dataset.scale.name
    if spec.data.categorical is None:
        data["categorical"] = encoding.inputs.text_columns
    if spec.data.scale_target is None:
        is_regression = encoding.task == "regression"
        data["scale_target"] = scale_of_target(spec) if is_regression else "none"


def _resolve_model(model: dict[str, Any], spec: Spec, encoding: Encoding) -> None:
    if model["embedding"] is not None:
        model["embedding"]["columns"] = embedded_names(spec, encoding)
    if spec.model.loss is None:
        model["loss"] = loss_name(spec, encoding.task)
    if spec.model.output is None:
        model["output"] = chosen_loss(spec, encoding.task).link
    *hidden, output = map(_plain, build_architecture(spec, encoding).initializers)
    for layer, initializer in zip(model["layers"], hidden, strict=True):
        if layer["initializer"] == "auto":
            layer["initializer"] = initializer
    if spec.model.output_initializer is None:
        model["output_initializer"] = output


def _plain(initializer: Initializer) -> dict[str, Any]:
    """Return an initializer as a spec has it."""
    settings = {key_of(f): getattr(initializer, f.name) for f in settings_of(type(initializer))}
    return {"name": initializer.name, **settings}
