"""From the section `data` of a spec to a data set: read, split, and fit to the training rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.dataset import Dataset, Encoding
from mlpcli.data.fitted_inputs import FittedInputs, auto_scale, fit_inputs
from mlpcli.data.guesses import Guess
from mlpcli.data.input_options import InputOptions
from mlpcli.data.pixels import check_image, scale_channels
from mlpcli.data.readers import ReadOptions, read_table
from mlpcli.data.readings import Reading
from mlpcli.data.roles import choose_inputs
from mlpcli.data.scaling import ScaleChoice
from mlpcli.data.split_column import choose_split
from mlpcli.data.split_keys import SplitKey, split_key
from mlpcli.data.split_rows import columns_of_split, split_guesses, split_rows
from mlpcli.data.splitting import PARTS, SplitOptions
from mlpcli.data.table import Table
from mlpcli.data.targets import choose_task, fit_target, text_columns
from mlpcli.data.training_target import TrainingTarget
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
    first = tables["train" if options.files else "data"]  # with the training rows

    for name in options.targets:
        first.column(name, ("data", "target"))
    for name in options.exclude:
        first.column(name, ("data", "exclude"))
    if options.sample_weight is not None:
        for table in tables.values():
            table.column(options.sample_weight, ("data", "sample_weight"))
    split = choose_split(tables, options.split, _named(options))
    options = replace(options, split=split.options)
    key = split_key(first, group=options.split.group, time=options.split.time)
    task = options.task or choose_task(list(tables.values()), options.targets)
    codes = None if options.files else _split(first, options, task, key)
    train_rows = np.arange(len(first)) if codes is None else np.flatnonzero(codes == 0)
    if not len(train_rows):
        raise DataError(f"{first.name}: the split leaves no training row", ("data", "split"))

    left_out = {*options.targets, *options.exclude, options.split.column, options.sample_weight}
    left_out |= {*split.left_out, *columns_of_split(first, options.split)}
    names = [name for name in first.columns if name not in left_out]
    if not names:
        raise DataError(f"{first.name}: beside the target there is no column", ("data", "target"))
    guesses: list[Guess] = []
    if options.categorical is None:
        names, guesses = choose_inputs(first, names, named=_named_inputs(options))
    target = fit_target(
        task, list(tables.values()), train_rows, options.targets, scale=options.scale_target
    )
    training_target = TrainingTarget(target, first, train_rows)
    fitted, scale = _fit_inputs(first, train_rows, names, options, training_target)
    weights = fit_weights(
        first,
        train_rows,
        target,
        column=options.sample_weight,
        class_weight=options.class_weight,
    )
    text = (*fitted.encoder.text_columns, *text_columns(target))
    encoding = Encoding(task, fitted.encoder, target, replace(read, text=text), weights)
    found = split_guesses(first, codes, options.split)
    dataset = replace(
        _encoded(tables, codes, encoding, options.dtype),
        scale=scale,
        guesses=(*split.guesses, *found, *guesses, *fitted.guesses),
        split_key=None if key is None else key.take(train_rows),
        split_column=options.split.column,
    )
    fitted.write_own(dataset.parts["train"].X)
    parts = {name: part.weight for name, part in dataset.parts.items()}
    check_parts_weigh(parts, first, column=options.sample_weight)
    return dataset


def _named_inputs(options: DataOptions) -> set[str]:
    """Return the columns that the spec names, each of which is what the spec says."""
    split = options.split
    names = {*options.columns, *(options.missing_indicator or ()), split.time, split.group}
    return {name for name in names if name is not None}


def _fit_inputs(
    table: Table,
    rows: Array,
    names: Sequence[str],
    options: DataOptions,
    target: TrainingTarget,
) -> tuple[FittedInputs, ScaleChoice]:
    """Return the input columns `names`, fitted on the training rows, and how numbers are scaled."""
    how = InputOptions(
        scale=options.scale,
        categorical=options.categorical,
        named=[*options.columns],
        rare=options.rare,
        max_categories=options.max_categories,
        high_cardinality=options.high_cardinality,
        missing_indicator=options.missing_indicator,
        is_image=options.image is not None,
        time_column=options.split.time,
        group_column=options.split.group,
        seed=options.split.seed,
    )
    scale = ScaleChoice(options.scale)
    if scale.name == "auto":
        scale = auto_scale(table, rows, names, how)
    fitted = fit_inputs(table, rows, names, replace(how, scale=scale.name), target)
    if options.image is not None:
        check_image(fitted.encoder, options.image)
        encoder = scale_channels(fitted.encoder, table, rows, options.image, scale.name)
        fitted = replace(fitted, encoder=encoder)
    return fitted, scale


def _named(options: DataOptions) -> set[str | None]:
    """Return the columns that the spec says something of, but for the split's."""
    listed = (*options.targets, *options.exclude, *options.columns, *(options.categorical or ()))
    return {*listed, options.sample_weight}


def _split(table: Table, options: DataOptions, task: str, key: SplitKey | None) -> Array:
    classes, split = None, options.split
    is_drawn = key is None and split.column is None and split.stratify is not False
    if is_drawn and task in ("binary", "multiclass"):
        whole = fit_target(task, [table], np.arange(len(table)), options.targets, scale="none")
        classes = whole.labels(table)
    return split_rows(table, split, key, classes)


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
    return Dataset(parts, tables, codes, encoding, replaced)
