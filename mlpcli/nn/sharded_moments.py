"""Batch normalization of a batch that is cut into shards: the moments are the whole batch's.

    μ = Σ_s 1/N Σ_{d in s} u_d,  σ² = Σ_s 1/N Σ_{d in s} (u_d − μ)²

Each shard adds up its own rows, then all the shards' sums, in their order: the bits depend on
where the batch is cut, not on which shard came first. Between the two it has to wait for the
others, which is where the generators here yield.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from mlpcli.array_types import Array
from mlpcli.nn.arrays import empty
from mlpcli.nn.norms import BatchMoments


class ShardMoments:
    """The batch normalization of one shard's rows, by the moments of all shards.

    layer   of the shard's rows
    sums    (4, S, ..., 1, units) where each of S shards puts its sums; all have the same array
    shard   number of this one
    n_rows  of the whole batch
    """

    def __init__(self, layer: BatchMoments, sums: Array, shard: int, n_rows: int) -> None:
        self.layer, self.sums, self.shard = layer, sums, shard
        layer.count(n_rows)

    def forward(self, u: Array) -> Iterator[None]:
        """y ← γ ∗ û + β; yields where the sums of all shards are needed."""
        layer = self.layer
        yield from self._average([u], [layer.mean], first=0)
        layer.center(u)
        yield from self._average([layer.work], [layer.variance], first=1)
        layer.scale()
        if self.shard == 0:
            layer.update_running()
        layer.shift()

    def backward(self, delta: Array) -> Iterator[None]:
        """Write ∂J/∂γ and ∂J/∂β of these rows; delta ← dJ/du in place."""
        layer = self.layer
        layer.gradient(delta)
        np.multiply(delta, layer.u_hat, out=layer.work)
        yield from self._average([layer.work, delta], [layer.variance, layer.mean], first=2)
        layer.project(delta)

    def _average(self, arrays: Sequence[Array], out: Sequence[Array], first: int) -> Iterator[None]:
        """out ← means over the rows of all shards.

        first  of the sums that these arrays have: a shard may write the next ones while another
               still reads
        """
        for k, array in enumerate(arrays, first):
            self.layer.average(array, self.sums[k, self.shard])
        yield
        for k, mean in enumerate(out, first):
            np.add.reduce(self.sums[k], axis=0, out=mean)


def share_moments(layers: Sequence[BatchMoments]) -> list[ShardMoments]:
    """Return the batch normalization of each shard, given that of its rows alone."""
    mean, n_rows = layers[0].mean, sum(layer.n_rows for layer in layers)
    sums = empty((4, len(layers), *mean.shape), mean.dtype)
    return [ShardMoments(layer, sums, shard, n_rows) for shard, layer in enumerate(layers)]
