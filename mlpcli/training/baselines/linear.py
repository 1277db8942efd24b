"""Linear models: ridge regression in closed form (of many columns by L-BFGS), logistic by L-BFGS.

Both minimize Σ_d w_d ℓ(y_d, ŷ_d) + α/2 ‖W‖², u = X W + b, the intercept b free:

identity  ŷ = u, ℓ = ½ ‖ŷ − y‖²
sigmoid   ŷ = 1 / (1 + exp(−u)), ℓ = Σ_j −y_j log ŷ_j − (1 − y_j) log(1 − ŷ_j); one for each column
softmax   ŷ = exp(u) / Σ_k exp(u_k), ℓ = −log ŷ of the row's class

With w = 1 these are `Ridge(alpha=α)` and `LogisticRegression(C=1/α)` of scikit-learn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mlpcli.array_types import Array
from mlpcli.training.baselines.lbfgs import minimize

STRENGTHS = (10_000.0, 1000.0, 100.0, 10.0, 1.0, 0.1, 0.01)  # α to choose from, the strongest first
FOLDS = 5
LEAST_ROWS = 10  # with fewer there is nothing to choose α by:
DEFAULT = 1.0  # then it is scikit-learn's default
CLOSED_FORM = 1000  # columns: with more, 50,000 rows' ZᵀDZ takes longer than a hundred steps
ROTATED = 500  # rows: with more, an orthonormal basis of them takes longer than it saves
BLOCK = 1 << 22  # numbers converted at a time in a prediction: 32 MB
LEAST = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True)
class Linear:
    """ŷ = link(((X − shift) / scale) W + b).

    shift, scale  (n_features,)
    W, b          (n_features, n_outputs), (n_outputs,)
    """

    link: str
    shift: Array
    scale: Array
    W: Array
    b: Array

    def predict(self, X: Array) -> Array:
        """Return ŷ (rows, n_outputs), float64."""
        y_hat = np.empty((len(X), len(self.b)))
        rows = max(1, BLOCK // X.shape[1])
        with np.errstate(all="ignore"):
            for begin in range(0, len(X), rows):
                some = slice(begin, begin + rows)
                u = ((X[some] - self.shift) / self.scale) @ self.W + self.b
                y_hat[some] = apply_link(self.link, u)
        return y_hat


def apply_link(link: str, u: Array) -> Array:
    """Return ŷ of u (rows, n_outputs)."""
    if link == "identity":
        return u
    if link == "sigmoid":
        return 0.5 * (1 + np.tanh(0.5 * u))
    power = np.exp(u - u.max(axis=1, keepdims=True))
    return np.asarray(power / power.sum(axis=1, keepdims=True))


def row_losses(link: str, u: Array, y: Array) -> Array:
    """Return ℓ of each row (rows,); y as u, of classes one-hot."""
    if link == "identity":
        return 0.5 * np.sum((u - y) ** 2, axis=1)
    if link == "sigmoid":
        return np.sum(np.logaddexp(0, u) - y * u, axis=1)
    top = u.max(axis=1, keepdims=True)
    return np.asarray(
        np.log(np.exp(u - top).sum(axis=1)) + (top - np.sum(y * u, 1, keepdims=True))[:, 0]
    )


def fit_linear(
    X: Array, y: Array, weight: Array, link: str, strength: float, scale: Array | None = None
) -> Linear:
    """Return the model that minimizes the penalized loss of these rows.

    X         (rows, n_features); unchanged
    y         (rows, n_outputs) float64; of classes one-hot
    weight    (rows,) w
    strength  α > 0
    scale     (n_features,) that columns are divided by first; None: as they are
    """
    scale = np.ones(X.shape[1]) if scale is None else scale
    Z, shift, basis = _reduced(X / scale, weight)
    W, b = _solve(Z, y, weight, link, (strength,))[0]
    W = W if basis is None else basis @ W
    return Linear(link, shift * scale, scale, W, b)


def deviations(X: Array, weight: Array, columns: Array) -> Array:
    """Return each column's standard deviation (n_features,), 1 where it is 0 or not wanted.

    columns  (n_features,) which are wanted
    """
    mean = (weight @ X) / weight.sum()
    deviation = np.sqrt((weight @ (X - mean) ** 2) / weight.sum())
    return np.where(columns & (deviation > 0) & np.isfinite(deviation), deviation, 1.0)


def _reduced(X: Array, weight: Array) -> tuple[Array, Array, Array | None]:
    """Return Z, its columns' shift and a basis Q: Z = X − shift, or (X − shift) Q where it is wide.

    With few rows, and more columns, W lies in the span of the rows, so that W = Q V, Q orthonormal,
    and ‖W‖ = ‖V‖: the same problem in as many columns as there are rows.

    Source: Hastie and Tibshirani, 2004, Efficient quadratic regularization for expression arrays.
    """
    shift = (weight @ X) / weight.sum()
    Z = X - shift
    if not len(X) < min(X.shape[1], ROTATED + 1):
        return Z, shift, None
    basis, _ = np.linalg.qr(Z.T)
    return Z @ basis, shift, basis


def _solve(
    Z: Array, y: Array, weight: Array, link: str, strengths: Sequence[float]
) -> list[tuple[Array, Array]]:
    """Return W and b for each strength; Z with means Σ w z / Σ w of 0."""
    if link != "identity" or Z.shape[1] > CLOSED_FORM:
        return by_steps(Z, y, weight, link, strengths)
    center = (weight @ y) / weight.sum()
    return [(W, center) for W in ridge(Z, y - center, weight, strengths)]


def ridge(Z: Array, y: Array, weight: Array, strengths: Sequence[float]) -> list[Array]:
    """Return W (n_features, n_outputs) for each α: (ZᵀDZ + αI)⁻¹ ZᵀD y, D = diag(w).

    Z, y  with means Σ w z / Σ w of 0
    Source: Hoerl and Kennard, 1970.
    """
    weighted = Z * weight[:, np.newaxis]
    gram, side, unit = weighted.T @ Z, weighted.T @ y, np.eye(Z.shape[1])
    return [np.linalg.solve(gram + strength * unit, side) for strength in strengths]


def by_steps(
    Z: Array, y: Array, weight: Array, link: str, strengths: Sequence[float]
) -> list[tuple[Array, Array]]:
    """Return W (n_features, n_outputs) and b (n_outputs,) for each α, by L-BFGS.

    ∂J/∂W = Zᵀ D (ŷ − y) + αW, ∂J/∂b = Σ_d w_d (ŷ_d − y_d). It begins at W = 0 and the b that is
    best there.
    """
    n_features, n_outputs = Z.shape[1], y.shape[1]
    theta = np.zeros((n_features + 1, n_outputs))
    theta[-1] = _intercept(link, (weight @ y) / weight.sum())
    found = []
    for strength in strengths:
        compute = _objective(Z, y, weight, link, strength)
        theta = minimize(compute, theta.ravel(), weight.sum()).reshape(theta.shape)
        found.append((theta[:-1].copy(), theta[-1].copy()))
    return found


def _intercept(link: str, mean: Array) -> Array:
    """Return the b that is best at W = 0, from the means of y (n_outputs,)."""
    if link == "identity":
        return mean
    share = np.clip(mean, 1e-9, 1 - 1e-9)
    return np.asarray(np.log(share) - (np.log1p(-share) if link == "sigmoid" else 0.0))


def _objective(
    Z: Array, y: Array, weight: Array, link: str, strength: float
) -> Callable[[Array], tuple[float, Array]]:
    def compute(vector: Array) -> tuple[float, Array]:
        theta = vector.reshape(-1, y.shape[1])
        W = theta[:-1]
        u = Z @ W + theta[-1]
        value = weight @ row_losses(link, u, y) + 0.5 * strength * np.sum(W**2)
        delta = (apply_link(link, u) - y) * weight[:, np.newaxis]
        gradient = np.vstack([Z.T @ delta + strength * W, delta.sum(axis=0)])
        return float(value), gradient.ravel()

    return compute


def choose_strength(X: Array, y: Array, weight: Array, link: str, fold: Array) -> float:
    """Return the α of STRENGTHS with the least loss of rows held out, by cross-validation.

    fold  (rows,) numbers from 0: the rows of one number are held out together
    """
    if len(X) < LEAST_ROWS:
        return DEFAULT
    X = _reduced(X, weight)[0]
    losses = np.zeros(len(STRENGTHS))
    for number in np.unique(fold):
        out = fold == number
        if out.all():
            continue
        kept = weight[~out]
        shift = (kept @ X[~out]) / kept.sum()
        for k, (W, b) in enumerate(_solve(X[~out] - shift, y[~out], kept, link, STRENGTHS)):
            u = (X[out] - shift) @ W + b
            losses[k] += weight[out] @ row_losses(link, u, y[out])
    return STRENGTHS[int(np.argmin(losses))] if np.isfinite(losses).all() else DEFAULT
