"""Losses J(ŷ, y): each row's loss, and delta = dJ/du at the output layer.

J is the mean of the rows' losses. A loss owns its link, the output activation g that belongs to
it. Value and delta are computed from the pre-activations u of the output layer, ŷ = g(u), because
fused they are exact where ŷ alone has been rounded to 0 or 1. An output activation other than the
link is a stage of its own below a loss whose link is the identity; the chain rule does the rest
(see `passes.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from mlpcli.family import Family
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.arrays import Array, Product, product_for

LOSSES = Family("loss")


@dataclass(frozen=True)
class Loss:
    """One loss: value, delta, link, and the tasks it is for."""

    name: ClassVar[str]
    link: ClassVar[str]
    tasks: ClassVar[tuple[str, ...]]  # that it may be chosen for
    outputs: ClassVar[tuple[str, ...] | None] = ()  # allowed beside the link; None: any
    class_index: ClassVar[bool] = False  # targets are class numbers (rows,), not (rows, outputs)
    threshold: ClassVar[float] = 0.5  # a binary or multilabel ŷ above it means: yes
    standardized: ClassVar[bool] = True  # whether a regression target may be standardized
    target_range: ClassVar[str] = ""  # what `refused` refuses, as the end of a sentence

    def for_task(self, task: str, *, output: str | None = None, mixed: bool = False) -> Loss:
        """Return the loss that does the work: one class for each form, so that none has to ask.

        task    regression, binary, multiclass or multilabel
        output  the output activation, where it is not the link: the loss then sees ŷ itself
        mixed   targets are mixtures of classes: (rows, outputs), between 0 and 1
        """
        return self

    def n_outputs(self, n_targets: int) -> int:
        """Return how many outputs the network needs for so many target columns (or classes)."""
        return n_targets

    def refused(self, target: Array) -> Array:
        """Return where a target (rows, targets), in its own unit, is none for this loss."""
        return np.zeros(target.shape, bool)

    def predict(self, u: Array, out: Array) -> None:
        """Write ŷ = g(u), the link's value, into `out`."""
        link = ACTIVATIONS[self.link]()
        link.value(u, out, link.scratch(out))

    def central(self, y_hat: Array) -> Array:
        """Return the one prediction of each target (rows, n_targets) among the outputs ŷ."""
        return y_hat

    def side(self, u: Array, target: Array) -> Array | None:
        """Return a number for each entry that changes where dJ/du or its derivative jumps.

        None: they never jump. A gradient check takes no difference quotient across a jump.
        """
        return None

    def problem(self) -> str | None:
        """Return what is wrong with the settings taken together, as a sentence; or None."""
        return None

    def scratch(self, delta: Array) -> Any:
        """Return what `rows_and_delta` needs beside this delta, made once per run.

        Arrays to work in, and the hyperparameters in the arrays' type and with their lanes.
        """
        return None

    def rows_and_delta(
        self, u: Array, target: Array, scale: Array, rows: Array, delta: Array, scratch: Any
    ) -> None:
        """Write each row's loss into `rows`, and scale times its derivative into `delta`.

        u        (..., N, outputs) pre-activations of the output layer; unchanged
        target   (N, targets) or (..., N, targets); (N,) or (..., N) class numbers
        scale    1/N, without axes, so that delta is that of the mean; or (..., N, 1), each row's
                 weight divided by N
        rows     (..., N) receives the loss of each row
        delta    (..., N, outputs) receives scale d(rows)/du; must not alias u
        scratch  what `scratch` returned for this delta
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
    outputs: ClassVar[tuple[str, ...] | None] = None

    def rows_and_delta(
        self, u: Array, target: Array, scale: Array, rows: Array, delta: Array, scratch: Any
    ) -> None:
        """rows = 1/2 Σ_j (u − y)²; delta = scale (u − y)."""
        np.subtract(u, target, out=delta)
        np.vecdot(delta, delta, out=rows)
        np.multiply(rows, 0.5, out=rows)
        np.multiply(delta, scale, out=delta)


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

    def scratch(self, delta: Array) -> Any:
        """Two arrays like u, for s u and softplus(s u)."""
        return np.empty_like(delta), np.empty_like(delta)

    def rows_and_delta(
        self, u: Array, target: Array, scale: Array, rows: Array, delta: Array, scratch: Any
    ) -> None:
        """rows = Σ_j softplus(s u); delta = scale s exp(s u − softplus(s u)), s = 1 − 2y."""
        v, softplus = scratch
        np.multiply(target, -2.0, out=delta)
        np.add(delta, 1.0, out=delta)
        np.multiply(u, delta, out=v)
        np.logaddexp(v, 0.0, out=softplus)
        np.add.reduce(softplus, axis=-1, out=rows)
        np.subtract(v, softplus, out=v)
        np.exp(v, out=v)
        np.multiply(delta, v, out=delta)
        np.multiply(delta, scale, out=delta)


@dataclass(frozen=True)
class _Rows:
    """Cross-entropy's arrays of one number a row, and its delta as one long vector."""

    flat: Array  # (... · N · n_classes,) the delta
    maximum: Array  # (..., N, 1)
    total: Array  # (..., N, 1)
    total_of_row: Array  # (..., N) the same numbers
    at_target: Array  # (..., N)
    at_target_column: Array  # (..., N, 1) the same numbers
    offset: Array  # (..., N) where each row begins in the flat delta
    index: Array  # (..., N) where each row's target stands in the flat delta
    ones: Array  # (n_classes, 1)
    product: Product


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

    def scratch(self, delta: Array) -> Any:
        """A few arrays of one number a row, and views."""
        *rows, n_classes = delta.shape
        total, at_target = np.empty((*rows, 1), delta.dtype), np.empty((*rows, 1), delta.dtype)
        return _Rows(
            flat=delta.reshape(-1),
            maximum=np.empty_like(total),
            total=total,
            total_of_row=total[..., 0],
            at_target=at_target[..., 0],
            at_target_column=at_target,
            offset=np.arange(total.size, dtype=np.intp).reshape(rows) * n_classes,
            index=np.empty(rows, np.intp),
            ones=np.ones((n_classes, 1), delta.dtype),
            product=product_for(delta.shape[:-2]),
        )

    def rows_and_delta(
        self, u: Array, target: Array, scale: Array, rows: Array, delta: Array, scratch: Any
    ) -> None:
        """rows = log Σ_k exp(v_k) − v[y], v = u − max u; delta = scale (softmax(u) − onehot(y))."""
        flat, total, at_target = scratch.flat, scratch.total, scratch.at_target
        index = np.add(scratch.offset, target, out=scratch.index)

        np.maximum.reduce(u, axis=-1, keepdims=True, out=scratch.maximum)
        np.subtract(u, scratch.maximum, out=delta)
        flat.take(index, out=at_target, mode="clip")  # mode "raise" would buffer the output
        np.exp(delta, out=delta)
        # Σ_k as a product with ones: 0.8 µs against 3.4 µs for np.add.reduce at 128 x 10.
        scratch.product(delta, scratch.ones, total)
        np.log(scratch.total_of_row, out=rows)
        np.subtract(rows, at_target, out=rows)

        np.divide(scale, total, out=total)
        np.multiply(delta, total, out=delta)
        flat.take(index, out=at_target, mode="clip")
        np.subtract(scratch.at_target_column, scale, out=scratch.at_target_column)
        flat[index] = at_target
