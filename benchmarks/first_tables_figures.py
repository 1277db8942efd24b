"""Ratios of two tools' losses on the same new rows, with intervals by the bootstrap."""

from __future__ import annotations

from pathlib import Path

import numpy as np

RESAMPLES = 2000
LEVEL = 0.95


def load(losses: Path, table: str, seeds: list[int], tool: str) -> np.ndarray:
    """Return each new row's loss, its mean over the seeds."""
    return np.mean([np.load(losses / f"{table}.{seed}.npz")[tool] for seed in seeds], axis=0)


def ratio(
    ours: np.ndarray, theirs: np.ndarray, groups: np.ndarray | None, *, root: bool
) -> tuple[float, float, float]:
    """Return the ratio of the mean losses, and the ends of its interval.

    Σ_d w_d a_d / Σ_d w_d b_d, w the counts of one resample of the rows (of the groups, where rows
    belong together); the root of it where the losses are squared errors.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13 (percentiles).
    """
    if groups is not None:
        _, place = np.unique(groups, return_inverse=True)
        ours, theirs = (np.bincount(place, weights=values) for values in (ours, theirs))
    rng = np.random.default_rng(0)
    n = len(ours)
    found = np.empty(RESAMPLES)
    for k in range(RESAMPLES):
        weights = np.bincount(rng.integers(0, n, n), minlength=n)
        found[k] = (weights @ ours) / (weights @ theirs)
    tails = (1 - LEVEL) / 2
    values = np.array([ours.sum() / theirs.sum(), *np.quantile(found, [tails, 1 - tails])])
    if root:
        values = np.sqrt(values)
    value, low, high = values
    return float(value), float(low), float(high)
