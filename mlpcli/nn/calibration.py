"""Temperature scaling: a trained network's pre-activations divided by one number, T.

ŷ = g(u / T), g the softmax or the sigmoid that belongs to the loss. T > 1 makes probabilities
less certain, T < 1 more. No decision changes: the largest of u stays it, and u > 0 stays u > 0.

Everything here takes predictions ŷ and not a network, with u = g⁻¹(ŷ): one network, and the mean
of an ensemble's predictions, which is no network's, are calibrated alike.

Source: Guo, Pleiss, Sun and Weinberger, 2017, On Calibration of Modern Neural Networks, 4.2; with
two classes it is Platt's scaling, 1999, without his shift.
"""

from __future__ import annotations

import math

import numpy as np

from mlpcli.array_types import Array
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.arrays import one_hot, weighted_mean
from mlpcli.nn.losses import Loss

LARGEST = 100.0  # T, and 1/T: beyond, ŷ is 1/K, or 0 and 1, whatever u is
STEPS = 100  # at most; Newton's take about 5, the bracket's halves about 30


def has_temperature(loss: Loss) -> bool:
    """Whether a loss's own link makes probabilities: then u can be divided by T.

    Those of smoothed targets and of the focal loss are less certain than the labels are, and gain
    the most: T is fitted to the log loss of the labels. Source: Mukhoti et al., 2020, Calibrating
    Deep Neural Networks using Focal Loss.
    """
    return ACTIVATIONS[loss.link].is_probability


def at_temperature(loss: Loss, y_hat: Array, temperature: float) -> Array:
    """Return g(g⁻¹(ŷ) / T); at T = 1 ŷ itself.

    y_hat  (..., rows, n_outputs) probabilities, float64; unchanged
    """
    if temperature == 1:
        return y_hat
    u = loss.outputs_of(y_hat) / temperature
    found = np.empty_like(u)
    loss.predict(u, found)
    return found


def log_losses(loss: Loss, y_hat: Array, target: Array) -> Array:
    """−log of the probability given to what is true, summed over labels: (rows,), in nats.

    It is the cross-entropy of the labels as they are, without smoothing or weights.

    y_hat   (rows, n_outputs) probabilities, float64; held as far from 0 and 1 as `outputs_of` does
    target  (rows,) class numbers, or (rows, labels) of 0 and 1
    """
    u, y = _as_classes(loss, y_hat, target)
    return np.sum(np.log(np.sum(np.exp(u), axis=-1)) - np.sum(y * u, axis=-1), axis=-1)


def fit_temperature(
    loss: Loss, y_hat: Array, target: Array, weight: Array | None = None, prior: float = 1.0
) -> float:
    """Return the T that gives these rows the smallest mean log loss; 1 where T makes none smaller.

    L(β) = Σ_d w_d [ log Σ_k exp(β u_dk) − β Σ_k y_dk u_dk ] / Σ_d w_d, β = 1/T, is convex:
    L'(β) = Σ_d w_d Σ_k (p_dk − y_dk) u_dk / Σ_d w_d, and L''(β) is the mean of the variance of u
    under p, p = softmax(β u). (A sigmoid is the softmax of 0 and u.) Newton's steps find L' = 0;
    one that leaves the bracket around it is replaced by the geometric mean of the bracket's ends.

    y is smoothed by ε = prior / (N + prior): as if `prior` rows more had been seen, whose class
    nothing tells. Without them T would be 0 where all of a few rows are predicted right, and the
    next row that is not would have an infinite loss.

    y_hat   (N, n_outputs) probabilities, float64
    target  (N,) class numbers, or (N, labels) of 0 and 1
    weight  (N,) of each row; None: all are 1
    Source: Guo et al., 2017, 4.2; the smoothing: Platt, 1999, Probabilistic outputs for support
    vector machines, 2.2.
    """
    u, y = _as_classes(loss, y_hat, target)
    epsilon = prior / (len(u) + prior)
    y = (1 - epsilon) * y + epsilon / y.shape[-1]
    low, high, beta = 1 / LARGEST, LARGEST, 1.0
    for _ in range(STEPS):
        slope, curvature = _derivatives(u, y, weight, beta)
        if not math.isfinite(slope) or slope == 0:
            return 1 / beta if slope == 0 else 1.0
        low, high = (low, beta) if slope > 0 else (beta, high)
        step = beta - slope / curvature if curvature > 0 else math.inf
        following = step if low < step < high else math.sqrt(low * high)
        if abs(following - beta) <= 1e-10 * beta:
            break
        beta = following
    return 1 / beta


def _as_classes(loss: Loss, y_hat: Array, target: Array) -> tuple[Array, Array]:
    """Return u and y with an axis of classes at the end, (rows, labels, classes); max u is 0."""
    u = loss.outputs_of(y_hat)
    if loss.link == "softmax":
        y = np.empty(u.shape)
        one_hot(target, y)
        u, y = u[:, np.newaxis], y[:, np.newaxis]
    else:
        yes = target.reshape(u.shape)
        u, y = np.stack([np.zeros_like(u), u], axis=-1), np.stack([1 - yes, yes], axis=-1)
    return u - u.max(axis=-1, keepdims=True), y


def _derivatives(u: Array, y: Array, weight: Array | None, beta: float) -> tuple[float, float]:
    """Return L'(β) and L''(β) of the mean log loss."""
    p = np.exp(beta * u)
    p /= p.sum(axis=-1, keepdims=True)
    mean = np.sum(p * u, axis=-1, keepdims=True)
    slope = np.sum((p - y) * u, axis=(-2, -1))
    curvature = np.sum(p * (u - mean) ** 2, axis=(-2, -1))
    return float(weighted_mean(slope, weight)), float(weighted_mean(curvature, weight))
