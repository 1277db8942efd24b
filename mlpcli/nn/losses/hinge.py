"""Hinge losses: of classes that need a margin, not a probability."""

from __future__ import annotations

from typing import Any, ClassVar

from mlpcli.array_types import Array
from mlpcli.nn.arrays import empty, empty_like
from mlpcli.nn.losses.loss import LOSSES, Loss, signs
from mlpcli.nn.replay import call, np, put, take


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

    def for_task(self, task: str, *, output: str | None = None, mixed: bool = False) -> Loss:
        """Return the form for the task."""
        if mixed:
            raise ValueError("hinge takes no mixtures of classes")
        return self.form(HingeOfClasses if task == "multiclass" else Hinge)

    def side(self, u: Array, target: Array) -> Array | None:
        """Whether the margin is kept."""
        return (2 * target - 1) * u > 1

    def scratch(self, delta: Array) -> Any:
        """An array like u."""
        return empty_like(delta)

    def rows_and_delta(
        self, u: Array, target: Array, scale: Array, rows: Array, delta: Array, scratch: Any
    ) -> None:
        """rows = Σ_j h, h = max(0, 1 + t u), t = 1 − 2y; delta = scale t sign(h)."""
        signs(target, delta)
        np.multiply(u, delta, out=scratch)
        np.add(scratch, 1.0, out=scratch)
        np.maximum(scratch, 0.0, out=scratch)
        np.add.reduce(scratch, axis=-1, out=rows)
        np.sign(scratch, out=scratch)
        np.multiply(delta, scratch, out=delta)
        np.multiply(delta, scale, out=delta)


class HingeOfClasses(Hinge):
    """The form for class numbers, Crammer and Singer's."""

    class_index: ClassVar[bool] = True

    def side(self, u: Array, target: Array) -> Array | None:
        """0 where the margin is kept, else the number from 1 of the strongest other class."""
        others = u.copy()
        index = np.broadcast_to(target, u.shape[:-1])[..., np.newaxis]
        own = np.take_along_axis(u, index, axis=-1)[..., 0]
        np.put_along_axis(others, index, -np.inf, axis=-1)
        strongest = np.argmax(others, axis=-1)
        return np.where(1 + others.max(axis=-1) > own, strongest + 1, 0)

    def scratch(self, delta: Array) -> Any:
        """Arrays of one number a row, and the delta as one long vector."""
        *rows, n_classes = delta.shape
        offset = np.arange(delta.size // n_classes, dtype=np.intp).reshape(rows) * n_classes
        push = empty((*rows, 1), delta.dtype)
        works = empty_like(offset), empty_like(offset), empty_like(delta[..., 0])
        return delta.reshape(-1), offset, *works, push

    def rows_and_delta(
        self, u: Array, target: Array, scale: Array, rows: Array, delta: Array, scratch: Any
    ) -> None:
        """rows = h = max(0, 1 + max_{k ≠ y} u_k − u[y]); delta = scale sign(h), at y negated."""
        flat, offset, own, other, score, push = scratch
        np.add(offset, target, out=own)
        np.copyto(delta, u)
        take(flat, own, score)
        put(flat, own, -np.inf)
        call(delta.argmax, -1, other)
        np.add(other, offset, out=other)
        take(flat, other, rows)
        np.subtract(rows, score, out=rows)
        np.add(rows, 1.0, out=rows)
        np.maximum(rows, 0.0, out=rows)

        np.copyto(delta, 0.0)
        np.sign(rows, out=push[..., 0])
        np.multiply(push, scale, out=push)
        put(flat, other, push[..., 0])
        put(flat, own, np.negative(push, out=push)[..., 0])
