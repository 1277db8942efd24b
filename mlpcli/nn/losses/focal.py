"""Focal loss: cross-entropy in which rows that are right already count little.

Nothing here is a difference of nearly equal numbers, and nothing overflows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from mlpcli.array_types import Array
from mlpcli.family import setting
from mlpcli.nn.arrays import column, empty, empty_like
from mlpcli.nn.losses.loss import LOSSES, Loss, SmoothingLoss


@LOSSES.add("focal")
class Focal(SmoothingLoss):
    """J = −1/N Σ_d Σ_j a (1 − p_dj)^γ log p_dj, p the probability given to the true label.

    For two classes and for labels ŷ = σ(u), p is σ(u) for yes and σ(−u) for no, a = α for yes and
    1 − α for no, 1 where alpha is null. With F(v) = σ(v)^γ softplus(v) and
    F'(v) = σ(v)^γ [ γ σ(−v) softplus(v) + σ(v) ], one row is a F(−u) for yes and a F(u) for no,
    dJ/du = ∓a F'(∓u) / N. For many classes ŷ = softmax(u), and Σ_j falls away. γ = 0 is
    cross-entropy.

    Where y is a mixture or smoothed (as for the cross-entropies), J is the mean over the labels
    that y gives: Σ_k y_k times the loss of label k, as Keras's CategoricalFocalCrossentropy.
    torchvision's sigmoid_focal_loss puts the mixture into p instead: other numbers, where y is
    neither 0 nor 1. Source: Lin et al., 2017, Focal Loss for Dense Object Detection, 3.
    """

    link: ClassVar[str] = "sigmoid"
    tasks: ClassVar[tuple[str, ...]] = ("binary", "multilabel", "multiclass")

    gamma: float = setting(2.0, "γ, how little rows count that are right already", ge=0.0, le=20.0)
    alpha: float | None = setting(
        None, "α, the weight of yes, that of no being 1 − α; null: both 1", gt=0.0, lt=1.0
    )
    label_smoothing: float = setting(
        0.0, "ε of y ← (1 − ε) y + ε/2, or ε/K for K classes", ge=0.0, lt=1.0
    )

    def for_task(self, task: str, *, output: str | None = None) -> Loss:
        return self.to_class(FocalOfClasses if task == "multiclass" else Focal)

    def faults(self, task: str | None) -> Iterator[tuple[tuple[str | int, ...], str]]:
        if task == "multiclass" and self.alpha is not None:
            yield ("alpha",), "alpha weighs yes against no, and multiclass has neither: set it null"

    def _weights(self, like: Array) -> tuple[Array, Array]:
        """Return the weights of yes and of no, α and 1 − α."""
        if self.alpha is None:
            return column(1.0, like), column(1.0, like)
        alpha = np.asarray(self.alpha, np.float64)
        return column(alpha, like), column(1 - alpha, like)

    def value(self, u: Array, y: Array) -> Array:
        """Return Σ_j α y F(−u) + (1 − α) (1 − y) F(u)."""
        gamma, (yes, no) = column(self.gamma, u), self._weights(u)
        each = yes * y * _focal(-u, gamma) + no * (1 - y) * _focal(u, gamma)
        return np.sum(each, axis=-1)

    def scratch(self, out: Array) -> Any:
        works = tuple(empty_like(out) for _ in range(3))
        return *works, column(self.gamma, out), *self._weights(out)

    def delta(self, u: Array, y: Array, scale: Array, out: Array, scratch: Any) -> None:
        """out ← scale [ (1 − α) (1 − y) F'(u) − α y F'(−u) ]."""
        v, softplus, slope, gamma, yes, no = scratch
        np.copyto(v, u)
        _focal_slope(v, gamma, softplus, out)
        np.subtract(1.0, y, out=v)
        np.multiply(v, no, out=v)
        np.multiply(out, v, out=out)
        np.negative(u, out=v)
        _focal_slope(v, gamma, softplus, slope)
        np.multiply(slope, y, out=slope)
        np.multiply(slope, yes, out=slope)
        np.subtract(out, slope, out=out)
        np.multiply(out, scale, out=out)


def _focal(v: Array, gamma: Array) -> Array:
    """Return F(v) = σ(v)^γ softplus(v), σ(v) = exp(v − softplus(v))."""
    softplus = np.logaddexp(v, 0)
    return np.exp(gamma * (v - softplus)) * softplus


def _focal_slope(v: Array, gamma: Array, softplus: Array, slope: Array) -> None:
    """slope ← F'(v) = σ(v)^γ [ γ σ(−v) softplus(v) + σ(v) ]; overwrites v and softplus."""
    np.logaddexp(v, 0.0, out=softplus)
    np.negative(softplus, out=slope)
    np.exp(slope, out=slope)  # σ(−v)
    np.multiply(slope, softplus, out=slope)
    np.multiply(slope, gamma, out=slope)
    np.subtract(v, softplus, out=v)
    np.exp(v, out=softplus)  # σ(v)
    np.add(slope, softplus, out=slope)
    np.multiply(v, gamma, out=v)
    np.exp(v, out=v)  # σ(v)^γ
    np.multiply(slope, v, out=slope)


