"""ROC and precision–recall: what each threshold of a score does to one class against the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlpcli.array_types import Array


@dataclass(frozen=True)
class RankingCurve:
    """The counts above each threshold, from one above all scores to the least score.

    thresholds      (k,) descending, the first ∞; a row is called positive where score ≥ threshold
    true_positives  (k,) positive rows called so, ascending from 0
    called          (k,) rows called positive, ascending from 0
    n_positive, n_negative  rows of the class, and of the rest
    """

    thresholds: Array
    true_positives: Array
    called: Array
    n_positive: int
    n_negative: int

    @property
    def true_positive_rate(self) -> Array:
        """TP / P (k,): sensitivity, recall."""
        return self.true_positives / self.n_positive

    @property
    def false_positive_rate(self) -> Array:
        """FP / N (k,): 1 − specificity."""
        return (self.called - self.true_positives) / self.n_negative

    @property
    def precision(self) -> Array:
        """TP / (TP + FP) (k,); where no row is called positive, 1 as in scikit-learn."""
        return np.where(self.called > 0, self.true_positives / np.maximum(self.called, 1), 1.0)

    @property
    def area(self) -> float:
        """Area below the ROC curve: Σ (FPR_i − FPR_(i−1)) (TPR_i + TPR_(i−1)) / 2."""
        x, y = self.false_positive_rate, self.true_positive_rate
        return float(np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2))

    @property
    def average_precision(self) -> float:
        """Σ (R_i − R_(i−1)) P_i, recall R and precision P; of random scores near P / (P + N).

        Source: scikit-learn's average_precision_score; Manning, Raghavan and Schütze, 2008, 8.4.
        """
        return float(np.sum(np.diff(self.true_positive_rate) * self.precision[1:]))

    def above(self, threshold: float) -> int:
        """Return which point of the curve calls the rows positive that score above a threshold."""
        return max(int(np.searchsorted(-self.thresholds, -threshold, side="left")) - 1, 0)


def ranking_curve(positive: Array, score: Array) -> RankingCurve | None:
    """Return the curve of scores (N,); None where all rows are of the class, or none is.

    positive  (N,) bool
    Source: Fawcett, 2006, An introduction to ROC analysis, algorithm 1: ties move together.
    """
    n_positive = int(np.count_nonzero(positive))
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative or not np.isfinite(score).all():
        return None
    order = np.argsort(-score, kind="stable")
    sorted_score = score[order]
    last = np.append(np.flatnonzero(np.diff(sorted_score)), len(order) - 1)  # of each tie
    hits = np.cumsum(positive[order])[last]
    return RankingCurve(
        np.concatenate([[np.inf], sorted_score[last]]),
        np.concatenate([[0], hits]),
        np.concatenate([[0], last + 1]),
        n_positive,
        n_negative,
    )


def drawn_points(x: Array, y: Array, most: int) -> Array:
    """Return which points (k,) of a curve to draw: both ends, and others evenly along its length.

    most  points, at least 2; a curve with fewer corners keeps them all
    """
    corner = np.ones(len(x), bool)
    # A point is left out where the curve goes straight on, as along a step of a ROC curve.
    dx, dy = np.diff(x), np.diff(y)
    corner[1:-1] = np.abs(dx[:-1] * dy[1:] - dx[1:] * dy[:-1]) > 0
    kept = np.flatnonzero(corner)
    if len(kept) <= most:
        return kept
    length = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x[kept]), np.diff(y[kept])))])
    wanted = np.linspace(0.0, length[-1], most)
    return kept[np.unique(np.searchsorted(length, wanted).clip(0, len(kept) - 1))]
