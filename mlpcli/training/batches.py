"""The rows of an epoch: shuffled, gathered in blocks of several batches, optionally transformed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log2, prod
from typing import Any, Protocol

import numpy as np

from mlpcli.array_types import Array, Shape
from mlpcli.nn.arrays import cache_slices, one_hot, zeros
from mlpcli.nn.losses import Loss
from mlpcli.nn.training_step import Batch
from mlpcli.randomness import generators, permute

# Of shuffled rows gathered at once; batches are views of them. Half of a second-level cache: with
# all of it, 1 MiB, a step takes 1 to 3 % longer, but of the smallest networks.
BLOCK_BYTES = 1 << 19
MAX_BATCHES = 32  # in a block
# `batch_size: auto`, docs/decisions/0030: few rows need steps, many rows need quick epochs.
STEPS_PER_EPOCH = 32  # about as many, within
LEAST_BATCH, MOST_BATCH = 32, 256
MIN_TRANSFORMED = 32  # rows of a block, where mixing takes partners from it, however wide they are


def block_rows(
    n_rows: int, batch_size: int, row_bytes: int, least: int = 1, shards: int = 1
) -> int:
    """Return how many rows a block has: whole batches, of rows with so many bytes.

    row_bytes  of the inputs or of the targets, whichever has more
    least      rows that it has to have, however wide they are
    shards     of each batch, one for each of so many caches
    """
    batches = min(shards * BLOCK_BYTES // (batch_size * row_bytes or 1), MAX_BATCHES)
    return min(max(batches, -(-least // batch_size)) * batch_size, n_rows)


def auto_batch_size(n_train: int) -> int:
    """Return the batch size that `auto` stands for: a power of 2 near n / 32, within bounds.

    >>> [auto_batch_size(n) for n in (1, 106, 2000, 3000, 6000, 12000, 10**6)]
    [32, 32, 64, 128, 256, 256, 256]
    """
    power = round(log2(max(1.0, n_train / STEPS_PER_EPOCH)))
    return int(min(max(2**power, LEAST_BATCH), MOST_BATCH))


def batch_starts(n_rows: int, batch_size: int, least_rows: int) -> range:
    """Return the first row of each batch; a remainder below `least_rows` joins the last one."""
    starts = range(0, n_rows, batch_size)
    return starts[:-1] if len(starts) > 1 and n_rows - starts[-1] < least_rows else starts


class BatchTransform(Protocol):
    """A change of the gathered rows, drawn anew in every epoch: augmentation, noise."""

    def start(self, seeds: Sequence[int], epoch: int) -> None:
        """Begin an epoch, given the seed of each lane."""

    def streams(self) -> dict[str, Sequence[np.random.Generator]]:
        """Return the epoch's generators by the name of their stream, one a lane."""

    def apply(self, lane: int, X: Array, y: Array, slots: Array) -> None:
        """Change one lane's gathered rows in place.

        X, y   (rows, n_inputs) and their targets (rows, outputs), classes one-hot
        slots  (rows,) their positions among the epoch's rows
        """


@dataclass(frozen=True)
class Block:
    """Gathered rows of several batches, each array contiguous.

    X, y, u  as in `Batch`, (..., rows, columns); u (..., k, rows, n_outputs) of k members
    scale    (..., rows, 1) where rows have weights, else None
    batches  views of them
    """

    X: Array
    y: Array
    u: Array
    scale: Array | None
    batches: list[Batch]


