"""From a valid spec to the parts of a training: data, network, optimizer, everything resolved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlpcli.data.dataset import DataOptions, Dataset, Encoding
from mlpcli.data.dataset import load_dataset as load
from mlpcli.data.readers import ReadOptions
from mlpcli.errors import DataError
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.arrays import Array
from mlpcli.nn.initializers import INITIALIZERS
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer
from mlpcli.nn.norms import NORMS
from mlpcli.spec.checks import check_task, loss_name
from mlpcli.spec.load import LoadedSpec
from mlpcli.spec.members import build
from mlpcli.spec.schema import Spec
from mlpcli.training.metrics import Metric, Outcome, applicable


def load_dataset(loaded: LoadedSpec) -> Dataset:
    """Read the spec's data. Raises DataError; with the spec's position where a key is at fault."""
    try:
        dataset = load(data_options(loaded))
    except DataError as error:
        raise loaded.located(error) from None
    task = dataset.encoding.task
    problems = check_task(loaded.spec, task, [m.name for m in applicable(task)])
    if problems:
        raise loaded.error(problems)
    least, n_train = (
        build_architecture(loaded.spec, dataset.encoding).least_rows,
        len(dataset.parts["train"]),
    )
    if n_train < least:
        raise DataError(f"{n_train} training row: batch normalization needs {least}")
    return dataset


def data_options(loaded: LoadedSpec) -> DataOptions:
    """Return what the spec says about data, its paths made openable from here."""
    data, split = loaded.spec.data, loaded.spec.data.split
    files = split.files.model_dump(exclude_none=True) if split.files else {}
    return DataOptions(
        targets=data.targets,
        path=None if data.path is None else loaded.path(data.path),
        files={part: loaded.path(path) for part, path in files.items()},
        read=ReadOptions(tuple(data.missing), data.delimiter, (), data.decimal),
        task=data.task,
        exclude=data.exclude,
        validation=split.validation,
        test=split.test,
        stratify=split.stratify,
        split_column=split.column,
        scale=data.scale,
        scale_target=data.scale_target != "none",
        categorical=data.categorical,
        sample_weight=data.sample_weight,
        class_weight=data.class_weight,
        image=None if data.image is None else data.image.shape,
        seed=loaded.spec.seed,
        dtype=loaded.spec.runtime.dtype,
    )


def build_architecture(spec: Spec, encoding: Encoding) -> Architecture:
    """Return the network that a spec describes for data encoded like this."""
    layers = tuple(
        Layer(
            layer.units,
            build(ACTIVATIONS, layer.activation),
            layer.keep_prob,
            None if layer.initializer is None else build(INITIALIZERS, layer.initializer),
            None if layer.norm is None else build(NORMS, layer.norm),
        )
        for layer in spec.model.layers
    )
    loss = spec.model.loss
    chosen = LOSSES[loss_name(spec, encoding.task)]() if loss is None else build(LOSSES, loss)
    output = None if spec.model.output is None else build(ACTIVATIONS, spec.model.output)
    target = encoding.target
    own = spec.model.output_initializer
    initializer = None if own is None else build(INITIALIZERS, own)
    n_inputs = encoding.inputs.n_features
    kept = spec.model.input_keep_prob
    return Architecture(n_inputs, layers, target.n_outputs, chosen, output, initializer, kept)


def resolve(spec: Spec, encoding: Encoding) -> Spec:
    """Return the spec with every `auto` that the data has decided written out."""
    loss = loss_name(spec, encoding.task)
    data: dict[str, Any] = {"task": encoding.task}
    if spec.data.categorical is None:
        data["categorical"] = encoding.inputs.text_columns
    if spec.data.scale_target is None:
        data["scale_target"] = "standard" if encoding.task == "regression" else "none"
    plain = spec.model_dump()
    plain["data"] |= data
    if spec.model.loss is None:
        plain["model"]["loss"] = loss
    if spec.model.output is None:
        plain["model"]["output"] = LOSSES[plain_name(plain["model"]["loss"])].link
    names = [initializer.name for initializer in build_architecture(spec, encoding).initializers]
    for layer, name in zip(plain["model"]["layers"], names[:-1], strict=True):
        if layer["initializer"] == "auto":
            layer["initializer"] = name
    if spec.model.output_initializer is None:
        plain["model"]["output_initializer"] = names[-1]
    if spec.training.metrics is None:
        plain["training"]["metrics"] = [m.name for m in epoch_metrics(spec, encoding.task)]
    return Spec.model_validate(plain)


def plain_name(member: Any) -> str:
    """Return the name of a family member written in either form."""
    return str(member["name"] if isinstance(member, dict) else member)


def epoch_metrics(spec: Spec, task: str) -> list[Metric]:
    """Return the metrics that are columns of metrics.csv: the chosen, and the monitored one."""
    chosen: Sequence[str] | None = spec.training.metrics
    stopping = spec.training.early_stopping
    monitored = stopping.monitor.partition("_")[2] if stopping else ""
    return [
        metric
        for metric in applicable(task)
        if metric.name == monitored
        or (task in metric.each_epoch if chosen is None else metric.name in chosen)
    ]


def loss_target(architecture: Architecture, encoding: Encoding, y: Array, dtype: Any) -> Array:
    """Return targets as the loss takes them: class numbers, or (rows, n_outputs) of the type."""
    if architecture.loss.class_index:
        return y.astype(np.intp)
    if encoding.task == "multiclass":
        return np.eye(architecture.n_outputs, dtype=dtype)[y]
    return np.ascontiguousarray(y.reshape(len(y), -1), dtype=dtype)


def outcome(architecture: Architecture, encoding: Encoding, labels: Array, y_hat: Array) -> Outcome:
    """Return labels and predictions as metrics see them, regression in the target's unit."""
    probability = architecture.output_activation.is_probability
    score = encoding.target.decode(y_hat) if encoding.task == "regression" else y_hat
    return Outcome(encoding.task, labels, score, probability)
