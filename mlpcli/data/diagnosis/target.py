"""Odd targets: absent and rare classes, numbers that may be classes, no spread."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mlpcli.data.diagnosis.oddity import Oddity
from mlpcli.data.diagnosis.view import DataView
from mlpcli.data.table import is_constant
from mlpcli.data.targets import ClassTarget
from mlpcli.errors import listing

ROWS_PER_CLASS = 10  # a whole number that occurs as often on average may be a class
MOST_CLASSES = 100  # that a target of numbers may have
FEW_SHARE = 0.01  # of the rows, in a class


def absent_classes(view: DataView) -> Iterator[Oddity]:
    """Classes that no row of a part has."""
    target = view.dataset.encoding.target
    if not isinstance(target, ClassTarget):
        return
    for name, part in view.parts.items():
        counts = np.bincount(part.labels, minlength=len(target.classes))
        absent = [target.classes[k] for k in np.flatnonzero(counts == 0)]
        if absent:
            yield Oddity("absent_class", f"no {name} row has the class {listing(absent)}")


def few_rows(view: DataView) -> Iterator[Oddity]:
    """Classes of fewer than 10 rows, or of less than one per cent, and far below the others.

    Far: less than half of the rows that a class has on average, or with several classes a tenth.
    """
    target = view.dataset.encoding.target
    if not isinstance(target, ClassTarget):
        return
    n_classes = len(target.classes)
    each = {name: np.bincount(p.labels, minlength=n_classes) for name, p in view.parts.items()}
    counts = np.sum(list(each.values()), axis=0)
    average = counts.sum() / n_classes
    few = (counts < ROWS_PER_CLASS) & (counts < average / 2)
    few |= (counts < FEW_SHARE * counts.sum()) & (counts < average / 10)
    few &= counts > 0
    rare = np.flatnonzero(few)
    if not len(rare):
        return
    said = [
        f"{target.classes[k]} ({counts[k]}: "
        f"{', '.join(f'{n[k]} {name}' for name, n in each.items())})"
        for k in rare
    ]
    text = f"{target.names[0]}: of {counts.sum():,} rows few have the class {listing(said, most=5)}"
    text += "; accuracy hides them: look at training.metrics: [balanced_accuracy]"
    if view.dataset.encoding.weights is None:
        text += ", try data.class_weight: balanced"
    yield Oddity("few_rows", text, target.names)


def perhaps_classes(view: DataView) -> Iterator[Oddity]:
    """Regression targets that could be class numbers: few whole numbers, often repeated."""
    dataset = view.dataset
    if dataset.encoding.task != "regression" or any(g.kind == "task" for g in dataset.guesses):
        return
    for name, values in zip(dataset.encoding.target.names, view.train.labels.T, strict=True):
        if (values != np.floor(values)).any():
            continue
        distinct = len(np.unique(values))
        if distinct <= min(MOST_CLASSES, len(values) / ROWS_PER_CLASS):
            task = "binary" if distinct == 2 else "multiclass"  # noqa: PLR2004
            text = f"{name}: {distinct} different whole numbers; if they are classes: data.task: "
            text += task
            yield Oddity("perhaps_classes", text, (name,))


def constant_target(view: DataView) -> Iterator[Oddity]:
    """Regression targets of one value."""
    if view.dataset.encoding.task != "regression":
        return
    constant = is_constant(view.train.labels)
    for name, is_one in zip(view.dataset.encoding.target.names, constant, strict=True):
        if is_one:
            text = f"{name}: the target has one value in the training rows"
            yield Oddity("constant_target", text, (name,))
