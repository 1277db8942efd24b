"""Focal loss: cross-entropy in which rows that are right already count little.

With v the log-odds against the row's label, p = sigmoid(−v) is its probability and one row costs

    F(v) = sigmoid(v)^γ softplus(v),
    F'(v) = sigmoid(v)^γ [ γ sigmoid(−v) softplus(v) + sigmoid(v) ].

For two classes v is u or −u; for many it is logsumexp_{k ≠ y}(u_k) − u_y. Nothing in it is a
difference of nearly equal numbers, and nothing overflows: sigmoid(v)^γ = exp(γ (v − softplus(v))).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from mlpcli.array_types import Array
from mlpcli.family import setting
from mlpcli.nn.arrays import column, empty, empty_like
from mlpcli.nn.losses.loss import LOSSES, Loss, only_without, signs
from mlpcli.nn.replay import np, put, take


@LOSSES.add("focal")
class Focal(Loss):
    """J = −1/N Σ_d Σ_j a (1 − p_dj)^γ log p_dj, p the probability given to the true label.

    With v the log-odds against the true label, and F(v) = sigmoid(v)^γ softplus(v),
    dJ/du = a F'(v) dv/du / N. ŷ = sigmoid(u) and v = ∓u for two classes and for labels, softmax
    for many, where v_d = logsumexp_{k ≠ y}(u_dk) − u_dy and Σ_j falls away. γ = 0 is
    cross-entropy. a = α for yes and 1 − α for no; 1 where alpha is null.

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

    def for_task(self, task: str, *, output: str | None = None, mixed: bool = False) -> Loss:
        """Return the form for the task, for α, and for mixtures, as smoothed targets are."""
        soft = mixed or bool(np.any(np.asarray(self.label_smoothing) != 0))
        if task == "multiclass":
            return self.form(FocalOfMixtures if soft else FocalOfClasses)
        if soft:
            return self.form(FocalOfBinaryMixtures)
        return self.form(Focal if self.alpha is None else WeightedFocal)

    def faults(self, task: str | None) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yield that α weighs two classes, not more."""
        if task == "multiclass" and self.alpha is not None:
            yield ("alpha",), "alpha weighs yes against no, and multiclass has neither: set it null"

    def scratch(self, delta: Array) -> Any:
        """Four arrays like u, and γ."""
        only_without(self, self.label_smoothing)
        only_without(self, 0 if self.alpha is None else self.alpha)
        return _Terms.like(delta, self.gamma)

    def rows_and_delta(
        self, u: Array, target: Array, scale: Array, rows: Array, delta: Array, scratch: Any
    ) -> None:
        """rows = Σ_j F(s u); delta = scale s F'(s u), s = 1 − 2y."""
        signs(target, delta)
        np.multiply(u, delta, out=scratch.v)
        scratch.take()
        np.add.reduce(scratch.value, axis=-1, out=rows)
        np.multiply(delta, scratch.slope, out=delta)
        np.multiply(delta, scale, out=delta)


@dataclass(frozen=True)
class _Terms:
    """F and F' of v, arrays of one shape."""

    v: Array
    softplus: Array
    value: Array  # F(v)
    slope: Array  # F'(v)
    gamma: Array

    @classmethod
    def like(cls, array: Array, gamma: Any) -> _Terms:
        """Return the arrays, and γ in their type and with their lanes."""
        v, softplus, value, slope = (empty_like(array) for _ in range(4))
        return cls(v, softplus, value, slope, column(gamma, array))

    def take(self) -> None:
        """Compute value and slope from v, which is overwritten."""
        v, softplus, value, slope = self.v, self.softplus, self.value, self.slope
        np.logaddexp(v, 0.0, out=softplus)
        np.negative(softplus, out=slope)
        np.exp(slope, out=slope)
        np.multiply(slope, softplus, out=slope)
        np.multiply(slope, self.gamma, out=slope)  # γ sigmoid(−v) softplus(v)
        np.subtract(v, softplus, out=v)  # log sigmoid(v)
        np.exp(v, out=value)
        np.add(slope, value, out=slope)
        np.multiply(v, self.gamma, out=v)
        np.exp(v, out=v)  # sigmoid(v)^γ
        np.multiply(slope, v, out=slope)
        np.multiply(softplus, v, out=value)


