"""Weights of rows: how much each one's loss counts, from a column, from its class, or from both.

w_d = s_d c_k / m of row d with class k
s_d  the cell of the column `sample_weight`; 1 where none is named
c_k  its class's weight in `class_weight`; 1 where none is given
m    the mean of s_d c_k over the training rows

So the training rows' weights have mean 1, and J = 1/N Σ_d w_d ℓ_d over them is Σ w ℓ / Σ w. This
keeps the balance between J and the penalty: without m, weights twice as large would make J, but
not α/2 Σ‖W‖², twice as large, which is the same as half the α; and the gradient twice as large,
the same as twice the λ. With m, α and λ mean what they mean without weights, whatever unit the
weights are in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.table import BOOLEANS, Table, plain_text
from mlpcli.data.target_values import Label
from mlpcli.data.targets import ClassTarget, TargetEncoder
from mlpcli.errors import DataError, listing, nearest

ClassWeight = str | Mapping[str, float]
COLUMN, CLASSES = ("data", "sample_weight"), ("data", "class_weight")


@dataclass(frozen=True)
class RowWeights:
    """How a row gets its weight, fitted on the training rows.

    column    of the table; None: every row's own weight is 1
    by_class  of each class; None: the class makes no difference
    mean      of the training rows' weights, which every weight is divided by
    """

    column: str | None
    by_class: tuple[float, ...] | None
    mean: float

    def compute(self, table: Table, labels: Array, dtype: Any) -> Array | None:
        """Return each row's weight (rows,), or None where the table has no such column.

        labels  as the target encoder gives them: class numbers, where classes have weights
        Raises DataError at the first cell that is no weight.
        """
        if self.column is not None and self.column not in table.columns:
            return None
        weight = _products(table, labels, self.column, self.by_class)
        with np.errstate(over="ignore"):
            weight = (weight / self.mean).astype(dtype)
        if not np.isfinite(weight).all():
            row = int(np.argmin(np.isfinite(weight)))
            problem = f"the weight is too large for {weight.dtype}, divided by the training mean"
            raise table.error(row, self.column or table.columns[0], problem)
        return weight

    @staticmethod
    def from_plain(plain: Mapping[str, Any]) -> RowWeights:
        """Return the weights from a model file's plain data, which are these fields."""
        by_class = None if plain["by_class"] is None else tuple(plain["by_class"])
        return RowWeights(plain["column"], by_class, plain["mean"])


def fit_weights(
    table: Table,
    rows: Array,
    target: TargetEncoder,
    *,
    column: str | None,
    class_weight: ClassWeight | None,
) -> RowWeights | None:
    """Fit the weights on the training rows; None where there is nothing to weigh by.

    rows          row numbers of the training rows
    class_weight  `balanced`, or weights by label; a label left out has weight 1
    Raises DataError, with the spec's key, where the weights do not fit the target or are all 0.
    """
    if column is None and class_weight is None:
        return None
    if column is not None:
        table.column(column, COLUMN)
    labels = target.labels(table)
    by_class = None
    if class_weight is not None:
        if not isinstance(target, ClassTarget):
            problem = f"{target.task} has no classes to weigh: data.class_weight is for one target"
            raise DataError(f"{problem} of two or more classes", CLASSES)
        row_weights = _products(table, labels, column, None)[rows]
        by_class = (
            balanced(labels[rows], row_weights, len(target.classes))
            if isinstance(class_weight, str)
            else _by_label(class_weight, target)
        )
    with np.errstate(over="ignore"):
        mean = float(_products(table, labels, column, by_class)[rows].mean())
    key = CLASSES if column is None else COLUMN
    if mean == 0:
        raise DataError(f"{table.name}: every training row has the weight 0", key)
    if not np.isfinite(mean):
        raise DataError(f"{table.name}: the training rows' weights are too large to be added", key)
    return RowWeights(column, by_class, mean)


def check_parts_weigh(
    weights: Mapping[str, Array | None], table: Table, *, column: str | None
) -> None:
    """Check that every part has a row that counts: it has no mean loss else. Raises DataError.

    weights  (rows,) of each part, by its name
    column   of weights, or None where only classes have some
    """
    for name, weight in weights.items():
        if weight is not None and not weight.any():
            problem = f"{table.name}: every {name} row has the weight 0: there is no mean loss"
            raise DataError(problem, CLASSES if column is None else COLUMN)


def balanced(labels: Array, weight: Array, n_classes: int) -> tuple[float, ...]:
    """Return the weight of each class with which all classes count the same.

    c_k = S / (K S_k), S_k = Σ s_d over the rows of class k, S = Σ_k S_k, K the number of classes
    that have any; with every s_d = 1 it is n / (K n_k). A class without training rows has 1.

    labels  (rows,) class numbers
    weight  (rows,) s_d, the rows' own weights

    Source: King and Zeng, 2001; as `compute_class_weight` of scikit-learn.
    """
    with np.errstate(all="ignore"):  # what is infinite here, the mean of the weights will be too
        totals = np.bincount(labels, weights=weight, minlength=n_classes)
        share = totals.sum() / (np.count_nonzero(totals) * totals)
    return tuple(np.where(totals > 0, share, 1.0).tolist())


def _by_label(class_weight: Mapping[str, float], target: ClassTarget) -> tuple[float, ...]:
    weights = [1.0] * len(target.classes)
    written: dict[int, str] = {}
    for key, weight in class_weight.items():
        number = _class_number(key, target.classes)
        if number is None:
            near = nearest(key, map(str, target.classes))
            hint = f"; did you mean {near!r}?" if near else ""
            problem = f"{key!r} is not a class; the classes: {listing(target.classes)}{hint}"
            raise DataError(problem, (*CLASSES, key))
        if number in written:
            problem = f"{key!r} and {written[number]!r} are the same class"
            raise DataError(problem, (*CLASSES, key))
        written[number], weights[number] = key, float(weight)
    return tuple(weights)


def _class_number(key: str, classes: tuple[Label, ...]) -> int | None:
    """Return the number of the class that a key of the spec, always text, means.

    Compared as cells are: as text, where every spelling of a boolean is one, and, where the
    classes are numbers, as a number.
    """
    texts = [plain_text(label) for label in classes]
    key = BOOLEANS.get(key, key)
    if key in texts:
        return texts.index(key)
    if isinstance(classes[0], str):
        return None
    try:
        number = float(key)
    except ValueError:
        return None
    return next((k for k, label in enumerate(classes) if label == number), None)


def _products(
    table: Table, labels: Array, column: str | None, by_class: tuple[float, ...] | None
) -> Array:
    """Return s_d c_k of each row (rows,), float64."""
    weight = np.ones(len(table)) if column is None else _column(table, column)
    with np.errstate(over="ignore"):
        return weight if by_class is None else weight * np.array(by_class)[labels]


def _column(table: Table, name: str) -> Array:
    values = table.numbers(name, "a weight is a number, 0 or more")
    for wrong, problem in (
        (np.isnan(values), "the weight has no value here; a weight is a number, 0 or more"),
        (values < 0, "a weight is 0 or more"),
    ):
        if wrong.any():
            row = int(np.argmax(wrong))
            shown = "" if np.isnan(values[row]) else f", not {values[row]:g}"
            raise table.error(row, name, problem + shown)
    return values
