"""What a step does beside the gradient of the loss: penalties, noise, clipping, averaging."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from mlpcli.array_types import Array
from mlpcli.nn.arrays import column, copy_of, empty_like
from mlpcli.nn.averaging import WeightAverage
from mlpcli.nn.clipping import ClipByNorm, ClipByValue
from mlpcli.nn.draws import Normals
from mlpcli.nn.network import Network
from mlpcli.nn.penalties import L1, L2, DecoupledDecay, MaxNorm
from mlpcli.nn.replay import live, np
from mlpcli.randomness import generators
from mlpcli.spec.schema import Spec

Part = Callable[[], None]

# Parts of the stream `noise`: each use has random numbers of its own.
INPUT, INPUT_MULTIPLICATIVE, LABELS, WEIGHTS, WEIGHTS_MULTIPLICATIVE, GRADIENTS = range(6)


@dataclass(frozen=True)
class Regularizers:
    """Strengths; 0 or None is off. Each is one number, or one a lane (R,).

    l2                            α of α/2 Σ ‖W‖²
    l1                            β of β Σ |W|
    max_norm                      c, the longest that the weights into one unit may be
    weight_noise                  σ of W + σ n in forward and backward pass, n ~ N(0, 1)
    weight_noise_multiplicative   σ of W (1 + σ n)
    gradient_noise                σ of ∂J/∂θ + σ n
    clip_norm, clip_value         the longest gradient, and the largest entry of one
    averaging                     d of the running mean of the numbers that is the model
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

    @property
    def use_gradient(self) -> Any:
        """Whether anything is added to the gradient or cut off it; one answer, or one a lane."""
        used: Any = self.clip_norm is not None or self.clip_value is not None
        for strength in (self.l2, self.l1, self.gradient_noise):
            used = used | (np.reshape(strength, np.shape(strength)[:1]) != 0)
        return used


def regularizers_of(spec: Spec) -> Regularizers:
    """Return what a spec asks for."""
    wanted = spec.regularization
    clipping, averaging = spec.training.gradient_clipping, spec.training.weight_averaging
    return Regularizers(
        l2=wanted.l2,
        l1=wanted.l1,
        max_norm=wanted.max_norm,
        weight_noise=wanted.noise.weights,
        weight_noise_multiplicative=wanted.noise.weights_multiplicative,
        gradient_noise=wanted.noise.gradients,
        clip_norm=clipping.norm,
        clip_value=clipping.value,
        averaging=averaging,
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
        self.work = empty_like(self.weights)

    def start(self, seeds: Sequence[int], epoch: int) -> None:
        """Begin an epoch, given the seed of each lane."""
        self.normals.start(generators(seeds, "noise", epoch, self.part))

    def disturb(self) -> None:
        """W ← W + σ n, or W ← W + W σ n."""
        live(self._draw)
        if self.multiplicative:
            np.multiply(self.work, self.weights, out=self.work)
        np.add(self.weights, self.work, out=self.weights)

    def _draw(self) -> None:
        """Write σ n of one step."""
        np.multiply(self.normals.next(), self.sigma, out=self.work)


class GradientNoise:
    """∂J/∂θ ← ∂J/∂θ + σ n, n ~ N(0, 1), σ the same in every step.

    Source: Neelakantan et al., 2015, there with a σ that falls.
    """

    def __init__(self, grad: Array, sigma: Any) -> None:
        self.grad, self.sigma = grad, column(sigma, grad)
        self.normals = Normals(grad.shape[:-1], grad.shape[-1], grad.dtype)
        self.work = empty_like(grad)

    def start(self, seeds: Sequence[int], epoch: int) -> None:
        """Begin an epoch, given the seed of each lane."""
        self.normals.start(generators(seeds, "noise", epoch, GRADIENTS))

    def disturb(self) -> None:
        """Add the noise to the gradient."""
        live(self._draw)
        np.add(self.grad, self.work, out=self.grad)

    def _draw(self) -> None:
        """Write σ n of one step."""
        np.multiply(self.normals.next(), self.sigma, out=self.work)


def _penalties(network: Network, wanted: Regularizers, *, l2: bool) -> list[L1 | L2]:
    """Return the penalties that are on; L2 only where it is a term of the gradient."""
    penalties: list[L1 | L2] = []
    if l2 and is_on(wanted.l2):
        penalties.append(L2(wanted.l2, network))
    if is_on(wanted.l1):
        penalties.append(L1(wanted.l1, network))
    return penalties


class Update:
    """Everything between two gradients, in the order in which it happens; decided once.

    disturbed  the network that gradients are taken of: the trained one, or a noisy copy of it
    before     what is done before a gradient
    after      what is done with it, the optimizer's step among them
    average    the running mean of the network's numbers, where that is the model

    decay  λ of each step, for an optimizer that takes L2 apart from the gradient; else None
    """

    def __init__(
        self, network: Network, grad: Array, wanted: Regularizers, step: Part, decay: Array | None
    ) -> None:
        self.noises: list[WeightNoise | GradientNoise] = []
        self.before: list[Part] = []
        self.after: list[Part] = []
        self.disturbed = self._weight_noise(network, wanted)
        self.penalties = _penalties(network, wanted, l2=decay is None)
        self.after += [partial(penalty.add_gradient, grad) for penalty in self.penalties]
        if is_on(wanted.gradient_noise):
            noise = GradientNoise(grad, wanted.gradient_noise)
            self.noises.append(noise)
            self.after.append(noise.disturb)
        if is_on(wanted.clip_value):
            self.after.append(ClipByValue(wanted.clip_value, grad).apply)
        if is_on(wanted.clip_norm):
            self.after.append(ClipByNorm(wanted.clip_norm, grad).apply)
        if decay is not None and is_on(wanted.l2):
            self.after.append(DecoupledDecay(wanted.l2, network, decay).apply)
        self.after.append(step)
        if is_on(wanted.max_norm):
            self.after.append(MaxNorm(wanted.max_norm, network).apply)
        self.average = None
        if is_on(wanted.averaging):
            self.average = WeightAverage(wanted.averaging, network.vector)
            self.after.append(self.average.update)

    def _weight_noise(self, network: Network, wanted: Regularizers) -> Network:
        strengths = {False: wanted.weight_noise, True: wanted.weight_noise_multiplicative}
        if not any(is_on(sigma) for sigma in strengths.values()):
            return network
        copy = Network(network.architecture, copy_of(network.vector))
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
