"""Inputs that know the target: copies, functions, and columns that predict it nearly alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.advice import as_yaml
from mlpcli.data.diagnosis.columns import fit_line
from mlpcli.data.diagnosis.oddity import Oddity
from mlpcli.data.diagnosis.statistics import r_squared, roc_auc
from mlpcli.data.diagnosis.view import DataView

LEAST_ROWS = 20
ROUNDING = 1e-6  # of the target's range
ROWS_PER_VALUE = 5  # on average, of a column whose values determine the target
BINS = 64
# Rows that a column is judged by, for each doubling of the columns: of 3,000 columns of noise one
# orders 12 rows without a fault.
LEAST_CHECKED = 4
NEARLY_ALONE = 0.99  # AUC, R² or accuracy of one column
# Of two classes also an AUC above the first, where all others are this many times as far from 1.
FAR_AHEAD, TIMES_AHEAD = 0.98, 10
OTHERS = {"AUC": 0.97, "R²": 0.97, "accuracy": 0.95}  # of all others; where they are as good: easy
OTHER_ROWS, OTHER_FEATURES = 5000, 300


@dataclass(frozen=True)
class Target:
    """One output of the training rows' sample.

    y         (rows,) numbers, or class numbers
    n_classes  0: numbers
    """

    name: str
    y: Array
    n_classes: int

    @cached_property
    def measure(self) -> str:
        return {0: "R²", 2: "AUC"}.get(self.n_classes, "accuracy")

    @cached_property
    def values(self) -> Array:
        """What is averaged: y, or (rows, classes) 0 and 1."""
        y = self.y.astype(np.float64)[:, np.newaxis]
        return y if not self.n_classes else (y == np.arange(self.n_classes)).astype(np.float64)

    def score(self, rows: Array, predicted: Array) -> float:
        """Return the measure of predictions of `values` in some rows."""
        if self.measure == "R²":
            return r_squared(predicted[:, 0], self.y[rows])
        if self.measure == "AUC":
            return roc_auc(predicted[:, 1], self.y[rows] == 1)
        return float(np.mean(predicted.argmax(axis=1) == self.y[rows]))


def leaks(view: DataView) -> Iterator[Oddity]:
    """Inputs that say what the target is, told by the training rows alone.

    Each column by the first rule that holds: a copy or a linear function of the target; the same
    order; values each of which goes with one target; nearly alone as good as can be, and all
    others together far from it.
    """
    if len(view.train) < LEAST_ROWS:
        return
    for target in _targets(view):
        for name in view.names:
            remark = _remark(view, target, name)
            if remark:
                text = f"{name}: {remark}: a leak? To leave it out: data.exclude: "
                yield Oddity("leak", f"{text}[{as_yaml(name)}]", (name,))


def _targets(view: DataView) -> Iterator[Target]:
    encoding = view.dataset.encoding
    n_classes = {"regression": 0, "multiclass": len(getattr(encoding.target, "classes", ()))}
    for name, y in zip(encoding.target.names, view.labels("train").T, strict=True):
        if (y != y[0]).any():
            yield Target(name, y, n_classes.get(encoding.task, 2))


def _remark(view: DataView, target: Target, name: str) -> str | None:
    if name in view.numeric:
        x = view.numbers("train", name)
        remark = _linear_function(x, target)
        if remark or len(view.names) == 1:
            return remark
        remark = _same_order(x, target)
        if remark:
            return remark
    elif name in view.dates:
        x = view.times("train", name)[view.samples["train"]]
    else:
        x = view.codes("train", name).astype(np.float64)
        x[x < 0] = np.nan
    if len(view.names) == 1:
        return None
    return _determines(x, target) or _nearly_alone(view, target, name, x)


def _linear_function(x: Array, target: Target) -> str | None:
    """Return what a copy of the target is called, or a linear function of it to rounding."""
    here = ~np.isnan(x)
    x, y = x[here], target.y[here].astype(np.float64)
    if target.n_classes or len(x) < LEAST_ROWS or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    if np.array_equal(x, y):
        return f"the target {target.name}, value for value"
    slope, start = fit_line(x, y)
    if not np.abs(y - slope * x - start).max() <= ROUNDING * np.ptp(y):
        return None
    if abs(start) <= ROUNDING * np.ptp(y):
        return f"the target {target.name} is {slope:.6g} times it"
    sign = "+" if start >= 0 else "−"
    return f"the target {target.name} is {slope:.6g} times it {sign} {abs(start):.6g}"


def _same_order(x: Array, target: Target) -> str | None:
    """Return what a column is called that has the rows in the target's order, or in reverse."""
    here = ~np.isnan(x)
    x, y = x[here], target.y[here]
    if target.n_classes or min(len(np.unique(x)), len(np.unique(y))) < LEAST_ROWS:
        return None
    for sign, order in ((1, "the order"), (-1, "the reversed order")):
        ordered = sign * y[np.lexsort((sign * y, x))]
        if (ordered[1:] >= ordered[:-1]).all():
            return f"its rows are in {order} of the target {target.name}, as its logarithm would be"
    return None


