"""Predictions and losses of any number of rows, by the trained network: no dropout, no penalty."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.nn.arrays import empty, one_hot, weighted_mean
from mlpcli.nn.backprop import Backprop
from mlpcli.nn.losses import Loss
from mlpcli.nn.network import Network
from mlpcli.workers import SHARED, Workers

BLOCK_ROWS = 4096  # whose losses are computed at a time
ASK_BLOCKS = 8  # blocks of an evaluation between two questions whether to go on


class StoppedError(Exception):
    """An evaluation was given up, as its `stop` asked."""


def float_targets(loss: Loss, target: Array, n_outputs: int, like: Array) -> Array:
    """Return targets as a loss takes them: classes one-hot, smoothed where the loss smooths.

    target  (..., rows) class numbers, or (..., rows, targets) floats
    like    (..., rows, n_outputs) of the lanes and type that are wanted
    """
    if np.issubdtype(target.dtype, np.integer):
        y = np.empty((*target.shape, n_outputs), like.dtype)
        one_hot(target, y)
    else:
        y = target
    if loss.smooths:
        y = np.array(np.broadcast_to(y, (*like.shape[:-1], y.shape[-1])))
        loss.smooth(y)
    return y


def losses_of(loss: Loss, y_hat: Array, target: Array) -> Array:
    """Return the loss of each row (..., rows) of given predictions, of any origin.

    y_hat   (..., rows, n_outputs) predictions, float64; probabilities are held away from 0 and 1
            by the resolution of float64
    target  (rows,) class numbers, or (rows, targets) floats
    """
    losses = np.empty(y_hat.shape[:-1])
    for start in range(0, y_hat.shape[-2], BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        with np.errstate(all="ignore"):  # a loss that is not finite is reported as it is
            u = np.ascontiguousarray(loss.outputs_of(y_hat[..., rows, :]))
            y = float_targets(loss, target[rows], u.shape[-1], u)
            losses[..., rows] = loss.value(u, y)
    return losses


def mean_prediction(loss: Loss, u: Array) -> Array:
    """Return the mean (..., rows, n_outputs) of the members' predictions, float64.

    u  (..., k, rows, n_outputs) of the output layer
    """
    y_hat = np.empty(u.shape)
    loss.predict(u, y_hat)
    return loss.average(np.moveaxis(y_hat, -3, 0))


class Evaluation:
    """Evaluates a network, or a stack of them, on blocks of rows.

    Members that share weights are evaluated together, by the mean of their predictions.

    The arrays are those of one block for each thread, whatever the number of rows; a last, shorter
    block has arrays of its own.

    stop     asked now and then; once true, StoppedError is raised
    workers  share out the blocks; how many there are changes no bit
    """

    BLOCK_BYTES = 1 << 20  # of activations: a block's arrays stay in the second-level cache
    MAX_SIZES = 8  # of blocks that arrays are kept for
    LEAST, LEAST_OF_MEMBERS = 64, 16  # rows of a block

    def __init__(self, network: Network, workers: Workers = SHARED) -> None:
        self.network, self.workers = network, workers
        self.stop: Callable[[], bool] | None = None
        # Of one lane, however many there are: the same blocks, so the same bits, as alone.
        architecture, k = network.architecture, prod(network.architecture.member_shape)
        self.has_members = architecture.members is not None
        units = 2 * k * sum(t.shape[-1] for t in architecture.layout.weights)
        units += architecture.embedded_numbers
        row_bytes = units * network.theta.itemsize
        least = self.LEAST_OF_MEMBERS if self.has_members else self.LEAST
        self.block = int(min(4096, max(least, self.BLOCK_BYTES // row_bytes)))
        self._sizes: list[dict[int, Backprop]] = []  # of each thread, by number of rows
        # No gradient is computed: one zero, read-only, has the shape of one.
        self._no_grad = np.broadcast_to(np.zeros((), network.dtype), network.theta.shape)

    def predict(self, X: Array, out: Array) -> Array:
        """Write ŷ = g(h U + c) of every row into `out` (..., rows, n_outputs).

        X  (rows, n_inputs), or (..., rows, n_inputs)
        """

        def use(rows: slice, u: Array) -> None:
            self._predict(u, out[..., rows, :])

        self._share_out(X, use)
        return out

    def predict_each(self, X: Array, out: Array) -> Array:
        """Write ŷ of each member into `out` (..., k, rows, n_outputs); without any as `predict`."""
        loss = self.network.architecture.loss

        def use(rows: slice, u: Array) -> None:
            loss.predict(u, out[..., rows, :])

        self._share_out(X, use)
        return out

    def _predict(self, u: Array, out: Array) -> None:
        loss = self.network.architecture.loss
        if self.has_members:
            out[...] = mean_prediction(loss, u)
        else:
            loss.predict(u, out)

    def loss(
        self, X: Array, target: Array, out: Array | None = None, weight: Array | None = None
    ) -> Any:
        """Return J over all rows, (...,), and write ŷ into `out` where it is given.

        weight  (rows,) of each row: then J = Σ_d w_d J_d / Σ_d w_d
        """
        return weighted_mean(self.row_losses(X, target, out), weight)

    def row_losses(self, X: Array, target: Array, out: Array | None = None) -> Array:
        """Return the loss of each row (..., rows), unweighted; write ŷ into `out` if given.

        target  (rows,) class numbers, or (rows, targets) floats
        """
        loss, n_outputs = self.network.architecture.loss, self.network.architecture.n_outputs
        losses = empty((*self.network.lane_shape, X.shape[-2]), self.network.dtype)

        def use(rows: slice, u: Array) -> None:
            if self.has_members:
                y_hat = mean_prediction(loss, u)
                losses[..., rows] = losses_of(loss, y_hat, target[rows])
                if out is not None:
                    out[..., rows, :] = y_hat
                return
            y = float_targets(loss, target[rows], n_outputs, u)
            losses[..., rows] = loss.value(u, y)
            if out is not None:
                loss.predict(u, out[..., rows, :])

        self._share_out(X, use)
        return losses

    def _share_out(self, X: Array, use: Callable[[slice, Array], None]) -> None:
        """Call `use` for each block with its rows of X, and u of the output layer for them.

        u  (..., rows, n_outputs), of members (..., k, rows, n_outputs); to be used at once
        """
        starts = range(0, X.shape[-2], self.block)
        n_threads = max(1, min(self.workers.n, len(starts)))
        self._sizes += [{} for _ in range(n_threads - len(self._sizes))]

        def work(thread: int) -> None:
            for k, start in enumerate(starts[thread::n_threads], 1):
                if k % ASK_BLOCKS == 0 and self.stop is not None and self.stop():
                    raise StoppedError
                rows = slice(start, min(start + self.block, X.shape[-2]))
                backprop = self._backprop(thread, rows.stop - start)
                use(rows, backprop.forward(X[..., rows, :]))

        self.workers.run(work, n_threads)

    def _backprop(self, thread: int, n_rows: int) -> Backprop:
        """Return the layers that a thread has for so many rows."""
        sizes = self._sizes[thread]  # no other thread reads or writes it
        if n_rows not in sizes:
            if len(sizes) == self.MAX_SIZES:
                sizes.clear()
            sizes[n_rows] = Backprop(self.network, n_rows, self._no_grad, training=False)
        return sizes[n_rows]
