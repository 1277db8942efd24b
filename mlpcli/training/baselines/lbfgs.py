"""L-BFGS, for smooth convex functions of one vector."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from mlpcli.array_types import Array

Objective = Callable[[Array], tuple[float, Array]]

PAIRS = 10  # of differences kept: 3 to 20 are usual
MOST_STEPS = 150
TOLERANCE = 1e-5  # of the largest entry of the gradient, a row
DECREASE = 1e-4  # Armijo's, of the decrease that the slope promises
HALVINGS = 30


def minimize(compute: Objective, start: Array, n_rows: float) -> Array:
    """Return the vector where the function is least, to a gradient of at most TOLERANCE a row.

    compute  the value and the gradient (n,) at a vector
    start    (n,); unchanged
    n_rows   that the function is a sum over

    Steps are halved until they decrease the function as much as Armijo asks; at most MOST_STEPS.
    Source: Nocedal and Wright, Numerical Optimization, 2006, algorithms 7.4 and 7.5.
    """
    x = start
    value, gradient = compute(x)
    pairs: deque[tuple[Array, Array, float]] = deque(maxlen=PAIRS)
    for _ in range(MOST_STEPS):
        if not np.abs(gradient).max() > TOLERANCE * n_rows:
            break
        direction = -_times_inverse_hessian(gradient, pairs)
        step = 1.0 if pairs else min(1.0, 1.0 / float(np.abs(gradient).sum()))
        found = _search(compute, x, value, direction, float(gradient @ direction), step)
        if found is None:
            break
        new, value, new_gradient = found
        moved, turned = new - x, new_gradient - gradient
        curvature = float(moved @ turned)
        if curvature > 0:
            pairs.append((moved, turned, curvature))
        x, gradient = new, new_gradient
    return x


def _times_inverse_hessian(gradient: Array, pairs: deque[tuple[Array, Array, float]]) -> Array:
    """Return the gradient times the inverse Hessian that the pairs (s, y, sᵀy) suggest."""
    q = gradient.copy()
    factors = []
    for moved, turned, curvature in reversed(pairs):
        factor = float(moved @ q) / curvature
        q -= factor * turned
        factors.append(factor)
    if pairs:
        _, turned, curvature = pairs[-1]
        q *= curvature / float(turned @ turned)
    for (moved, turned, curvature), factor in zip(pairs, reversed(factors), strict=True):
        q += moved * (factor - float(turned @ q) / curvature)
    return q


def _search(
    compute: Objective, x: Array, value: float, direction: Array, slope: float, step: float
) -> tuple[Array, float, Array] | None:
    """Return the first point along a direction that is low enough; None where there is none."""
    for _ in range(HALVINGS):
        new = x + step * direction
        new_value, gradient = compute(new)
        if new_value <= value + DECREASE * step * slope:
            return new, new_value, gradient
        step *= 0.5
    return None
