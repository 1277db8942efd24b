"""Mini-batch gradient descent on a network or a stack of networks, one epoch at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.nn.arrays import empty, weighted_mean, zeros
from mlpcli.nn.backprop import Backprop
from mlpcli.nn.network import Network
from mlpcli.nn.noise import NoisyWeights
from mlpcli.nn.optimizers import Optimizer
from mlpcli.nn.update import Regularization, Update, is_on, penalties_of
from mlpcli.randomness import generators
from mlpcli.training.batches import Batch, BatchLoader, BatchTransform


def never() -> bool:
    """Return False: nobody asked to stop."""
    return False


class Trainer:
    """Trains a network, or N of them as lanes, with every array that a step writes.

    network         one network, or R of them as lanes; its vector is updated in place
    optimizer       hyperparameters, each one number or one a lane
    X, target       (n_rows, n_inputs), and class numbers or floats; shared by all lanes
    seeds           of every random stream, one a lane
    weight          (n_rows,) weights of the rows, or (R, n_rows); None: all are 1
    regularization  strengths of penalties, noise, clipping, averaging
    source          (slots,) or (R, slots) the rows of an epoch where it is not each row once
    transforms      changes of the gathered rows, drawn anew in each epoch
    keep_outputs    whether `outputs` keeps an epoch's
    keep_targets    whether `loader.targets` keeps them, as transformed
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
    ) -> None:
        architecture = network.architecture
        self.network, self.seeds, self.loss_function = network, seeds, architecture.loss
        self.loader = BatchLoader(
            X,
            target,
            loss=architecture.loss,
            n_outputs=architecture.n_outputs,
            lane_shape=network.lane_shape,
            dtype=network.dtype,
            batch_size=batch_size,
            least_rows=architecture.least_rows,
            weight=weight,
            source=source,
            transforms=transforms,
            keep_targets=keep_targets,
        )
        self.grad = zeros(network.theta.shape, network.dtype)
        self.regularization = strengths = regularization or Regularization()
        sigmas = strengths.weight_noise, strengths.weight_noise_multiplicative
        noisy = any(map(is_on, sigmas))
        self.noisy_weights = NoisyWeights(network, *sigmas) if noisy else None
        self.penalties = penalties_of(network, strengths, optimizer)
        self.update = Update(network, self.grad, optimizer, strengths)
        at = network if self.noisy_weights is None else self.noisy_weights.network
        # One for each size of a batch: all but the last have the same number of rows.
        self.backprop = {
            n: Backprop(at, n, self.grad, training=True) for n in self.loader.sizes
        }
        self.scratch = {n: self.loss_function.scratch(b.delta) for n, b in self.backprop.items()}

        self.n_rows = self.loader.n_rows
        self.rows_done, self.stopped = 0, False
        self.finite = np.ones(network.lane_shape, bool)
        self.losses = empty((*network.lane_shape, self.n_rows), network.dtype)
        shape = (*network.lane_shape, self.n_rows, architecture.n_outputs)
        self.outputs = np.empty(shape, network.dtype) if keep_outputs else None

    def step(self, batch: Batch) -> None:
        """One step of gradient descent on a mini-batch.

        Draw M ~ Bernoulli(p_k) and the noise on W; grad ← ∂(J + P)/∂θ; θ ← θ − λ ∂(J + P)/∂θ, or
        what the optimizer has in its place.
        """
        self.backprop[batch.n].draw_masks()
        if self.noisy_weights is not None:
            self.noisy_weights.draw()
        self.compute_gradient(batch)
        self.update()

    def compute_gradient(self, batch: Batch) -> None:
        """grad ← ∂(J + P)/∂θ: forward, δ = dJ/du at the output, backward, penalties."""
        backprop = self.backprop[batch.n]
        u = backprop.forward(batch.X)
        np.copyto(batch.u, u)
        delta, scratch = backprop.delta, self.scratch[batch.n]
        self.loss_function.delta(u, batch.y, batch.scale, delta, scratch)
        backprop.backward()
        for penalty in self.penalties:
            penalty.add_gradient(self.grad)

    def epoch(
        self, epoch: int, learning_rate: Any, stop: Callable[[], bool] = never
    ) -> Iterator[int]:
        """Run one epoch; yield the number of rows done, several times on the way.

        epoch          from 1: with the seeds it fixes all random numbers of the epoch
        learning_rate  λ, one number or one a lane (R, 1); or one for each step, where it changes
                       from step to step: (n_steps,) or (n_steps, R, 1)
        stop           asked after each step; once true, the epoch ends there

        It ends early where no lane has a finite loss any more. Afterwards `rows_done`, `stopped`
        and `finite` (...,) say how far it came, `losses` and `loss` the rows' losses before their
        steps, and `outputs`, if kept, u of the output layer; both in the order `loader.order`.
        """
        with np.errstate(over="ignore"):  # beyond float32: infinite, and so are the steps
            rates = np.asarray(learning_rate, self.network.dtype)
        # With a number for each step there is one axis more than λ itself has.
        each_step = rates if rates.ndim % 2 == 1 else None
        if each_step is None:
            self.update.learning_rate[...] = rates
        self.start(epoch)
        self.rows_done, self.stopped = 0, False
        self.finite[...] = True
        taken = 0
        for start, end in self.loader.blocks():
            batches = self.loader.load(start, end)
            with np.errstate(all="ignore"):  # a loss that is not finite ends the run, in words
                for batch in batches:
                    if each_step is not None:
                        self.update.learning_rate[...] = each_step[taken]
                    self.step(batch)
                    taken += 1
                    self.rows_done += batch.n
                    if stop():
                        self.stopped = True
                        break
                self._compute_losses(start)
            yield self.rows_done
            if self.stopped or not self.finite.any():
                break
        self.update.state.steps += taken

    def start(self, epoch: int) -> None:
        """Begin an epoch: shuffle the rows, and key every random stream by seed and epoch."""
        for part in (self.loader, self.update, self.noisy_weights):
            if part is not None:
                part.start(self.seeds, epoch)
        streams: dict[int, list[np.random.Generator]] = {}
        for backprop in self.backprop.values():
            for dropout in backprop.dropouts:
                if dropout.place not in streams:
                    place = generators(self.seeds, "dropout", epoch, dropout.place)
                    streams[dropout.place] = place
                dropout.generators = streams[dropout.place]

    def _compute_losses(self, start: int) -> None:
        """Compute the losses of a block's rows from the outputs that its steps have kept."""
        rows = (..., slice(self.rows_done - start), slice(None))
        u, losses = self.loader.u_block[rows], self.losses[..., start : self.rows_done]
        losses[...] = self.loss_function.value(u, self.loader.y_block[rows])
        self.finite &= np.isfinite(losses).all(axis=-1)
        if self.outputs is not None:
            self.outputs[..., start : self.rows_done, :] = u

    def copy_state(self, other: Trainer, lanes: Sequence[int]) -> None:
        """Copy optimizer and EMA state from another trainer of the same optimizer.

        lanes  of the other, a stack, that are ours, in this order; the parameters are not copied:
               ours was made with them
        """
        self.update.copy_state(other.update, list(lanes) if self.network.lane_shape else lanes[0])

    @property
    def loss(self) -> Any:
        """Mean loss of the epoch's rows so far, before their steps, (...,).

        Where the rows have weights, Σ_d w_d J_d / Σ_d w_d.
        """
        weight = self.loader.weights(self.rows_done)
        return weighted_mean(self.losses[..., : self.rows_done], weight)
