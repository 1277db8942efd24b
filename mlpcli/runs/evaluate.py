"""A model applied to a file: which rows are which part, scores, predictions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.columns import Coded
from mlpcli.data.dataset import Part
from mlpcli.data.readers import ReadOptions, read_table
from mlpcli.data.splitting import PARTS, split_by_column
from mlpcli.data.table import Table
from mlpcli.data.target_rows import rows_with_target
from mlpcli.data.targets import ClassTarget, RegressionTarget, TargetEncoder
from mlpcli.errors import DataError, RunError, UsageError
from mlpcli.nn.losses import Loss, Quantile
from mlpcli.runs.model_file import Model
from mlpcli.runs.prediction_intervals import check_interval, interval_columns
from mlpcli.training import evaluation
from mlpcli.training.build import check_targets
from mlpcli.training.metrics.regression import crossing

Replaced = dict[str, dict[str, int]]
Each = TypeVar("Each")
HINT = "; the model was trained on it: if it has moved, name it with --data"


class NoSuchPartError(UsageError):
    """The data have no rows in the part that is asked for."""


def load_parts(
    model: Model, data: str | None, split: str | None
) -> tuple[dict[str, Part], Replaced, list[str]]:
    """Return the parts to evaluate, by name; by file how many values had to be replaced; notes.

    Rows without a target are in no part: a note for each file that has some says how many.
    A part's rows are numbered as in the file.

    data   a file; None for the one (or ones) the model was trained on
    split  one part only; None for all

    A file with the SHA-256 of the training data is split as it was then. Any other is new data:
    all its rows are one part, `all`, unless it has the model's split column.
    """
    files = model.spec.data.split.files
    if data is None and files is not None:
        return _parts_of_files(model, files.model_dump(exclude_none=True), split)
    path = data if data is not None else model.spec.data.path
    if path == "-" and data is None:
        raise UsageError("the model was trained on standard input; give the data with --data")
    assert path is not None
    read = own_reading(model) if data is None else model.encoding.reading(targets=True)
    table = read_table(path, read, hint="" if data else HINT)
    table, note = _with_target(model, table)
    part, replaced = _encoded(model, table)
    named = [name for name, sha256 in model.sha256.items() if sha256 == table.sha256]
    if model.codes is None and named:  # one of the files the model was trained on
        parts = {named[0]: part}
    else:
        codes = _codes(model, table, split, given=data is not None)
        parts = {"all": part} if codes is None else _select(part, codes)
    return _only(parts, split, table.name), {table.name: replaced}, [note] * bool(note)


def _parts_of_files(
    model: Model, files: dict[str, str], split: str | None
) -> tuple[dict[str, Part], Replaced, list[str]]:
    parts, replaced, notes = {}, {}, []
    for name, path in _only(files, split, "the spec").items():
        table = read_table(path, own_reading(model), hint=HINT)
        _check_unchanged(model, table, name)
        table, note = _with_target(model, table)
        parts[name], replaced[table.name] = _encoded(model, table)
        notes += [note] * bool(note)
    return parts, replaced, notes


def own_reading(model: Model, *, targets: bool = True) -> ReadOptions:
    """Return how the model's own data are read: as the spec says.

    targets  whether their columns are needed
    """
    data = model.spec.data
    return replace(
        model.encoding.reading(targets=targets),
        delimiter=data.delimiter,
        decimal=data.decimal,
        encoding=data.encoding,
    )


def _with_target(model: Model, table: Table) -> tuple[Table, str]:
    data, table = model.spec.data, model.encoding.read_columns(table)
    return rows_with_target(table, data.targets, data.missing_target)


def _encoded(model: Model, table: Table) -> tuple[Part, dict[str, int]]:
    part, replaced = model.encoding.encode(table, model.network.dtype)
    check_targets(model.network.architecture.loss, model.encoding, table, part)
    return replace(part, rows=table.file_rows(part.rows)), replaced


def _codes(model: Model, table: Table, split: str | None, *, given: bool) -> Array | None:
    """Return the part of each row of a table, or None where all of them are one part."""
    if model.codes is not None and table.sha256 == model.sha256.get("data"):
        n = table.n_file_rows
        if len(model.codes) != n:
            raise RunError(f"the model's split is of {len(model.codes)} rows, not {n}")
        return model.codes[table.file_rows(np.arange(len(table)))]
    if not given:
        _check_unchanged(model, table, "data")
    column = model.spec.data.split.column
    if column is not None and column in table.columns:
        return split_by_column(table, column)
    if split is not None:
        raise UsageError(
            f"--split {split}: {table.name} is not the file the model was trained on, so it has no "
            "such part; without --split all its rows are evaluated"
        )
    return None


def _check_unchanged(model: Model, table: Table, part: str) -> None:
    if table.sha256 != model.sha256.get(part):
        raise DataError(
            f"{table.name}: the file has changed since the model was trained on it; to evaluate "
            f"all rows it has now, name it: --data {table.name}"
        )


def _select(part: Part, codes: Array) -> dict[str, Part]:
    parts = {}
    for code, name in enumerate(PARTS):
        rows = np.flatnonzero(codes == code)
        if len(rows):
            parts[name] = part.take(rows)
    return parts


def _only(parts: dict[str, Each], split: str | None, name: str) -> dict[str, Each]:
    if split is None:
        return parts
    if split not in parts:
        raise NoSuchPartError(
            f"--split {split}: {name} has no such part; it has: {', '.join(parts)}"
        )
    return {split: parts[split]}


def predict(
    model: Model, table: Table, interval: float | None = None
) -> tuple[dict[str, Any], dict[str, int]]:
    """Return the columns of the predictions, and how many values had to be replaced.

    One target: `prediction`; several: `prediction_NAME`. Where the output is a probability also
    `probability_CLASS` (or `probability_NAME`). Numbers are in the target's own unit; what else
    the loss predicts of a target follows its prediction, with a suffix such as _std or _q0.1.

    interval  the level of the intervals beside them, of an ensemble; None: without
    """
    check_interval(model, interval)
    table = model.encoding.read_columns(table)
    X, replaced = model.encoding.inputs.encode(table, model.network.dtype)
    y_hat = evaluation.predict(model.network, X, model.temperature)
    columns = prediction_columns(model, X, y_hat, interval)
    return {n: c.written_out() if isinstance(c, Coded) else c for n, c in columns.items()}, replaced


def prediction_columns(
    model: Model, X: Array, y_hat: Array, interval: float | None = None
) -> dict[str, Any]:
    """Return the columns of `predict` for predictions ŷ (rows, n_outputs) of encoded rows X.

    The predicted classes are a `Coded` column.
    """
    columns = _columns(model, y_hat)
    if interval is not None:
        more = interval_columns(model, X, y_hat, interval)
        twice = columns.keys() & more.keys()
        if twice:  # with targets, or classes, named a and a_low
            raise UsageError(f"--interval: there would be two columns {min(twice)}")
        columns |= more
    return columns


def _columns(model: Model, y_hat: Array) -> dict[str, Any]:
    network, target = model.network, model.encoding.target
    loss = network.architecture.loss
    probability = network.architecture.output_activation.is_probability
    if isinstance(target, RegressionTarget):
        return _number_columns(target, loss, y_hat)
    if isinstance(target, ClassTarget):
        return _class_columns(target, loss, y_hat, probability=probability)
    chances = {f"probability_{n}": c for n, c in zip(target.names, y_hat.T, strict=True)}
    labels = (y_hat > loss.threshold).astype(int)
    columns = dict(zip(_names(target), labels.T, strict=True))
    return columns | (chances if probability else {})


def _names(target: TargetEncoder) -> list[str]:
    return ["prediction"] if len(target.names) == 1 else [f"prediction_{n}" for n in target.names]


def _number_columns(target: RegressionTarget, loss: Loss, y_hat: Array) -> dict[str, Any]:
    center = loss.central(y_hat)
    found = {
        suffix: target.decode_width(values, center) if is_width else target.decode(values)
        for suffix, values, is_width in loss.predictions(y_hat)
    }
    return {
        name + suffix: values[:, column]
        for column, name in enumerate(_names(target))
        for suffix, values in found.items()
    }


def crossing_line(model: Model, columns: dict[str, Any]) -> str:
    """Return in how many predictions the quantiles cross, in a line; empty where there are none.

    They are written as they are: sorted, they would hide that the model is wrong there.
    """
    return crossing_sentence(*count_crossings(model, columns))


def count_crossings(model: Model, columns: dict[str, Any]) -> tuple[int, int]:
    """Return in how many predictions the quantiles cross, and of how many; 0 where there are none.

    columns  as `prediction_columns` returns them
    """
    loss = model.network.architecture.loss
    if not isinstance(loss, Quantile):
        return 0, 0
    names = _names(model.encoding.target)
    by_level = [[columns[f"{name}_q{level!r}"] for name in names] for level in loss.levels]
    crossed = crossing(np.moveaxis(np.array(by_level), 2, 0))
    return int(crossed.sum()), crossed.size


def crossing_sentence(crossed: int, n: int) -> str:
    """Return what `crossing_line` does, of counts."""
    if not crossed:
        return ""
    return (
        f"in {crossed:,} of {n:,} predictions a quantile is below one of a "
        "lower level: they are written as they are"
    )


def _class_columns(
    target: ClassTarget, loss: Loss, y_hat: Array, *, probability: bool
) -> dict[str, Any]:
    if target.task == "binary":
        number = (y_hat[:, 0] > loss.threshold).astype(np.intp)
        y_hat = np.hstack([1 - y_hat, y_hat])
    else:
        number = np.argmax(y_hat, axis=1)
    columns: dict[str, Any] = {"prediction": Coded(number, target.classes)}
    if probability:
        columns |= {
            f"probability_{label}": column
            for label, column in zip(target.classes, y_hat.T, strict=True)
        }
    return columns
