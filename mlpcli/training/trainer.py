"""Mini-batch gradient descent on a network or a stack of networks, one epoch at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from typing import Any

import numpy as np

from mlpcli.nn.arrays import Array, empty, mean_of_rows, zeros
from mlpcli.nn.draws import Masks
from mlpcli.nn.losses import Loss
from mlpcli.nn.network import Network
from mlpcli.nn.optimizers import Optimizer, State
from mlpcli.nn.passes import Pass
from mlpcli.training.feed import Disturbance, Feed
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
        self.rate = np.zeros((*network.lead, 1) if network.lead else (), network.dtype)
        self.state = State(optimizer, network.theta)
        step = optimizer.bind(network.theta, self.grad, self.rate, self.state)
        decay = self.rate if optimizer.decoupled_decay else None
        self.update = Update(network, self.grad, regularizers or Regularizers(), step, decay)

        self.rows_done, self.stopped, self.finite = 0, False, np.ones(network.lead, bool)
        self.passes = {
            n: Pass(
                self.update.disturbed,
                n,
                self.grad,
                training=True,
                loss=loss,
                weighted=weight is not None,
            )
            for n in self.feed.sizes
        }
        self.masks = {n: Masks(p.drops, network.lead) for n, p in self.passes.items()}
        # What a step does before its gradient, by the size of the batch.
        self.before = {
            n: [masks.draw, *self.update.before] if masks.drops else self.update.before
            for n, masks in self.masks.items()
        }
        self.losses = empty((*network.lead, self.n_rows), network.dtype)
        shape = (*network.lead, self.n_rows, architecture.n_outputs)
        self.outputs = np.empty(shape, network.dtype) if keep_outputs else None

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
            self.rates = np.asarray(learning_rate, self.rate.dtype) if each_step else None
            self.rate[...] = learning_rate[0] if each_step else learning_rate
        self.rows_done, self.stopped, self.steps_done = 0, False, 0
        self.finite[...] = True
        self._start(epoch)
        feed, start = self.feed, 0
        while start < self.n_rows and not self.stopped and self.finite.any():
            end = feed.end_of(start, feed.chunk)
            feed.gather(start, end)
            with np.errstate(all="ignore"):  # a loss that is not finite ends the run, in words
                self._steps(start, end, stop)
            # Of the rows gathered last: looking at all of them each time would grow as n².
            self.finite &= np.isfinite(self.losses[..., start : self.rows_done]).all(axis=-1)
            start = end
            yield self.rows_done

    def _start(self, epoch: int) -> None:
        self.feed.start(self.seeds, epoch)
        self.update.start(self.seeds, epoch)
        # The short last batch has a stream of its own: the full batches draw theirs ahead, for
        # many steps at once, and how far ahead must not show in the numbers.
        for size, masks in self.masks.items():
            masks.start(self.seeds, epoch, *(() if size == self.feed.batch_size else (1,)))

    def _steps(self, start: int, stop_row: int, stop: Callable[[], bool]) -> None:
        """Run the steps of the gathered rows, until the last or until asked to stop."""
        for begin, end, n in self._sizes(start, stop_row):
            batch = self.passes[n]
            for X, target, losses, weight, outputs in self._batches(start, begin, end, n):
                if weight is not None:
                    batch.weigh(weight)
                if self.rates is not None:
                    self.rate[...] = self.rates[self.steps_done]
                self.step(batch, X, target, losses)
                if outputs is not None:
                    outputs[...] = batch.output
                self.rows_done += n
                self.steps_done += 1
                if stop():
                    self.stopped = True
                    return

    def _sizes(self, start: int, stop_row: int) -> Iterator[tuple[int, int, int]]:
        """Yield pieces (begin, end, rows of each batch) of the gathered rows."""
        n = self.feed.batch_size
        rest = (stop_row - start) % n
        last = rest if rest in self.passes else rest + n if rest else 0
        if stop_row - last > start:  # a rest that joins the only whole batch leaves none
            yield start, stop_row - last, n
        if last:
            yield stop_row - last, stop_row, last

    def _batches(self, start: int, begin: int, end: int, n: int) -> Iterator[tuple[Any, ...]]:
        """Yield X, target, losses, weight and outputs of each batch of n rows; None where off.

        They are views, made by iterating over an axis of batches: 0.1 µs each, and 0.3 as slices.
        """
        feed, lead = self.feed, len(self.network.lead)

        def cut(array: Array | None, first: int) -> Iterable[Any]:
            if array is None:
                return repeat(None)
            part = array[(*feed.lanes, slice(begin - first, end - first))]
            shape = (*part.shape[:lead], (end - begin) // n, n, *part.shape[lead + 1 :])
            return np.moveaxis(part.reshape(shape), lead, 0)

        gathered = feed.X_chunk, feed.target_chunk, feed.weight_chunk
        X, target, weight = (cut(array, start) for array in gathered)
        return zip(X, target, cut(self.losses, 0), weight, cut(self.outputs, 0), strict=False)

    def step(self, batch: Pass, X: Array, target: Array, losses: Array) -> None:
        """Take one step of descent on one batch; write each row's loss before it into `losses`."""
        for prepare in self.before[batch.n_rows]:
            prepare()
        batch.gradient(X, target, losses)
        for part in self.update.after:
            part()

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
