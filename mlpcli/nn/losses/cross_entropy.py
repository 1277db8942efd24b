"""Cross-entropy of many classes: of class numbers, and of mixtures of classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from mlpcli.array_types import Array, Shape
from mlpcli.family import setting
from mlpcli.nn.arrays import (
    Product,
    Spread,
    column,
    empty,
    empty_like,
    is_by_column,
    product_for,
    spread_to,
)
from mlpcli.nn.blocks import Batches, Blocks
from mlpcli.nn.losses.loss import LOSSES, Chunk, Loss, only_without
from mlpcli.nn.replay import np, put, take

FEW = 32  # classes
SMALL = 1 << 14  # numbers of a batch that the last layer takes


@dataclass
class _Rows:
    """Cross-entropy's arrays of one number a row."""

    maximum: Array  # (..., N)
    total: Array  # (..., N)
    at_target: Array  # (..., N)
    ones: Array  # (n_classes, 1)
    product: Product
    spread: Spread
    copies: bool  # whether u is copied for its maximum
    by_class: Array  # (n_classes, ..., N) in memory: room for u then,
    of_row: Array  # (..., N, n_classes) the same room

    @classmethod
    def of(cls, delta: Array) -> _Rows:
        """Return the arrays for this delta."""
        *rows, n_classes = delta.shape
        copies = n_classes <= FEW and not is_by_column(delta)
        by_class = empty((n_classes if copies else 0, *rows), delta.dtype)
        maximum, total, at_target = (empty((*rows,), delta.dtype) for _ in range(3))
        return cls(
            maximum=maximum,
            total=total,
            at_target=at_target,
            ones=np.ones((n_classes, 1), delta.dtype),
            product=product_for(delta.shape[:-2], by_column=is_by_column(delta)),
            spread=spread_to(delta),
            copies=copies,
            by_class=by_class,
            of_row=np.moveaxis(by_class, 0, -1),
        )

    def below_maximum(self, u: Array, v: Array, maximum: Array) -> None:
        """v_d ← u_d − max_k u_dk, which is left in `maximum` (..., N): exp(v) does not overflow.

        Of few classes the maximum is taken class by class, on a copy that has them one after the
        other in memory: 32 x 10 take 1.4 µs then, row by row 2.6, and 64 lanes of them 10 against
        91, with the same bits (`python -m timeit`, one core). What is by column needs no copy.
        """
        if self.copies:
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


