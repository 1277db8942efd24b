"""Target columns as numbers, and predictions back as labels or in the target's unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.table import Table, is_constant, plain_text, quoted
from mlpcli.data.target_logarithm import check_logarithm, exponential, fit_offset
from mlpcli.data.target_values import Label, labels_of, numbers_of
from mlpcli.errors import DataError, counted, listing

MAX_CLASSES = 100_000
TASK = ("data", "task")


@dataclass(frozen=True)
class RegressionTarget:
    """y = (value − shift) / scale for each column; predictions go back to the value's unit.

    With log_offset c, y = (log(value + c) − shift) / scale, value + c > 0, and a prediction goes
    back as exp(scale ŷ + shift) − c, never below 0.

    log_offset  c of each column; None: no logarithm is taken
    """

    task: ClassVar[str] = "regression"
    names: tuple[str, ...]
    shift: tuple[float, ...]
    scale: tuple[float, ...]
    log_offset: tuple[float, ...] | None = None

    @property
    def n_outputs(self) -> int:
        """One for each column."""
        return len(self.names)

    def labels(self, table: Table) -> Array:
        """Return the values (rows, columns), float64, in their own unit.

        Raises DataError at the first that has no logarithm, where one is taken.
        """
        columns = [numbers_of(table, name) for name in self.names]
        for name, values, c in zip(self.names, columns, self.log_offset or (), strict=False):
            check_logarithm(table, name, values, zeros=c > 0)
        return np.column_stack(columns)

    def encode(self, labels: Array) -> Array:
        """Return y (rows, columns), scaled."""
        with np.errstate(over="ignore"):  # the data set refuses what is then infinite
            return (self._logarithm(labels) - np.array(self.shift)) / np.array(self.scale)

    def decode(self, y_hat: Array) -> Array:
        """Return predictions (..., columns), float64, in the target's unit."""
        moved = y_hat.astype(np.float64) * np.array(self.scale) + np.array(self.shift)
        return moved if self.log_offset is None else self._above_0(exponential(moved))

    def decode_width(self, width: Array, center: Array) -> Array:
        """Return standard deviations (..., columns) in the target's unit.

        s σ; with a logarithm that of the log-normal distribution whose logarithm has mean
        m = s μ + shift and deviation t = s σ: exp(m + t²/2) √(exp(t²) − 1)

        width   σ, in the unit of y; ≥ 0
        center  μ, likewise

        Source: Johnson, Kotz and Balakrishnan, Continuous Univariate Distributions 1, 14.3.
        """
        width = width.astype(np.float64) * np.array(self.scale)
        if self.log_offset is None:
            return width
        mean = center.astype(np.float64) * np.array(self.scale) + np.array(self.shift)
        with np.errstate(over="ignore", divide="ignore"):
            square = width**2
            # √(exp(t²) − 1) = exp(t²/2) √(1 − exp(−t²)), whose factors do not overflow.
            return exponential(mean + square + np.log(-np.expm1(-square)) / 2)

    def error(self, labels: Array, predicted: Array) -> Array:
        """Return labels − predictions; with a logarithm, log((label + c) / (prediction + c)).

        Both (rows, columns) in the target's own unit.
        """
        with np.errstate(all="ignore"):  # of predictions that are not finite, or 0
            return self._logarithm(labels) - self._logarithm(predicted)

    def add_error(self, predicted: Array, error: Array) -> Array:
        """Return the values (rows, columns) that have this `error`: its inverse in labels."""
        if self.log_offset is None:
            return predicted + error
        with np.errstate(all="ignore"):
            return self._above_0(exponential(self._logarithm(predicted) + error))

    def _logarithm(self, labels: Array) -> Array:
        return labels if self.log_offset is None else np.log(labels + np.array(self.log_offset))

    def _above_0(self, values: Array) -> Array:
        """Return values + c as values, at least 0."""
        return np.maximum(values - np.array(self.log_offset), 0.0)


@dataclass(frozen=True)
class ClassTarget:
    """y = the number of the class in `classes`, which are sorted."""

    names: tuple[str, ...]
    classes: tuple[Label, ...]
    task: str

    @property
    def n_outputs(self) -> int:
        """One for two classes, else one for each."""
        return 1 if self.task == "binary" else len(self.classes)

    def labels(self, table: Table) -> Array:
        """Return class numbers (rows,). Raises DataError at the first label that is no class."""
        codes, labels = labels_of(table, self.names[0], as_text=isinstance(self.classes[0], str))
        numbers: dict[Label, int] = {label: k for k, label in enumerate(self.classes)}
        # A column with one text in it is all text: its numbers are still the classes they spell.
        numbers |= {plain_text(label): k for label, k in numbers.items()}
        number = np.array([numbers.get(label, -1) for label in labels], dtype=np.intp)
        found = number.take(codes)  # of a million 0.6 ms, number[codes] 1.8
        if (found < 0).any():
            row = int(np.argmin(found))
            label = quoted(labels[codes[row]])
            problem = f"{label} is not a class; the classes: {listing(self.classes)}"
            raise table.error(row, self.names[0], problem)
        return found

    def encode(self, labels: Array) -> Array:
        """Return class numbers (rows,)."""
        return labels

    def decode(self, y_hat: Array) -> Array:
        """Return ŷ as it is, float64."""
        return y_hat.astype(np.float64)


