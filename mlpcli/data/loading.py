"""From the section `data` of a spec to a data set: read, split, and fit to the training rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.dataset import Dataset, Encoding
from mlpcli.data.guesses import Guess
from mlpcli.data.inputs import InputEncoder, auto_scale, check_image, fit_inputs, scale_channels
from mlpcli.data.readers import ReadOptions, read_table
from mlpcli.data.readings import Reading
from mlpcli.data.readings.apply import apply_readings, columns_of_texts, mixed_columns
from mlpcli.data.readings.choose import Columns, choose_readings
from mlpcli.data.scaling import ScaleChoice
from mlpcli.data.splitting import PARTS, SplitOptions, split_by_column, split_by_share
from mlpcli.data.table import Table
from mlpcli.data.targets import choose_task, fit_target, text_columns
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
    tables, readings, guesses = _read_tables(options)
    first = next(iter(tables.values()))  # with the training rows

    for name in options.targets:
        first.column(name, ("data", "target"))
    for name in options.exclude:
        first.column(name, ("data", "exclude"))
    if options.sample_weight is not None:
        for table in tables.values():
            table.column(options.sample_weight, ("data", "sample_weight"))
    task = options.task or choose_task(list(tables.values()), options.targets)
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
    unused = set(first.columns) - {*names, *left_out} | {*options.exclude}
    readings = {name: each for name, each in readings.items() if name not in unused}
    text = (*inputs.text_columns, *text_columns(target), *columns_of_texts(readings))
    read = replace(options.read, text=tuple(dict.fromkeys(text)))
    encoding = Encoding(task, inputs, target, read, weights, readings)
    dataset = _encoded(tables, codes, encoding, options.dtype)
    dataset = replace(dataset, scale=scale, guesses=tuple(guesses))
    parts = {name: part.weight for name, part in dataset.parts.items()}
    check_parts_weigh(parts, first, column=options.sample_weight)
    return dataset


def _read_tables(
    options: DataOptions,
) -> tuple[dict[str, Table], dict[str, Reading], list[Guess]]:
    """Return the tables with their columns read, the readings, and what was found in which."""
    tables = _open_tables(options, (*(options.categorical or ()), *options.columns))
    if options.categorical is None:
        # One reading of all files: what one shows as plain numbers may be thousands in another.
        again = mixed_columns(tables.values())
        if again and "-" not in options.files.values():
            tables = _open_tables(options, (*options.columns, *again))
    split = options.split.column
    columns = Columns(
        given=options.columns,
        targets=options.targets,
        task=options.task,
        weight=options.sample_weight,
        ignored={*options.exclude, *(() if split is None else (split,))} - {*options.columns},
        listed=options.categorical is not None,
        missing=options.read.missing,
    )
    readings, guesses = choose_readings(list(tables.values()), columns)
    missing = options.read.missing
    read = {part: apply_readings(table, readings, missing) for part, table in tables.items()}
    return read, readings, guesses


def _open_tables(options: DataOptions, text: Sequence[str]) -> dict[str, Table]:
    """Return the tables as they are in their files, the one with the training rows first.

    text  columns of which the texts are needed
    """
    read = replace(options.read, text=tuple(text))
    if not options.files:
        assert options.path is not None
        return {"data": read_table(options.path, read, key=("data", "path"))}
    parts = sorted(options.files.items(), key=lambda item: item[0] != "train")
    return {
        part: read_table(path, read, key=("data", "split", "files", part)) for part, path in parts
    }


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
    return Dataset(parts, tables, codes, encoding, replaced)
