"""Metrics of classes and labels."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from mlpcli.array_types import Array
from mlpcli.training.metrics.metric import METRICS, Metric, Outcome

CLASSES = ("binary", "multiclass")


@METRICS.add("accuracy")
class Accuracy(Metric):
    """Share of rows predicted right; with several labels, of rows with every label right."""

    tasks: ClassVar[tuple[str, ...]] = (*CLASSES, "multilabel")
    lower: ClassVar[float] = 0.0
    upper: ClassVar[float] = 1.0
    each_epoch: ClassVar[tuple[str, ...]] = (*CLASSES, "multilabel")

    def values(self, outcome: Outcome) -> Array:
        right = self.rows(outcome)  # counted: a third of the time that np.mean takes
        return np.asarray(np.add.reduce(right, axis=-1, dtype=np.intp) / right.shape[-1])

    def rows(self, outcome: Outcome) -> Array:
        right = outcome.predicted == outcome.target
        return right.all(axis=-1) if outcome.task == "multilabel" else right


@METRICS.add("balanced_accuracy")
class BalancedAccuracy(Metric):
    """Mean over the classes that occur of the share of their rows predicted right (recall)."""

    tasks: ClassVar[tuple[str, ...]] = CLASSES
    lower: ClassVar[float] = 0.0
    upper: ClassVar[float] = 1.0

    def value(self, outcome: Outcome) -> float:
        confusion = outcome.confusion
        rows = confusion.sum(axis=1)
        occurs = rows > 0
        return float(np.mean(np.diag(confusion)[occurs] / rows[occurs]))


@METRICS.add("f1")
class F1(Metric):
    """2 TP / (2 TP + FP + FN): of the second class of two; else the mean over classes (macro)."""

    tasks: ClassVar[tuple[str, ...]] = (*CLASSES, "multilabel")
    lower: ClassVar[float] = 0.0
    upper: ClassVar[float] = 1.0

    def value(self, outcome: Outcome) -> float:
        """Return F1, 0 for a class that neither occurs nor is predicted."""
        if outcome.task == "multilabel":
            hits = (outcome.predicted * outcome.target).sum(axis=0)
            marked = outcome.predicted.sum(axis=0) + outcome.target.sum(axis=0)
        else:
            confusion = outcome.confusion
            hits = np.diag(confusion)
            marked = confusion.sum(axis=0) + confusion.sum(axis=1)
            if outcome.task == "multiclass":  # as scikit-learn: classes seen on either side
                hits, marked = hits[marked > 0], marked[marked > 0]
        scores = 2 * hits / np.maximum(marked, 1)
        return float(scores[1] if outcome.task == "binary" else np.mean(scores))


@METRICS.add("roc_auc")
class RocAuc(Metric):
    """Probability that a row of the class scores above one that is not, ties counting half.

    Of the second class of two; else the mean over classes, each against the rest.
    Source: Hanley and McNeil, 1982; computed from ranks (Mann and Whitney).
    """

    tasks: ClassVar[tuple[str, ...]] = (*CLASSES, "multilabel")
    lower: ClassVar[float] = 0.0
    upper: ClassVar[float] = 1.0

    def value(self, outcome: Outcome) -> float:
        """Return the area; NaN where a class has no row, or all of them."""
        score = outcome.score
        if outcome.task == "multiclass":
            target = outcome.target[:, np.newaxis] == np.arange(score.shape[1])
        else:
            target = outcome.target.reshape(score.shape) > 0
        areas = [_area(t, s) for t, s in zip(target.T, score.T, strict=True)]
        return float(np.mean(areas))


def _area(positive: Array, score: Array) -> float:
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative:
        return float("nan")
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    rank = np.cumsum(counts) - (counts - 1) / 2  # tied rows share their mean rank
    rank_sum = rank[inverse][positive].sum()
    return float((rank_sum - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


@METRICS.add("log_loss")
class LogLoss(Metric):
    """Mean of −log of the probability given to the true class, in nats."""

    tasks: ClassVar[tuple[str, ...]] = CLASSES
    greater_is_better: ClassVar[bool] = False
    lower: ClassVar[float] = 0.0
    needs_probability: ClassVar[bool] = True

    def value(self, outcome: Outcome) -> float:
        return float(np.mean(self.rows(outcome)))

    def rows(self, outcome: Outcome) -> Array:
        """Return −log p; probabilities are kept ε of their type away from 0 and 1."""
        epsilon = np.finfo(outcome.score.dtype).eps
        return -np.log(np.clip(_of_the_true_class(outcome), epsilon, 1 - epsilon))


def held_above_0(outcome: Outcome) -> int:
    """Return in how many rows `log_loss` counts the true class's probability, below ε, as ε."""
    epsilon = np.finfo(outcome.score.dtype).eps
    return int(np.count_nonzero(_of_the_true_class(outcome) < epsilon))


def _of_the_true_class(outcome: Outcome) -> Array:
    """Return the probability (N,) given to the true class."""
    score = outcome.score.astype(np.float64)
    if outcome.task == "binary":
        score = np.hstack([1 - score, score])
    return np.asarray(score[np.arange(len(score)), outcome.target])
