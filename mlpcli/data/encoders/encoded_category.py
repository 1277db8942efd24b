"""Columns of many categories as few numbers: the target's mean in each, or how frequent it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.encoders.categories import Category, CategoryEncoder
from mlpcli.data.encoders.numeric import fit_numbers
from mlpcli.randomness import generator

LEAST_SMOOTHING, MOST_SMOOTHING = 1.0, 100.0  # m, in rows
N_FOLDS = 5


@dataclass(frozen=True)
class EncodedCategory(CategoryEncoder):
    """z = (v_k − shift) / scale of a row in category k, with numbers v_k fitted on training rows.

    A value of no category has `unknown` for v. With `linear_width` w, w asinh(z / w) is written.

    values        of each category: one number for each input
    unknown       one number for each input
    shift, scale  of each input
    """

    values: tuple[tuple[float, ...], ...]
    unknown: tuple[float, ...]
    shift: tuple[float, ...]
    scale: tuple[float, ...]
    linear_width: float | None = None

    @property
    def width(self) -> int:
        """As many as there are numbers for a category."""
        return len(self.unknown)

    @property
    def scaling(self) -> tuple[Array, Array, Array]:
        """Shift, scale and width of each input."""
        width = np.full(self.width, self.linear_width or 0.0, np.float64)
        return np.array(self.shift, np.float64), np.array(self.scale, np.float64), width

    def scaled(self, values: Array) -> Array:
        """Return numbers (..., width) scaled, float64."""
        shift, scale, width = self.scaling
        z = (values - shift) / scale
        return z if self.linear_width is None else width * np.arcsinh(z / width)

    @cached_property
    def _table(self) -> Array:
        """The scaled numbers of each category, the last of a value of none: (K + 1, width)."""
        return self.scaled(np.array([*self.values, self.unknown], np.float64))

    def write(self, source: Array, out: Array) -> int:
        out[...] = self._table[source]  # −1: the last
        return int(np.count_nonzero(source < 0))


@dataclass(frozen=True)
class TargetMean(EncodedCategory):
    """v_k = (Σ_{d in k} y_d + m ȳ) / (n_k + m): the target's mean in the category, smoothed.

    y is the scaled target of a regression, or 0 and 1 of a class or label; ȳ is its mean over all
    training rows, which is also the number of a value of no category, and m is `smoothing`'s. Rows
    count alike, whatever their weights.

    outputs  of the target, one for each input; empty where there is one alone

    Source: Micci-Barreca, A Preprocessing Scheme for High-Cardinality Categorical Attributes,
    2001, (3); `TargetEncoder` of scikit-learn with smooth = m.
    """

    kind: ClassVar[str] = "target_mean"
    outputs: tuple[str, ...] = ()

    @property
    def feature_names(self) -> list[str]:
        """`name.target`, of several outputs `name.target=output`."""
        return [f"{self.name}.target={o}" for o in self.outputs] or [f"{self.name}.target"]

    @property
    def unknown_rule(self) -> str:
        """The mean over all training rows."""
        return "set to the target's mean over all training rows"


@dataclass(frozen=True)
class Frequency(EncodedCategory):
    """v_k = n_k / n: the share of the training rows that are in the category; 0 of no category.

    Source: `CountEncoder` of the package category_encoders, with normalize.
    """

    kind: ClassVar[str] = "frequency"

    @property
    def feature_names(self) -> list[str]:
        """`name.frequency`."""
        return [f"{self.name}.frequency"]

    @property
    def unknown_rule(self) -> str:
        """No training row has it."""
        return "set to the frequency 0"


def fit_frequency(
    name: str, categories: Sequence[Category], codes: Array, scale: str, place: str
) -> Frequency:
    """Return the encoder of a column by frequency.

    codes  (rows,) the training rows' numbers in `categories`
    """
    shares = np.bincount(codes, minlength=len(categories)) / len(codes)
    settings = _fit_scaling(shares[codes][:, np.newaxis], scale, place)
    values = tuple((share,) for share in shares.tolist())
    return Frequency(name, tuple(categories), values, (0.0,), **settings)


def fit_target_mean(
    name: str,
    categories: Sequence[Category],
    codes: Array,
    outputs: Callable[[], Iterator[Array]],
    names: Sequence[str],
    folds: Array,
    scale: str,
    place: str,
) -> tuple[TargetMean, Array]:
    """Return the encoder of a column by the target, and the training rows' own inputs.

    These are cross-fitted: a row's numbers are those of the training rows in the other folds, so
    that its own target is in none of them; a category that these do not have gets their mean. The
    scaling is fitted to these inputs, since they are what a network is trained on.

    codes    (rows,) the training rows' numbers in `categories`
    outputs  yields the target's numbers (rows,) of each output
    names    of the outputs
    folds    (rows,) of each training row
    Returns the encoder, and (rows, outputs) scaled numbers, float64.
    """
    found = [
        (smoothed_means(codes, y, len(categories)), cross_fitted(codes, y, folds, len(categories)))
        for y in outputs()
    ]
    own = np.column_stack([each for _, each in found])
    values = np.column_stack([means for (means, _), _ in found])
    unknown = tuple(float(mean) for (_, mean), _ in found)
    settings = _fit_scaling(own, scale, place)
    outputs_named = tuple(map(str, names)) if len(names) > 1 else ()
    encoder = TargetMean(
        name,
        tuple(categories),
        tuple(map(tuple, values.tolist())),
        unknown,
        **settings,
        outputs=outputs_named,
    )
    return encoder, encoder.scaled(own)


def smoothed_means(codes: Array, y: Array, n_categories: int) -> tuple[Array, float]:
    """Return (Σ_{d in k} y_d + m ȳ) / (n_k + m) of each category (n_categories,), and ȳ."""
    mean = float(y.mean())
    sums = np.bincount(codes, weights=y, minlength=n_categories)
    counts = np.bincount(codes, minlength=n_categories)
    m = smoothing(sums, counts, float(((y - mean) ** 2).sum()))
    return (sums + m * mean) / (counts + m), mean


def smoothing(sums: Array, counts: Array, total: float) -> float:
    """Return m = σ² / τ², the rows that a category needs to count as much as the mean of all.

    σ² = (T − B) / (n − K) within categories; τ² = (B / (K − 1) − σ²) / n₀ between them, with
    B = Σ_k n_k (ȳ_k − ȳ)², T = Σ_d (y_d − ȳ)², n₀ = (n − Σ_k n_k² / n) / (K − 1)
    m is LEAST_SMOOTHING at least; MOST_SMOOTHING at most, as where categories tell nothing.

    sums, counts  (n_categories,) Σ y_d and n_k; K categories have rows
    total         T

    Source: Searle, Casella and McCulloch, Variance Components, 1992, 3.6, for σ² and τ²;
    Morris, Parametric Empirical Bayes Inference, 1983, for the weights they give.
    """
    sums, counts = sums[counts > 0], counts[counts > 0]
    n, n_present = int(counts.sum()), len(counts)
    if n_present in (1, n):
        return MOST_SMOOTHING
    between = float((sums**2 / counts).sum() - sums.sum() ** 2 / n)
    within = (total - between) / (n - n_present)
    typical = (n - float((counts**2).sum()) / n) / (n_present - 1)
    variance = (between / (n_present - 1) - within) / typical
    if variance * MOST_SMOOTHING <= within:
        return MOST_SMOOTHING
    return max(LEAST_SMOOTHING, within / variance)


def cross_fitted(codes: Array, y: Array, folds: Array, n_categories: int) -> Array:
    """Return each row's smoothed mean in the rows of the other folds: (rows,)."""
    own = np.empty(len(codes))
    for fold in range(int(folds.max()) + 1):
        inside = folds == fold
        means, _ = smoothed_means(codes[~inside], y[~inside], n_categories)
        own[inside] = means[codes[inside]]
    return own


