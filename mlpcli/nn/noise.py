"""Gaussian noise on the weights and on the gradient, drawn anew for each step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.nn.arrays import column, copy_of, empty
from mlpcli.nn.network import Network
from mlpcli.randomness import generators

# Parts of the stream `noise`: each use has random numbers of its own.
INPUT, INPUT_MULTIPLICATIVE, LABELS, WEIGHTS, WEIGHTS_MULTIPLICATIVE, GRADIENTS = range(6)


class GaussianNoise:
    """σ n, n ~ N(0, 1), of the shape (..., n) of a vector; each lane has its own generator.

    sigma  σ, one number or one a lane (R,)
    part   of the stream `noise`
    """

    def __init__(self, sigma: Any, like: Array, part: int) -> None:
        self.sigma, self.part = column(sigma, like), part
        self.values = empty(like.shape, like.dtype)
        self.lanes = self.values.reshape(-1, like.shape[-1])
        self.generators: list[np.random.Generator] = []

    def start(self, seeds: Sequence[int], epoch: int) -> None:
        """Begin an epoch, given the seed of each lane."""
        self.generators = generators(seeds, "noise", epoch, self.part)

    def draw(self) -> Array:
        """Return σ n of one step, to be used before the next call."""
        for lane, rng in zip(self.lanes, self.generators, strict=True):
            rng.standard_normal(out=lane, dtype=lane.dtype.type)
        return np.multiply(self.values, self.sigma, out=self.values)


class NoisyWeights:
    """A copy of a network with noise on its weights: W + σ n, or W (1 + σ n); biases stay.

    Gradients are taken at the copy; the optimizer moves the network itself.
    Source: An, 1996; Graves, 2011.

    trained  the network that the optimizer moves
    network  the copy
    """

    def __init__(self, trained: Network, sigma: Any, sigma_multiplicative: Any) -> None:
        self.trained = trained
        self.network = Network(trained.architecture, copy_of(trained.vector))
        self.weights = self.network.vector[..., : trained.architecture.layout.n_weights]
        self.noises: list[GaussianNoise] = []
        if np.any(sigma):
            self.noises.append(GaussianNoise(sigma, self.weights, WEIGHTS))
        if np.any(sigma_multiplicative):
            relative = GaussianNoise(sigma_multiplicative, self.weights, WEIGHTS_MULTIPLICATIVE)
            self.noises.append(relative)

    def start(self, seeds: Sequence[int], epoch: int) -> None:
        """Begin an epoch, given the seed of each lane."""
        for noise in self.noises:
            noise.start(seeds, epoch)

    def draw(self) -> None:
        """W ← W + σ n, then W ← W + W σ n, from the trained network's W."""
        np.copyto(self.network.vector, self.trained.vector)
        for noise in self.noises:
            added = noise.draw()
            if noise.part == WEIGHTS_MULTIPLICATIVE:
                np.multiply(added, self.weights, out=added)
            np.add(self.weights, added, out=self.weights)

    def return_statistics(self) -> None:
        """Copy the running statistics of the pass just done to the trained network."""
        np.copyto(self.trained.statistics, self.network.statistics)


class GradientNoise:
    """∂J/∂θ ← ∂J/∂θ + σ n, n ~ N(0, 1), σ the same in every step.

    Source: Neelakantan et al., 2015, there with a σ that falls.
    """

    def __init__(self, sigma: Any, grad: Array) -> None:
        self.grad, self.noise = grad, GaussianNoise(sigma, grad, GRADIENTS)
        self.start = self.noise.start

    def apply(self) -> None:
        """Add the noise to the gradient."""
        np.add(self.grad, self.noise.draw(), out=self.grad)
