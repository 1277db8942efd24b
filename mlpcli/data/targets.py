"""Target columns as numbers, and predictions back as labels or in the target's unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.columns import Numbers
from mlpcli.data.table import Table, is_constant, plain_text, quoted
from mlpcli.errors import DataError, listing

MAX_AUTO_CLASSES = 20  # whole numbers with at most as many values are classes under task: auto
MAX_CLASSES = 100_000
Label = str | int | float
TASK = ("data", "task")


@dataclass(frozen=True)
class RegressionTarget:
    """y = (value − shift) / scale for each column; predictions go back to the value's unit."""

    task: ClassVar[str] = "regression"
    names: tuple[str, ...]
    shift: tuple[float, ...]
    scale: tuple[float, ...]

    @property
    def n_outputs(self) -> int:
        """One for each column."""
        return len(self.names)

    def labels(self, table: Table) -> Array:
        """Return the values (rows, columns), float64, in their own unit."""
        return np.column_stack([_numbers(table, name) for name in self.names])

    def encode(self, labels: Array) -> Array:
        """Return y (rows, columns), scaled."""
        with np.errstate(over="ignore"):  # the data set refuses what is then infinite
            return (labels - np.array(self.shift)) / np.array(self.scale)

    def decode(self, y_hat: Array) -> Array:
        """Return predictions (..., columns), float64, in the target's unit."""
        return self.decode_width(y_hat) + np.array(self.shift)

    def decode_width(self, width: Array) -> Array:
        """Return distances (..., columns), such as standard deviations, in the target's unit."""
        return width.astype(np.float64) * np.array(self.scale)


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
        codes, labels = _labels(table, self.names[0], as_text=isinstance(self.classes[0], str))
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
            values = _numbers(table, name)
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
    return {**asdict(target), "task": target.task}


def target_from_plain(plain: dict[str, Any]) -> TargetEncoder:
    """Return what `target_to_plain` wrote."""
    names = tuple(plain["names"])
    if plain["task"] == "regression":
        return RegressionTarget(names, tuple(plain["shift"]), tuple(plain["scale"]))
    if plain["task"] == "multilabel":
        return MultilabelTarget(names)
    return ClassTarget(names, tuple(plain["classes"]), plain["task"])


def choose_task(tables: Sequence[Table], names: Sequence[str]) -> str:
    """Return the task that the target's values in all tables suggest: what `task: auto` means.

    Text, booleans, and whole numbers with at most MAX_AUTO_CLASSES values are classes: binary
    where there are two, else multiclass; several columns of 0 and 1 are multilabel; any other
    numbers are regression.
    """
    if len(names) > 1:
        cells = [_numbers(table, name) for table in tables for name in names]
        return "multilabel" if all(np.isin(c, (0, 1)).all() for c in cells) else "regression"
    for table in tables:
        table.column(names[0], ("data", "target"))
    values = [_values(table, names[0]) for table in tables]
    numbers = [value for value in values if value is not None]
    if _are_amounts(numbers):
        for table, value in zip(tables, values, strict=True):
            if value is None:
                raise DataError(
                    f"{table.name}: {names[0]}: text here, and in other files numbers that are no "
                    "classes; mend it, or set data.task if these are classes"
                )
        return "regression"
    unique = set().union(*(_labels(table, names[0])[1] for table in tables))
    return "binary" if len(unique) == 2 else "multiclass"  # noqa: PLR2004


def _are_amounts(values: Sequence[Array]) -> bool:
    """Whether numbers are too many, or not whole enough, to be those of classes."""
    if any((value != np.floor(value)).any() for value in values):
        return True
    return len(set().union(*(_different(value) for value in values))) > MAX_AUTO_CLASSES


def fit_target(
    task: str, tables: Sequence[Table], rows: Array, names: Sequence[str], *, scale: str
) -> TargetEncoder:
    """Fit the target columns.

    tables  the first holds the training rows; the classes are those of all tables
    rows    row numbers of the training rows
    scale   regression: standard, by the training rows' mean and standard deviation; mean, divided
            by the mean of their absolute values; or none
    """
    if task == "multilabel":
        return MultilabelTarget(tuple(names))
    if task == "regression":
        plain = RegressionTarget(tuple(names), (0.0,) * len(names), (1.0,) * len(names))
        values = plain.labels(tables[0])[rows]
        if scale == "none":
            return plain
        with np.errstate(all="ignore"):
            if scale == "mean":
                shift, spread = np.zeros(len(names)), np.abs(values).mean(axis=0)
            else:
                shift, spread = values.mean(axis=0), values.std(axis=0)
        for name, finite in zip(names, np.isfinite(shift) & np.isfinite(spread), strict=True):
            if not finite:
                raise DataError(f"{tables[0].name}: {name}: the numbers are too large to be scaled")
        spread[(spread == 0) | (is_constant(values) & (scale == "standard"))] = 1.0
        return RegressionTarget(tuple(names), tuple(shift.tolist()), tuple(spread.tolist()))
    return _fit_classes(task, tables, names[0])


def _fit_classes(task: str, tables: Sequence[Table], name: str) -> ClassTarget:
    found: set[Label] = set().union(*(_labels(table, name)[1] for table in tables))
    as_text = any(isinstance(label, str) for label in found)
    if as_text:
        found = {plain_text(label) for label in found}
    classes = tuple(sorted(found, key=str if as_text else None))
    where = f"{tables[0].name}: {name}"
    if len(classes) == 1:
        raise DataError(f"{where}: every row has the same class, {classes[0]!r}", TASK)
    if task == "binary" and len(classes) != 2:  # noqa: PLR2004
        problem = f"a binary target has two classes, not {len(classes)}: {listing(classes)}"
        raise DataError(f"{where}: {problem}", TASK)
    if len(classes) > MAX_CLASSES:
        raise DataError(f"{where}: {len(classes)} classes are more than {MAX_CLASSES}", TASK)
    return ClassTarget((name,), classes, task)


def _numbers(table: Table, name: str) -> Array:
    table.column(name, ("data", "target"))
    values = table.numbers(name, "a regression target is numbers")
    _all_present(table, name, np.isnan(values))
    return values


def _values(table: Table, name: str) -> Any:
    """Return a column's numbers, none missing: whole ones as integers; None of other columns."""
    column = table.column(name, ("data", "target"))
    _all_present(table, name, column.missing)
    if not isinstance(column, Numbers):
        return None
    if column.values.dtype.kind in "iu":
        return column.values  # as float64 two large numbers may be one
    values = table.numbers(name, "")
    whole = bool(np.all(values == np.floor(values)) and np.all(np.abs(values) < 2**53))
    return values.astype(np.int64) if whole else values


def _labels(table: Table, name: str, *, as_text: bool = False) -> tuple[Array, Sequence[Label]]:
    """Return a column's labels: (rows,) their numbers; the labels, each of which some row has.

    Whole numbers are int, other numbers float, else they are text.
    """
    values = _values(table, name)
    if as_text or values is None:
        return table.coded_texts(name)
    unique, codes = np.unique(values, return_inverse=True)
    return codes, unique.tolist()


def _different(values: Array) -> list[Any]:
    """Return each value once; np.unique, asked for no more, imports all of numpy.ma first."""
    ordered = np.sort(values)
    return ordered[np.append(True, ordered[1:] != ordered[:-1])].tolist()


def _all_present(table: Table, name: str, missing: Array) -> None:
    if missing.any():
        row = int(np.argmax(missing))
        count = f" ({int(missing.sum())} rows in all)" if missing.sum() > 1 else ""
        problem = f"the target has no value here{count}; remove the row, or fill it in"
        raise table.error(row, name, problem)
