"""Hinge losses: of classes that need a margin, not a probability."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from mlpcli.array_types import Array
from mlpcli.nn.arrays import empty, empty_like
from mlpcli.nn.losses.loss import LOSSES, Loss


@LOSSES.add("hinge")
class Hinge(Loss):
    """J = 1/N Σ_d Σ_j max(0, 1 − s u_dj), s = 2y − 1; dJ/du = −s / N where s u < 1, else 0.

    ŷ = u is a score, not a probability: above 0 it means yes. For many classes Crammer and
    Singer's: J = 1/N Σ_d max(0, 1 + max_{k ≠ y} u_dk − u_dy), with dJ/du = 1/N at that k and −1/N
    at y, where J is above 0. A mixture of classes has no margin: targets may not be mixed.
    Source: Cortes and Vapnik, 1995; Crammer and Singer, 2001, On the Algorithmic Implementation of
    Multiclass Kernel-based Vector Machines; scikit-learn's hinge_loss.
    """

    link: ClassVar[str] = "identity"
    tasks: ClassVar[tuple[str, ...]] = ("binary", "multilabel", "multiclass")
    threshold: ClassVar[float] = 0.0
    mixes: ClassVar[bool] = False

    def for_task(self, task: str, *, output: str | None = None) -> Loss:
        return self.to_class(HingeOfClasses if task == "multiclass" else Hinge)

    def value(self, u: Array, y: Array) -> Array:
        return np.sum(np.maximum(0, 1 - (2 * y - 1) * u), axis=-1)

    def scratch(self, out: Array) -> Any:
        return empty_like(out)

    def delta(self, u: Array, y: Array, scale: Array, out: Array, scratch: Any) -> None:
        """out ← −scale s 1[s u < 1]."""
        np.multiply(y, -2.0, out=out)
        np.add(out, 1.0, out=out)  # −s
        np.multiply(out, u, out=scratch)
        np.greater(scratch, -1.0, out=scratch)
        np.multiply(out, scratch, out=out)
        np.multiply(out, scale, out=out)

    def side(self, u: Array, y: Array) -> Array | None:
        return (2 * y - 1) * u > 1


class HingeOfClasses(Hinge):
    """Crammer and Singer's hinge of many classes, y one-hot."""

    def value(self, u: Array, y: Array) -> Array:
        return np.maximum(0, 1 + _others(u, y).max(axis=-1) - np.vecdot(u, y))

    def scratch(self, out: Array) -> Any:
        """Return the class numbers, a mask like out, and three arrays of one number a row."""
        *rows, n_classes = out.shape
        strongest = np.empty((*rows, 1), np.intp)
        per_row = empty((*rows, 1), out.dtype), empty((*rows, 1), out.dtype)
        return np.arange(n_classes), np.empty(out.shape, bool), strongest, *per_row

    def delta(self, u: Array, y: Array, scale: Array, out: Array, scratch: Any) -> None:
        """out ← scale (1[k is the strongest other class] − y) where the loss is above 0."""
        classes, mask, strongest, margin, score = scratch
        np.copyto(out, u)
        np.greater(y, 0.5, out=mask)
        np.copyto(out, -np.inf, where=mask)
        np.argmax(out, axis=-1, keepdims=True, out=strongest)
        np.maximum.reduce(out, axis=-1, keepdims=True, out=margin)
        np.vecdot(u, y, out=score[..., 0])
        np.subtract(margin, score, out=margin)
        np.greater(margin, -1.0, out=margin)
        np.multiply(margin, scale, out=margin)

        np.equal(strongest, classes, out=mask)
        np.subtract(mask, y, out=out)
        np.multiply(out, margin, out=out)

    def side(self, u: Array, y: Array) -> Array | None:
        """0 where the margin is kept, else the number from 1 of the strongest other class."""
        strongest = np.argmax(_others(u, y), axis=-1)
        return np.where(self.value(u, y) > 0, strongest + 1, 0)


def _others(u: Array, y: Array) -> Array:
    """Return u with −∞ at the row's class."""
    return np.where(y > 0.5, -np.inf, u)  # noqa: PLR2004  y is 0 or 1
