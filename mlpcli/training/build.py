"""From a valid spec to the data set, architecture, loss, metrics and augmenter of a training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.augmentation import AUGMENTATIONS, TrainingRows
from mlpcli.data.augmenter import Augmenter
from mlpcli.data.data_options import DataOptions
from mlpcli.data.dataset import Dataset, Encoding, Part
from mlpcli.data.loading import load_dataset as load
from mlpcli.data.readers import ReadOptions
from mlpcli.data.readings import READINGS
from mlpcli.data.readings.words import MISSING
from mlpcli.data.splitting import SplitOptions
from mlpcli.data.table import Table
from mlpcli.data.targets import ClassTarget
from mlpcli.errors import DataError
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.embeddings import EmbeddedColumns
from mlpcli.nn.initializers import INITIALIZERS
from mlpcli.nn.losses import LOSSES, Loss
from mlpcli.nn.network import Architecture, Layer
from mlpcli.nn.norms import NORMS
from mlpcli.nn.sharing import SHARINGS, Members
from mlpcli.spec.checks import check_task, chosen_loss
from mlpcli.spec.data_section import SplitSpec
from mlpcli.spec.load import LoadedSpec
from mlpcli.spec.members import build
from mlpcli.spec.schema import Spec
from mlpcli.training.batches import auto_batch_size
from mlpcli.training.embedded_columns import build_embedding
from mlpcli.training.metrics import Metric, applicable


def load_dataset(loaded: LoadedSpec) -> Dataset:
    """Read the spec's data. Raises DataError; with the spec's position where a key is at fault."""
    with loaded.locating():
        dataset = load(data_options(loaded))
    check_dataset(loaded, dataset)
    return dataset


def check_dataset(loaded: LoadedSpec, dataset: Dataset) -> None:
    """Check that spec and data fit together. Raises SpecError, DataError, with their positions."""
    task = dataset.encoding.task
    problems = check_task(loaded.spec, task, [m.name for m in fitting_metrics(loaded.spec, task)])
    if problems:
        raise loaded.error(problems)
    loss = chosen_loss(loaded.spec, task)
    for name, part in dataset.parts.items():
        table = dataset.tables.get(name) or dataset.tables["data"]
        check_targets(loss, dataset.encoding, table, part)
    _check_rows(loaded, dataset)


def _check_rows(loaded: LoadedSpec, dataset: Dataset) -> None:
    """Check that there are rows enough for a batch. Raises DataError, with the norm's position."""
    n_rows = len(dataset.parts["train"])
    with loaded.locating():
        layers = build_architecture(loaded.spec, dataset.encoding).hidden
    for k, norm in enumerate(layer.norm for layer in layers):
        if norm is not None and n_rows < norm.least_rows:
            problem = f"{norm.name} normalization needs {norm.least_rows} training rows, not"
            key = ("model", "layers", k, "norm")
            raise loaded.located(DataError(f"{problem} {n_rows}", key))


def check_targets(loss: Loss, encoding: Encoding, table: Table, part: Part) -> None:
    """Check that the loss takes every target of a part. Raises DataError at the first it does not.

    table  that the part's rows come from
    """
    refused = loss.refused(part.labels)
    if refused.any():
        d, column = np.argwhere(refused)[0]
        problem = (
            f"{loss.name} takes no target {loss.target_range}, such as {part.labels[d, column]:g}"
        )
        raise table.error(int(part.rows[d]), encoding.target.names[column], problem)


def data_options(loaded: LoadedSpec) -> DataOptions:
    """Return what the spec says about data, its paths made openable from here."""
    data, split = loaded.spec.data, loaded.spec.data.split
    files = split.files.model_dump(exclude_none=True) if split.files else {}
    return DataOptions(
        targets=data.targets,
        path=None if data.path is None else loaded.path(data.path),
        files={part: loaded.path(path) for part, path in files.items()},
        read=ReadOptions(
            MISSING if data.missing is None else tuple(data.missing),
            data.delimiter,
            decimal=data.decimal,
            encoding=data.encoding,
            spelt=data.spelt_with_blanks,
        ),
        task=data.task,
        exclude=data.exclude,
        columns={name: build(READINGS, member) for name, member in data.columns.items()},
        split=SplitOptions(
            validation=split.validation,
            test=split.test,
            stratify=split.stratify,
            seed=loaded.spec.seed if split.seed is None else split.seed,
            group=split.group,
            time=split.time,
            column=split.column,
            is_default=split == SplitSpec(),
        ),
        scale=data.scale,
        scale_target=data.scale_target or scale_of_target(loaded.spec),
        suggest_logarithm=_may_take_logarithms(loaded.spec),
        categorical=data.categorical,
        rare=data.rare,
        max_categories=data.max_categories,
        high_cardinality=data.high_cardinality,
        missing_target=data.missing_target,
        missing_indicator=data.missing_indicator,
        sample_weight=data.sample_weight,
        class_weight=data.class_weight,
        image=None if data.image is None else data.image.shape,
        dtype=loaded.spec.runtime.dtype,
    )


