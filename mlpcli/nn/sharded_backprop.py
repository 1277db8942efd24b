"""Forward propagation and backpropagation of a batch that is cut into shards of rows.

Each of S shards has its rows of X, u and δ; θ is shared. Then, when all have h and δ, θ is cut in
their place: each part of a weight matrix has its gradient from the rows of the whole batch,

    ∂J/∂W = hᵀ δ

so that no gradients of shards are added up, but those of biases and other vectors, in the order of
the shards. The numbers depend on S, through the rounding of sums and products, and not on how many
threads work; masks are drawn for the whole batch, and the moments of batch normalization are the
whole batch's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mlpcli.array_types import Array
from mlpcli.nn.arrays import cuts, empty, zeros
from mlpcli.nn.backprop import Backprop
from mlpcli.nn.layers import Affine, Dropout, Layer, Product
from mlpcli.nn.layout import Layout, Tensor
from mlpcli.nn.losses import Loss
from mlpcli.nn.network import Network
from mlpcli.nn.norms import BatchMoments
from mlpcli.nn.penalties import Penalty
from mlpcli.nn.sharded_moments import ShardMoments, share_moments
from mlpcli.workers import Workers

if TYPE_CHECKING:
    from mlpcli.nn.training_step import Batch

MATRIX = 2  # axes of weights that may be cut: heads of members are not


def pieces_of(layout: Layout, n: int) -> list[slice]:
    """Return at most n slices of θ, about equal. A weight matrix is cut between two rows.

    >>> pieces_of(Layout({"W": (4, 3)}, {"b": (3,)}), 2)
    [slice(0, 6, None), slice(6, 15, None)]
    """
    bounds = {_between_rows(layout, layout.n_params * k // n) for k in range(1, n)}
    return [slice(*pair) for pair in pairwise(sorted({0, *bounds, layout.n_params}))]


def _between_rows(layout: Layout, place: int) -> int:
    for tensor in layout.weights:
        if tensor.start < place < tensor.stop:
            is_matrix = len(tensor.shape) == MATRIX
            row = tensor.shape[-1] if is_matrix else tensor.stop - tensor.start
            return tensor.start + (place - tensor.start) // row * row
    return place


class WeightGradient:
    """∂J/∂W ← hᵀ δ over the rows of a whole batch, piece by piece of W's rows.

    h      (..., n_rows, fan_in) the layer's input, and
    delta  (..., n_rows, fan_out) dJ/du, both written by the shards
    """

    def __init__(
        self, tensor: Tensor, layer: Affine | Product, n_rows: int, pieces: Sequence[slice]
    ) -> None:
        *rows, _, fan_in = layer.delta_below.shape
        self.dW = layer.dW
        self.h = empty((*rows, n_rows, fan_in), layer.dW.dtype)
        self.delta = empty((*rows, n_rows, layer.dW.shape[-1]), layer.dW.dtype)
        # Of members that share W, the rows of all are one below the other.
        self.flat = (*layer.dW.shape[:-2], -1) if isinstance(layer, Product) else None
        self.units = [_rows_of(tensor, piece) for piece in pieces]

    def compute(self, piece: int) -> None:
        """Write the gradient of the rows of W that a piece of θ has."""
        units = self.units[piece]
        if units is None:
            return
        h, delta = self.h, self.delta
        if self.flat is not None:
            h, delta = (np.reshape(x, (*self.flat, x.shape[-1]), copy=False) for x in (h, delta))
        # Not np.dot, which copies some of the rows of a transposed array.
        np.matmul(h.mT[..., units, :], delta, self.dW[..., units, :])


def _rows_of(tensor: Tensor, piece: slice) -> slice | None:
    """Return the rows of a matrix that lie in a piece of θ; None: it has none."""
    first, last = max(piece.start, tensor.start), min(piece.stop, tensor.stop)
    if last <= first:
        return None
    row = (tensor.stop - tensor.start) // tensor.shape[-2]
    return slice((first - tensor.start) // row, (last - tensor.start) // row)


class _Place(NamedTuple):
    """A layer of a shard; the moments of all shards, where it needs them; and where h and δ go."""

    layer: Layer
    moments: ShardMoments | None
    weights: WeightGradient | None


class ShardedBackprop:
    """The `Backprop` of each shard of a batch, and the gradient of the batch.

    delta    (..., n_rows, n_outputs) dJ/du of the batch that was last computed
    workers  do the shards
    shards   of the rows, each a `Backprop` with a gradient of its own for biases and other vectors,
             but the first, which writes into grad
    pieces   of θ, whose gradients are computed one by one
    """

    def __init__(
        self,
        network: Network,
        n_rows: int,
        grad: Array,
        n_shards: int,
        pieces: Sequence[slice],
        workers: Workers,
    ) -> None:
        architecture, lane_shape = network.architecture, network.lane_shape
        self.network, self.n_rows, self.grad, self.workers = network, n_rows, grad, workers
        self.rows = cuts(n_rows, n_shards)
        # Zeros take memory where they are written: behind the weights.
        self.grads = [grad, *zeros((n_shards - 1, *grad.shape), grad.dtype)]
        self.shards = [
            Backprop(network, rows.stop - rows.start, part, training=True)
            for rows, part in zip(self.rows, self.grads, strict=True)
        ]
        shape = (*lane_shape, *architecture.member_shape, n_rows, architecture.n_outputs)
        self.delta = empty(shape, network.dtype)
        self.scratch = [architecture.loss.scratch(each.delta) for each in self.shards]
        self.pieces = pieces
        products = (each for each in self.shards[0].layers if isinstance(each, Affine | Product))
        self.weights = [
            WeightGradient(tensor, layer, n_rows, pieces)
            for tensor, layer in zip(architecture.layout.weights, products, strict=True)
        ]
        # Behind the weights: biases, and what norms, activations and embeddings learn.
        n_weights = architecture.layout.n_weights
        self.vectors = [
            [each[..., piece][..., max(0, n_weights - piece.start) :] for each in self.grads]
            for piece in pieces
        ]
        self.sees_data = isinstance(self.shards[0].layers[0], Affine)
        self.places = self._places()
        n = len(self.shards[0].layers_backward)
        self.places_backward = [places[: -n - 1 : -1] for places in self.places]
        # Batch normalization waits twice for the other shards on the way forward, once backward.
        self.n_turns = 1 + 3 * sum(place.moments is not None for place in self.places[0])
        each_dropout = zip(*(shard.dropouts for shard in self.shards), strict=True)
        self.dropouts = [self._whole(parts, prod(lane_shape)) for parts in each_dropout]

    def compute_gradient(
        self,
        batch: Batch,
        loss: Loss,
        penalties: Sequence[Penalty],
        then: Callable[[int], None] | None = None,
    ) -> None:
        """grad ← ∂(J + P)/∂θ: each shard forward, δ at the output, backward; then ∂J/∂θ by pieces.

        then  called with the number of each piece as soon as its gradient is there
        """
        if self.sees_data:
            self.weights[0].h = batch.X
        turns = [self._compute_shard(shard, batch, loss) for shard in range(len(self.shards))]

        def advance(shard: int) -> None:
            next(turns[shard], None)

        def work(piece: int) -> None:
            self._compute_piece(piece, penalties)
            if then is not None:
                then(piece)

        # Where the shards yield, they wait for each other.
        stages = [(advance, len(turns))] * self.n_turns
        self.workers.run_stages([*stages, (work, len(self.pieces))])

    def whole(self) -> Backprop:
        """Return a `Backprop` of all rows with the same network, gradient and masks."""
        one = Backprop(self.network, self.n_rows, self.grad, training=True)
        for mine, shared in zip(one.dropouts, self.dropouts, strict=True):
            mine.mask, mine.generators = shared.mask, shared.generators
        return one

    def _compute_shard(self, shard: int, batch: Batch, loss: Loss) -> Iterator[None]:
        """Forward, δ = dJ/du at the output, backward, of a shard's rows; yield where it waits."""
        backprop, rows = self.shards[shard], (..., self.rows[shard], slice(None))
        h = batch.X[rows]
        for layer, moments, weights in self.places[shard]:
            if moments is not None:
                yield from moments.forward(h)
                h = moments.layer.y
                continue
            if weights is not None and layer is not backprop.layers[0]:
                weights.h[rows] = h
            h = layer.forward(h)
        batch.u[rows] = h
        scale = batch.scale[rows] if batch.scale.ndim else batch.scale
        loss.delta(h, batch.y[rows], scale, backprop.delta, self.scratch[shard])
        delta = self.delta[rows] = backprop.delta
        for layer, moments, weights in self.places_backward[shard]:
            if moments is not None:
                yield from moments.backward(delta)
            elif weights is not None and isinstance(layer, Affine | Product):
                weights.delta[rows] = delta
                delta = layer.below(delta)
            else:
                delta = layer.backward(delta)

    def _compute_piece(self, piece: int, penalties: Sequence[Penalty]) -> None:
        """∂(J + P)/∂θ of some parameters: products over all rows; of vectors the shards' sum."""
        for weights in self.weights:
            weights.compute(piece)
        total, *others = self.vectors[piece]
        for other in others:
            np.add(total, other, out=total)
        for penalty in penalties:
            penalty.add_gradient(self.grad, self.pieces[piece])

    def _whole(self, parts: tuple[Dropout, ...], n_lanes: int) -> Dropout:
        """Return what draws the masks of all rows; those of the shards become parts of them."""
        first = parts[0]
        *before, _, units = first.mask.shape
        like = np.broadcast_to(np.zeros((), first.mask.dtype), (*before, self.n_rows, units))
        whole = Dropout(first.stream, first.keep_prob, like, n_lanes)
        for part, rows in zip(parts, self.rows, strict=True):
            part.mask = whole.mask[..., rows, :]
        return whole

    def _places(self) -> list[list[_Place]]:
        """Return the layers of each shard."""
        found: list[list[_Place]] = [[] for _ in self.shards]
        products = iter(self.weights)
        for layers in zip(*(shard.layers for shard in self.shards), strict=True):
            moments: Sequence[ShardMoments | None] = [None] * len(layers)
            if isinstance(layers[0], BatchMoments):
                moments = share_moments(layers)
            weights = next(products) if isinstance(layers[0], Affine | Product) else None
            for places, layer, each in zip(found, layers, moments, strict=True):
                places.append(_Place(layer, each, weights))
        return found