class WeightedFocal(Focal):
    """The form for y in {0, 1} with α."""

    def scratch(self, delta: Array) -> Any:
        """Five arrays like u, γ, 1 − α and 2α − 1."""
        only_without(self, self.label_smoothing)
        alpha = np.asarray(self.alpha, np.float64)
        constants = column(1 - alpha, delta), column(2 * alpha - 1, delta)
        return _Terms.like(delta, self.gamma), empty_like(delta), *constants

    def rows_and_delta(
        self, u: Array, target: Array, scale: Array, rows: Array, delta: Array, scratch: Any
    ) -> None:
        """rows = Σ_j a F(s u); delta = scale a s F'(s u), a = 1 − α + (2α − 1) y."""
        terms, weight, of_no, difference = scratch
        np.multiply(target, difference, out=weight)
        np.add(weight, of_no, out=weight)
        signs(target, delta)
        np.multiply(u, delta, out=terms.v)
        terms.take()
        np.vecdot(terms.value, weight, out=rows)
        np.multiply(delta, weight, out=delta)
        np.multiply(delta, terms.slope, out=delta)
        np.multiply(delta, scale, out=delta)


class FocalOfBinaryMixtures(Focal):
    """The form for y between 0 and 1: the mean over the two labels that y gives."""

    def scratch(self, delta: Array) -> Any:
        """Six arrays like u, and the constants of the weights of yes and no."""
        epsilon = np.asarray(self.label_smoothing, np.float64)
        alpha = np.asarray(self.alpha if self.alpha is not None else 1.0, np.float64)
        of_no = 1 - alpha if self.alpha is not None else alpha
        # α y' and (1 − α) (1 − y'), y' = (1 − ε) y + ε/2, as lines in y
        lines = (
            alpha * (1 - epsilon),
            alpha * (epsilon / 2),
            of_no * (epsilon - 1),
            of_no * (1 - epsilon / 2),
        )
        constants = tuple(column(constant, delta) for constant in lines)
        works = empty_like(delta), empty_like(delta)
        return _Terms.like(delta, self.gamma), *works, constants

    def rows_and_delta(
        self, u: Array, target: Array, scale: Array, rows: Array, delta: Array, scratch: Any
    ) -> None:
        """rows = Σ_j α y' F(−u) + (1 − α) (1 − y') F(u); delta = scale times its derivative."""
        terms, total, weight, (slope1, add1, slope0, add0) = scratch
        np.copyto(terms.v, u)
        terms.take()
        np.multiply(target, slope0, out=weight)
        np.add(weight, add0, out=weight)
        np.multiply(terms.slope, weight, out=delta)
        np.multiply(terms.value, weight, out=total)

        np.negative(u, out=terms.v)
        terms.take()
        np.multiply(target, slope1, out=weight)
        np.add(weight, add1, out=weight)
        np.multiply(terms.slope, weight, out=terms.slope)
        np.subtract(delta, terms.slope, out=delta)
        np.multiply(terms.value, weight, out=terms.value)
        np.add(total, terms.value, out=total)
        np.add.reduce(total, axis=-1, out=rows)
        np.multiply(delta, scale, out=delta)