class BatchLoader:
    """Loads an epoch's rows in blocks, the batches of which are views.

    X, target     (n, n_inputs), and (n,) class numbers or (n, outputs) floats; shared by all lanes
    loss          smooths the targets, where it is set to
    n_outputs     of the network: so many columns has a one-hot target
    weight        (n,) weights of the rows, or (R, n), one row of them a lane; None: all are 1
    source        (slots,) the row that each slot of an epoch is filled from, or (R, slots); None:
                  each row once
    members       (k,) where the network has members, which share the batches: y then is
                  (..., 1, n, targets), u (..., k, n, n_outputs), and a row's scale its k-th part
    lane_shape    of the network's arrays, and their
    dtype         type
    least_rows    of a batch: a shorter remainder joins the last one
    transforms    applied to each block in this order
    shards        that a step cuts each batch into
    keep_targets  whether `targets` (..., n_rows, outputs) keeps the epoch's, as transformed

    rows_per_block, capacity  rows gathered at once, and the most that can be: a short remainder
                              joins them
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
        members: Shape = (),
        batch_size: int,
        least_rows: int = 1,
        weight: Array | None = None,
        source: Array | None = None,
        transforms: Sequence[BatchTransform] = (),
        shards: int = 1,
        keep_targets: bool = False,
    ) -> None:
        self.X, self.target, self.weight, self.source = X, target, weight, source
        self.loss, self.lane_shape, self.transforms = loss, lane_shape, transforms
        self.members = members
        self.n_rows = len(X) if source is None else source.shape[-1]
        self.batch_size, self.least_rows = min(batch_size, self.n_rows), least_rows
        self.is_class = np.issubdtype(target.dtype, np.integer)
        n_targets = n_outputs if self.is_class else target.shape[-1]
        row_bytes = np.dtype(dtype).itemsize * max(X.shape[1], n_targets)
        # Transforms take partners within a block, which is then the same for any number of shards.
        least, caches = (MIN_TRANSFORMED, 1) if transforms else (1, shards)
        self.rows_per_block = block_rows(self.n_rows, self.batch_size, row_bytes, least, caches)
        self.capacity = min(self.rows_per_block + least_rows - 1, self.n_rows)
        self.order = np.empty((*lane_shape, self.n_rows), np.intp)
        # The memory of X, y, u and scale: blocks of any number of rows are views of it.
        rows = (*lane_shape, self.capacity)
        shapes = [(*rows, X.shape[1]), (*rows, n_targets)]
        shapes.append((*lane_shape, *members, self.capacity, n_outputs))
        shapes.append((*rows, int(weight is not None)))
        self._memory = [zeros(shape, dtype) for shape in shapes]
        self._blocks: dict[int, Block] = {}
        shape = (*lane_shape, self.n_rows, n_targets)
        self.targets = np.empty(shape, dtype) if keep_targets else None

    @property
    def sizes(self) -> set[int]:
        """How many rows a batch can have: all but the last have the same number."""
        starts = batch_starts(self.n_rows, self.batch_size, self.least_rows)
        return {stop - start for start, stop in pairwise([*starts[-2:], self.n_rows])}

    @property
    def n_steps(self) -> int:
        """Batches in an epoch."""
        return len(batch_starts(self.n_rows, self.batch_size, self.least_rows))

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Yield the first row of each block of an epoch, and where it stops."""
        starts = batch_starts(self.n_rows, self.rows_per_block, self.least_rows)
        yield from pairwise([*starts, self.n_rows])

    def steps_in(self, rows: int) -> int:
        """Return how many batches so many rows of an epoch are, which end with one of them."""
        return min(-(-rows // self.batch_size), self.n_steps)

    def block_at(self, rows: int) -> tuple[int, int]:
        """Return the block that these rows of an epoch end in the midst of, or twice their number.

        Raises ValueError where they end in the midst of a batch, or there are more than it has.
        """
        starts = batch_starts(self.n_rows, self.batch_size, self.least_rows)
        if rows not in starts and rows != self.n_rows:
            raise ValueError(f"no batch of an epoch of {self.n_rows} rows ends after {rows}")
        blocks = (block for block in self.blocks() if block[0] < rows < block[1])
        return next(blocks, (rows, rows))

    def start(self, seeds: Sequence[int], epoch: int) -> None:
        """Shuffle the rows for an epoch, given the seed of each lane."""
        orders = self.order.reshape(-1, self.n_rows)
        for order, rng in zip(orders, generators(seeds, "shuffle", epoch), strict=True):
            permute(order, rng)
        for transform in self.transforms:
            transform.start(seeds, epoch)

    def load(self, start: int, stop: int) -> Block:
        """Gather the shuffled rows start … stop."""
        slots = self.order[..., start:stop]
        rows = self._rows(slots)
        block = self.block_of(stop - start)
        self.X.take(rows, 0, block.X, "clip")  # mode "raise" would buffer the output
        if self.is_class:
            for part in cache_slices(block.y):
                one_hot(self.target.take(rows[part]), block.y[part])
        else:
            self.target.take(rows, 0, block.y, "clip")
        if self.transforms:
            self._transform(block.X, block.y, slots)
        if self.targets is not None:
            self.targets[..., start:stop, :] = block.y
        if self.loss.smooths:
            self.loss.smooth(block.y)
        if self.weight is not None and block.scale is not None:
            block.scale[..., 0] = _take(self.weight, rows)
            for batch in block.batches:
                np.divide(batch.scale, batch.n * prod(self.members), out=batch.scale)
        return block

    def _transform(self, X: Array, y: Array, slots: Array) -> None:
        lanes: Any = zip(X, y, slots, strict=True) if self.lane_shape else [(X, y, slots)]
        with np.errstate(all="ignore"):  # noise beyond the type: the loss will not be finite
            for lane, arrays in enumerate(lanes):
                for transform in self.transforms:
                    transform.apply(lane, *arrays)

    def block_of(self, n_rows: int) -> Block:
        """Return a block of so many rows and its batches, views that are made once."""
        if n_rows not in self._blocks:
            X, y, u, weighted_scale = (_first_rows(memory, n_rows) for memory in self._memory)
            scale = weighted_scale if weighted_scale.shape[-1] else None
            each_y, each_scale = y, scale
            if self.members:  # who all have the same rows
                each_y = y[..., np.newaxis, :, :]
                each_scale = None if scale is None else scale[..., np.newaxis, :, :]
            starts = batch_starts(n_rows, self.batch_size, self.least_rows)
            batches = []
            for start, end in pairwise([*starts, n_rows]):
                rows = (..., slice(start, end), slice(None))
                n = end - start
                share = np.asarray(1.0 / (n * prod(self.members)), X.dtype)
                if each_scale is not None:
                    share = each_scale[rows]
                batches.append(Batch(n, X[rows], each_y[rows], share, u[rows]))
            self._blocks[n_rows] = Block(X, y, u, scale, batches)
        return self._blocks[n_rows]

    def rows(self) -> Array:
        """Return (..., n_rows) the row that each slot of the shuffled epoch is filled from."""
        return self._rows(self.order)

    def weights(self, n_rows: int) -> Array | None:
        """Return the weights (..., n_rows) of the epoch's first rows, in its order."""
        if self.weight is None:
            return None
        return _take(self.weight, self._rows(self.order[..., :n_rows]))

    def _rows(self, slots: Array) -> Array:
        return slots if self.source is None else _take(self.source, slots)


def _first_rows(memory: Array, n_rows: int) -> Array:
    """Return the memory's first part as a contiguous array of fewer rows."""
    *lead, _, columns = memory.shape
    size = prod(lead) * n_rows * columns
    return memory.reshape(-1)[:size].reshape(*lead, n_rows, columns)


def _take(values: Array, index: Array) -> Array:
    """Return values[index], values (n,) shared by the lanes of `index`, or (R, n)."""
    return values[index] if values.ndim == 1 else np.take_along_axis(values, index, axis=-1)
