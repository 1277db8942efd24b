"""Mini-batch gradient descent on a network or a stack of networks, one epoch at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.nn.arrays import cache_slices, empty, weighted_mean
from mlpcli.nn.evaluation import mean_prediction
from mlpcli.nn.network import Network
from mlpcli.nn.optimizers import Optimizer
from mlpcli.nn.training_step import Batch, TrainingStep
from mlpcli.nn.update import Regularization
from mlpcli.training.batches import BatchLoader, BatchTransform, Block
from mlpcli.workers import ALONE, Workers


def never() -> bool:
    """Return False: training is not to stop."""
    return False


class Trainer:
    """Trains a network, or R of them as lanes; the other arguments are those of `BatchLoader`.

    network         its vector is updated in place
    optimizer       hyperparameters, each one number or one a lane
    seeds           of every random stream, one a lane
    regularization  strengths of penalties, noise, clipping, averaging
    keep_outputs    whether `outputs` keeps an epoch's
    shards          S, into how many pieces a step is cut
    workers         do them; their number changes no bit
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
        regularization: Regularization | None = None,
        source: Array | None = None,
        transforms: Sequence[BatchTransform] = (),
        keep_outputs: bool = False,
        keep_targets: bool = False,
        shards: int = 1,
        workers: Workers = ALONE,
    ) -> None:
        architecture = network.architecture
        self.network, self.seeds = network, seeds
        self.loader = BatchLoader(
            X,
            target,
            loss=architecture.loss,
            n_outputs=architecture.n_outputs,
            lane_shape=network.lane_shape,
            dtype=network.dtype,
            members=architecture.member_shape,
            batch_size=batch_size,
            least_rows=architecture.least_rows,
            weight=weight,
            source=source,
            transforms=transforms,
            shards=shards,
            keep_targets=keep_targets,
        )
        self.step = TrainingStep(
            network,
            optimizer,
            regularization or Regularization(),
            self.loader.sizes,
            shards,
            workers,
        )
        self.n_rows = self.loader.n_rows
        self.rows_done, self.stopped = 0, False
        self.finite = np.ones(network.lane_shape, bool)
        self.losses = empty((*network.lane_shape, self.n_rows), network.dtype)
        shape = (*network.lane_shape, self.n_rows, architecture.n_outputs)
        self.outputs = np.empty(shape, network.dtype) if keep_outputs else None

    def epoch(
        self,
        epoch: int,
        learning_rate: Any,
        stop: Callable[[], bool] = never,
        resume: Callable[[], None] | None = None,
    ) -> Iterator[int]:
        """Run one epoch; yield the number of rows done, several times on the way.

        epoch          from 1: with the seeds it fixes all random numbers of the epoch
        learning_rate  λ, one number or one a lane (R, 1); or one for each step, where it changes
                       from step to step: (n_steps,) or (n_steps, R, 1)
        stop           asked after each step; once true, the epoch ends there
        resume         takes a trainer that has begun the epoch to where it was in the midst of it

        It ends early where no lane has a finite loss any more. Afterwards `rows_done`, `stopped`
        and `finite` (...,) say how far it came, `losses` and `loss` the rows' losses before their
        steps, and `outputs`, if kept, u of the output layer; both in the order `loader.order`.
        Of members `losses` are the means of theirs, and `outputs` their mean prediction ŷ.
        """
        with np.errstate(over="ignore"):  # beyond float32: infinite, and so are the steps
            rates = np.asarray(learning_rate, self.network.dtype)
        # With a number for each step there is one axis more than λ itself has.
        each_step = rates if rates.ndim % 2 == 1 else None
        current = self.step.update.learning_rate
        if each_step is None:
            current[...] = rates
        self.loader.start(self.seeds, epoch)
        self.step.start(self.seeds, epoch)
        self.rows_done, self.stopped = 0, False
        self.finite[...] = True
        if resume is not None:
            resume()
        step, taken = self.step, self.loader.steps_in(self.rows_done)
        for start, block, batches in self._blocks():
            with np.errstate(all="ignore"):  # a loss that is not finite ends the run, in words
                for batch in batches:
                    if each_step is not None:
                        current[...] = each_step[taken]
                    step(batch)
                    taken += 1
                    self.rows_done += batch.n
                    if stop():
                        self.stopped = True
                        break
                self._compute_losses(block, start)
            yield self.rows_done
            if self.stopped or not self.finite.any():
                break
        self.step.update.state.steps += taken

    def _blocks(self) -> Iterator[tuple[int, Block, list[Batch]]]:
        """Yield the first row of each block of the epoch, the block, and its batches to come."""
        for start, end in self.loader.blocks():
            if start >= self.rows_done:
                block = self.loader.load(start, end)
                yield start, block, block.batches
            elif end > self.rows_done:  # resumed in the midst of it
                block = self.loader.block_of(end - start)
                yield start, block, block.batches[self.loader.steps_in(self.rows_done - start) :]

    def _compute_losses(self, block: Block, start: int) -> None:
        """Compute the losses of a block's rows from the outputs that its steps have kept."""
        rows = (..., slice(self.rows_done - start), slice(None))
        u, y, losses = block.u[rows], block.y[rows], self.losses[..., start : self.rows_done]
        if self.loader.members:
            self._compute_losses_of_members(u, y[..., np.newaxis, :, :], losses)
        else:
            for part in cache_slices(u):
                losses[part] = self.step.loss.value(u[part], y[part])
        self.finite &= np.isfinite(losses).all(axis=-1)
        if self.outputs is not None:
            seen = mean_prediction(self.network.architecture.loss, u) if self.loader.members else u
            self.outputs[..., start : self.rows_done, :] = seen

    def _compute_losses_of_members(self, u: Array, y: Array, losses: Array) -> None:
        """losses ← the mean over the members of the loss of each row (..., rows).

        u  (..., k, rows, n_outputs)
        y  (..., 1, rows, targets)
        """
        each = np.empty(u.shape[:-1], u.dtype)
        y = np.broadcast_to(y, (*u.shape[:-1], y.shape[-1]))
        for part in cache_slices(u):
            each[part] = self.step.loss.value(u[part], y[part])
        np.mean(each, axis=-2, out=losses)

    def streams(self) -> dict[str, Sequence[np.random.Generator]]:
        """Return all generators of the epoch by the name of their stream, one a lane."""
        found = self.step.streams()
        for transform in self.loader.transforms:
            found |= transform.streams()
        return found

    def copy_state(self, other: Trainer, lanes: Sequence[int]) -> None:
        """Copy optimizer and EMA state from another trainer of the same optimizer.

        lanes  of the other, a stack, that are ours, in this order; parameters are not copied
        """
        index = list(lanes) if self.network.lane_shape else lanes[0]
        self.step.update.copy_state(other.step.update, index)

    def batch_losses(self) -> tuple[list[float], list[float]]:
        """Return the mean loss of an epoch's first batch and of its last, in each lane."""
        n = self.loader.batch_size
        first, last = (
            np.ravel(np.mean(losses, axis=-1, dtype=np.float64)).tolist()
            for losses in (self.losses[..., :n], self.losses[..., -n:])
        )
        return first, last

    @property
    def loss(self) -> Any:
        """Mean loss of the epoch's rows so far, before their steps, (...,).

        Where the rows have weights, Σ_d w_d J_d / Σ_d w_d.
        """
        weight = self.loader.weights(self.rows_done)
        return weighted_mean(self.losses[..., : self.rows_done], weight)
