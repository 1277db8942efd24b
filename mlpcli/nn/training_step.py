"""One step of mini-batch gradient descent, in the lecture's order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.nn.arrays import zeros
from mlpcli.nn.backprop import Backprop
from mlpcli.nn.network import Network
from mlpcli.nn.noise import NoisyWeights
from mlpcli.nn.optimizers import Optimizer
from mlpcli.nn.sharded_backprop import ShardedBackprop, pieces_of
from mlpcli.nn.update import Regularization, Update, is_on, penalties_of
from mlpcli.randomness import generators
from mlpcli.workers import ALONE, Workers


@dataclass(frozen=True, slots=True)
class Batch:
    """One mini-batch.

    n      rows
    X, y   (..., n, n_inputs), and targets (..., n, targets) as the loss takes them
    scale  of each row's loss in J: 1/n without axes, or w/n (..., n, 1)
    u      (..., n, n_outputs) where a step leaves what the loss sees

    Of k members y is (..., 1, n, targets), u (..., k, n, n_outputs), and the scale that of the
    mean of their losses, 1/(kn) or w/(kn).
    """

    n: int
    X: Array
    y: Array
    scale: Array
    u: Array


class TrainingStep:
    """A network's training step, for one network or N of them as lanes, with its arrays.

    network         its vector is updated in place
    optimizer       hyperparameters, each one number or one a lane
    regularization  strengths of penalties, noise, clipping, averaging
    sizes           the numbers of rows that a batch can have
    shards          S, into how many pieces a step is cut: of rows, then of parameters
    workers         do the pieces; how many there are changes no bit

    grad            (..., n_params) the gradient of J + P; `update` overwrites it
    """

    def __init__(
        self,
        network: Network,
        optimizer: Optimizer,
        regularization: Regularization,
        sizes: Iterable[int],
        shards: int = 1,
        workers: Workers = ALONE,
    ) -> None:
        self.network, self.regularization = network, regularization
        self.loss = network.architecture.loss
        self.grad = zeros(network.theta.shape, network.dtype)
        sigmas = regularization.weight_noise, regularization.weight_noise_multiplicative
        self.noisy_weights = NoisyWeights(network, *sigmas) if any(map(is_on, sigmas)) else None
        at = network if self.noisy_weights is None else self.noisy_weights.network
        pieces = pieces_of(network.architecture.layout, shards)
        self.backprop: dict[int, Backprop | ShardedBackprop] = {
            n: Backprop(at, n, self.grad, training=True)
            if min(shards, n) == 1
            else ShardedBackprop(at, n, self.grad, min(shards, n), pieces, workers)
            for n in sizes
        }
        self.scratch = {n: self.loss.scratch(each.delta) for n, each in self.backprop.items()}
        self.penalties: list[Any] = penalties_of(network, regularization, optimizer)
        self.update = Update(network, self.grad, optimizer, regularization, pieces, workers)

    def start(self, seeds: Sequence[int], epoch: int) -> None:
        """Begin an epoch: every random stream is keyed by the lane's seed and the epoch."""
        self.update.start(seeds, epoch)
        if self.noisy_weights is not None:
            self.noisy_weights.start(seeds, epoch)
        streams: dict[int, list[np.random.Generator]] = {}
        for backprop in self.backprop.values():
            for dropout in backprop.dropouts:
                if dropout.stream not in streams:
                    found = generators(seeds, "dropout", epoch, dropout.stream)
                    streams[dropout.stream] = found
                dropout.generators = streams[dropout.stream]

    def streams(self) -> dict[str, Sequence[np.random.Generator]]:
        """Return the epoch's generators by the name of their stream, one a lane."""
        noises = [] if self.noisy_weights is None else list(self.noisy_weights.noises)
        if self.update.noise is not None:
            noises.append(self.update.noise.noise)
        first = next(iter(self.backprop.values()))  # batches of all sizes draw from the same ones
        found = {f"dropout.{each.stream}": each.generators for each in first.dropouts}
        return found | {f"noise.{noise.part}": noise.generators for noise in noises}

    def __call__(self, batch: Batch) -> None:
        """Draw masks and noise; grad ← ∂(J + P)/∂θ; θ ← θ − λ grad, or the optimizer's rule."""
        for dropout in self.backprop[batch.n].dropouts:
            dropout.draw()
        if self.noisy_weights is not None:
            self.noisy_weights.draw()
        backprop = self.backprop[batch.n]
        if isinstance(backprop, ShardedBackprop) and self.update.begins_with_pieces:
            # A piece of θ moves as soon as it has its gradient: no other reads it any more.
            move, finish = self.update.move, self.update.finish
            backprop.compute_gradient(batch, self.loss, self.penalties, move)
        else:
            self.compute_gradient(batch)
            finish = self.update
        if self.noisy_weights is not None:
            self.noisy_weights.return_statistics()
        finish()

    def compute_gradient(self, batch: Batch) -> None:
        """grad ← ∂(J + P)/∂θ: forward, δ = dJ/du at the output, backward, penalties.

        A batch that is cut into shards does so in each of them.
        """
        backprop = self.backprop[batch.n]
        if isinstance(backprop, ShardedBackprop):
            backprop.compute_gradient(batch, self.loss, self.penalties)
            return
        u = backprop.forward(batch.X)
        np.copyto(batch.u, u)
        self.loss.delta(u, batch.y, batch.scale, backprop.delta, self.scratch[batch.n])
        backprop.backward()
        for penalty in self.penalties:
            penalty.add_gradient(self.grad)
