"""Cross-entropy of answers yes or no: one output for two classes, or one a label."""

from __future__ import annotations

from typing import Any, ClassVar

from mlpcli.array_types import Array, Shape
from mlpcli.family import setting
from mlpcli.nn.arrays import column, empty, empty_like
from mlpcli.nn.blocks import Batches
from mlpcli.nn.losses.loss import LOSSES, Chunk, Loss, only_without, signs
from mlpcli.nn.replay import np


@LOSSES.add("binary_cross_entropy")
class BinaryCrossEntropy(Loss):
    """J = −1/N Σ_d Σ_j [ y log ŷ + (1 − y) log(1 − ŷ) ], ŷ = sigmoid(u), nats.

    With the link put in and s = 1 − 2y, which is −1 or 1, J = 1/N Σ softplus(s u) and
    dJ/du = s sigmoid(s u) / N, where sigmoid(v) = exp(v − softplus(v)): no logarithm of 0, no
    overflow and no difference of nearly equal numbers, at any u. Where y is neither 0 nor 1, s is
    −1 or 1 towards the nearer of them and e = min(y, 1 − y): J = 1/N Σ [ softplus(v) − e v ],
    v = s u, and dJ/du = s (sigmoid(v) − e) / N.

    Smoothed, y ← (1 − ε) y + ε/2, in the validation loss too. An output that can be 0 or 1
    (hard_sigmoid) is not allowed: J would be infinite there.
    Source: the lecture, exercise on two classes; Bishop, PRML, 4.3.2; smoothing as in Keras's
    BinaryCrossentropy. PyTorch's BCEWithLogitsLoss averages over j as well.
    """

    link: ClassVar[str] = "sigmoid"
    tasks: ClassVar[tuple[str, ...]] = ("binary", "multilabel")

    label_smoothing: float = setting(0.0, "ε of y ← (1 − ε) y + ε/2", ge=0.0, lt=1.0)

    def for_task(self, task: str, *, output: str | None = None, mixed: bool = False) -> Loss:
        """Return the form for the smoothing and for mixtures."""
        smooth = bool(np.any(np.asarray(self.label_smoothing) != 0))
        if mixed:
            return self.form(SmoothedBinaryMixtures if smooth else BinaryMixtures)
        return self.form(SmoothedBinaryCrossEntropy if smooth else BinaryCrossEntropy)

    def in_chunks(self, n_outputs: int, n_last: int) -> Loss:
        """Return the form whose steps leave s and the sums to the chunk, of y in {0, 1}."""
        return self.form(YesNoInChunks) if type(self) is BinaryCrossEntropy else self

    def scratch(self, delta: Array) -> Any:
        """Two arrays like u, for s u and softplus(s u)."""
        only_without(self, self.label_smoothing)
        return empty_like(delta), empty_like(delta)

    def rows_and_delta(
        self, u: Array, target: Array, scale: Array, rows: Array, delta: Array, scratch: Any
    ) -> None:
        """rows = Σ_j softplus(s u); delta = scale s exp(s u − softplus(s u)), s = 1 − 2y."""
        v, softplus = scratch
        signs(target, delta)
        _softplus_and_delta(u, delta, scale, softplus, delta, v)
        np.add.reduce(softplus, axis=-1, out=rows)


def _softplus_and_sigmoid(u: Array, s: Array, v: Array, softplus: Array, sigmoid: Array) -> None:
    """v ← s u; its softplus; its sigmoid, exp(v − softplus(v)), which may be written over v."""
    np.multiply(u, s, out=v)
    np.logaddexp(v, 0.0, out=softplus)
    np.subtract(v, softplus, out=sigmoid)
    np.exp(sigmoid, out=sigmoid)


def _softplus_and_delta(
    u: Array, s: Array, scale: Array, softplus: Array, delta: Array, v: Array
) -> None:
    """softplus ← softplus(s u); delta ← scale s sigmoid(s u). s may be delta's array."""
    _softplus_and_sigmoid(u, s, v, softplus, v)
    np.multiply(s, v, out=delta)
    np.multiply(delta, scale, out=delta)


class _Answers(Chunk):
    """Makes s = 1 − 2y of all rows at once; the steps note softplus(s u)."""

    def __init__(self, target: Array, shape: Shape, dtype: Any, *, keep_u: bool = False) -> None:
        super().__init__(empty(shape, dtype), shape, dtype, keep_u=keep_u)
        self.y, self.notes = target, empty(shape, dtype)

    def start(self, batches: Batches) -> None:
        """s ← 1 − 2y."""
        n_rows = sum(batches[-1])
        signs(self.y[..., :n_rows, :], self.target[..., :n_rows, :])

    def row_losses(self, n_rows: int, rows: Array) -> None:
        """rows ← Σ_j softplus(s u)."""
        np.add.reduce(self.notes[..., :n_rows, :], axis=-1, out=rows)