def _may_take_logarithms(spec: Spec) -> bool:
    """Whether data.scale_target is left open, and `log` would do with the loss and the output."""
    is_open = spec.data.scale_target is None and spec.model.output is None
    return is_open and scale_of_target(spec) == "standard"


def scale_of_target(spec: Spec) -> str:
    """Return how a regression target is scaled where the spec leaves it to the loss.

    A loss of positive targets starts near 1, and is as good on y divided by its mean.
    """
    loss = spec.model.loss
    return "standard" if loss is None or LOSSES[loss.name].standardized else "mean"


def build_architecture(spec: Spec, encoding: Encoding) -> Architecture:
    """Return the network that a spec describes for data encoded like this.

    Raises DataError, with the spec's key, where a column to embed is no numeric input.
    """
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
    loss = chosen_loss(spec, encoding.task)
    output = None if spec.model.output is None else build(ACTIVATIONS, spec.model.output)
    target = encoding.target
    chosen = spec.model.output_initializer
    initializer = None if chosen is None else build(INITIALIZERS, chosen)
    n_inputs = encoding.inputs.n_features
    n_outputs, kept = loss.n_outputs(target.n_outputs), spec.model.input_keep_prob
    embedding = build_embedding(spec, encoding)
    return Architecture(
        n_inputs,
        layers,
        n_outputs,
        loss,
        output,
        initializer,
        kept,
        embedding,
        _members(spec, encoding, embedding),
    )


def _members(spec: Spec, encoding: Encoding, embedding: EmbeddedColumns | None) -> Members | None:
    """Return the members of a network, where the spec's ensemble shares weights."""
    if spec.ensemble is None or not spec.ensemble.shares_weights:
        return None
    columns = encoding.inputs.column_numbers.tolist()
    if embedding is not None:
        columns = embedding.columns_of(columns)
    sharing, is_embedded = SHARINGS[spec.ensemble.kind](), embedding is not None
    return Members(spec.ensemble.replicas, sharing, tuple(columns), is_embedded)


def batch_size_of(spec: Spec, n_train: int) -> int:
    """Return the rows of one step: the spec's, or what suits the number of training rows.

    n_train  of the whole training part: the replicas of an ensemble, whose rows are drawn from it,
             have the batches of one network
    """
    return spec.training.batch_size or auto_batch_size(n_train)


def fitting_metrics(spec: Spec, task: str) -> list[Metric]:
    """Return the metrics that fit the task, the spec's loss, and its output."""
    loss = chosen_loss(spec, task)
    output = loss.link if spec.model.output is None else spec.model.output.name
    return applicable(task, loss=loss.name, probability=ACTIVATIONS[output].is_probability)


def epoch_metrics(spec: Spec, task: str) -> list[Metric]:
    """Return the metrics that are columns of metrics.csv: the chosen, and the monitored one."""
    chosen: Sequence[str] | None = spec.training.metrics
    stopping = spec.training.early_stopping
    monitored = stopping.monitor.partition("_")[2] if stopping else ""
    return [
        metric
        for metric in fitting_metrics(spec, task)
        if metric.name == monitored
        or (task in metric.each_epoch if chosen is None else metric.name in chosen)
    ]


def keeps_outputs(spec: Spec, task: str) -> bool:
    """Whether an epoch's metrics are of its rows as their batches saw them."""
    return spec.training.train_loss != "full" and bool(epoch_metrics(spec, task))


def metrics_columns(spec: Spec, dataset: Dataset) -> list[str]:
    """Return the columns of metrics.csv."""
    names = ["loss", *(metric.name for metric in epoch_metrics(spec, dataset.encoding.task))]
    parts = ["train"] + ["val"] * ("validation" in dataset.parts)
    values = [f"{part}_{name}" for part in parts for name in names]
    return ["epoch", *values, "learning_rate", "seconds"]


def loss_target(encoding: Encoding, y: Array, dtype: Any) -> Array:
    """Return the targets that training takes: class numbers (rows,), or floats (rows, targets)."""
    if encoding.task == "multiclass":
        return y.astype(np.intp)
    return np.ascontiguousarray(y.reshape(len(y), -1), dtype=dtype)


def build_augmenter(spec: Spec, encoding: Encoding, train: Part) -> Augmenter:
    """Return the spec's augmentations, fitted on the training rows.

    Raises DataError, with the key of the member that does not apply to them.
    """
    inputs, target, image = encoding.inputs, encoding.target, spec.data.image
    rows = TrainingRows(
        train.X,
        train.y,
        target.classes if isinstance(target, ClassTarget) else (),
        inputs.scaling,
        inputs.numeric,
        inputs.column_numbers,
        None if image is None else image.shape,
    )
    return Augmenter([build(AUGMENTATIONS, m) for m in spec.regularization.augmentation], rows)