@dataclass(frozen=True)
class MultilabelTarget:
    """y = 0 or 1 for each column."""

    task: ClassVar[str] = "multilabel"
    names: tuple[str, ...]

    @property
    def n_outputs(self) -> int:
        """One for each column."""
        return len(self.names)

    def labels(self, table: Table) -> Array:
        """Return 0 or 1 (rows, columns). Raises DataError at the first other value."""
        columns = []
        for name in self.names:
            values = numbers_of(table, name)
            wrong = (values != 0) & (values != 1)
            if wrong.any():
                row = int(np.argmax(wrong))
                raise table.error(row, name, f"a label is 0 or 1, not {values[row]:g}")
            columns.append(values.astype(np.intp))
        return np.column_stack(columns)

    def encode(self, labels: Array) -> Array:
        """Return y (rows, columns)."""
        return labels

    def decode(self, y_hat: Array) -> Array:
        """Return ŷ as it is, float64."""
        return y_hat.astype(np.float64)


TargetEncoder = RegressionTarget | ClassTarget | MultilabelTarget


def text_columns(target: TargetEncoder) -> list[str]:
    """Return the columns to be read as text: 01 is then not the class 1."""
    texts = isinstance(target, ClassTarget) and isinstance(target.classes[0], str)
    return list(target.names) if texts else []


def target_to_plain(target: TargetEncoder) -> dict[str, Any]:
    """Return plain data, for a model file."""
    plain = {**asdict(target), "task": target.task}
    if plain.get("log_offset", 0) is None:
        del plain["log_offset"]
    return plain


def target_from_plain(plain: dict[str, Any]) -> TargetEncoder:
    """Return what `target_to_plain` wrote."""
    names = tuple(plain["names"])
    if plain["task"] == "regression":
        offset = plain.get("log_offset")  # files from before there was one have none
        offset = None if offset is None else tuple(offset)
        return RegressionTarget(names, tuple(plain["shift"]), tuple(plain["scale"]), offset)
    if plain["task"] == "multilabel":
        return MultilabelTarget(names)
    return ClassTarget(names, tuple(plain["classes"]), plain["task"])


def fit_target(
    task: str, tables: Sequence[Table], rows: Array, names: Sequence[str], *, scale: str
) -> TargetEncoder:
    """Fit the target columns.

    tables  the first holds the training rows; the classes are those of all tables
    rows    row numbers of the training rows
    scale   regression: standard, by the training rows' mean and standard deviation; mean, divided
            by the mean of their absolute values; log, their logarithms standardized; or none
    """
    if task == "multilabel":
        return MultilabelTarget(tuple(names))
    if task == "regression":
        return _fit_numbers(tables, rows, names, scale)
    return _fit_classes(task, tables, names[0])


def _fit_numbers(
    tables: Sequence[Table], rows: Array, names: Sequence[str], scale: str
) -> RegressionTarget:
    hint = "a regression target is numbers"
    if len(names) == 1:
        hint += "; for classes, write data.task: multiclass"
    columns = [[numbers_of(table, name, hint) for table in tables] for name in names]
    values = np.column_stack([each[0] for each in columns])[rows]
    n, offset, scaled = len(names), None, values
    if scale == "none":
        return RegressionTarget(tuple(names), (0.0,) * n, (1.0,) * n)
    if scale == "log":
        each = zip(names, columns, strict=True)
        offset = tuple(fit_offset(tables, rows, name, column) for name, column in each)
        scaled = np.log(values + np.array(offset))
    with np.errstate(all="ignore"):
        if scale == "mean":
            shift, spread = np.zeros(n), np.abs(values).mean(axis=0)
        else:
            shift, spread = scaled.mean(axis=0), scaled.std(axis=0)
        finite = np.isfinite(shift) & np.isfinite(spread)
        if scale == "log":  # metrics are in the target's own unit
            finite &= np.isfinite(values.std(axis=0))
    for name, is_finite in zip(names, finite, strict=True):
        if not is_finite:
            raise DataError(f"{tables[0].name}: {name}: the numbers are too large to be scaled")
    spread[(spread == 0) | (is_constant(values) & (scale != "mean"))] = 1.0
    return RegressionTarget(tuple(names), tuple(shift.tolist()), tuple(spread.tolist()), offset)


def _fit_classes(task: str, tables: Sequence[Table], name: str) -> ClassTarget:
    found: set[Label] = set().union(*(labels_of(table, name)[1] for table in tables))
    as_text = any(isinstance(label, str) for label in found)
    if as_text:
        found = {plain_text(label) for label in found}
    classes = tuple(sorted(found, key=str if as_text else None))
    where = f"{tables[0].name}: {name}"
    if len(classes) == 1:
        n = sum(table.n_file_rows - len(table) for table in tables)
        gone = (
            f"; {counted(n, 'row')} without a value {'was' if n == 1 else 'were'} left out: where "
            'NA is a class, write data.missing: [""]'
        )
        problem = f"every row has the same class, {classes[0]!r}{gone if n else ''}"
        raise DataError(f"{where}: {problem}", TASK)
    if task == "binary" and len(classes) != 2:  # noqa: PLR2004
        problem = f"a binary target has two classes, not {len(classes)}: {listing(classes)}"
        raise DataError(f"{where}: {problem}", TASK)
    if len(classes) > MAX_CLASSES:
        raise DataError(f"{where}: {len(classes)} classes are more than {MAX_CLASSES}", TASK)
    return ClassTarget((name,), classes, task)
