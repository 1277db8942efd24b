"""The baseline of a constant prediction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlpcli.data.dataset import Dataset
from mlpcli.data.table import is_constant
from mlpcli.data.targets import ClassTarget


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
