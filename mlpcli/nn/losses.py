"""Losses J(ŷ, y): the mean over the rows of a batch, and delta = dJ/du at the output layer.

A loss owns its link, the output activation g that belongs to it. Value and delta are computed
from the pre-activations u of the output layer, ŷ = g(u), because fused they are exact where ŷ
alone has been rounded to 0 or 1. An output activation other than the link is a stage of its own
below a loss whose link is the identity; the chain rule does the rest (see `network.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from mlpcli.family import Family
from mlpcli.nn.arrays import Array, Shape

LOSSES = Family("loss")


@dataclass(frozen=True)
class Loss:
    """One loss: value, delta, link, and the tasks it is for."""

    name: ClassVar[str]
    link: ClassVar[str]
    tasks: ClassVar[tuple[str, ...]]  # the first loss of a task in the table is its default
    class_index: ClassVar[bool] = False  # targets are class numbers (rows,), not (rows, outputs)

    def scratch(self, shape: Shape, dtype: Any) -> Any:
        """Return the arrays that `value_and_delta` needs for u of this shape, made once per run."""
        return None

    def value_and_delta(self, u: Array, target: Array, out: Array, scratch: Any) -> Any:
        """Return J for each lane, (...,), and write dJ/du into `out`.

        u        (..., N, outputs) pre-activations of the output layer; unchanged
        target   (N, outputs) or (..., N, outputs); (N,) or (..., N) class numbers
        out      (..., N, outputs) receives dJ/du; must not alias u
        scratch  what `scratch` returned for this shape
        """
        raise NotImplementedError


@LOSSES.add("mse")
@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """J = 1/(2N) Σ_d Σ_j (ŷ_dj − y_dj)², dJ/dŷ = (ŷ − y) / N.

    N rows d, outputs j, the square of the target's unit. For classes y is 0 or 1 for each output
    (Brier's score, up to the factor). Source: the lecture.
    """

    link: ClassVar[str] = "identity"
    tasks: ClassVar[tuple[str, ...]] = ("regression", "binary", "multiclass", "multilabel")

    def value_and_delta(self, u: Array, target: Array, out: Array, scratch: Any) -> Any:
        """J = 1/(2N) Σ (u − y)²; dJ/du = (u − y) / N."""
        n_rows = u.shape[-2]
        np.subtract(u, target, out=out)
        residuals = out.reshape(*out.shape[:-2], -1)
        value = np.vecdot(residuals, residuals) / (2 * n_rows)
        np.divide(out, n_rows, out=out)
        return value


@LOSSES.add("binary_cross_entropy")
@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """J = −1/N Σ_d Σ_j [ y log ŷ + (1 − y) log(1 − ŷ) ], ŷ = sigmoid(u), y in {0, 1}, nats.

    With the link put in and s = 1 − 2y, which is −1 or 1, J = 1/N Σ softplus(s u) and
    dJ/du = s sigmoid(s u) / N, where sigmoid(v) = exp(v − softplus(v)): no logarithm of 0, no
    overflow and no difference of nearly equal numbers, at any u.
    Source: the lecture, exercise on two classes; Bishop, PRML, 4.3.2.
    """

    link: ClassVar[str] = "sigmoid"
    tasks: ClassVar[tuple[str, ...]] = ("binary", "multilabel")

    def scratch(self, shape: Shape, dtype: Any) -> Any:
        """Two arrays like u, for s u and softplus(s u)."""
        return np.empty(shape, dtype), np.empty(shape, dtype)

    def value_and_delta(self, u: Array, target: Array, out: Array, scratch: Any) -> Any:
        """J = 1/N Σ softplus(s u); dJ/du = s exp(s u − softplus(s u)) / N, s = 1 − 2y."""
        n_rows = u.shape[-2]
        v, softplus = scratch
        np.multiply(target, -2.0, out=out)
        np.add(out, 1.0, out=out)
        np.multiply(u, out, out=v)
        np.logaddexp(v, 0.0, out=softplus)
        value = np.add.reduce(softplus.reshape(*out.shape[:-2], -1), axis=-1) / n_rows
        np.subtract(v, softplus, out=v)
        np.exp(v, out=v)
        np.multiply(out, v, out=out)
        np.divide(out, n_rows, out=out)
        return value


@dataclass(frozen=True)
class _Rows:
    """Cross-entropy's arrays of one number a row."""

    maximum: Array  # (..., N, 1)
    total: Array  # (..., N, 1)
    at_target: Array  # (..., N)
    offset: Array  # (..., N) where each row begins in the flat delta
    index: Array  # (..., N) where each row's target stands in the flat delta


@LOSSES.add("cross_entropy")
@dataclass(frozen=True)
class CrossEntropy(Loss):
    """J = 1/N Σ_d [ logsumexp(u_d) − u_d[y_d] ], ŷ = softmax(u), y a class number, nats per row.

    dJ/du = (softmax(u) − onehot(y)) / N. Each row is shifted by its maximum first, which leaves
    both unchanged and keeps exp from overflowing.
    Source: the lecture, exercise on many classes; Bishop, PRML, 4.3.4.
    """

    link: ClassVar[str] = "softmax"
    tasks: ClassVar[tuple[str, ...]] = ("multiclass",)
    class_index: ClassVar[bool] = True

    def scratch(self, shape: Shape, dtype: Any) -> Any:
        """Two columns of one number a row, and three rows of one number a row."""
        rows = shape[:-1]
        offset = np.arange(int(np.prod(rows)), dtype=np.intp).reshape(rows) * shape[-1]
        column = (*rows, 1)
        return _Rows(
            np.empty(column, dtype),
            np.empty(column, dtype),
            np.empty(rows, dtype),
            offset,
            np.empty(rows, np.intp),
        )

    def value_and_delta(self, u: Array, target: Array, out: Array, scratch: Any) -> Any:
        """J = 1/N Σ [ log Σ_k exp(v_k) − v[y] ], v = u − max u; dJ/du = (softmax(u) − 1[y]) / N."""
        n_rows = u.shape[-2]
        flat = out.reshape(-1)
        maximum, total, at_target = scratch.maximum, scratch.total, scratch.at_target
        index = np.add(scratch.offset, target, out=scratch.index)

        np.maximum.reduce(u, axis=-1, keepdims=True, out=maximum)
        np.subtract(u, maximum, out=out)
        flat.take(index, out=at_target, mode="clip")  # mode "raise" would buffer the output
        np.exp(out, out=out)
        np.add.reduce(out, axis=-1, keepdims=True, out=total)

        np.multiply(total, n_rows, out=maximum)
        np.divide(out, maximum, out=out)  # softmax(u) / N
        log_total = np.log(total[..., 0], out=total[..., 0])
        value = np.add.reduce(np.subtract(log_total, at_target, out=log_total), axis=-1) / n_rows
        flat.take(index, out=at_target, mode="clip")
        flat[index] = np.subtract(at_target, 1.0 / n_rows, out=at_target)
        return value
