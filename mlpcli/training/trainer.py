"""Mini-batch gradient descent on a network or a stack of networks, one epoch at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.nn.arrays import empty, mean_of_rows, zeros
from mlpcli.nn.draws import Masks
from mlpcli.nn.losses import Loss
from mlpcli.nn.network import Network
from mlpcli.nn.optimizers import Optimizer, State
from mlpcli.nn.passes import Pass
from mlpcli.nn.replay import Call, Calls, Replay, call
from mlpcli.training.feed import Disturbance, Feed
from mlpcli.training.rate import Rate
from mlpcli.training.regularizers import Regularizers, Update


def never() -> bool:
    """Return False: nobody asked to stop."""
    return False


class Trainer:
    """Everything one training changes from step to step, with every array a step writes.

    network       one network, or R of them as lanes; its vector is updated in place
    optimizer     hyperparameters, each one number or one a lane
    X, target     (n_rows, n_inputs) and targets as the loss takes them, shared by all lanes
    seeds         of every random stream, one a lane
    weight        (n_rows,) weights of the rows, or (R, n_rows); None: all are 1
    regularizers  penalties, noise, and what else a step does
    source        (slots,) or (R, slots) the rows of an epoch where it is not each row once
    disturbances  what changes the rows anew in each epoch
    loss          the form of the loss for targets that the disturbances mix
    keep_outputs  whether `outputs` keeps an epoch's
    keep_targets  whether `feed.targets` keeps them, mixed as they were
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
        weight: Array | None = None,
        regularizers: Regularizers | None = None,
        source: Array | None = None,
        disturbances: Sequence[Disturbance] = (),
        loss: Loss | None = None,
        keep_outputs: bool = False,
        keep_targets: bool = False,
    ) -> None:
        self.network, self.seeds = network, seeds
        architecture = network.architecture
        self.feed = Feed(
            X,
            target,
            lead=network.lead,
            dtype=network.dtype,
            batch_size=batch_size,
            least_rows=architecture.least_rows,
            weight=weight,
            source=source,
            disturbances=disturbances,
            keep_targets=keep_targets,
        )
        self.n_rows, self.order = self.feed.n_rows, self.feed.order
        self.grad = zeros(network.theta.shape, network.dtype)
        wanted = regularizers or Regularizers()
        self.rate = Rate(optimizer, wanted, network.lead, network.dtype)
        self.state = State(optimizer, network.theta)
        step = self.rate.step(optimizer, network.theta, self.grad, self.state)
        decay = self.rate.value if optimizer.decoupled_decay else None
        self.update = Update(network, self.grad, wanted, step, decay)

        self.rows_done, self.stopped, self.finite = 0, False, np.ones(network.lead, bool)
        self._begin_passes(loss, weighted=weight is not None)
        self._make_room(keep_outputs=keep_outputs)

    def _begin_passes(self, loss: Loss | None, *, weighted: bool) -> None:
        """Make a pass for each size of a batch, its masks, and room for the calls of steps."""
        network, grad = self.update.disturbed, self.grad
        architecture = network.architecture
        n_last = self.feed.batch_size * architecture.layout.weights[-1].shape[0]
        self.loss_form = (loss or architecture.loss).in_chunks(architecture.n_outputs, n_last)
        self.passes = {
            n: Pass(network, n, grad, training=True, loss=self.loss_form, weighted=weighted)
            for n in self.feed.sizes
        }
        # The short last batch has a stream of its own: the full ones draw theirs ahead, for
        # several steps, and how far ahead must not show in the numbers.
        self.masks = {
            n: Masks(p.drops, network.lead, self._steps_of_a_chunk(n))
            for n, p in self.passes.items()
        }
        self._calls: Calls = {}
        self._replays: dict[tuple[int, int], Replay] = {}
        self._of_chunks: dict[int, list[tuple[int, Replay]]] = {}

    def _make_room(self, *, keep_outputs: bool) -> None:
        """Make arrays for an epoch's losses and outputs, and for those of a chunk."""
        lead, dtype, feed = self.network.lead, self.network.dtype, self.feed
        n_outputs = self.network.architecture.n_outputs
        shape = (*lead, feed.room, n_outputs)
        self.losses = empty((*lead, self.n_rows), dtype)
        self.loss_chunk = self.loss_form.chunk(feed.target_chunk, shape, dtype, keep_u=keep_outputs)
        self.outputs = np.empty((*lead, self.n_rows, n_outputs), dtype) if keep_outputs else None

    def _steps_of_a_chunk(self, n: int) -> int:
        """Return how many batches of n rows a chunk can have: all but the last are full."""
        return self.feed.chunk // n if n == self.feed.batch_size else 1

    def epoch(
        self,
        epoch: int,
        learning_rate: Any,
        stop: Callable[[], bool] = never,
    ) -> Iterator[int]:
        """Run one epoch; yield the number of rows done, several times on the way.

        epoch          from 1: it fixes all that is random in it, whatever happened before
        learning_rate  λ, one number or one a lane (R, 1); or one for each step, where it changes
                       on the way: (n_steps,) or (n_steps, R, 1)
        stop           asked after each step; once true, the epoch ends there

        It ends early where no lane has a finite loss any more. Afterwards `rows_done`, `stopped`
        and `finite` (...,) say how far it came, `losses` and `loss` what the rows cost as their
        batches saw them, and `outputs`, where they are kept, what the loss saw; losses and outputs
        are in the order `order`.
        """
        with np.errstate(over="ignore"):  # beyond float32: infinite, and so are the steps
            each_step = np.ndim(learning_rate) % 2 == 1
            self.rates = np.asarray(learning_rate, self.network.dtype) if each_step else None
            self.set_rate(learning_rate[0] if each_step else learning_rate)
        self.rows_done, self.stopped, self._steps_before = 0, False, self.state.steps
        self.finite[...] = self._is_going = True
        self._start(epoch)
        feed, start = self.feed, 0
        while start < self.n_rows and not self.stopped and self._is_going:
            end = feed.end_of(start, feed.chunk)
            feed.gather(start, end)
            self.loss_chunk.start(feed.batches(end - start))
            with np.errstate(all="ignore"):  # a loss that is not finite ends the run, in words
                self._take_steps(start, end, stop)
            self._look_at(self.losses[..., start : self.rows_done])
            start = end
            yield self.rows_done

    def set_rate(self, rate: Any) -> None:
        """Let λ of the steps from now on be this: one number, or one a lane (R, 1)."""
        self.rate.set(rate)
        if self.rate.is_in_rows:
            for batch in self.passes.values():
                batch.scale_gradient(self.rate.of_rows)

    def _start(self, epoch: int) -> None:
        self.feed.start(self.seeds, epoch)
        self.update.start(self.seeds, epoch)
        for size, masks in self.masks.items():
            masks.start(self.seeds, epoch, *(() if size == self.feed.batch_size else (1,)))

    def _take_steps(self, start: int, stop_row: int, stop: Callable[[], bool]) -> None:
        """Run the steps of the gathered rows, until the last or until asked to stop."""
        done = taken = 0
        for n, take in self._steps(stop_row - start):
            if self.rates is not None:
                self.set_rate(self.rates[self.state.steps - self._steps_before + taken])
            take()
            taken, done = taken + 1, done + n
            if stop():
                self.stopped = True
                break
        self.state.steps += taken
        self.rows_done = start + done
        self.loss_chunk.row_losses(done, self.losses[..., start : self.rows_done])
        if self.outputs is not None:
            kept = self.outputs[..., start : self.rows_done, :]
            self.loss_chunk.kept(self.feed.batches(stop_row - start)[:taken], kept)

    def _look_at(self, losses: Array) -> None:
        """Take note of losses that are not finite. Asked after each step of a large network.

        There Python comes out of the main memory each time: two calls are 10 µs, and what all
        lanes take 30, of 12,000.
        """
        finite = np.isfinite(losses)
        if not np.logical_and.reduce(finite, axis=None):
            self.finite &= finite.all(axis=-1)
            self._is_going = bool(self.finite.any())

    def _steps(self, n_rows: int) -> list[tuple[int, Replay]]:
        """Return the steps of a chunk of so many rows: the rows of each batch, and what takes it.

        One on the same rows of another chunk is the same; a list of them is made once.
        """
        if n_rows not in self._of_chunks:
            places = self.feed.batches(n_rows)
            for place in places:
                if place not in self._replays:
                    self._replays[place] = Replay(partial(self.step, *place), self._calls)
            self._of_chunks[n_rows] = [(place[1], self._replays[place]) for place in places]
        return self._of_chunks[n_rows]

    def step(self, first: int, n: int) -> None:
        """Take one step of descent on n gathered rows, from the given one of the chunk.

        What each row's loss was before it is left in `loss_chunk`. Called as it is the first time,
        then by its calls: see `mlpcli.nn.replay`.
        """
        feed, batch = self.feed, self.passes[n]
        rows = (*feed.lanes, slice(first, first + n))
        self.masks[n].draw(first // n if n == feed.batch_size else 0)
        for part in self.update.before:
            part()
        if feed.weight_chunk is not None:
            batch.weigh(feed.weight_chunk[rows])
        self._forward(batch, first, feed.X_chunk[rows])
        batch.losses(*self.loss_chunk.of_batch(first, n))
        batch.backward()
        for part in self.update.after:
            part()

    def _forward(self, batch: Pass, first: int, X: Array) -> None:
        """Send a batch forward; leave what the loss sees in the chunk, where it is kept."""
        kept = self.loss_chunk.u_of_batch(first, batch.n_rows)
        if kept is None:
            batch.forward(X)
            return
        batch.leave_output_in(kept)
        output = batch.forward(X)
        if output is not kept:  # now: on the way back an activation may write over it
            call(np.copyto, kept, output)

    def calls_of_a_step(self) -> tuple[Call, ...]:
        """Return the calls of the second step of a chunk, once an epoch has noted them.

        Not those of the first, which makes the masks of several.
        """
        n = self.feed.batch_size
        return self._replays.get((n, n), self._replays[0, n]).calls or ()

    def carry_on(self, other: Trainer, lanes: Sequence[int]) -> None:
        """Take over all that another trainer of the same optimizer carries from step to step.

        lanes  of the other, a stack, that are ours, in this order; the networks' numbers are not
               copied: ours was made with them
        """
        own = list(lanes) if self.network.lead else lanes[0]
        n = len(self.state.vectors)  # fewer, where only lanes that have left had momentum
        self.state.vectors[...] = other.state.vectors[:n, own]
        self.state.powers[...] = other.state.powers[:, own]
        self.state.steps = other.state.steps
        mine, theirs = self.update.average, other.update.average
        if mine is not None and theirs is not None:
            mine.average[...] = theirs.average[own]
            mine.power[...] = theirs.power[own]

    @property
    def loss(self) -> Any:
        """Mean loss of the epoch's rows so far, as their batches saw them, (...,).

        Where the rows have weights, Σ_d w_d J_d / Σ_d w_d.
        """
        return mean_of_rows(self.losses[..., : self.rows_done], self.feed.weights(self.rows_done))
