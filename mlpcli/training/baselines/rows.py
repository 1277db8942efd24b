"""The training rows that a baseline is fitted on: all, or a sample that bounds the time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.dataset import Dataset
from mlpcli.data.targets import ClassTarget
from mlpcli.randomness import generator
from mlpcli.training.baselines.linear import ROTATED

MOST_ROWS = 50_000
MOST_NUMBERS = 30_000_000  # rows × (features + outputs): 240 MB as float64
LEAST_ROWS = 100
LINEAR_WORK = 1e8  # rows × (features + LINK) × outputs: 100 steps take about 3 s on one core
CHOOSE_WORK = 1e6  # the same in one of the 30 fits that α is chosen by
LINK = 30  # multiply-adds that an output's exponential takes
TREE_WORK = 3e8  # rows × features × trees


@dataclass(frozen=True)
class TrainingSample:
    """Rows of the training part, drawn at random where there are many.

    X       (rows, n_features)
    y       (rows, n_outputs) float64: scaled numbers, labels 0 or 1, of classes one-hot: a column
            for each class that occurs, of two one column
    weight  (rows,) what each row's loss counts
    fold    (rows,) number of the fold that a row is held out with; rows of a group together
    present (k,) numbers of the classes that occur; of other targets None
    of      how many rows they were drawn from
    """

    X: Array
    y: Array
    weight: Array
    fold: Array
    present: Array | None
    of: int

    def __len__(self) -> int:
        return len(self.X)


def choose_rows(labels: Array, most: int, seed: int, *, classes: bool) -> tuple[Array, Array]:
    """Return the numbers of at most `most` rows, ascending, and how many rows each stands for.

    Of classes the rare ones are kept whole, so that 50 frauds in a million rows are all seen, and
    the others drawn at random; a row that is drawn counts for those of its class that are not.
    """
    n = len(labels)
    if n <= most:
        return np.arange(n), np.ones(n)
    rng = generator(seed, "baselines")
    if not classes:
        return np.sort(rng.permutation(n)[:most]), np.full(most, n / most)
    counts = np.bincount(labels)
    quota = _quotas(counts, most)
    order = rng.permutation(n)
    order = order[np.argsort(labels[order], kind="stable")]
    begin = np.cumsum(counts) - counts
    rank = np.arange(n) - np.repeat(begin, counts)
    rows = np.sort(order[rank < np.repeat(quota, counts)])
    return rows, (counts / np.maximum(quota, 1))[labels[rows]]


def _quotas(counts: Array, most: int) -> Array:
    """Return how many rows of each class: at least an equal part of half of them, if it has it.

    The rest is shared in proportion to what is left of the classes.
    """
    least = np.minimum(counts, most // (2 * max(1, int(np.count_nonzero(counts)))))
    left = counts - least
    return least + np.floor(left * ((most - least.sum()) / max(1, left.sum()))).astype(np.intp)


def most_rows(n_features: int, n_outputs: int) -> int:
    """Return how many rows a linear model may have, so that it takes a few seconds."""
    by_memory = MOST_NUMBERS / (n_features + n_outputs)
    by_work = LINEAR_WORK / ((n_features + LINK) * n_outputs)
    return max(LEAST_ROWS, int(min(MOST_ROWS, by_memory, by_work)))


def rows_for_trees(n_features: int, n_trees: int) -> int:
    """Return how many rows so many trees, of all outputs, may have."""
    by_memory = MOST_NUMBERS / n_features
    return max(LEAST_ROWS, int(min(MOST_ROWS, by_memory, TREE_WORK / (n_features * n_trees))))


def few_rows(n_features: int, n_outputs: int) -> int:
    """Return how many rows α is chosen by: n (p + LINK) k ≤ CHOOSE_WORK; p = n where rotated."""
    work = CHOOSE_WORK / n_outputs
    narrow = work / (n_features + LINK)
    rotated = min(ROTATED, (LINK**2 / 4 + work) ** 0.5 - LINK / 2)
    return int(max(narrow, rotated) if n_features > rotated else narrow)


def draw_sample(
    dataset: Dataset, most: int, seed: int, groups: Array | None = None, *, folds: int
) -> TrainingSample:
    """Return at most `most` of the training rows that count.

    groups  (training rows,) numbers; None: each row is its own
    """
    part = dataset.parts["train"]
    is_class = isinstance(dataset.encoding.target, ClassTarget)
    all_weights = np.ones(len(part)) if part.weight is None else part.weight.astype(np.float64)
    usable = np.flatnonzero(all_weights > 0)
    chosen, count = choose_rows(part.labels[usable], most, seed, classes=is_class)
    rows = usable[chosen]
    labels, y = part.labels[rows], part.y[rows]
    present = np.unique(labels) if is_class else None
    if present is not None:
        y = one_hot(labels, present)
    order = labels.ravel() if labels.size == len(rows) else None
    fold = deal_folds(len(rows), folds, seed, order, None if groups is None else groups[rows])
    weight = count * all_weights[rows]
    return TrainingSample(part.X[rows], y.astype(np.float64), weight, fold, present, len(usable))


def one_hot(labels: Array, present: Array) -> Array:
    """Return a column (rows, k) for each class that occurs, of two the second one's alone."""
    columns = labels[:, np.newaxis] == present
    return np.asarray(columns[:, 1:] if len(present) == 2 else columns, np.float64)  # noqa: PLR2004


def deal_folds(n: int, folds: int, seed: int, order: Array | None, groups: Array | None) -> Array:
    """Return each row's fold (n,): rows are dealt in the order of their targets, groups whole."""
    rng = generator(seed, "baselines", 1)
    if groups is not None:
        _, number = np.unique(groups, return_inverse=True)
        return np.asarray(rng.permutation(int(number.max()) + 1)[number] % folds)
    shuffled = rng.permutation(n)
    if order is not None:
        shuffled = shuffled[np.argsort(order[shuffled], kind="stable")]
    fold = np.empty(n, np.intp)
    fold[shuffled] = np.arange(n) % folds
    return fold


def of_all_classes(y_hat: Array, present: Array, n_classes: int) -> Array:
    """Return probabilities (rows, n_classes) from those of `one_hot`'s columns."""
    found = np.zeros((len(y_hat), n_classes))
    found[:, present] = np.hstack([1 - y_hat, y_hat]) if len(present) == 2 else y_hat  # noqa: PLR2004
    return found