class YesNoInChunks(BinaryCrossEntropy):
    """The form that trains, of y in {0, 1}: 3 calls less in each step. Its targets are s."""

    chunk: ClassVar[type[Chunk]] = _Answers

    def scratch(self, delta: Array) -> Any:
        """An array like u, for s u."""
        return empty_like(delta)

    def rows_and_delta(
        self, u: Array, target: Array, scale: Array, rows: Array, delta: Array, scratch: Any
    ) -> None:
        """rows = softplus(s u), (..., N, outputs); delta as it is."""
        _softplus_and_delta(u, target, scale, rows, delta, scratch)


class SmoothedBinaryCrossEntropy(BinaryCrossEntropy):
    """The form for y in {0, 1} with smoothing: e = ε/2 everywhere."""

    def scratch(self, delta: Array) -> Any:
        """Three arrays like u, and ε/2."""
        works = tuple(empty_like(delta) for _ in range(3))
        return works, column(np.asarray(self.label_smoothing) / 2, delta)

    def rows_and_delta(
        self, u: Array, target: Array, scale: Array, rows: Array, delta: Array, scratch: Any
    ) -> None:
        """rows = Σ_j softplus(v) − e v; delta = scale s (sigmoid(v) − e), v = s u, s = 1 − 2y."""
        works, e = scratch
        signs(target, delta)
        _rows_and_delta(u, e, scale, rows, delta, works)


class BinaryMixtures(BinaryCrossEntropy):
    """The form for y between 0 and 1."""

    def scratch(self, delta: Array) -> Any:
        """Four arrays like u, the last for e."""
        only_without(self, self.label_smoothing)
        return tuple(empty_like(delta) for _ in range(3)), empty_like(delta)

    def rows_and_delta(
        self, u: Array, target: Array, scale: Array, rows: Array, delta: Array, scratch: Any
    ) -> None:
        """rows = Σ_j softplus(v) − e v; delta = scale s (sigmoid(v) − e), e = min(y, 1 − y)."""
        works, e = scratch
        _towards_the_nearer(target, delta, e)
        _rows_and_delta(u, e, scale, rows, delta, works)


class SmoothedBinaryMixtures(BinaryCrossEntropy):
    """The form for y between 0 and 1 with smoothing: e ← (1 − ε) e + ε/2."""

    def scratch(self, delta: Array) -> Any:
        """Four arrays like u, the last for e; 1 − ε and ε/2."""
        epsilon = np.asarray(self.label_smoothing, np.float64)
        constants = column(1 - epsilon, delta), column(epsilon / 2, delta)
        return tuple(empty_like(delta) for _ in range(3)), empty_like(delta), *constants

    def rows_and_delta(
        self, u: Array, target: Array, scale: Array, rows: Array, delta: Array, scratch: Any
    ) -> None:
        """rows = Σ_j softplus(v) − e v; delta = scale s (sigmoid(v) − e)."""
        works, e, kept, added = scratch
        _towards_the_nearer(target, delta, e)
        np.multiply(e, kept, out=e)
        np.add(e, added, out=e)
        _rows_and_delta(u, e, scale, rows, delta, works)


def _towards_the_nearer(target: Array, s: Array, e: Array) -> None:
    """s ← 1 where y is nearer to 0 (or at 1/2), −1 where it is nearer to 1; e ← min(y, 1 − y)."""
    np.subtract(1.0, target, out=e)
    np.subtract(e, target, out=s)
    np.copysign(1.0, s, out=s)
    np.minimum(e, target, out=e)


def _rows_and_delta(
    u: Array, e: Array, scale: Array, rows: Array, delta: Array, works: tuple[Array, ...]
) -> None:
    """Write rows and delta from s, which stands in delta, and e, how far y is from 0 or 1."""
    v, softplus, sigmoid = works
    _softplus_and_sigmoid(u, delta, v, softplus, sigmoid)
    np.multiply(v, e, out=v)
    np.subtract(softplus, v, out=softplus)
    np.add.reduce(softplus, axis=-1, out=rows)
    np.subtract(sigmoid, e, out=sigmoid)
    np.multiply(delta, sigmoid, out=delta)
    np.multiply(delta, scale, out=delta)
