"""Mini-batch gradient descent on a network or a stack of networks, one epoch at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from mlpcli.nn.arrays import Array
from mlpcli.nn.network import Network
from mlpcli.nn.optimizers import Optimizer, State
from mlpcli.nn.passes import Pass
from mlpcli.nn.penalties import L2, DecoupledDecay
from mlpcli.nn.stages import MaskBits
from mlpcli.randomness import generator

GATHER_BYTES = 1 << 20  # of shuffled rows gathered at once; batches are views of them
MASK_BYTES = 1 << 20  # of random bits drawn at once


def never() -> bool:
    """Return False: nobody asked to stop."""
    return False


class Trainer:
    """Everything one training changes from step to step, with every array a step writes.

    network     one network, or R of them as lanes; theta is updated in place
    optimizer   hyperparameters shared by all lanes
    l2          α, one number or one a lane (R, 1)
    seeds       of the shuffle and dropout streams, one a lane
    X, target   (n_rows, n_inputs) and targets as the loss takes them, shared by all lanes
    """

    def __init__(
        self,
        network: Network,
        optimizer: Optimizer,
        X: Array,
        target: Array,
        *,
        batch_size: int,
        seeds: Sequence[int],
        l2: Any = 0.0,
        keep_outputs: bool = False,
    ) -> None:
        self.network, self.X, self.target, self.seeds = network, X, target, seeds
        self.n_rows = len(X)
        self.batch_size = min(batch_size, self.n_rows)
        self.grad = np.zeros_like(network.theta)
        self.rate = np.zeros((*network.lead, 1) if network.lead else (), network.dtype)
        self.state = State(optimizer, network.theta)
        self.update = optimizer.bind(network.theta, self.grad, self.rate, self.state)
        decays = bool(np.any(np.asarray(l2) != 0))
        decoupled = decays and optimizer.decoupled_decay
        self.penalty = L2(l2, network) if decays and not decoupled else None
        self.decay = DecoupledDecay(l2, network, self.rate) if decoupled else None

        sizes = {self.batch_size, self.n_rows % self.batch_size or self.batch_size}
        self.steps_per_epoch = -(-self.n_rows // self.batch_size)
        self.step_rates: Array | None = None
        self.rows_done, self.stopped, self.finite = 0, False, True
        self.passes = {n: Pass(network, n, self.grad, dropout=True) for n in sizes}
        self.mask_bits = {n: self._mask_bits(p) for n, p in self.passes.items() if p.drops}

        lead, batch_bytes = network.lead, self.batch_size * X[:1].nbytes or 1
        batches = max(1, GATHER_BYTES // batch_bytes)
        self.chunk = min(batches * self.batch_size, self.n_rows)
        self.order = np.empty((*lead, self.n_rows), np.intp)
        self.X_chunk = np.empty((*lead, self.chunk, *X.shape[1:]), network.dtype)
        self.target_chunk = np.empty((*lead, self.chunk, *target.shape[1:]), target.dtype)
        self.losses = np.empty((*lead, self.n_rows), network.dtype)
        shape = (*lead, self.n_rows, network.architecture.n_outputs)
        self.outputs = np.empty(shape, network.dtype) if keep_outputs else None

    def _mask_bits(self, batch: Pass) -> MaskBits:
        per_step = batch.n_mask_bits
        lanes = max(1, int(np.prod(self.network.lead)))
        steps = max(1, min(64, MASK_BYTES // (2 * per_step * lanes)))
        return MaskBits(self.network.lead, per_step, steps)

    def epoch(
        self, epoch: int, learning_rate: Any, stop: Callable[[], bool] = never
    ) -> Iterator[int]:
        """Run one epoch; yield the number of rows done, several times on the way.

        epoch          from 1: it fixes the order of the rows and the masks, whatever was before
        learning_rate  of all steps, one number or one a lane (R, 1); or of each, (steps,)
        stop           asked after each step; once true, the epoch ends there

        Afterwards `rows_done`, `stopped` and `finite` say how far it came, `losses` and `loss`
        what the rows cost as their batches saw them, and `outputs`, where they are kept, what the
        loss saw; losses and outputs are in the order `order`.
        """
        each_step = np.ndim(learning_rate) == 1
        with np.errstate(over="ignore"):  # beyond float32: infinite, and so are the steps
            self.step_rates = learning_rate.astype(self.rate.dtype) if each_step else None
            self.rate[...] = learning_rate[0] if each_step else learning_rate
        self.rows_done, self.stopped, self.finite = 0, False, True
        self._start(epoch)
        for start in range(0, self.n_rows, self.chunk):
            stop_row = min(start + self.chunk, self.n_rows)
            self._gather(start, stop_row)
            with np.errstate(all="ignore"):  # a loss that is not finite ends the run, in words
                self._steps(start, stop_row, stop)
            # Of the rows gathered last: looking at all of them each time would grow as n².
            self.finite = bool(np.isfinite(self.losses[..., start : self.rows_done]).all())
            yield self.rows_done
            if self.stopped or not self.finite:
                break

    def _start(self, epoch: int) -> None:
        orders = self.order.reshape(-1, self.n_rows)
        for order, seed in zip(orders, self.seeds, strict=True):
            order[...] = generator(seed, "shuffle", epoch).permutation(self.n_rows)
        # The short last batch has a stream of its own: the full batches draw theirs ahead, for
        # many steps at once, and how far ahead must not show in the numbers.
        for size, bits in self.mask_bits.items():
            streams = [generator(seed, "dropout", epoch) for seed in self.seeds]
            if size != self.batch_size:
                streams = [rng.spawn(1)[0] for rng in streams]
            bits.start(streams)

    def _gather(self, start: int, stop: int) -> None:
        """Copy the shuffled rows start..stop side by side, so that batches are views."""
        n = stop - start
        lanes = self.order.reshape(-1, self.n_rows)[:, start:stop]
        X_lanes = self.X_chunk.reshape(len(lanes), self.chunk, -1)
        target_lanes = self.target_chunk.reshape(len(lanes), self.chunk, *self.target.shape[1:])
        for rows, X, target in zip(lanes, X_lanes, target_lanes, strict=True):
            np.take(self.X, rows, axis=0, out=X[:n], mode="clip")
            np.take(self.target, rows, axis=0, out=target[:n], mode="clip")

    def _steps(self, start: int, stop_row: int, stop: Callable[[], bool]) -> None:
        """Run the steps of the gathered rows, until the last or until asked to stop."""
        lanes = (slice(None),) * len(self.network.lead)
        for row in range(start, stop_row, self.batch_size):
            n = min(self.batch_size, stop_row - row)
            if self.step_rates is not None:
                self.rate[...] = self.step_rates[row // self.batch_size]
            batch, here = self.passes[n], (*lanes, slice(row - start, row - start + n))
            self.step(
                batch,
                self.X_chunk[here],
                self.target_chunk[here],
                self.losses[(*lanes, slice(row, row + n))],
            )
            if self.outputs is not None:
                self.outputs[..., row : row + n, :] = batch.output
            self.rows_done = row + n
            if stop():
                self.stopped = True
                return

    def step(self, batch: Pass, X: Array, target: Array, losses: Array) -> None:
        """Take one step of descent on one batch; write each row's loss before it into `losses`."""
        if batch.drops:
            batch.draw_masks(self.mask_bits[batch.n_rows])
        batch.gradient(X, target, losses)
        if self.penalty is not None:
            self.penalty.add_gradient(self.grad)
        if self.decay is not None:
            self.decay.apply()
        self.update()

    @property
    def loss(self) -> Any:
        """Mean loss of the epoch's rows so far, as their batches saw them, (...,)."""
        return np.mean(self.losses[..., : self.rows_done], axis=-1, dtype=np.float64)
