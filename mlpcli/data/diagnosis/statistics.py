"""The tests and scores behind the rules."""

from __future__ import annotations

from math import erfc, exp, sqrt

import numpy as np

from mlpcli.array_types import Array


def kolmogorov_smirnov(a: Array, b: Array) -> tuple[float, float]:
    """Return the distance of two samples' distribution functions, and its asymptotic p value.

    D = max |F_a − F_b|, p = 2 Σ_k (−1)^(k−1) exp(−2 k² λ²), λ = (√m + 0.12 + 0.11 / √m) D,
    m = n_a n_b / (n_a + n_b)

    Source: Stephens, J. R. Stat. Soc. B 32, 1970; Press et al., Numerical Recipes, 14.3.
    """
    a, b = np.sort(a), np.sort(b)
    both = np.concatenate([a, b])
    below = [np.searchsorted(x, both, side="right") / len(x) for x in (a, b)]
    distance = float(np.abs(below[0] - below[1]).max())
    root = sqrt(len(a) * len(b) / (len(a) + len(b)))
    x = (root + 0.12 + 0.11 / root) * distance
    if x < 0.3:  # noqa: PLR2004  the series needs many terms, and p is 1 to five digits
        return distance, 1.0
    p = 2 * sum((-1) ** (k - 1) * exp(-2 * (k * x) ** 2) for k in range(1, 30))
    return distance, min(max(p, 0.0), 1.0)


def chi_square(counts: Array) -> tuple[float, float]:
    """Return how far two distributions over categories are apart, and the p value of chi square.

    distance = Σ_k |p_ak − p_bk| / 2; χ² = Σ (n − e)² / e, with e as if both were the same;
    p by the normal approximation of (χ²/k)^(1/3)

    counts  (2, categories), at least two of which occur
    Source: Wilson and Hilferty, PNAS 17, 1931.
    """
    counts = counts[:, counts.sum(axis=0) > 0].astype(np.float64)
    share = counts / counts.sum(axis=1, keepdims=True)
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / counts.sum()
    value = ((counts - expected) ** 2 / expected).sum()
    freedom = counts.shape[1] - 1
    spread = 2 / (9 * freedom)
    z = ((value / freedom) ** (1 / 3) - (1 - spread)) / sqrt(spread)
    return float(np.abs(share[0] - share[1]).sum() / 2), erfc(z / sqrt(2)) / 2


def roc_auc(score: Array, positive: Array) -> float:
    """Return the share of pairs of a positive and a negative row that the score puts in order.

    AUC = (Σ ranks of positives − n₊ (n₊ + 1) / 2) / (n₊ n₋), ties count half. NaN where all rows
    are of one class. Source: Hanley and McNeil, Radiology 143, 1982.
    """
    ordered = np.sort(score)
    low, high = (np.searchsorted(ordered, score, side=side) for side in ("left", "right"))
    n = int(positive.sum())
    if n in (0, len(score)):
        return float("nan")
    ranks = ((low + high + 1) / 2)[positive].sum()
    return float((ranks - n * (n + 1) / 2) / (n * (len(score) - n)))


def r_squared(predicted: Array, y: Array) -> float:
    """Return R² = 1 − Σ (y − ŷ)² / Σ (y − ȳ)²; NaN where y is constant."""
    total = ((y - y.mean()) ** 2).sum()
    return float(1 - ((y - predicted) ** 2).sum() / total) if total > 0 else float("nan")
