"""Penalties, noise, clipping, decay and weight averaging around the optimizer's step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.nn.arrays import zeros
from mlpcli.nn.clipping import ClipByNorm, ClipByValue
from mlpcli.nn.network import Network
from mlpcli.nn.noise import GradientNoise
from mlpcli.nn.optimizers import Optimizer, State
from mlpcli.nn.penalties import ALL, L1, L2, DecoupledDecay, MaxNorm
from mlpcli.nn.weight_averaging import WeightAverage
from mlpcli.workers import ALONE, Workers


@dataclass(frozen=True)
class Regularization:
    """Strengths; 0 or None is off. Each is one number, or one a lane (R,).

    l2                            α of α/2 Σ ‖W‖²
    l1                            β of β Σ |W|
    max_norm                      c, the largest norm of the weights into one unit
    weight_noise                  σ of W + σ n in forward and backward pass, n ~ N(0, 1)
    weight_noise_multiplicative   σ of W (1 + σ n)
    gradient_noise                σ of ∂J/∂θ + σ n
    clip_norm, clip_value         the largest norm of the gradient, and of one of its entries
    averaging                     d of the exponential moving average of θ that is the model
    """

    l2: Any = 0.0
    l1: Any = 0.0
    max_norm: Any = None
    weight_noise: Any = 0.0
    weight_noise_multiplicative: Any = 0.0
    gradient_noise: Any = 0.0
    clip_norm: Any = None
    clip_value: Any = None
    averaging: Any = None


def is_on(strength: Any) -> bool:
    """Whether a strength is not 0 in every lane."""
    return strength is not None and bool(np.any(np.asarray(strength) != 0))


def penalties_of(network: Network, strengths: Regularization, optimizer: Optimizer) -> list[Any]:
    """Return the penalties P of J + P: L1, and L2 where the optimizer does not decouple it."""
    penalties: list[L1 | L2] = []
    if is_on(strengths.l2) and not optimizer.decoupled_decay:
        penalties.append(L2(strengths.l2, network))
    if is_on(strengths.l1):
        penalties.append(L1(strengths.l1, network))
    return penalties


class Update:
    """θ ← θ after one step, from ∂(J + P)/∂θ in `grad`, which is overwritten.

    In this order: noise on the gradient, clipping by value and by norm, decoupled decay, the
    optimizer, max-norm, the average of the weights. Which of them there are is decided once.

    pieces         of the parameters, which workers take: each number is moved by itself, so that
                   the cut changes no bit. Norms and noise are of all parameters, and not cut
    parts          what the update does, one after the other

    learning_rate  λ, without axes or (R, 1); a schedule writes it before a step
    state          of the optimizer
    average        the exponential moving average of the network's vector, or None
    """

    def __init__(
        self,
        network: Network,
        grad: Array,
        optimizer: Optimizer,
        strengths: Regularization,
        pieces: Sequence[slice] = (ALL,),
        workers: Workers = ALONE,
    ) -> None:
        theta, lane_shape = network.theta, network.lane_shape
        self.network, self.grad, self.strengths = network, grad, strengths
        self.pieces, self.workers = pieces, workers
        self.optimizer, self.state = optimizer, State(optimizer, theta)
        self.learning_rate = zeros((*lane_shape, 1) if lane_shape else (), network.dtype)
        self.noise: GradientNoise | None = None
        self.average: WeightAverage | None = None
        self.parts: list[Callable[[], None]] = []
        if is_on(strengths.gradient_noise):
            self.noise = GradientNoise(strengths.gradient_noise, grad)
            self.parts.append(self.noise.apply)
        if is_on(strengths.clip_value):
            self.parts.append(ClipByValue(strengths.clip_value, grad).apply)
        if is_on(strengths.clip_norm):
            self.parts.append(ClipByNorm(strengths.clip_norm, grad).apply)
        if len(pieces) == 1:
            self.parts += self._steps(ALL, self.state)
        else:
            self.states = [self.state.part(piece) for piece in pieces]
            self.steps = [self._steps(*each) for each in zip(pieces, self.states, strict=True)]
            self.parts.append(self.move_all)
        if is_on(strengths.max_norm):
            self.parts.append(MaxNorm(strengths.max_norm, network).apply)
        if is_on(strengths.averaging):
            self.average = WeightAverage(strengths.averaging, network.vector)
            move = self.average.update if len(pieces) == 1 else self._average_in_pieces
            self.parts.append(move)

    def _steps(self, part: slice, state: State) -> list[Callable[[], None]]:
        """Return decoupled decay, where there is some, and the optimizer, of some parameters."""
        theta, grad = self.network.theta[..., part], self.grad[..., part]
        step = self.optimizer.bind(theta, grad, self.learning_rate, state)
        alpha = self.strengths.l2
        if not is_on(alpha) or not self.optimizer.decoupled_decay:
            return [step]
        return [DecoupledDecay(alpha, self.network, self.learning_rate, part).apply, step]

    def move(self, piece: int) -> None:
        """Take decoupled decay and the optimizer's step with one piece of the parameters."""
        # Each piece raises the powers βᵗ by itself, so that none waits for another.
        np.copyto(self.states[piece].powers, self.state.powers)
        for step in self.steps[piece]:
            step()

    def move_all(self) -> None:
        """Take them with all pieces."""
        self.workers.run(self.move, len(self.pieces))
        np.copyto(self.state.powers, self.states[0].powers)

    @property
    def begins_with_pieces(self) -> bool:
        """Whether a piece may be moved as soon as its own gradient is there."""
        return self.parts[0] == self.move_all

    def finish(self) -> None:
        """Take what follows when all pieces have been moved."""
        np.copyto(self.state.powers, self.states[0].powers)
        for part in self.parts[1:]:
            part()

    def _average_in_pieces(self) -> None:
        """Move the average of the weights."""
        average, pieces = self.average, list(self.pieces)
        assert average is not None
        pieces[-1] = slice(pieces[-1].start, None)  # running statistics, behind θ, are averaged too
        average.count()
        self.workers.run(lambda piece: average.move(pieces[piece]), len(pieces))

    def start(self, seeds: Sequence[int], epoch: int) -> None:
        """Begin an epoch, given the seed of each lane."""
        if self.noise is not None:
            self.noise.start(seeds, epoch)

    def __call__(self) -> None:
        """Take the step."""
        for part in self.parts:
            part()

    def copy_state(self, other: Update, lanes: Any) -> None:
        """Copy optimizer and EMA state from another update of the same optimizer.

        lanes  of the other, a stack, in the order of ours: a list, or the number of one
        """
        n = len(self.state.vectors)  # fewer, where only lanes that have left had momentum
        self.state.vectors[...] = other.state.vectors[:n, lanes]
        self.state.powers[...] = other.state.powers[:, lanes]
        self.state.steps = other.state.steps
        if self.average is not None and other.average is not None:
            self.average.average[...] = other.average.average[lanes]
            self.average.power[...] = other.average.power[lanes]
