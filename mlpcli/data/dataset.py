"""A data set ready for training: tables read, split, and encoded by what the training rows say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.inputs import InputEncoder, auto_scale, check_image, fit_inputs, scale_channels
from mlpcli.data.readers import ReadOptions, read_table
from mlpcli.data.scaling import ScaleChoice
from mlpcli.data.splitting import PARTS, split_by_column, split_by_share
from mlpcli.data.table import Table
from mlpcli.data.targets import TargetEncoder, choose_task, fit_target, text_columns
from mlpcli.data.weights import ClassWeight, RowWeights, check_parts_weigh, fit_weights
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
    validation: float = 0.15
    test: float = 0.15
    stratify: bool = True
    split_column: str | None = None
    scale: str = "auto"
    scale_target: str = "standard"
    categorical: Sequence[str] | None = None
    sample_weight: str | None = None
    class_weight: ClassWeight | None = None
    image: tuple[int, int, int] | None = None
    seed: int = 0
    dtype: str = "float32"


@dataclass(frozen=True)
class Part:
    """The rows of one part, encoded.

    X       (rows, n_features)
    y       as the target encoder gives it, scaled or as class numbers
    labels  the same before scaling, for metrics in the target's unit
    rows    row numbers in their table
    weight  (rows,) how much each row's loss counts, 1 in the mean of the training rows (see
            `weights.py`); None: every row counts the same
    """

    X: Array
    y: Array
    labels: Array
    rows: Array
    weight: Array | None = None

    def __len__(self) -> int:
        return len(self.X)

    def take(self, rows: Array) -> Part:
        """Return these rows, numbered within the part, as a part."""
        weight = None if self.weight is None else self.weight[rows]
        return Part(self.X[rows], self.y[rows], self.labels[rows], self.rows[rows], weight)


@dataclass(frozen=True)
class Encoding:
    """The fitted encoders, and how to read a file that they can be applied to.

    weights  None where every row counts the same
    """

    task: str
    inputs: InputEncoder
    target: TargetEncoder
    read: ReadOptions
    weights: RowWeights | None = None

    def encode(self, table: Table, dtype: Any) -> tuple[Part, dict[str, int]]:
        """Return a table's rows as a part, and for each column how many values were replaced.

        Where the table has no column of weights, the part has none.
        """
        X, replaced = self.inputs.encode(table, dtype)
        y, labels, weight = self._targets(table, dtype)
        return Part(X, y, labels, np.arange(len(table)), weight), replaced

    def encode_parts(
        self, table: Table, dtype: Any, parts: Sequence[Array]
    ) -> tuple[list[Part], dict[str, int]]:
        """Return `encode`'s part in several.

        parts  the row numbers of each, ascending; each row is in one
        """
        found, replaced = self.inputs.encode_parts(table, dtype, parts)
        y, labels, weight = self._targets(table, dtype)
        encoded = []
        for X, rows in zip(found, parts, strict=True):
            part_labels = labels[rows]
            part_y = part_labels if y is labels else y[rows]
            part_weight = None if weight is None else weight[rows]
            encoded.append(Part(X, part_y, part_labels, rows, part_weight))
        return encoded, replaced

    def _targets(self, table: Table, dtype: Any) -> tuple[Array, Array, Array | None]:
        """Return what a part has beside X: y, labels and weights."""
        labels = self.target.labels(table)
        y = self.encode_labels(table, labels, dtype)
        weight = None if self.weights is None else self.weights.compute(table, labels, dtype)
        return y, labels, weight

    def encode_labels(self, table: Table, labels: Array, dtype: Any) -> Array:
        """Return y of a table's labels. Raises DataError where it does not fit into the dtype."""
        y = self.target.encode(labels)
        if y.dtype.kind != "f":  # the numbers of classes are never large: 5 ms of a million rows
            return y
        large = np.abs(y) > np.finfo(dtype).max
        if large.any():
            row, column = np.argwhere(large)[0]
            problem = (
                f"{labels[row, column]:g} is too large for {dtype}, scaled as the training rows are"
            )
            raise table.error(int(row), self.target.names[column], problem)
        return y


@dataclass(frozen=True)
class Dataset:
    """The parts that have rows, by name; the tables they come from; the fitted encoding.

    codes     each row's part; None where each part has a file of its own
    replaced  for each part the columns in which values were missing or unknown, with the count
    scale     of the numeric inputs
    """

    parts: dict[str, Part]
    tables: dict[str, Table]
    codes: Array | None
    encoding: Encoding
    replaced: dict[str, dict[str, int]]
    scale: ScaleChoice = field(default_factory=lambda: ScaleChoice("none"))

    @property
    def sha256(self) -> dict[str, str]:
        """The SHA-256 of each file, by the name of the part, or `data`."""
        return {part: table.sha256 for part, table in self.tables.items()}


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
    task = options.task or choose_task(list(tables.values()), options.targets)
    codes = None if options.files else _split(first, options, task)
    train_rows = np.arange(len(first)) if codes is None else np.flatnonzero(codes == 0)
    if not len(train_rows):
        raise DataError(f"{first.name}: the split leaves no training row", ("data", "split"))

    left_out = {*options.targets, *options.exclude, options.split_column, options.sample_weight}
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
    dataset = replace(_encoded(tables, codes, encoding, options.dtype), scale=scale)
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
    if options.split_column is not None:
        return split_by_column(table, options.split_column)
    classes = None
    if options.stratify and task in ("binary", "multiclass"):
        whole = fit_target(task, [table], np.arange(len(table)), options.targets, scale="none")
        classes = whole.labels(table)
    return split_by_share(len(table), options.validation, options.test, options.seed, classes)


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