def _determines(x: Array, target: Target) -> str | None:
    """Return what a column is called each of whose values has one target."""
    here = ~np.isnan(x)
    values, codes = np.unique(x[here], return_inverse=True)
    y = target.y[here]
    if len(values) < 2 or len(y) < max(LEAST_ROWS, ROWS_PER_VALUE * len(values)):  # noqa: PLR2004
        return None
    low, high = (np.full(len(values), edge) for edge in (np.inf, -np.inf))
    np.minimum.at(low, codes, y)
    np.maximum.at(high, codes, y)
    if (low != high).any() or (low == low[0]).all():
        return None
    return f"each of its {len(values)} values goes with one value of the target {target.name}"


def _nearly_alone(view: DataView, target: Target, name: str, x: Array) -> str | None:
    """Return how well one column predicts the target, where the others are far from that.

    Fitted on two thirds of the rows, seen on the third.
    """
    order = np.random.default_rng(0).permutation(len(x))
    fit, test = order[: 2 * len(x) // 3], order[2 * len(x) // 3 :]
    predicted = _predict_by_one(x, target.values, fit, test, is_order=name not in view.textual)
    alone = target.score(test, predicted)
    least = FAR_AHEAD if target.measure == "AUC" else NEARLY_ALONE
    if not alone > least or len(test) < LEAST_CHECKED * math.log2(2 + len(view.names)):
        return None
    others = _score_of_others(view, target, name, fit, test)
    times = 3 if alone > NEARLY_ALONE else TIMES_AHEAD
    if others > OTHERS[target.measure] or 1 - others < times * (1 - alone):
        return None
    return (
        f"predicts the target {target.name} nearly alone ({target.measure} {alone:.4f} in rows not "
        f"used for it; all other columns {max(others, 0):.2f})"
    )


def _predict_by_one(x: Array, values: Array, fit: Array, test: Array, *, is_order: bool) -> Array:
    """Return predictions (test rows, outputs) by x alone; a missing value is one of its own.

    Of numbers by a line, and beside it the means in bins, interpolated; of categories by means.
    """
    known, here = (rows[~np.isnan(x[rows])] for rows in (fit, test))
    out = np.tile(values[fit].mean(axis=0), (len(test), 1))
    if len(known) < len(fit):
        out[:] = values[np.setdiff1d(fit, known)].mean(axis=0)
    if len(known):
        predict = _by_line_and_bins if is_order else _by_categories
        out[~np.isnan(x[test])] = predict(x[known], values[known], x[here])
    return out


def _by_line_and_bins(x: Array, values: Array, new: Array) -> Array:
    if np.ptp(x) == 0:
        return np.tile(values.mean(axis=0), (len(new), 1))
    edges = np.unique(x)
    if len(edges) > BINS:
        edges = np.unique(np.quantile(x, np.linspace(0, 1, BINS + 1)[1:]))
    bins = np.searchsorted(edges, x)
    middles = _means(bins, x)
    predicted = []
    for y in values.T:
        slope, start = fit_line(x, y)
        beside = _means(bins, y - slope * x - start)
        predicted.append(slope * new + start + np.interp(new, middles, beside))
    return np.column_stack(predicted)


def _means(bins: Array, y: Array) -> Array:
    """Return the mean in each bin that has a row."""
    counts = np.bincount(bins)
    return np.bincount(bins, y)[counts > 0] / counts[counts > 0]


def _by_categories(x: Array, values: Array, new: Array) -> Array:
    known, codes = np.unique(x, return_inverse=True)
    means = np.column_stack([_means(codes, y) for y in values.T])
    place = np.minimum(np.searchsorted(known, new), len(known) - 1)
    is_known = (known[place] == new)[:, np.newaxis]
    return np.where(is_known, means[place], values.mean(axis=0))


def _score_of_others(view: DataView, target: Target, name: str, fit: Array, test: Array) -> float:
    """Return the score of a linear model in the other inputs and their squares."""
    inputs, rows = view.dataset.encoding.inputs, view.samples["train"]
    features = np.flatnonzero(inputs.column_numbers != inputs.names.index(name))
    if len(features) > OTHER_FEATURES:
        chosen = np.random.default_rng(0).choice(features, OTHER_FEATURES, replace=False)
        features = np.sort(chosen)
    fit, test = fit[:OTHER_ROWS], test[:OTHER_ROWS]

    def design(some: Array) -> Array:
        X = view.train.X[rows[some]][:, features].astype(np.float64)
        return np.column_stack([np.ones(len(X)), X, X**2])

    A = design(fit)
    ridge = 1e-3 * len(fit) * np.eye(A.shape[1])
    weights = np.linalg.solve(A.T @ A + ridge, A.T @ target.values[fit])
    score = target.score(test, design(test) @ weights)
    return 0.0 if np.isnan(score) else score
