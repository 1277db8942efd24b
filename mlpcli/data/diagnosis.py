"""Probable mistakes in a data set, and the baseline of a constant prediction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlpcli.data.dataset import Dataset
from mlpcli.data.encoders import DatePart, NumericColumn
from mlpcli.data.encoders.categories import CategoryEncoder
from mlpcli.data.encoders.date_part import date_part, dates
from mlpcli.data.fitted_categories import DATE
from mlpcli.data.table import is_constant
from mlpcli.data.targets import ClassTarget
from mlpcli.errors import listing

ROWS_PER_CLASS = 10  # a whole number that occurs as often on average may be a class


@dataclass(frozen=True)
class Oddity:
    """One thing that may be a mistake in the data.

    kind     constant, missing, duplicate, absent_class, perhaps_classes, variants, identifier,
             dates or constant_target
    columns  the columns it is about, where it is about columns
    """

    kind: str
    text: str
    columns: tuple[str, ...] = ()


def oddities(dataset: Dataset) -> list[Oddity]:
    """Return everything odd in a data set."""
    return [
        *_constant(dataset),
        *_missing(dataset),
        *_duplicates(dataset),
        *_absent_classes(dataset),
        *_perhaps_classes(dataset),
        *_variants(dataset),
        *_identifiers(dataset),
        *_constant_target(dataset),
    ]


def _constant(dataset: Dataset) -> list[Oddity]:
    X, inputs = dataset.parts["train"].X, dataset.encoding.inputs
    varies = np.bincount(inputs.column_numbers, weights=(X[:1] != X).any(axis=0))
    found = [name for name, n in zip(inputs.names, varies, strict=True) if not n]
    if not found:
        return []
    text = f"constant in the training rows, so of no use: {listing(found)}"
    return [Oddity("constant", text, tuple(found))]


def _missing(dataset: Dataset) -> list[Oddity]:
    found = []
    for name, table in dataset.tables.items():
        of = f" of {name}" if len(dataset.tables) > 1 else ""
        for column in dataset.encoding.inputs.by_name.values():
            n = int(table.column(column.name).missing.sum())
            if not n:
                continue
            if n == len(table):
                rule = "no value at all, so set to one number"
            else:
                rule = column.missing_rule
            share = f"{n} of {len(table)} rows{of}"
            found.append(
                Oddity("missing", f"{column.name}: missing in {share}; {rule}", (column.name,))
            )
    return found


def _duplicates(dataset: Dataset) -> list[Oddity]:
    """Find rows of validation and test whose inputs and target are those of a training row."""
    codes: dict[str | None, int] = {}
    keys = {name: _row_keys(dataset, name, codes) for name in dataset.parts}
    train = set(keys.pop("train"))
    found = []
    for name, rows in keys.items():
        n = sum(row in train for row in rows)
        if n:
            text = f"{n} of the {len(rows)} {name} rows are training rows too, value for value"
            found.append(Oddity("duplicate", text))
    return found


def _row_keys(dataset: Dataset, part: str, codes: dict[str | None, int]) -> list[bytes]:
    """Return each row's inputs and labels, as bytes that are equal where all values are.

    Numbers as numbers: in a file whose column has a gap, 1 was read as 1.0.

    codes  of the texts; new texts are added
    """
    table = dataset.tables["data" if dataset.codes is not None else part]
    columns = list(dataset.parts[part].labels.reshape(len(dataset.parts[part]), -1).T)
    for column in dataset.encoding.inputs.by_name.values():
        if isinstance(column, DatePart):
            values = date_part(dates(table, column.name), "number")
        elif isinstance(column, NumericColumn):
            values = table.numbers(column.name, "")
        else:
            numbers, texts = table.coded_texts(column.name)
            values = np.array([codes.setdefault(t, len(codes)) for t in (*texts, None)])[numbers]
        columns.append(values[dataset.parts[part].rows])
    X = np.column_stack(columns).astype(np.float64) + 0.0  # no −0
    X[np.isnan(X)] = np.nan  # with one bit pattern
    return [row.tobytes() for row in X]


def _absent_classes(dataset: Dataset) -> list[Oddity]:
    target = dataset.encoding.target
    if not isinstance(target, ClassTarget):
        return []
    found = []
    for name, part in dataset.parts.items():
        counts = np.bincount(part.labels, minlength=len(target.classes))
        absent = [target.classes[k] for k in np.flatnonzero(counts == 0)]
        if absent:
            text = f"no {name} row has the class {listing(absent)}"
            found.append(Oddity("absent_class", text))
    return found


def _perhaps_classes(dataset: Dataset) -> list[Oddity]:
    """Find regression targets that could be class numbers: few whole numbers, often repeated."""
    if dataset.encoding.task != "regression":
        return []
    labels = dataset.parts["train"].labels
    found = []
    for name, values in zip(dataset.encoding.target.names, labels.T, strict=True):
        distinct = len(np.unique(values))
        if (values == np.floor(values)).all() and distinct * ROWS_PER_CLASS <= len(values):
            text = f"{name}: {distinct} different whole numbers; if they are classes, set data.task"
            found.append(Oddity("perhaps_classes", text, (name,)))
    return found


def _variants(dataset: Dataset) -> list[Oddity]:
    """Find categories and classes that differ in case or spaces alone, and columns of dates."""
    target = dataset.encoding.target
    columns = dataset.encoding.inputs.columns
    texts = {c.name: c.categories for c in columns if isinstance(c, CategoryEncoder)}
    if isinstance(target, ClassTarget):
        texts[target.names[0]] = tuple(str(label) for label in target.classes)
    found = []
    for name, categories in texts.items():
        words = [word for word in categories if word is not None]
        plain = [" ".join(word.split()).casefold() for word in words]
        twins = [word for word, p in zip(words, plain, strict=True) if plain.count(p) > 1]
        if twins:
            shown = listing(map(repr, twins))
            text = f"{name}: different in capitals or spaces alone: {shown}"
            found.append(Oddity("variants", text, (name,)))
        if words and all(DATE.fullmatch(word) for word in words):
            text = f"{name}: dates, each a category of its own; a number may say more"
            found.append(Oddity("dates", text, (name,)))
    return found


def _identifiers(dataset: Dataset) -> list[Oddity]:
    """Find columns that number the rows."""
    found = []
    for table in dataset.tables.values():
        for column in dataset.encoding.inputs.columns:
            if type(column) is NumericColumn and len(table) >= ROWS_PER_CLASS:
                values = table.numbers(column.name, "")
                if (np.diff(values) == 1).all():
                    text = f"{column.name}: numbers the rows; perhaps it belongs in data.exclude"
                    found.append(Oddity("identifier", text, (column.name,)))
    return found


def _constant_target(dataset: Dataset) -> list[Oddity]:
    if dataset.encoding.task != "regression":
        return []
    constant = is_constant(dataset.parts["train"].labels)
    names = [n for n, c in zip(dataset.encoding.target.names, constant, strict=True) if c]
    return [
        Oddity("constant_target", f"{name}: the target has one value in the training rows", (name,))
        for name in names
    ]


@dataclass(frozen=True)
class Baseline:
    """The metric of a constant prediction, which a model should beat.

    what    the prediction, in words
    scores  the metric of each part
    """

    metric: str
    what: str
    scores: dict[str, float]

    def is_beaten(self, part: str, score: float) -> bool:
        """Whether a model's score is better; NaN is not."""
        if self.metric == "rmse":
            return score < self.scores[part]
        return score > self.scores[part]


