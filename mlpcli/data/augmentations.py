"""Augmentations: training rows changed at random, anew in every epoch.

They overwrite blocks of shuffled training rows, never rows of another part. Each draws from a
generator of its own, so that turning one on changes no other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

import mlpcli.data.image_augmentations  # noqa: F401  enters the members for images
from mlpcli.array_types import Array
from mlpcli.data.augmentation import AUGMENTATIONS, SHARE, Augmentation, RowBlock, TrainingRows
from mlpcli.data.neighbours import nearest_rows
from mlpcli.errors import DataError
from mlpcli.family import setting

__all__ = ["AUGMENTATIONS", "Augmentation", "RowBlock", "TrainingRows"]


def _mixed(values: Array, other: Array, kept: Array) -> None:
    """values ← kept · values + (1 − kept) · other, kept (rows,); overwrites other too."""
    kept = kept.astype(values.dtype)[:, np.newaxis]
    values *= kept
    other *= 1 - kept
    values += other


@AUGMENTATIONS.add("mixup")
class Mixup(Augmentation):
    """x = λ x_i + (1 − λ) x_j, y = λ y_i + (1 − λ) y_j, λ ~ Beta(α, α) for each row.

    j is another row: the rows of a block in a random order, which is up to 32 batches and 512 KiB,
    and 32 rows at least. E[λ] = 1/2, Var[λ] = 1/(4 (2α + 1)).
    Source: Zhang et al., mixup: Beyond Empirical Risk Minimization, 2018, (1) and (2).
    """

    mixes: ClassVar[bool] = True
    alpha: float = setting(0.2, "α of the Beta distribution; small: near one of both", ge=0.001)
    probability: float = setting(1.0, SHARE, gt=0.0, le=1.0)

    def apply(self, block: RowBlock, fitted: Any, rng: np.random.Generator) -> None:
        n = len(block.X)
        kept = rng.beta(self.alpha, self.alpha, n)
        partner = rng.permutation(n)
        kept[(rng.random(n) >= self.probability) | (partner == np.arange(n))] = 1
        _mixed(block.X, block.X[partner], kept)
        _mixed(block.target, block.target[partner], kept)


@AUGMENTATIONS.add("feature_swap")
class FeatureSwap(Augmentation):
    """x = M x_i + (1 − M) x_j, y = λ y_i + (1 − λ) y_j, λ = mean(M), M_c ~ Bernoulli(1 − share).

    One M_c for each input column, so that the 0 and 1 of a category stay together; λ is the share
    of the columns that stayed. j is another row, as with mixup.
    Source: Yun et al., CutMix, 2019, (1), for columns; Bahri et al., SCARF, 2022, the subset.
    """

    mixes: ClassVar[bool] = True
    share: float = setting(0.3, "of the columns taken from the other row", gt=0.0, lt=1.0)
    probability: float = setting(0.5, SHARE, gt=0.0, le=1.0)

    def fit(self, rows: TrainingRows) -> Any:
        return rows.columns

    def apply(self, block: RowBlock, fitted: Any, rng: np.random.Generator) -> None:
        n, n_columns = len(block.X), int(fitted[-1]) + 1
        partner = rng.permutation(n)
        taken = rng.random((n, n_columns), dtype=np.float32) < self.share
        taken[(rng.random(n) >= self.probability) | (partner == np.arange(n))] = False
        np.copyto(block.X, block.X[partner], where=taken[:, fitted])
        _mixed(block.target, block.target[partner], 1 - taken.mean(axis=1))


@AUGMENTATIONS.add("jitter")
class Jitter(Augmentation):
    """x = x_i + σ ε, ε ~ N(0, 1) for each numeric feature; categories stay as they are.

    σ is in scaled units: with `scale: standard`, in standard deviations of the training rows.
    Source: Bishop, Training with Noise is Equivalent to Tikhonov Regularization, 1995.
    """

    std: float = setting(0.1, "σ, in scaled units", gt=0.0, le=1000.0)
    probability: float = setting(1.0, SHARE, gt=0.0, le=1.0)

    def fit(self, rows: TrainingRows) -> Any:
        """Return the numeric features. Raises DataError where there is none."""
        if not rows.numeric.any():
            raise DataError("jitter is for numeric columns, and there is none")
        return np.flatnonzero(rows.numeric)

    def apply(self, block: RowBlock, fitted: Any, rng: np.random.Generator) -> None:
        X = block.X
        rows = np.flatnonzero(rng.random(len(X)) < self.probability)
        noise = rng.standard_normal((len(rows), len(fitted)), dtype=X.dtype)
        noise *= X.dtype.type(self.std)
        if len(fitted) == X.shape[1]:
            X[rows] += noise  # twice as fast as picking numbers one by one
        else:
            X[rows[:, np.newaxis], fitted] += noise


@dataclass(frozen=True)
class _Neighbours:
    """The neighbours that smote draws from.

    X           (n, n_features) the training rows
    nearest     (n, k) row numbers of neighbours, of rows that get copies
    n_nearest   (n,) how many of them there are
    categories  features that are the 0 or 1 of a category
    extra       (extra,) the training row that each additional row comes from
    """

    X: Array
    nearest: Array
    n_nearest: Array
    categories: Array
    extra: Array


@AUGMENTATIONS.add("smote")
class Smote(Augmentation):
    """x = x_i + λ (x_j − x_i), λ ~ U(0, 1), j one of the k nearest neighbours of i in its class.

    Adds rows to each class until it has `ratio` times as many as the largest; these are made anew
    in every epoch, all others stay. Distances are Euclidean, in scaled units. Categories are not
    interpolated: they are x_j's where λ > 1/2. Fewer than k + 1 rows: all others are neighbours.
    Source: Chawla et al., SMOTE: Synthetic Minority Over-sampling Technique, 2002, 4.2.
    """

    adds_rows: ClassVar[bool] = True
    tasks: ClassVar[tuple[str, ...]] = ("binary", "multiclass")
    k: int = setting(5, "neighbours to choose from", ge=1, le=1000)
    ratio: float = setting(1.0, "rows of a class, in terms of the largest class's", gt=0.0, le=1.0)

    def fit(self, rows: TrainingRows) -> Any:
        """Return the neighbours of the rows that are copied. Raises DataError at a class of one."""
        if not rows.n_classes or rows.target.ndim > 1:
            raise DataError("smote is for classes, and the target has none")
        counts = np.bincount(rows.target, minlength=rows.n_classes)
        wanted = round(self.ratio * int(counts.max()))
        n, k = len(rows.X), min(self.k, int(counts.max()) - 1)
        nearest, n_nearest = np.zeros((n, max(k, 1)), np.intp), np.zeros(n, np.intp)
        extra = [np.empty(0, np.intp)]
        for number, count in enumerate(counts.tolist()):
            if not 0 < count < wanted:
                continue
            if count == 1:
                label = rows.classes[number]
                problem = f"smote: the class {label!r} has one training row, so no neighbour"
                raise DataError(f"{problem}; give it more, or take smote out")
            in_class = np.flatnonzero(rows.target == number)
            n_found = min(self.k, count - 1)
            nearest[in_class, :n_found] = in_class[nearest_rows(rows.X[in_class], n_found)]
            n_nearest[in_class] = n_found
            more = wanted - count  # at equal distances: each row as often, or once more
            extra.append(in_class[np.arange(more) * count // more])
        categories = np.flatnonzero(~rows.numeric)
        return _Neighbours(rows.X, nearest, n_nearest, categories, np.concatenate(extra))

    def extra_rows(self, fitted: Any) -> Array:
        return np.asarray(fitted.extra)

    def apply(self, block: RowBlock, fitted: Any, rng: np.random.Generator) -> None:
        slots = np.flatnonzero(block.synthetic)
        source = block.source[slots]
        choice = (rng.random(len(slots)) * fitted.n_nearest[source]).astype(np.intp)
        way = rng.random(len(slots))[:, np.newaxis].astype(block.X.dtype)
        X, neighbour = fitted.X[source], fitted.X[fitted.nearest[source, choice]]
        moved = X + way * (neighbour - X)
        at = fitted.categories
        moved[:, at] = np.where(way > 0.5, neighbour[:, at], X[:, at])  # noqa: PLR2004
        block.X[slots] = moved
