"""From the section `data` of a spec to a data set: read, split, and fit to the training rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.dataset import Dataset, Encoding
from mlpcli.data.inputs import InputEncoder, auto_scale, check_image, fit_inputs, scale_channels
from mlpcli.data.readers import ReadOptions, read_table
from mlpcli.data.readings import Reading
from mlpcli.data.scaling import ScaleChoice
from mlpcli.data.splitting import (
    LEFT_OUT,
    PARTS,
    SplitOptions,
    split_by_column,
    split_by_share,
)
from mlpcli.data.table import Table
from mlpcli.data.target_logarithm import suggest_logarithm
from mlpcli.data.target_rows import drop_rows
from mlpcli.data.targets import fit_target, text_columns
from mlpcli.data.task_choice import choose_task
from mlpcli.data.weights import ClassWeight, check_parts_weigh, fit_weights
from mlpcli.errors import DataError


@dataclass(frozen=True)
class DataOptions:
    """The section `data` of a spec as plain values; relative paths are relative to the process."""

    targets: Sequence[str]
    path: str | None = None
    files: dict[str, str] = field(default_factory=dict)
    read: ReadOptions = field(default_factory=ReadOptions)
    task: str | None = None
    exclude: Sequence[str] = ()
    columns: Mapping[str, Reading] = field(default_factory=dict)
    split: SplitOptions = field(default_factory=SplitOptions)
    scale: str = "auto"
    scale_target: str = "standard"
    suggest_logarithm: bool = False  # of the target, where it is skewed
    categorical: Sequence[str] | None = None
    rare: int | None = None
    max_categories: int | None = None
    high_cardinality: str = "target"
    missing_target: str = "drop"
    missing_indicator: Sequence[str] | None = None
    sample_weight: str | None = None
    class_weight: ClassWeight | None = None
    image: tuple[int, int, int] | None = None
    dtype: str = "float32"


def load_dataset(options: DataOptions) -> Dataset:
    """Read, split and encode. Raises DataError, each with its place in a file or in the spec."""
    read = options.read
    if options.categorical:
        read = replace(read, text=tuple(options.categorical))
    if options.files:
        tables = {
            part: read_table(path, read, key=("data", "split", "files", part))
            for part, path in options.files.items()
        }
    else:
        assert options.path is not None
        tables = {"data": read_table(options.path, read, key=("data", "path"))}
    tables, guesses = drop_rows(tables, options.targets, options.missing_target)
    first = next(iter(tables.values()))  # with the training rows
    for name in options.exclude:
        first.column(name, ("data", "exclude"))
    if options.sample_weight is not None:
        for table in tables.values():
            table.column(options.sample_weight, ("data", "sample_weight"))
    choice = choose_task(list(tables.values()), options.targets, options.task)
    task, guesses = choice.task, [*guesses, *choice.guesses]
    codes = None if options.files else _split(first, options, task)
    train_rows = np.arange(len(first)) if codes is None else np.flatnonzero(codes == 0)
    if not len(train_rows):
        raise DataError(f"{first.name}: the split leaves no training row", ("data", "split"))

    left_out = {*options.targets, *options.exclude, options.split.column, options.sample_weight}
    names = [name for name in first.columns if name not in left_out]
    if not names:
        raise DataError(f"{first.name}: beside the target there is no column", ("data", "target"))
    target = fit_target(
        task, list(tables.values()), train_rows, options.targets, scale=options.scale_target
    )
    inputs, scale = _fit_inputs(first, train_rows, names, options)
    weights = fit_weights(
        first,
        train_rows,
        target,
        column=options.sample_weight,
        class_weight=options.class_weight,
    )
    text = (*inputs.text_columns, *text_columns(target))
    encoding = Encoding(task, inputs, target, replace(read, text=text), weights)
    dataset = _encoded(tables, codes, encoding, options.dtype)
    if task == "regression" and options.suggest_logarithm:
        guesses += suggest_logarithm(dataset.parts["train"].labels, options.targets)
    dataset = replace(dataset, scale=scale, guesses=tuple(guesses))
    parts = {name: part.weight for name, part in dataset.parts.items()}
    check_parts_weigh(parts, first, column=options.sample_weight)
    return dataset


def _fit_inputs(
    table: Table, rows: Array, names: Sequence[str], options: DataOptions
) -> tuple[InputEncoder, ScaleChoice]:
    """Return the input columns `names`, fitted on the training rows, and how numbers are scaled."""
    scale, categorical = ScaleChoice(options.scale), options.categorical
    if scale.name == "auto":
        is_image = options.image is not None
        scale = auto_scale(table, rows, names, categorical=categorical, is_image=is_image)
    inputs = fit_inputs(table, rows, names, scale=scale.name, categorical=categorical)
    if options.image is not None:
        check_image(inputs, options.image)
        inputs = scale_channels(inputs, table, rows, options.image, scale.name)
    return inputs, scale


def _split(table: Table, options: DataOptions, task: str) -> Array:
    if options.split.column is not None:
        return split_by_column(table, options.split.column)
    classes = None
    if options.split.stratify and task in ("binary", "multiclass"):
        whole = fit_target(task, [table], np.arange(len(table)), options.targets, scale="none")
        classes = whole.labels(table)
    split = options.split
    return split_by_share(len(table), split.validation, split.test, split.seed, classes)


def _encoded(
    tables: dict[str, Table], codes: Array | None, encoding: Encoding, dtype: str
) -> Dataset:
    parts, replaced = {}, {}
    if codes is None:
        for name, table in tables.items():
            parts[name], replaced[name] = encoding.encode(table, dtype)
    else:
        rows = {name: np.flatnonzero(codes == code) for code, name in enumerate(PARTS)}
        rows = {name: numbers for name, numbers in rows.items() if len(numbers)}
        found, replaced["data"] = encoding.encode_parts(tables["data"], dtype, list(rows.values()))
        parts = dict(zip(rows, found, strict=True))
        codes = tables["data"].in_file(codes, LEFT_OUT)
    return Dataset(parts, tables, codes, encoding, replaced)