def baseline(dataset: Dataset) -> Baseline:
    """Return the metric of the best constant prediction.

    Classes: the share of the training rows' most frequent class (accuracy). Several labels: of
    rows in which every label is its most frequent. Numbers: the root mean squared error of the
    training rows' mean, the mean over outputs, in the target's unit.
    """
    train = dataset.parts["train"].labels
    target = dataset.encoding.target
    if isinstance(target, ClassTarget):
        best = int(np.argmax(np.bincount(train)))
        metric, what = "accuracy", f"accuracy of always saying {target.classes[best]}"
        scores = {name: np.mean(p.labels == best) for name, p in dataset.parts.items()}
    elif dataset.encoding.task == "multilabel":
        usual = (train.mean(axis=0) > 0.5).astype(int)  # noqa: PLR2004
        metric, what = "accuracy", "accuracy of always saying the most frequent labels"
        scores = {n: np.mean((p.labels == usual).all(axis=1)) for n, p in dataset.parts.items()}
    else:
        mean = np.where(is_constant(train), train[0], train.mean(axis=0))
        metric, what = "rmse", "rmse of always saying the training mean"
        errors = {name: (p.labels - mean) ** 2 for name, p in dataset.parts.items()}
        scores = {n: np.mean(np.sqrt(np.mean(e, axis=0))) for n, e in errors.items()}
    return Baseline(metric, what, {name: float(score) for name, score in scores.items()})
