"""Calibration: whether a share p of the rows that are given the probability p are so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mlpcli.array_types import Array
from mlpcli.training.metrics.classes import CLASSES
from mlpcli.training.metrics.metric import METRICS, Metric, Outcome

BINS = 15  # of Guo et al., 2017


@dataclass(frozen=True)
class Bin:
    """The rows whose probability lies in one interval.

    low, high  the interval, high included
    rows       how many
    predicted  their mean probability
    hits       how many of them are what the probability is of
    """

    low: float
    high: float
    rows: int
    predicted: float
    hits: int


def reliability(outcome: Outcome, n_bins: int = BINS) -> list[Bin]:
    """Return rows by their probability, in bins of equal width; empty ones are left out.

    Of two classes the probability of the second, of more that of the class predicted.
    Source: DeGroot and Fienberg, 1983; Niculescu-Mizil and Caruana, 2005.
    """
    chance, hit = _chances(outcome)
    edges = np.linspace(0.0, 1.0, n_bins + 1)
    number = np.searchsorted(edges[1:-1], chance)  # an edge belongs to the bin below it
    rows = np.bincount(number, minlength=n_bins)
    hits = np.bincount(number, weights=hit, minlength=n_bins)
    total = np.bincount(number, weights=chance, minlength=n_bins)
    return [
        Bin(
            float(edges[b]),
            float(edges[b + 1]),
            int(rows[b]),
            float(total[b] / rows[b]),
            int(hits[b]),
        )
        for b in np.flatnonzero(rows)
    ]


def _chances(outcome: Outcome) -> tuple[Array, Array]:
    """Return each row's probability (N,), and whether it came true."""
    if outcome.task == "binary":
        return outcome.score[:, 0], outcome.target == 1
    return np.max(outcome.score, axis=-1), outcome.predicted == outcome.target


@METRICS.add("calibration_error")
class CalibrationError(Metric):
    """ECE = Σ_b n_b/N |share that came true − mean probability| over 15 bins of equal width.

    Of two classes by the probability of the second, of more by that of the class predicted. Few
    rows have a large one by chance alone: N rows in B bins up to √(B/N) / 2 on average.
    Source: Guo et al., 2017, On Calibration of Modern Neural Networks, 2; Naeini et al., 2015.
    """

    tasks: ClassVar[tuple[str, ...]] = CLASSES
    greater_is_better: ClassVar[bool] = False
    needs_probability: ClassVar[bool] = True
    lower: ClassVar[float] = 0.0
    upper: ClassVar[float] = 1.0

    def value(self, outcome: Outcome) -> float:
        """Return the error; NaN where a probability is no number."""
        if not np.isfinite(outcome.score).all():
            return float("nan")
        bins = reliability(outcome)
        return sum(abs(b.hits - b.rows * b.predicted) for b in bins) / sum(b.rows for b in bins)
