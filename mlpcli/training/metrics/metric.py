"""The interface of a metric; names and definitions are those of scikit-learn."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import numpy as np

from mlpcli.array_types import Array, Shape
from mlpcli.family import Family, Member

METRICS = Family("metric")


@dataclass(frozen=True)
class Outcome:
    """Targets and predictions, as metrics see them.

    task         regression, binary, multiclass or multilabel
    target       (N,) class numbers; (N, labels) 0 or 1; (N, outputs) in their own unit
    score        (N, 1) for binary, (N, classes), (N, labels) or (N, outputs): ŷ, of regression
                 the one prediction of each output
    probability  whether the scores are probabilities
    threshold    a binary or multilabel score above it means: yes
    levels       quantile regression: the levels, and what is predicted at each,
    quantiles    (N, levels, outputs)

    Of a stack of networks, score and quantiles have a leading axis, and target may have it too.
    """

    task: str
    target: Array
    score: Array
    probability: bool = True
    threshold: float = 0.5
    levels: tuple[float, ...] = ()
    quantiles: Array | None = None

    @cached_property
    def predicted(self) -> Array:
        """Decisions, shaped like target: the class that scores highest, or above the threshold."""
        if self.task == "multiclass":
            return np.argmax(self.score, axis=-1)
        if self.task == "binary":
            return (self.score[..., 0] > self.threshold).astype(np.intp)
        if self.task == "multilabel":
            return (self.score > self.threshold).astype(np.intp)
        return self.score

    @cached_property
    def confusion(self) -> Array:
        """Counts (classes, classes): rows are the true class, columns the predicted one."""
        n = max(2, self.score.shape[1])
        flat = np.bincount(self.target * n + self.predicted, minlength=n * n)
        return flat.reshape(n, n)

    @property
    def lane_shape(self) -> Shape:
        """The leading axes of a stack; () for one network."""
        return self.score.shape[:-2]

    def lane(self, r: int) -> Outcome:
        """Return what one network of a stack predicted."""
        ndim = 1 if self.task in ("binary", "multiclass") else 2
        target = self.target if self.target.ndim == ndim else self.target[r]
        quantiles = None if self.quantiles is None else self.quantiles[r]
        return replace(self, target=target, score=self.score[r], quantiles=quantiles)

    def take(self, rows: Array) -> Outcome:
        """Return the outcome of these rows; one that is named twice counts twice."""
        quantiles = None if self.quantiles is None else self.quantiles[rows]
        return replace(self, target=self.target[rows], score=self.score[rows], quantiles=quantiles)


class Metric(Member):
    """One metric."""

    name: ClassVar[str]
    tasks: ClassVar[tuple[str, ...]]
    each_epoch: ClassVar[tuple[str, ...]] = ()  # tasks in which it is a column of metrics.csv
    greater_is_better: ClassVar[bool] = True
    lower: ClassVar[float] = -math.inf  # its least and
    upper: ClassVar[float] = math.inf  # its greatest value; an interval of its mean lies between
    needs_probability: ClassVar[bool] = False
    losses: ClassVar[tuple[str, ...]] = ()  # that it belongs to alone; none: to any

    def value(self, outcome: Outcome) -> float:
        """Return the metric of one network; NaN where it is not defined.

        A member defines this, or `values` where all lanes of a stack are quicker at once.
        """
        return float(self.values(outcome))

    def values(self, outcome: Outcome) -> Array:
        """Return the metric of each network of a stack (...,), the bits of `value` in each lane."""
        if not outcome.lane_shape:
            return np.asarray(self.value(outcome))
        return np.array([self.value(outcome.lane(r)) for r in range(outcome.lane_shape[0])])

    def rows(self, outcome: Outcome) -> Array | None:
        """Return (N,) values of the rows whose mean is the metric; None: it is no such mean."""
        return None


def applicable(task: str, *, loss: str | None = None, probability: bool = True) -> list[Metric]:
    """Return the metrics of a task, in the order of the table.

    loss         by name; None leaves out the metrics of one loss alone
    probability  whether the scores are probabilities
    """
    return [
        member()
        for member in METRICS.values()
        if task in member.tasks
        and (probability or not member.needs_probability)
        and (not member.losses or loss in member.losses)
    ]


def greater_is_better(name: str) -> bool:
    """Whether a metric is to be maximized: by its name, with or without the part's; loss is not."""
    name = name.removeprefix("val_").removeprefix("train_")
    return name in METRICS and bool(METRICS[name].greater_is_better)
