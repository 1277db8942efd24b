"""Cross-entropy of many classes: of class numbers, and of mixtures of classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from mlpcli.family import setting
from mlpcli.nn.arrays import (
    Array,
    Product,
    Shape,
    Spread,
    column,
    empty,
    empty_like,
    product_for,
    spread_to,
)
from mlpcli.nn.losses.loss import LOSSES, Chunk, Loss, only_without
from mlpcli.nn.replay import np, put, take

FEW = 32  # classes


@dataclass
class _Rows:
    """Cross-entropy's arrays of one number a row, and its delta as one long vector."""

    flat: Array  # (... · N · n_classes,) the delta
    maximum: Array  # (..., N)
    total: Array  # (..., N)
    at_target: Array  # (..., N)
    offset: Array  # (..., N) where each row begins in the flat delta
    index: Array  # (..., N) where each row's target stands in the flat delta
    ones: Array  # (n_classes, 1)
    product: Product
    spread: Spread
    is_few: bool  # whether the maximum is taken class by class
    by_class: Array  # (n_classes, ..., N) in memory: room for u then,
    of_row: Array  # (..., N, n_classes) the same room

    @classmethod
    def of(cls, delta: Array) -> _Rows:
        """Return the arrays for this delta."""
        *rows, n_classes = delta.shape
        by_class = empty((n_classes if n_classes <= FEW else 0, *rows), delta.dtype)
        maximum, total, at_target = (empty((*rows,), delta.dtype) for _ in range(3))
        return cls(
            flat=delta.reshape(-1),
            maximum=maximum,
            total=total,
            at_target=at_target,
            offset=places(delta),
            index=np.empty(rows, np.intp),
            ones=np.ones((n_classes, 1), delta.dtype),
            product=product_for(delta.shape[:-2]),
            spread=spread_to(delta),
            is_few=n_classes <= FEW,
            by_class=by_class,
            of_row=np.moveaxis(by_class, 0, -1),
        )

    def below_maximum(self, u: Array, v: Array, maximum: Array) -> None:
        """v_d ← u_d − max_k u_dk, which is left in `maximum` (..., N): exp(v) does not overflow.

        Of few classes the maximum is taken class by class, on a copy that has them one after the
        other in memory: 32 x 10 take 1.4 µs then, row by row 2.6, and 64 lanes of them 10 against
        91, with the same bits (`python -m timeit`, one core).
        """
        if self.is_few:
            np.copyto(self.of_row, u)
            np.maximum.reduce(self.by_class, axis=0, out=maximum)
        else:
            np.maximum.reduce(u, axis=-1, out=maximum)
        np.subtract(u, self.spread(maximum[..., np.newaxis]), out=v)

    def softmax(self, v: Array, total: Array) -> None:
        """v_d ← exp(v_d) / Σ_k exp(v_dk), the sum being left in `total` (..., N)."""
        of_row = total[..., np.newaxis]
        np.exp(v, out=v)
        # Σ_k as a product with ones: 0.8 µs against 3.4 µs for np.add.reduce at 128 x 10.
        self.product(v, self.ones, of_row)
        np.divide(v, self.spread(of_row), out=v)


