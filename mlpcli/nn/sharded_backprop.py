"""Forward propagation and backpropagation of a batch that is cut into shards of rows.

The lane of S shards: each has its rows of X, u and δ and a gradient of its own, θ is shared, and

    ∂J/∂θ = Σ_s ∂J_s/∂θ

is summed in the order of the shards. So the numbers depend on S, through the rounding of that sum,
and not on how many threads work; masks are drawn for the whole batch, and the moments of batch
normalization are the whole batch's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.nn.arrays import cuts, empty, pieces_of, zeros
from mlpcli.nn.backprop import Backprop
from mlpcli.nn.layers import Dropout
from mlpcli.nn.losses import Loss
from mlpcli.nn.network import Network
from mlpcli.nn.norms import BatchMoments
from mlpcli.nn.penalties import Penalty
from mlpcli.nn.sharded_moments import ShardMoments, share_moments
from mlpcli.workers import Workers

if TYPE_CHECKING:
    from mlpcli.nn.training_step import Batch

ENDED = object()  # a shard has no more to do


class ShardedBackprop:
    """The `Backprop` of each shard of a batch, and the sum of their gradients.

    delta    (..., n_rows, n_outputs) dJ/du of the batch that was last computed
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
        self.delta = empty(shape, network.dtype)
        self.scratch = [architecture.loss.scratch(each.delta) for each in self.shards]
        self.pieces = pieces_of(grad, n_shards)
        each_dropout = zip(*(shard.dropouts for shard in self.shards), strict=True)
        self.dropouts = [self._whole(parts, prod(lane_shape)) for parts in each_dropout]
        self.moments = self._moments()

    def compute_gradient(self, batch: Batch, loss: Loss, penalties: Sequence[Penalty]) -> None:
        """grad ← ∂(J + P)/∂θ: each shard forward, δ at the output, backward; then their sum.

        The shards are one piece of work, with batch normalization several; the sum, part by part
        of θ, with the penalties, is another.
        """
        self._in_turns(lambda shard: self._compute_shard(shard, batch, loss))

        def add(piece: int) -> None:
            part = self.pieces[piece]
            total = self.grad[..., part]
            for other in self.grads[1:]:
                np.add(total, other[..., part], out=total)
            for penalty in penalties:
                penalty.add_gradient(self.grad, part)

        self.workers.run(add, len(self.pieces))

    def whole(self) -> Backprop:
        """Return a `Backprop` of all rows with the same network, gradient and masks."""
        one = Backprop(self.network, self.n_rows, self.grad, training=True)
        for mine, shared in zip(one.dropouts, self.dropouts, strict=True):
            mine.mask, mine.generators = shared.mask, shared.generators
        return one

    def _compute_shard(self, shard: int, batch: Batch, loss: Loss) -> Iterator[None]:
        """Forward, δ = dJ/du at the output, backward, of a shard's rows; yield where it waits."""
        backprop, moments = self.shards[shard], self.moments[shard]
        rows = (..., self.rows[shard], slice(None))
        h = batch.X[rows]
        for layer in backprop.layers:
            if id(layer) in moments:
                yield from moments[id(layer)].forward(h)
                h = moments[id(layer)].layer.y
            else:
                h = layer.forward(h)
        batch.u[rows] = h
        scale = batch.scale[rows] if batch.scale.ndim else batch.scale
        loss.delta(h, batch.y[rows], scale, backprop.delta, self.scratch[shard])
        delta = self.delta[rows] = backprop.delta
        for layer in backprop.layers_backward:
            if id(layer) in moments:
                yield from moments[id(layer)].backward(delta)
            else:
                delta = layer.backward(delta)

    def _in_turns(self, begin: Callable[[int], Iterator[None]]) -> None:
        """Do what a generator of each shard does; where they yield, they wait for each other."""
        turns = [begin(shard) for shard in range(len(self.shards))]
        ended: list[Any] = [None] * len(turns)

        def advance(shard: int) -> None:
            ended[shard] = next(turns[shard], ENDED)

        while ended[-1] is not ENDED:
            self.workers.run(advance, len(turns))

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