class FocalOfClasses(Focal):
    """The form for class numbers: v = logsumexp over the other classes − u[y]."""

    link: ClassVar[str] = "softmax"
    class_index: ClassVar[bool] = True

    def scratch(self, delta: Array) -> Any:
        """Arrays of one number a row, and the delta as one long vector."""
        only_without(self, self.label_smoothing)
        *rows, n_classes = delta.shape
        works = [empty((*rows, 1), delta.dtype) for _ in range(3)]
        offset = np.arange(works[0].size, dtype=np.intp).reshape(*rows, 1) * n_classes
        terms = _Terms.like(works[0], self.gamma)
        return delta.reshape(-1), offset, empty_like(offset), terms, *works

    def rows_and_delta(
        self, u: Array, target: Array, scale: Array, rows: Array, delta: Array, scratch: Any
    ) -> None:
        """rows = F(v); delta = scale F'(v) softmax over k ≠ y, and −scale F'(v) at y."""
        flat, offset, index, terms, of_target, maximum, total = scratch
        np.add(offset, target[..., np.newaxis], out=index)
        np.copyto(delta, u)
        take(flat, index, of_target)
        put(flat, index, -np.inf)  # its exp is 0: what follows is over the other classes
        np.maximum.reduce(delta, axis=-1, keepdims=True, out=maximum)
        np.subtract(delta, maximum, out=delta)
        np.exp(delta, out=delta)
        np.add.reduce(delta, axis=-1, keepdims=True, out=total)
        np.log(total, out=terms.v)
        np.subtract(maximum, of_target, out=maximum)
        np.add(terms.v, maximum, out=terms.v)
        terms.take()
        np.copyto(rows, terms.value[..., 0])

        np.multiply(terms.slope, scale, out=terms.slope)
        np.divide(terms.slope, total, out=total)
        np.multiply(delta, total, out=delta)
        put(flat, index, np.negative(terms.slope, out=terms.slope))


class FocalOfMixtures(Focal):
    """The form for mixtures of classes, y (rows, classes): J = Σ_k y_k (1 − p_k)^γ (−log p_k).

    dJ/du_k = p_k Σ_i c_i y_i − c_k y_k, c_k = (1 − p_k)^γ [ 1 + γ p_k (−log p_k) / (1 − p_k) ].
    """

    link: ClassVar[str] = "softmax"

    def scratch(self, delta: Array) -> Any:
        """Four arrays like u, four of one number a row, γ, 1 − ε and ε/K."""
        epsilon = np.asarray(self.label_smoothing, np.float64)
        constants = (
            column(self.gamma, delta),
            column(1 - epsilon, delta),
            column(epsilon / delta.shape[-1], delta),
        )
        works = [empty_like(delta) for _ in range(4)]
        of_row = [empty((*delta.shape[:-1], 1), delta.dtype) for _ in range(2)]
        return *works, *of_row, constants

    def rows_and_delta(
        self, u: Array, target: Array, scale: Array, rows: Array, delta: Array, scratch: Any
    ) -> None:
        """rows = −Σ_k y_k q_k^γ log p_k, q = 1 − p; delta = scale (p Σ_i c_i y_i − c y)."""
        y, loss, rest, power, maximum, total, (gamma, kept, share) = scratch
        np.multiply(target, kept, out=y)
        np.add(y, share, out=y)
        np.maximum.reduce(u, axis=-1, keepdims=True, out=maximum)
        np.subtract(u, maximum, out=loss)
        np.exp(loss, out=delta)
        np.add.reduce(delta, axis=-1, keepdims=True, out=total)
        np.divide(delta, total, out=delta)  # p
        np.log(total, out=total)
        np.subtract(total, loss, out=loss)  # −log p

        np.negative(loss, out=rest)
        np.expm1(rest, out=rest)
        np.negative(rest, out=rest)  # q
        np.maximum(rest, np.finfo(u.dtype).tiny, out=rest)
        np.log(rest, out=power)
        np.multiply(power, gamma, out=power)
        np.exp(power, out=power)
        np.multiply(power, y, out=power)  # y q^γ
        np.vecdot(power, loss, out=rows)

        np.divide(loss, rest, out=rest)
        np.multiply(rest, delta, out=rest)
        np.multiply(rest, gamma, out=rest)
        np.add(rest, 1.0, out=rest)
        np.multiply(power, rest, out=power)  # c y
        np.add.reduce(power, axis=-1, keepdims=True, out=total)
        np.multiply(delta, total, out=delta)
        np.subtract(delta, power, out=delta)
        np.multiply(delta, scale, out=delta)