def places(numbers: Array) -> Array:
    """Return (..., N) where each row of an array (..., N, n_classes) begins in it, flat."""
    *rows, n_classes = numbers.shape
    return np.arange(numbers.size // n_classes, dtype=np.intp).reshape(rows) * n_classes


@LOSSES.add("cross_entropy")
class CrossEntropy(Loss):
    """J = 1/N Σ_d [ logsumexp(u_d) − Σ_k y_dk u_dk ], ŷ = softmax(u), nats per row.

    y_dk is 1 for the row's class and 0 for the others, or a mixture that sums to 1;
    dJ/du = (softmax(u) − y) / N. Each row is shifted by its maximum first, which leaves both
    unchanged and keeps exp from overflowing. Smoothed, y ← (1 − ε) y + ε/K, K classes, in the
    validation loss too.
    Source: the lecture, exercise on many classes; Bishop, PRML, 4.3.4; smoothing: Szegedy et al.,
    2016, 7, as in PyTorch's CrossEntropyLoss.
    """

    link: ClassVar[str] = "softmax"
    tasks: ClassVar[tuple[str, ...]] = ("multiclass",)
    class_index: ClassVar[bool] = True

    label_smoothing: float = setting(0.0, "ε of y ← (1 − ε) y + ε/K", ge=0.0, lt=1.0)

    def for_task(self, task: str, *, output: str | None = None, mixed: bool = False) -> Loss:
        """Return the form for the smoothing and for mixtures."""
        smooth = bool(np.any(np.asarray(self.label_smoothing) != 0))
        if mixed:
            return self.form(SmoothedMixtures if smooth else Mixtures)
        return self.form(SmoothedCrossEntropy if smooth else CrossEntropy)

    def in_chunks(self, n_outputs: int) -> Loss:
        """Return the form whose steps leave each row's loss to the chunk, of few class numbers."""
        if type(self) is CrossEntropy and n_outputs <= FEW:
            return self.form(ClassesInChunks)
        return self

    def scratch(self, delta: Array) -> Any:
        """A few arrays of one number a row, and views."""
        only_without(self, self.label_smoothing)
        return _Rows.of(delta)

    def rows_and_delta(
        self, u: Array, target: Array, scale: Array, rows: Array, delta: Array, scratch: Any
    ) -> None:
        """rows = log Σ_k exp(v_k) − v[y], v = u − max u; delta = scale (softmax(u) − onehot(y))."""
        flat, total, at_target = scratch.flat, scratch.total, scratch.at_target
        index = np.add(scratch.offset, target, out=scratch.index)

        scratch.below_maximum(u, delta, scratch.maximum)
        take(flat, index, at_target)
        scratch.softmax(delta, total)
        np.log(total, out=rows)
        np.subtract(rows, at_target, out=rows)

        take(flat, index, at_target)
        np.subtract(at_target, 1.0, out=at_target)
        put(flat, index, at_target)
        np.multiply(delta, scale, out=delta)


class _Classes(Chunk):
    """Makes the one-hot targets of all rows at once, and their losses of what the steps note."""

    u: Array

    def __init__(self, target: Array, shape: Shape, dtype: Any) -> None:
        super().__init__(empty(shape, dtype), shape, dtype)
        self.number, self.u = target, empty(shape, dtype)
        self.notes = empty((2, *target.shape), dtype)
        self._class, self._is_target = np.arange(shape[-1]), empty(shape, bool)
        self._place, self._index = places(self.u), np.empty(target.shape, np.intp)
        self._own = empty(target.shape, dtype)

    def start(self, n_rows: int) -> None:
        """y_dk ← 1 where k is the row's class, else 0."""
        is_target = self._is_target[..., :n_rows, :]
        np.equal(self.number[..., :n_rows, np.newaxis], self._class, out=is_target)
        np.copyto(self.target[..., :n_rows, :], is_target)

    def of_batch(self, first: int, n: int) -> tuple[Array, Array]:
        """Return the one-hot targets of n rows, and where the step notes its two numbers."""
        rows = slice(first, first + n)
        return self.target[(*self.lanes, rows)], self.notes[..., rows]

    def row_losses(self, n_rows: int, rows: Array) -> None:
        """rows ← log Σ_k exp(v_k) − v[y], v[y] = u[y] − max u."""
        np.add(self._place, self.number, out=self._index)
        take(self.u.reshape(-1), self._index, self._own)
        maximum, total = self.notes[..., :n_rows]
        own = self._own[..., :n_rows]
        np.subtract(own, maximum, out=own)
        np.log(total, out=rows)
        np.subtract(rows, own, out=rows)


class ClassesInChunks(CrossEntropy):
    """The form that trains, of few class numbers: 6 calls of 31 less. Its targets are one-hot.

    Steps of 4-16-3 take 12 % less, of 64-128-10 8 % (decision 23).
    """

    class_index: ClassVar[bool] = False
    chunk: ClassVar[type[Chunk]] = _Classes

    def rows_and_delta(
        self, u: Array, target: Array, scale: Array, rows: Array, delta: Array, scratch: Any
    ) -> None:
        """rows = (max u, Σ_k exp(v_k)), (2, ..., N), v = u − max u; delta as it is."""
        maximum, total = rows
        scratch.below_maximum(u, delta, maximum)
        scratch.softmax(delta, total)
        np.subtract(delta, target, out=delta)
        np.multiply(delta, scale, out=delta)


@dataclass(frozen=True)
class _Smoothing:
    """The constants of smoothing, and an array of one number a row."""

    kept: Array  # 1 − ε
    kept_of_row: Array
    share: Array  # ε/K
    share_of_row: Array
    each: Array  # (..., N)

    @classmethod
    def of(cls, epsilon: Any, delta: Array) -> _Smoothing:
        """Return the constants in the type, and with the lanes, of this delta."""
        epsilon = np.asarray(epsilon, np.float64)
        kept, share = 1 - epsilon, epsilon / delta.shape[-1]
        row = empty(delta.shape[:-1], delta.dtype)
        constants = column(kept, delta), column(kept, row), column(share, delta), column(share, row)
        return cls(*constants, row)


class SmoothedCrossEntropy(CrossEntropy):
    """The form for class numbers with smoothing."""

    def scratch(self, delta: Array) -> Any:
        """A few arrays of one number a row, views, and the constants of smoothing."""
        return _Rows.of(delta), _Smoothing.of(self.label_smoothing, delta)

    def rows_and_delta(
        self, u: Array, target: Array, scale: Array, rows: Array, delta: Array, scratch: Any
    ) -> None:
        """rows = log Σ_k exp(v_k) − (1 − ε) v[y] − ε/K Σ_k v_k, a sum of positive numbers."""
        of_row, smoothing = scratch
        flat, total, at_target = of_row.flat, of_row.total, of_row.at_target
        each = smoothing.each
        index = np.add(of_row.offset, target, out=of_row.index)

        of_row.below_maximum(u, delta, of_row.maximum)
        take(flat, index, at_target)
        np.add.reduce(delta, axis=-1, out=each)
        of_row.softmax(delta, total)
        np.log(total, out=rows)
        np.multiply(at_target, smoothing.kept_of_row, out=at_target)
        np.subtract(rows, at_target, out=rows)
        np.multiply(each, smoothing.share_of_row, out=each)
        np.subtract(rows, each, out=rows)

        np.subtract(delta, smoothing.share, out=delta)
        take(flat, index, at_target)
        np.subtract(at_target, smoothing.kept_of_row, out=at_target)
        put(flat, index, at_target)
        np.multiply(delta, scale, out=delta)


class Mixtures(CrossEntropy):
    """The form for mixtures of classes: y (rows, classes), each row's sum is 1."""

    class_index: ClassVar[bool] = False

    def rows_and_delta(
        self, u: Array, target: Array, scale: Array, rows: Array, delta: Array, scratch: Any
    ) -> None:
        """rows = log Σ_k exp(v_k) − Σ_k y_k v_k, v = u − max u; delta = scale (softmax(u) − y)."""
        _softmax(u, target, rows, delta, scratch)
        np.subtract(delta, target, out=delta)
        np.multiply(delta, scale, out=delta)


class SmoothedMixtures(CrossEntropy):
    """The form for mixtures of classes with smoothing."""

    class_index: ClassVar[bool] = False

    def scratch(self, delta: Array) -> Any:
        """An array like u for the smoothed y, the constants of smoothing, and a few of rows."""
        smoothing = _Smoothing.of(self.label_smoothing, delta)
        return empty_like(delta), smoothing, _Rows.of(delta)

    def rows_and_delta(
        self, u: Array, target: Array, scale: Array, rows: Array, delta: Array, scratch: Any
    ) -> None:
        """As without smoothing, with (1 − ε) y + ε/K for y."""
        smoothed, smoothing, of_row = scratch
        np.multiply(target, smoothing.kept, out=smoothed)
        np.add(smoothed, smoothing.share, out=smoothed)
        _softmax(u, smoothed, rows, delta, of_row)
        np.subtract(delta, smoothed, out=delta)
        np.multiply(delta, scale, out=delta)


def _softmax(u: Array, y: Array, rows: Array, delta: Array, of_row: _Rows) -> None:
    """rows ← log Σ_k exp(v_k) − Σ_k y_k v_k, v = u − max u; delta ← softmax(u)."""
    of_row.below_maximum(u, delta, of_row.maximum)
    np.vecdot(delta, y, out=of_row.at_target)
    of_row.softmax(delta, of_row.total)
    np.log(of_row.total, out=rows)
    np.subtract(rows, of_row.at_target, out=rows)
