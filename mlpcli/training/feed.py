"""The rows of an epoch: shuffled, gathered in chunks, and disturbed where that is wished."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from mlpcli.array_types import Array, Shape
from mlpcli.nn.arrays import zeros
from mlpcli.randomness import generators, permute

# Of shuffled rows gathered at once; batches are views of them. Half of a second-level cache: with
# all of it, 1 MiB, a step takes 1 to 3 % longer, but of the smallest networks.
GATHER_BYTES = 1 << 19
# Batches gathered at once, of small networks: each has calls of its own (mlpcli.nn.replay), which
# share the cache with the numbers. Where others use it too, 128 take 5 to 8 % longer than 32.
MOST_BATCHES = 32
LEAST_DISTURBED = 32  # rows, where others of a chunk may be partners of one, however wide they are


def rows_at_once(n_rows: int, batch_size: int, row_bytes: int, least: int = 1) -> int:
    """Return how many rows to gather at once: whole batches, of rows with so many bytes.

    row_bytes  of the inputs or of the targets, whichever has more
    least      rows that it has to be, however wide they are
    """
    batches = min(GATHER_BYTES // (batch_size * row_bytes or 1), MOST_BATCHES)
    return min(max(batches, -(-least // batch_size)) * batch_size, n_rows)


class Disturbance(Protocol):
    """Something that changes the gathered rows, anew in every epoch: augmentation, noise."""

    def start(self, seeds: Sequence[int], epoch: int) -> None:
        """Begin an epoch, given the seed of each lane."""

    def apply(self, lane: int, X: Array, target: Array, slots: Array) -> None:
        """Change one lane's gathered rows in place.

        X, target  (rows, n_inputs) and their targets
        slots      (rows,) where they stand among the epoch's rows
        """


class Feed:
    """Hands out an epoch's rows in chunks, the batches of which are views.

    X, target     (n, n_inputs) and targets as the loss takes them, shared by all lanes
    weight        (n,) weights of the rows, or (R, n), each lane's own; None: all are 1
    source        (slots,) the row that each place of an epoch is filled from, or (R, slots), each
                  lane's own; None: each row once
    lead, dtype   of the network's arrays
    least_rows    of a batch: a shorter rest joins the last one
    disturbances  applied to each chunk in this order
    keep_targets  whether `targets` (..., n_rows, outputs) keeps the epoch's, as disturbed

    chunk, room   rows gathered at once, and the most that can be: a short rest joins them
    """

    def __init__(
        self,
        X: Array,
        target: Array,
        *,
        lead: Shape,
        dtype: Any,
        batch_size: int,
        least_rows: int = 1,
        weight: Array | None = None,
        source: Array | None = None,
        disturbances: Sequence[Disturbance] = (),
        keep_targets: bool = False,
    ) -> None:
        self.X, self.target, self.weight, self.source = X, target, weight, source
        self.n_rows = len(X) if source is None else source.shape[-1]
        self.batch_size = min(batch_size, self.n_rows)
        self.least_rows = least_rows
        self.disturbances = disturbances
        row_bytes = max(X[:1].nbytes, target[:1].nbytes)
        least = LEAST_DISTURBED if disturbances else 1
        self.chunk = rows_at_once(self.n_rows, self.batch_size, row_bytes, least)
        self.room = room = min(self.chunk + least_rows - 1, self.n_rows)
        self.order = np.empty((*lead, self.n_rows), np.intp)
        # Zeros, not what was there: np.take first reads an array of another type than its own.
        self.X_chunk = zeros((*lead, room, *X.shape[1:]), dtype)
        self.target_chunk = zeros((*lead, room, *target.shape[1:]), target.dtype)
        shape = (*lead, self.n_rows, *target.shape[1:])
        self.targets = np.empty(shape, target.dtype) if keep_targets else None
        self.weight_chunk = None if weight is None else np.empty((*lead, room), dtype)
        self.lanes = (slice(None),) * len(lead)
        self._batches: dict[int, list[tuple[int, int]]] = {}

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

    def end_of(self, row: int, length: int) -> int:
        """Return where a piece of so many rows, begun at `row`, ends."""
        end = min(row + length, self.n_rows)
        return self.n_rows if self.n_rows - end < self.least_rows else end

    def batches(self, n_rows: int) -> list[tuple[int, int]]:
        """Return the batches of a chunk of so many rows: where each begins, and its rows."""
        if n_rows not in self._batches:  # 3 µs, and most chunks have as many
            n = self.batch_size
            rest = n_rows % n
            last = rest if rest in self.sizes else rest + n if rest else 0
            whole = [(first, n) for first in range(0, n_rows - last, n)]
            self._batches[n_rows] = whole + [(n_rows - last, last)] * bool(last)
        return self._batches[n_rows]

    def start(self, seeds: Sequence[int], epoch: int) -> None:
        """Shuffle the rows for an epoch, given the seed of each lane."""
        orders = self.order.reshape(-1, self.n_rows)
        for order, own in zip(orders, generators(seeds, "shuffle", epoch), strict=True):
            permute(order, own)
        for disturbance in self.disturbances:
            disturbance.start(seeds, epoch)

    def gather(self, start: int, stop: int) -> None:
        """Copy the shuffled rows start..stop side by side, so that batches are views."""
        here = (*self.lanes, slice(stop - start))
        slots = self.order[..., start:stop]
        rows = self._rows(slots)
        X, target = self.X_chunk[here], self.target_chunk[here]
        self.X.take(rows, 0, X, "clip")  # mode "raise" would buffer the output
        self.target.take(rows, 0, target, "clip")
        if self.weight is not None and self.weight_chunk is not None:
            self.weight_chunk[here] = self._weights(rows)
        if self.disturbances:
            self._disturb(X, target, slots)
        if self.targets is not None:
            self.targets[(*self.lanes, slice(start, stop))] = target

    def _disturb(self, X: Array, target: Array, slots: Array) -> None:
        each: Any = zip(X, target, slots, strict=True) if self.lanes else [(X, target, slots)]
        with np.errstate(all="ignore"):  # noise beyond the type: the loss will not be finite
            for lane, (own_X, own_target, own_slots) in enumerate(each):
                for disturbance in self.disturbances:
                    disturbance.apply(lane, own_X, own_target, own_slots)

    def rows(self) -> Array:
        """Return (..., n_rows) the row that each place of the shuffled epoch is filled from."""
        return self._rows(self.order)

    def weights(self, n_rows: int) -> Array | None:
        """Return the weights (..., n_rows) of the epoch's first rows, in its order."""
        return None if self.weight is None else self._weights(self._rows(self.order[..., :n_rows]))

    def _rows(self, slots: Array) -> Array:
        return slots if self.source is None else _of_lanes(self.source, slots)

    def _weights(self, rows: Array) -> Array:
        assert self.weight is not None
        return _of_lanes(self.weight, rows)


def _of_lanes(values: Array, places: Array) -> Array:
    """Return values[places], values shared by the lanes of `places` or each lane's own."""
    return values[places] if values.ndim == 1 else np.take_along_axis(values, places, axis=-1)
