"""What a step does beside the gradient of the loss: penalties, noise, clipping, averaging."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpcli.nn.arrays import Array, column
from mlpcli.nn.draws import Normals
from mlpcli.nn.network import Network
from mlpcli.nn.penalties import L2
from mlpcli.randomness import generator
from mlpcli.spec.schema import Spec

Part = Callable[[], None]

# Parts of the stream `noise`: each use has random numbers of its own.
INPUT, INPUT_MULTIPLICATIVE, LABELS, WEIGHTS, WEIGHTS_MULTIPLICATIVE, GRADIENTS = range(6)


@dataclass(frozen=True)
class Regularizers:
    """Strengths; 0 or None is off. Each is one number, or one a lane (R,).

    l2                            α of α/2 Σ ‖W‖²
    weight_noise                  σ of W + σ n in forward and backward pass, n ~ N(0, 1)
    weight_noise_multiplicative   σ of W (1 + σ n)
    gradient_noise                σ of ∂J/∂θ + σ n
    """

    l2: Any = 0.0
    weight_noise: Any = 0.0
    weight_noise_multiplicative: Any = 0.0
    gradient_noise: Any = 0.0


def regularizers_of(spec: Spec) -> Regularizers:
    """Return what a spec asks for."""
    wanted = spec.regularization
    return Regularizers(
        l2=wanted.l2,
        weight_noise=wanted.noise.weights,
        weight_noise_multiplicative=wanted.noise.weights_multiplicative,
        gradient_noise=wanted.noise.gradients,
    )


def is_on(strength: Any) -> bool:
    """Whether a strength is not 0 in every lane."""
    return strength is not None and bool(np.any(np.asarray(strength) != 0))


class WeightNoise:
    """A copy of a network whose weights are disturbed for each step; gradients are taken there.

    W + σ n, and W (1 + σ n) for the multiplicative one; biases stay. The optimizer moves the
    network itself. Source: An, 1996; Graves, 2011.
    """

    def __init__(self, network: Network, sigma: Any, *, multiplicative: bool) -> None:
        n_weights = network.architecture.layout.n_weights
        self.part = WEIGHTS_MULTIPLICATIVE if multiplicative else WEIGHTS
        self.multiplicative = multiplicative
        self.weights = network.vector[..., :n_weights]
        self.sigma = column(sigma, self.weights)
        self.normals = Normals(network.lead, n_weights, network.dtype)
        self.work = np.empty_like(self.weights)

    def start(self, seeds: Sequence[int], epoch: int) -> None:
        """Begin an epoch, given the seed of each lane."""
        self.normals.start([generator(seed, "noise", epoch, self.part) for seed in seeds])

    def disturb(self) -> None:
        """W ← W + σ n, or W ← W + W σ n."""
        np.multiply(self.normals.next(), self.sigma, out=self.work)
        if self.multiplicative:
            np.multiply(self.work, self.weights, out=self.work)
        np.add(self.weights, self.work, out=self.weights)


class GradientNoise:
    """∂J/∂θ ← ∂J/∂θ + σ n, n ~ N(0, 1), σ the same in every step.

    Source: Neelakantan et al., 2015, there with a σ that falls.
    """

    def __init__(self, grad: Array, sigma: Any) -> None:
        self.grad, self.sigma = grad, column(sigma, grad)
        self.normals = Normals(grad.shape[:-1], grad.shape[-1], grad.dtype)
        self.work = np.empty_like(grad)

    def start(self, seeds: Sequence[int], epoch: int) -> None:
        """Begin an epoch, given the seed of each lane."""
        self.normals.start([generator(seed, "noise", epoch, GRADIENTS) for seed in seeds])

    def disturb(self) -> None:
        """Add the noise to the gradient."""
        np.multiply(self.normals.next(), self.sigma, out=self.work)
        np.add(self.grad, self.work, out=self.grad)


class Update:
    """Everything between two gradients, in the order in which it happens; decided once.

    disturbed  the network that gradients are taken of: the trained one, or a noisy copy of it
    before     what is done before a gradient
    after      what is done with it, the optimizer's step among them
    """

    def __init__(self, network: Network, grad: Array, wanted: Regularizers, step: Part) -> None:
        self.noises: list[WeightNoise | GradientNoise] = []
        self.before: list[Part] = []
        self.after: list[Part] = []
        self.disturbed = self._weight_noise(network, wanted)
        self.l2 = L2(wanted.l2, network) if is_on(wanted.l2) else None
        if self.l2 is not None:
            penalty = self.l2
            self.after.append(lambda: penalty.add_gradient(grad))
        if is_on(wanted.gradient_noise):
            noise = GradientNoise(grad, wanted.gradient_noise)
            self.noises.append(noise)
            self.after.append(noise.disturb)
        self.after.append(step)

    def _weight_noise(self, network: Network, wanted: Regularizers) -> Network:
        strengths = {False: wanted.weight_noise, True: wanted.weight_noise_multiplicative}
        if not any(is_on(sigma) for sigma in strengths.values()):
            return network
        copy = Network(network.architecture, network.vector.copy())
        self.before.append(lambda: np.copyto(copy.vector, network.vector))
        for multiplicative, sigma in strengths.items():
            if is_on(sigma):
                noise = WeightNoise(copy, sigma, multiplicative=multiplicative)
                self.noises.append(noise)
                self.before.append(noise.disturb)
        if network.statistics.size:
            self.after.append(lambda: np.copyto(network.statistics, copy.statistics))
        return copy

    def start(self, seeds: Sequence[int], epoch: int) -> None:
        """Begin an epoch, given the seed of each lane."""
        for noise in self.noises:
            noise.start(seeds, epoch)
