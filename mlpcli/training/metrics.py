"""Metrics: figures of merit of predictions, in the words and the definitions of scikit-learn.

Every metric sees an `Outcome`. Classification has class numbers and, where the output is one,
probabilities; regression has values in the target's own unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from mlpcli.family import Family
from mlpcli.nn.arrays import Array

METRICS = Family("metric")
CLASSES = ("binary", "multiclass")


@dataclass(frozen=True)
class Outcome:
    """What was, and what was predicted.

    task         regression, binary, multiclass or multilabel
    target       (N,) class numbers; (N, labels) 0 or 1; (N, outputs) in their own unit
    score        (N, 1) for binary, (N, classes), (N, labels) or (N, outputs): ŷ
    probability  whether the scores are probabilities
    """

    task: str
    target: Array
    score: Array
    probability: bool = True

    @cached_property
    def predicted(self) -> Array:
        """Decisions, shaped like target: the most probable class, or probability above 1/2."""
        if self.task == "multiclass":
            return np.argmax(self.score, axis=-1)
        if self.task == "binary":
            return (self.score[:, 0] > 0.5).astype(np.intp)  # noqa: PLR2004
        if self.task == "multilabel":
            return (self.score > 0.5).astype(np.intp)  # noqa: PLR2004
        return self.score

    @cached_property
    def confusion(self) -> Array:
        """Counts (classes, classes): rows are the true class, columns the predicted one."""
        n = max(2, self.score.shape[1])
        flat = np.bincount(self.target * n + self.predicted, minlength=n * n)
        return flat.reshape(n, n)


@dataclass(frozen=True)
class Metric:
    """One figure of merit."""

    name: ClassVar[str]
    tasks: ClassVar[tuple[str, ...]]
    each_epoch: ClassVar[tuple[str, ...]] = ()  # tasks in which it is a column of metrics.csv
    greater_is_better: ClassVar[bool] = True
    needs_probability: ClassVar[bool] = False

    def value(self, outcome: Outcome) -> float:
        """Return the figure; NaN where it is not defined."""
        raise NotImplementedError


def applicable(task: str, *, probability: bool = True) -> list[Metric]:
    """Return the metrics of a task, in the order of the table."""
    return [
        member()
        for member in METRICS.values()
        if task in member.tasks and (probability or not member.needs_probability)
    ]


@METRICS.add("accuracy")
@dataclass(frozen=True)
class Accuracy(Metric):
    """Share of rows predicted right; with several labels, of rows with every label right."""

    tasks: ClassVar[tuple[str, ...]] = (*CLASSES, "multilabel")
    each_epoch: ClassVar[tuple[str, ...]] = (*CLASSES, "multilabel")

    def value(self, outcome: Outcome) -> float:
        """Return mean(predicted = target)."""
        right = outcome.predicted == outcome.target
        return float(np.mean(right.all(axis=-1) if right.ndim > 1 else right))


@METRICS.add("balanced_accuracy")
@dataclass(frozen=True)
class BalancedAccuracy(Metric):
    """Mean over the classes that occur of the share of their rows predicted right (recall)."""

    tasks: ClassVar[tuple[str, ...]] = CLASSES

    def value(self, outcome: Outcome) -> float:
        """Return the mean recall."""
        confusion = outcome.confusion
        rows = confusion.sum(axis=1)
        occurs = rows > 0
        return float(np.mean(np.diag(confusion)[occurs] / rows[occurs]))


@METRICS.add("f1")
@dataclass(frozen=True)
class F1(Metric):
    """2 TP / (2 TP + FP + FN): of the second class of two; else the mean over classes (macro)."""

    tasks: ClassVar[tuple[str, ...]] = (*CLASSES, "multilabel")

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
@dataclass(frozen=True)
class RocAuc(Metric):
    """Probability that a row of the class scores above one that is not, ties counting half.

    Of the second class of two; else the mean over classes, each against the rest.
    Source: Hanley and McNeil, 1982; computed from ranks (Mann and Whitney).
    """

    tasks: ClassVar[tuple[str, ...]] = (*CLASSES, "multilabel")

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
@dataclass(frozen=True)
class LogLoss(Metric):
    """Mean of −log of the probability given to the true class, in nats."""

    tasks: ClassVar[tuple[str, ...]] = CLASSES
    greater_is_better: ClassVar[bool] = False
    needs_probability: ClassVar[bool] = True

    def value(self, outcome: Outcome) -> float:
        """Return −mean log p; probabilities are kept ε of their type away from 0 and 1."""
        score = outcome.score.astype(np.float64)
        if outcome.task == "binary":
            score = np.hstack([1 - score, score])
        epsilon = np.finfo(outcome.score.dtype).eps
        chosen = score[np.arange(len(score)), outcome.target]
        return float(-np.mean(np.log(np.clip(chosen, epsilon, 1 - epsilon))))


@METRICS.add("mse")
@dataclass(frozen=True)
class MeanSquare(Metric):
    """Mean of (ŷ − y)², in the square of the target's unit; the mean over outputs."""

    tasks: ClassVar[tuple[str, ...]] = ("regression",)
    greater_is_better: ClassVar[bool] = False

    def value(self, outcome: Outcome) -> float:
        """Return mean (ŷ − y)²."""
        return float(np.mean((outcome.score - outcome.target) ** 2))


@METRICS.add("rmse")
@dataclass(frozen=True)
class RootMeanSquare(Metric):
    """Root of the mean of (ŷ − y)², in the target's unit; the mean over outputs."""

    tasks: ClassVar[tuple[str, ...]] = ("regression",)
    each_epoch: ClassVar[tuple[str, ...]] = ("regression",)
    greater_is_better: ClassVar[bool] = False

    def value(self, outcome: Outcome) -> float:
        """Return the mean over outputs of √(mean (ŷ − y)²)."""
        return float(np.mean(np.sqrt(np.mean((outcome.score - outcome.target) ** 2, axis=0))))


@METRICS.add("mae")
@dataclass(frozen=True)
class MeanAbsolute(Metric):
    """Mean of |ŷ − y|, in the target's unit; the mean over outputs."""

    tasks: ClassVar[tuple[str, ...]] = ("regression",)
    greater_is_better: ClassVar[bool] = False

    def value(self, outcome: Outcome) -> float:
        """Return mean |ŷ − y|."""
        return float(np.mean(np.abs(outcome.score - outcome.target)))


@METRICS.add("r2")
@dataclass(frozen=True)
class RSquared(Metric):
    """1 − Σ (ŷ − y)² / Σ (y − mean y)²; the mean over outputs.

    A constant target has R² = 1 where it is predicted exactly, else 0.
    """

    tasks: ClassVar[tuple[str, ...]] = ("regression",)
    each_epoch: ClassVar[tuple[str, ...]] = ("regression",)

    def value(self, outcome: Outcome) -> float:
        """Return R²; NaN for fewer than two rows."""
        target = outcome.target
        if len(target) < 2:  # noqa: PLR2004
            return float("nan")
        residual = np.sum((outcome.score - target) ** 2, axis=0)
        total = np.sum((target - target.mean(axis=0)) ** 2, axis=0)
        constant = np.where(residual == 0, 1.0, 0.0)
        # Compared by extremes: the sum of squares of equal numbers need not come out as 0.
        is_constant = target.max(axis=0) == target.min(axis=0)
        ratio = 1 - residual / np.where(is_constant | (total == 0), 1.0, total)
        return float(np.mean(np.where(is_constant | (total == 0), constant, ratio)))