@dataclass
class _Targets:
    """Finds the target's class in each row of delta, as one long vector."""

    flat: Array  # (... · N · n_classes,) the delta
    offset: Array  # (..., N) where each row begins in it
    index: Array  # (..., N) where each row's target is

    @classmethod
    def of(cls, delta: Array) -> _Targets:
        """Return the arrays for this delta."""
        *rows, n_classes = delta.shape
        offset = np.arange(delta.size // n_classes, dtype=np.intp).reshape(rows) * n_classes
        return cls(delta.reshape(-1, copy=False), offset, np.empty(rows, np.intp))


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

    def in_chunks(self, n_outputs: int, n_last: int) -> Loss:
        """Return the form whose steps leave each row's loss to the chunk, of few class numbers."""
        if type(self) is CrossEntropy and n_outputs <= FEW:
            return self.form(ClassesByColumn if n_last <= SMALL else ClassesInChunks)
        return self

    def scratch(self, delta: Array) -> Any:
        """A few arrays of one number a row, and views."""
        only_without(self, self.label_smoothing)
        return _Rows.of(delta), _Targets.of(delta)

    def rows_and_delta(
        self, u: Array, target: Array, scale: Array, rows: Array, delta: Array, scratch: Any
    ) -> None:
        """rows = log Σ_k exp(v_k) − v[y], v = u − max u; delta = scale (softmax(u) − onehot(y))."""
        of_row, targets = scratch
        flat, total, at_target = targets.flat, of_row.total, of_row.at_target
        index = np.add(targets.offset, target, out=targets.index)

        of_row.below_maximum(u, delta, of_row.maximum)
        take(flat, index, at_target)
        of_row.softmax(delta, total)
        np.log(total, out=rows)
        np.subtract(rows, at_target, out=rows)

        take(flat, index, at_target)
        np.subtract(at_target, 1.0, out=at_target)
        put(flat, index, at_target)
        np.multiply(delta, scale, out=delta)


class _Classes(Chunk):
    """Makes the one-hot targets of all rows at once, and their losses of what the steps note.

    notes  (2, ..., room) max u and Σ_k exp(v_k), v = u − max u
    """

    def __init__(self, target: Array, shape: Shape, dtype: Any, *, keep_u: bool = True) -> None:
        super().__init__(target, shape, dtype)
        self.notes, self._own = empty((2, *target.shape), dtype), empty(target.shape, dtype)
        self._one_hot, self._kept = (
            Blocks(shape, dtype, by_column=self.by_column) for _ in range(2)
        )
        # By the chunk's number of rows: `places`, and room for where each row's class is.
        self._of_rows: dict[int, tuple[Array, Array, Array]] = {}

    def start(self, batches: Batches) -> None:
        """y_dk ← 1 where k is the row's class, else 0."""
        n_rows = sum(batches[-1])
        if n_rows not in self._of_rows:
            first, apart = self._one_hot.places(batches)
            self._of_rows[n_rows] = first, apart, np.empty(first.shape, np.intp)
        first, apart, self._index = self._of_rows[n_rows]
        np.multiply(self.target[..., :n_rows], apart, out=self._index)
        np.add(self._index, first, out=self._index)
        self._one_hot.flat.fill(0.0)
        self._one_hot.flat.put(self._index, 1.0)

    def of_batch(self, first: int, n: int) -> tuple[Array, Array]:
        """Return the one-hot targets of n rows, and where the step notes its two numbers."""
        return self._one_hot.of_batch(first, n), self.notes[..., first : first + n]

    def u_of_batch(self, first: int, n: int) -> Array:
        """Return where the step on these rows leaves u."""
        return self._kept.of_batch(first, n)

    def kept(self, batches: Batches, out: Array) -> None:
        """Write the u of these batches, the chunk's first, into `out`."""
        self._kept.copy_to(out, batches)

    def row_losses(self, n_rows: int, rows: Array) -> None:
        """rows ← log Σ_k exp(v_k) − v[y], v[y] = u[y] − max u."""
        maximum, total = self.notes[..., :n_rows]
        own = self._own[..., :n_rows]
        take(self._kept.flat.reshape(-1), self._index[..., :n_rows], own)
        np.subtract(own, maximum, out=own)
        np.log(total, out=rows)
        np.subtract(rows, own, out=rows)


class ClassesInChunks(CrossEntropy):
    """The form that trains, of few class numbers: 6 calls of 31 less. Its targets are one-hot.

    Steps of 4-16-3 take 12 % less, of 64-128-10 8 % (decision 23).
    """

    class_index: ClassVar[bool] = False
    chunk: ClassVar[type[Chunk]] = _Classes

    def scratch(self, delta: Array) -> Any:
        """A few arrays of one number a row."""
        return _Rows.of(delta)

    def rows_and_delta(
        self, u: Array, target: Array, scale: Array, rows: Array, delta: Array, scratch: Any
    ) -> None:
        """rows = (max u, Σ_k exp(v_k)), (2, ..., N), v = u − max u; delta as it is."""
        maximum, total = rows
        scratch.below_maximum(u, delta, maximum)
        scratch.softmax(delta, total)
        np.subtract(delta, target, out=delta)
        np.multiply(delta, scale, out=delta)


class _ClassesByColumn(_Classes):
    by_column: ClassVar[bool] = True


class ClassesByColumn(ClassesInChunks):
    """The same of small layers: u needs no copy, and the products with U take less time.

    Of 32 x 128 and 10 classes the three take 3.7 µs, and by row with the copy 4.8; of 128 x 256
    they take 28 and 19 (decision 24).
    """

    chunk: ClassVar[type[Chunk]] = _ClassesByColumn


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
        return _Rows.of(delta), _Targets.of(delta), _Smoothing.of(self.label_smoothing, delta)

    def rows_and_delta(
        self, u: Array, target: Array, scale: Array, rows: Array, delta: Array, scratch: Any
    ) -> None:
        """rows = log Σ_k exp(v_k) − (1 − ε) v[y] − ε/K Σ_k v_k, a sum of positive numbers."""
        of_row, targets, smoothing = scratch
        flat, total, at_target = targets.flat, of_row.total, of_row.at_target
        each = smoothing.each
        index = np.add(targets.offset, target, out=targets.index)

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

    def scratch(self, delta: Array) -> Any:
        """A few arrays of one number a row."""
        only_without(self, self.label_smoothing)
        return _Rows.of(delta)

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