def cross_fit_folds(n_rows: int, seed: int, groups: Array | None = None) -> Array:
    """Return the fold of each training row (n_rows,), from 0; there are at most N_FOLDS.

    groups  (n_rows,) numbers; rows of one group are in one fold. None, or all rows in one group:
            each row by itself

    Rows, or groups of rows, are shuffled, laid end to end, and cut into equal parts.
    """
    rng = generator(seed, "encoding")
    _, groups = np.unique(np.arange(n_rows) if groups is None else groups, return_inverse=True)
    if not groups.any():
        groups = np.arange(n_rows)
    sizes = np.bincount(groups)
    order = rng.permutation(len(sizes))
    middle = np.cumsum(sizes[order]) - sizes[order] / 2  # of each group's rows, laid end to end
    n_folds = min(N_FOLDS, len(sizes))
    fold = np.empty(len(sizes), np.intp)
    fold[order] = middle * n_folds // n_rows
    _, fold = np.unique(fold, return_inverse=True)  # none is empty
    return fold[groups]


def _fit_scaling(values: Array, scale: str, place: str) -> dict[str, Any]:
    """Return shift, scale and width of numbers (rows, inputs)."""
    each = [fit_numbers(column.copy(), scale, place) for column in values.T]
    return {
        "shift": tuple(settings["shift"] for settings in each),
        "scale": tuple(settings["scale"] for settings in each),
        "linear_width": each[0]["linear_width"],
    }
