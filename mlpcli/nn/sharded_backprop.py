"""Forward propagation and backpropagation of a batch that is cut into shards of rows.

The lane of S shards: each has its rows of X, u and δ and a gradient of its own, θ is shared, and

    ∂J/∂θ = Σ_s ∂J_s/∂θ

is summed in the order of the shards. So the numbers depend on S, through the rounding of that sum,
and not on how many threads work; masks are drawn for the whole batch, and the moments of batch
normalization are the whole batch's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.nn.arrays import cuts, empty, pieces_of, zeros
from mlpcli.nn.backprop import Backprop
from mlpcli.nn.layers import Dropout
from mlpcli.nn.network import Network
from mlpcli.nn.norms import BatchMoments
from mlpcli.nn.sharded_moments import ShardMoments, share_moments
from mlpcli.workers import Workers

ENDED = object()  # a shard has no more to do


class ShardedBackprop:
    """A `Backprop` whose rows are shared out, to be used as one.

    workers  do the shards
    shards   of the rows, each a `Backprop` with a gradient of its own, but the first, which
             writes into grad
    """

    def __init__(
        self, network: Network, n_rows: int, grad: Array, n_shards: int, workers: Workers
    ) -> None:
        architecture, lane_shape = network.architecture, network.lane_shape
        self.network, self.n_rows, self.grad, self.workers = network, n_rows, grad, workers
        self.rows = cuts(n_rows, n_shards)
        others = zeros((n_shards - 1, *grad.shape), grad.dtype)
        self.grads = [grad, *others]
        self.shards = [
            Backprop(network, rows.stop - rows.start, part, training=True)
            for rows, part in zip(self.rows, self.grads, strict=True)
        ]
        shape = (*lane_shape, *architecture.member_shape, n_rows, architecture.n_outputs)
        self.u, self.delta = empty(shape, network.dtype), empty(shape, network.dtype)
        self.pieces = pieces_of(grad, n_shards)
        self.dropouts = [
            self._whole(each, prod(lane_shape)) for each in zip(*self._dropouts(), strict=True)
        ]
        self.moments = self._moments()

    def forward(self, X: Array) -> Array:
        """Return u of the output layer, (..., n_rows, n_outputs)."""
        self._in_turns(lambda shard: self._forward(shard, X))
        return self.u

    def backward(self) -> None:
        """Write ∂J/∂θ into grad, from delta = dJ/du at the output down to the data."""
        self._in_turns(self._backward)
        self.workers.run(self._add_gradients, len(self.pieces))

    def whole(self) -> Backprop:
        """Return a `Backprop` of all rows with the same network, gradient and masks."""
        one = Backprop(self.network, self.n_rows, self.grad, training=True)
        for mine, shared in zip(one.dropouts, self.dropouts, strict=True):
            mine.mask, mine.generators = shared.mask, shared.generators
        return one

    def _forward(self, shard: int, X: Array) -> Iterator[None]:
        rows = (..., self.rows[shard], slice(None))
        h = X[rows]
        for layer in self.shards[shard].layers:
            moments = self.moments[shard].get(id(layer))
            if moments is None:
                h = layer.forward(h)
            else:
                yield from moments.forward(h)
                h = moments.layer.y
        self.u[rows] = h

    def _backward(self, shard: int) -> Iterator[None]:
        backprop = self.shards[shard]
        delta = backprop.delta
        np.copyto(delta, self.delta[..., self.rows[shard], :])
        for layer in backprop.layers_backward:
            moments = self.moments[shard].get(id(layer))
            if moments is None:
                delta = layer.backward(delta)
            else:
                yield from moments.backward(delta)

    def _add_gradients(self, piece: int) -> None:
        """Grad ← Σ_s grad_s of some parameters, in the order of the shards."""
        part = (..., self.pieces[piece])
        total = self.grad[part]
        for other in self.grads[1:]:
            np.add(total, other[part], out=total)

    def _in_turns(self, begin: Callable[[int], Iterator[None]]) -> None:
        """Do what a generator of each shard does; where they yield, they wait for each other."""
        turns = [begin(shard) for shard in range(len(self.shards))]
        ended: list[Any] = [None] * len(turns)

        def advance(shard: int) -> None:
            ended[shard] = next(turns[shard], ENDED)

        while ended[-1] is not ENDED:
            self.workers.run(advance, len(turns))

    def _dropouts(self) -> list[list[Dropout]]:
        return [shard.dropouts for shard in self.shards]

    def _whole(self, parts: tuple[Dropout, ...], n_lanes: int) -> Dropout:
        """Return what draws the masks of all rows; those of the shards become parts of them."""
        first = parts[0]
        *before, _, units = first.mask.shape
        like = np.broadcast_to(np.zeros((), first.mask.dtype), (*before, self.n_rows, units))
        whole = Dropout(first.stream, first.keep_prob, like, n_lanes)
        for part, rows in zip(parts, self.rows, strict=True):
            part.mask = whole.mask[..., rows, :]
        return whole

    def _moments(self) -> list[dict[int, ShardMoments]]:
        """Return for each shard the batch normalizations, by the layer of its rows alone."""
        found: list[dict[int, ShardMoments]] = [{} for _ in self.shards]
        for layers in zip(*(shard.layers for shard in self.shards), strict=True):
            if isinstance(layers[0], BatchMoments):
                for mine, moments in zip(found, share_moments(layers), strict=True):
                    mine[id(moments.layer)] = moments
        return found
