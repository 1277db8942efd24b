"""The resolved spec: every `auto` that the data has decided, written out."""

from __future__ import annotations

from typing import Any

from mlpcli.data.dataset import Dataset, Encoding
from mlpcli.data.dialect import Dialect
from mlpcli.data.input_options import auto_max_categories, auto_rare
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
from mlpcli.training.shards import shards_of

# The reading of dates that the file itself says are dates, as parquet does.
OF_THE_FILE = {"name": "date", "format": "auto", "first": "auto", "zone": "auto", "missing": ()}


def resolve(spec: Spec, dataset: Dataset, shards: int | None = None) -> Spec:
    """Return the spec with every `auto` that the data has decided written out.

    shards  of its training, where that is there; None: those that it would have
    """
    encoding, plain = dataset.encoding, spec.model_dump()
    _resolve_data(plain["data"], spec, dataset)
    _resolve_model(plain["model"], spec, encoding)
    plain["training"]["batch_size"] = batch_size_of(spec, len(dataset.parts["train"]))
    if spec.training.metrics is None:
        plain["training"]["metrics"] = [m.name for m in epoch_metrics(spec, encoding.task)]
    if shards is None:
        shards = shards_of(spec, build_architecture(spec, encoding), len(dataset.parts["train"]))
    plain["runtime"]["shards"] = shards
    return Spec.model_validate(plain)


def _resolve_data(data: dict[str, Any], spec: Spec, dataset: Dataset) -> None:
    encoding = dataset.encoding
    data["task"] = encoding.task
    plain = {name: reading_to_plain(reading) for name, reading in encoding.readings.items()}
    data["columns"] |= {name: each for name, each in plain.items() if each != OF_THE_FILE}
    if spec.data.missing is None:
        data["missing"] = list(encoding.read.missing)
    found = _dialect(dataset).items()
    data |= {key: value for key, value in found if getattr(spec.data, key) is None}
    left_out = (name for g in dataset.guesses if g.kind == "left_out" for name in g.columns)
    data["exclude"] = list(dict.fromkeys([*spec.data.exclude, *left_out]))
    _resolve_split(data["split"], spec, dataset)
    if spec.data.scale == "auto":
        data["scale"] = dataset.scale.name
    listed, n_rows = spec.data.categorical is not None, len(dataset.parts["train"])
    if spec.data.rare is None:
        data["rare"] = auto_rare(n_rows, listed=listed)
    if spec.data.max_categories is None and not listed:
        data["max_categories"] = auto_max_categories(listed=listed)
    if spec.data.missing_indicator is None:
        data["missing_indicator"] = encoding.inputs.indicated
    if not listed:
        data["categorical"] = encoding.inputs.text_columns
    if spec.data.scale_target is None:
        is_regression = encoding.task == "regression"
        data["scale_target"] = scale_of_target(spec) if is_regression else "none"


def _resolve_split(split: dict[str, Any], spec: Spec, dataset: Dataset) -> None:
    given = spec.data.split
    if given.seed is None:
        split["seed"] = spec.seed
    if given.stratify is None:
        split["stratify"] = given.group is None and given.time is None
    split["column"] = dataset.split_column


def _dialect(dataset: Dataset) -> dict[str, str]:
    """Return how the data's files are written, as far as they are text and written alike."""
    each = [table.dialect or Dialect("utf-8") for table in dataset.tables.values()]
    found: dict[str, str] = {}
    for key in ("encoding", "delimiter", "decimal"):
        values = {getattr(dialect, key) for dialect in each}
        if len(values) == 1 and None not in values:
            found[key] = values.pop()
    return found


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