class FocalOfClasses(Focal):
    """J = −1/N Σ_d Σ_k y_dk q_dk^γ log p_dk, p = softmax(u), q = 1 − p.

    dJ/du_k = [ p_k Σ_{i≠k} c_i y_i − q_k c_k y_k ] / N, c = q^γ [ 1 + γ p (−log p) / q ].

    log p_k = u_k − max u − log(1 + rest) and q = 1 − exp(log p), with rest the sum of the classes
    below the maximum (a second one that equals it adds 1): exact where p is nearly 1, too.
    """

    link: ClassVar[str] = "softmax"

    def value(self, u: Array, y: Array) -> Array:
        shifted = u - np.max(u, axis=-1, keepdims=True)
        below = shifted < 0
        rest = np.sum(np.exp(shifted), axis=-1, keepdims=True, where=below)
        rest += np.sum(~below, axis=-1, keepdims=True) - 1
        loss = np.log1p(rest) - shifted  # −log p
        q = np.maximum(-np.expm1(-loss), np.finfo(u.dtype).tiny)
        return np.sum(y * np.exp(column(self.gamma, u) * np.log(q)) * loss, axis=-1)

    def scratch(self, out: Array) -> Any:
        """Return three arrays like out, three of one number a row, γ, and the least q."""
        works = tuple(empty_like(out) for _ in range(3))
        per_row = tuple(empty((*out.shape[:-1], 1), out.dtype) for _ in range(3))
        return *works, *per_row, column(self.gamma, out), np.finfo(out.dtype).tiny

    def delta(self, u: Array, y: Array, scale: Array, out: Array, scratch: Any) -> None:
        """out ← scale [ p_k Σ_{i≠k} c_i y_i − q_k c_k y_k ]."""
        loss, q, cost, maximum, rest, total, gamma, least = scratch
        np.maximum.reduce(u, axis=-1, keepdims=True, out=maximum)
        np.subtract(u, maximum, out=loss)
        np.exp(loss, out=out)
        np.less(loss, 0.0, out=q)  # 1 for classes below the maximum
        np.multiply(out, q, out=cost)
        np.add.reduce(cost, axis=-1, keepdims=True, out=rest)
        np.subtract(1.0, q, out=q)
        np.add.reduce(q, axis=-1, keepdims=True, out=total)
        np.subtract(total, 1.0, out=total)
        np.add(rest, total, out=rest)
        np.add(rest, 1.0, out=total)
        np.divide(out, total, out=out)  # p
        np.log1p(rest, out=total)
        np.subtract(total, loss, out=loss)  # −log p
        np.negative(loss, out=q)
        np.expm1(q, out=q)
        np.negative(q, out=q)
        np.maximum(q, least, out=q)

        np.divide(loss, q, out=cost)
        np.multiply(cost, out, out=cost)
        np.multiply(cost, gamma, out=cost)
        np.add(cost, 1.0, out=cost)
        np.log(q, out=loss)
        np.multiply(loss, gamma, out=loss)
        np.exp(loss, out=loss)  # q^γ
        np.multiply(cost, loss, out=cost)  # c
        np.multiply(cost, y, out=cost)
        np.add.reduce(cost, axis=-1, keepdims=True, out=total)
        np.subtract(total, cost, out=loss)  # Σ_{i≠k} c_i y_i
        np.multiply(out, loss, out=out)
        np.multiply(q, cost, out=q)
        np.subtract(out, q, out=out)
        np.multiply(out, scale, out=out)
