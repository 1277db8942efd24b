"""The rows of an epoch: shuffled, gathered in blocks of several batches, optionally transformed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from mlpcli.array_types import Array, Shape
from mlpcli.nn.arrays import one_hot, zeros
from mlpcli.nn.losses import Loss
from mlpcli.nn.training_step import Batch
from mlpcli.randomness import generators, permute

# Of shuffled rows gathered at once; batches are views of them. Half of a second-level cache: with
# all of it, 1 MiB, a step takes 1 to 3 % longer, but of the smallest networks.
BLOCK_BYTES = 1 << 19
MAX_BATCHES = 32  # in a block
MIN_TRANSFORMED = 32  # rows of a block, where mixing takes partners from it, however wide they are


def block_rows(n_rows: int, batch_size: int, row_bytes: int, least: int = 1) -> int:
    """Return how many rows a block has: whole batches, of rows with so many bytes.

    row_bytes  of the inputs or of the targets, whichever has more
    least      rows that it has to have, however wide they are
    """
    batches = min(BLOCK_BYTES // (batch_size * row_bytes or 1), MAX_BATCHES)
    return min(max(batches, -(-least // batch_size)) * batch_size, n_rows)


class BatchTransform(Protocol):
    """A change of the gathered rows, drawn anew in every epoch: augmentation, noise."""

    def start(self, seeds: Sequence[int], epoch: int) -> None:
        """Begin an epoch, given the seed of each lane."""

    def apply(self, lane: int, X: Array, y: Array, slots: Array) -> None:
        """Change one lane's gathered rows in place.

        X, y   (rows, n_inputs) and their targets (rows, outputs), classes one-hot
        slots  (rows,) their positions among the epoch's rows
        """


class BatchLoader:
    """Loads an epoch's rows in blocks, the batches of which are views.

    X, target     (n, n_inputs), and (n,) class numbers or (n, outputs) floats; shared by all lanes
    loss          smooths the targets, where it is set to
    n_outputs     of the network: so many columns has a one-hot target
    weight        (n,) weights of the rows, or (R, n), one row of them a lane; None: all are 1
    source        (slots,) the row that each slot of an epoch is filled from, or (R, slots); None:
                  each row once
    lane_shape    of the network's arrays, and their
    dtype         type
    least_rows    of a batch: a shorter remainder joins the last one
    transforms    applied to each block in this order
    keep_targets  whether `targets` (..., n_rows, outputs) keeps the epoch's, as transformed

    block, capacity  rows gathered at once, and the most that can be: a short remainder joins them
    """

    def __init__(
        self,
        X: Array,
        target: Array,
        *,
        loss: Loss,
        n_outputs: int,
        lane_shape: Shape,
        dtype: Any,
        batch_size: int,
        least_rows: int = 1,
        weight: Array | None = None,
        source: Array | None = None,
        transforms: Sequence[BatchTransform] = (),
        keep_targets: bool = False,
    ) -> None:
        self.X, self.target, self.weight, self.source = X, target, weight, source
        self.loss, self.lane_shape, self.transforms = loss, lane_shape, transforms
        self.n_rows = len(X) if source is None else source.shape[-1]
        self.batch_size, self.least_rows = min(batch_size, self.n_rows), least_rows
        self.is_class = np.issubdtype(target.dtype, np.integer)
        n_targets = n_outputs if self.is_class else target.shape[-1]
        row_bytes = np.dtype(dtype).itemsize * max(X.shape[1], n_targets)
        least = MIN_TRANSFORMED if transforms else 1
        self.block = block_rows(self.n_rows, self.batch_size, row_bytes, least)
        self.capacity = min(self.block + least_rows - 1, self.n_rows)
        self.order = np.empty((*lane_shape, self.n_rows), np.intp)
        block = (*lane_shape, self.capacity)
        self.X_block = zeros((*block, X.shape[1]), dtype)
        self.y_block = zeros((*block, n_targets), dtype)
        self.u_block = zeros((*block, n_outputs), dtype)
        self.scale_block = None if weight is None else np.empty((*block, 1), dtype)
        shape = (*lane_shape, self.n_rows, n_targets)
        self.targets = np.empty(shape, dtype) if keep_targets else None
        self._blocks: dict[int, tuple[Array, Array, list[Batch]]] = {}

    @property
    def sizes(self) -> set[int]:
        """How many rows a batch can have: all but the last have the same number."""
        rest = self.n_rows % self.batch_size
        last = rest if rest >= self.least_rows else rest + self.batch_size * bool(rest)
        sizes = {last or self.batch_size}
        return sizes | {self.batch_size} if self.n_rows > max(sizes) else sizes

    @property
    def n_steps(self) -> int:
        """Batches in an epoch."""
        whole, rest = divmod(self.n_rows, self.batch_size)
        return max(1, whole + (rest >= self.least_rows))

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Yield the first row of each block of an epoch, and where it stops."""
        start = 0
        while start < self.n_rows:
            stop = min(start + self.block, self.n_rows)
            stop = self.n_rows if self.n_rows - stop < self.least_rows else stop
            yield start, stop
            start = stop

    def start(self, seeds: Sequence[int], epoch: int) -> None:
        """Shuffle the rows for an epoch, given the seed of each lane."""
        orders = self.order.reshape(-1, self.n_rows)
        for order, rng in zip(orders, generators(seeds, "shuffle", epoch), strict=True):
            permute(order, rng)
        for transform in self.transforms:
            transform.start(seeds, epoch)

    def load(self, start: int, stop: int) -> list[Batch]:
        """Gather the shuffled rows start … stop; return their batches."""
        slots = self.order[..., start:stop]
        rows = self._rows(slots)
        X, y, batches = self.views(stop - start)
        self.X.take(rows, 0, X, "clip")  # mode "raise" would buffer the output
        if self.is_class:
            one_hot(self.target[rows], y)
        else:
            self.target.take(rows, 0, y, "clip")
        if self.transforms:
            self._transform(X, y, slots)
        if self.targets is not None:
            self.targets[..., start:stop, :] = y
        if self.loss.smooths:
            self.loss.smooth(y)
        if self.weight is not None:
            weight, first = _of_lanes(self.weight, rows)[..., np.newaxis], 0
            for batch in batches:
                np.divide(weight[..., first : first + batch.n, :], batch.n, out=batch.scale)
                first += batch.n
        return batches

    def _transform(self, X: Array, y: Array, slots: Array) -> None:
        lanes: Any = zip(X, y, slots, strict=True) if self.lane_shape else [(X, y, slots)]
        with np.errstate(all="ignore"):  # noise beyond the type: the loss will not be finite
            for lane, arrays in enumerate(lanes):
                for transform in self.transforms:
                    transform.apply(lane, *arrays)

    def views(self, n_rows: int) -> tuple[Array, Array, list[Batch]]:
        """Return X, y and the batches of a block of so many rows, views that are made once."""
        if n_rows not in self._blocks:
            n, rest = self.batch_size, n_rows % self.batch_size
            last = rest if rest in self.sizes else rest + n if rest else 0
            sizes = [n] * ((n_rows - last) // n) + [last] * bool(last)
            starts = [sum(sizes[:k]) for k in range(len(sizes))]
            batches = [self._batch(*each) for each in zip(starts, sizes, strict=True)]
            rows = (..., slice(n_rows), slice(None))
            self._blocks[n_rows] = self.X_block[rows], self.y_block[rows], batches
        return self._blocks[n_rows]

    def _batch(self, start: int, n: int) -> Batch:
        rows = (..., slice(start, start + n), slice(None))
        scale = np.asarray(1.0 / n, self.X_block.dtype)
        if self.scale_block is not None:
            scale = self.scale_block[rows]
        return Batch(n, self.X_block[rows], self.y_block[rows], scale, self.u_block[rows])

    def rows(self) -> Array:
        """Return (..., n_rows) the row that each slot of the shuffled epoch is filled from."""
        return self._rows(self.order)

    def weights(self, n_rows: int) -> Array | None:
        """Return the weights (..., n_rows) of the epoch's first rows, in its order."""
        if self.weight is None:
            return None
        return _of_lanes(self.weight, self._rows(self.order[..., :n_rows]))

    def _rows(self, slots: Array) -> Array:
        return slots if self.source is None else _of_lanes(self.source, slots)


def _of_lanes(values: Array, index: Array) -> Array:
    """Return values[index], values shared by the lanes of `index` or one row of them a lane."""
    return values[index] if values.ndim == 1 else np.take_along_axis(values, index, axis=-1)
