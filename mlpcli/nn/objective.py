"""J(θ) + P(θ) of one batch: values by forward propagation alone, gradients by the training step."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.machine import free_memory
from mlpcli.nn.arrays import cuts
from mlpcli.nn.backprop import Backprop
from mlpcli.nn.embeddings import Embed
from mlpcli.nn.layers import Activate, Affine, Product
from mlpcli.nn.layout import Tensor
from mlpcli.nn.network import Network
from mlpcli.nn.training_step import Batch, TrainingStep
from mlpcli.nn.update import is_on, penalties_of
from mlpcli.workers import SHARED

STACK_BYTES = 64 << 20  # of the perturbed networks that are evaluated at once
SHARE = 0.125  # of the free memory, where that is too little for all threads


class Objective:
    """The function that a training step descends on one batch, its masks and noise frozen.

    `gradient` runs the step's own backpropagation. `values` runs forward propagation on a stack
    of networks and calls no derivative.

    step    float64, one network, after the first draw of masks and noise
    weight  (n,) of the batch's rows; None: all are 1
    """

    def __init__(self, step: TrainingStep, batch: Batch, weight: Array | None) -> None:
        self.step, self.batch, self.weight = step, batch, weight
        self.architecture, self.theta = step.network.architecture, step.network.theta
        self.step_backprop = step.backprop[batch.n]
        self.backprop = self.step_backprop.whole()
        # J is evaluated at θ + offset, the noise drawn for this batch; P at θ.
        self.offset = self.backprop.network.theta - self.theta
        # A change of a pre-activation grows by 1/p_k where a mask lets it through.
        keep = [layer.keep_prob for layer in self.architecture.hidden]
        self.growth = 1 / min([self.architecture.input_keep_prob, *keep])
        self.backprop.forward(batch.X)
        self.has_kinks = next(self._sides(self.backprop, step.network), None) is not None
        # By thread, and number of networks.
        self._stacks: dict[tuple[int, int], tuple[Network, Backprop, Network, list[Any]]] = {}

    def gradient(self, theta: Array) -> Array:
        """Return ∂(J + P)/∂θ (n_params,) as the training step computes it at theta."""
        self.theta[...] = theta
        self.backprop.network.theta[...] = theta + self.offset
        self.step.compute_gradient(self.batch)
        return self.step.grad.copy()

    def values(self, thetas: Array) -> tuple[Array, Array]:
        """Return J + P at every theta (P, n_params), and which groups of four cross a kink.

        Threads share them out, each with a stack of its own.
        """
        parts = cuts(len(thetas), min(SHARED.n, len(thetas) // 4), multiple=4)
        values, crossed = np.empty(len(thetas)), np.empty(len(thetas) // 4, bool)

        def work(thread: int) -> None:
            part = parts[thread]
            fours = slice(part.start // 4, part.stop // 4)
            values[part], crossed[fours] = self._values(thread, thetas[part])

        SHARED.run(work, len(parts))
        return values, crossed

    def _values(self, thread: int, thetas: Array) -> tuple[Array, Array]:
        """Return the same of some of them, computed by one thread."""
        at, backprop, network, penalties = self._stack(thread, len(thetas))
        at.theta[...] = thetas + self.offset
        network.theta[...] = thetas
        u = backprop.forward(self.batch.X)
        losses = self.architecture.loss.value(u, self.batch.y)
        if self.architecture.members is not None:
            losses = np.mean(losses, axis=-2)
        values = np.mean(losses if self.weight is None else losses * self.weight, axis=-1)
        for penalty in penalties:
            values = values + penalty.value()
        crossed = np.zeros(len(thetas) // 4, bool)
        for side in self._sides(backprop, network):
            group = side.reshape(len(crossed), 4, -1)
            crossed |= np.any(group != group[:, :1], axis=(1, 2))
        return values, crossed

    @property
    def n_at_once(self) -> int:
        """θ to call `values` with: a multiple of four that keeps to STACK_BYTES.

        Of a wide network four are more than that. Then there are four for each thread, where all of
        them together take no more than a share of the free memory.
        """
        layout = self.architecture.layout
        k = prod(self.architecture.member_shape)
        units = 5 * k * sum(t.shape[-1] for t in layout.weights)
        units += self.architecture.embedded_numbers
        four = 4 * 8 * (3 * layout.n_params + units * self.batch.n)
        together = max(1, min(1024 // 4, STACK_BYTES // four))
        if together < SHARED.n:
            together = max(together, min(SHARED.n, int(SHARE * free_memory()) // four))
        return 4 * together

    @property
    def output_size(self) -> float:
        """Mean of |u| at the output: J is a difference of such numbers, and rounded as they are."""
        return float(np.mean(np.abs(self.backprop.forward(self.batch.X))))

    @property
    def output_slope(self) -> float:
        """max_j Σ_d |∂J/∂u_dj|: the change of J per change of an output in all rows.

        Of members in the rows of all. After `gradient`.
        """
        slopes = np.abs(self.step_backprop.delta).reshape(-1, self.architecture.n_outputs)
        return float(np.max(np.sum(slopes, axis=0)))

    def scale_of(self, tensor: Tensor) -> Array:
        """Return the most that a unit changes when an entry changes by one, of the tensor's shape.

        Of W and r the largest |h| that meets it, of an embedding what its layer says, else 1.
        """
        self.backprop.forward(self.batch.X)
        layers, part, name = self.backprop.layers, *tensor.name.rsplit(".", 1)
        weights = [weight.name for weight in self.architecture.layout.weights]
        scale: Any = 1.0
        if f"{part}.weight" in weights and name in ("weight", "input_scale"):
            products = [each for each in layers if isinstance(each, Affine | Product)]
            h = products[weights.index(f"{part}.weight")].h
            scale = np.max(np.abs(h).reshape(-1, h.shape[-1]), axis=0)
            scale = scale if name == "input_scale" else scale[:, np.newaxis]
        elif part == "embedding":
            scale = next(each for each in layers if isinstance(each, Embed)).scale_of(name)
        return np.broadcast_to(scale, tensor.shape)

    def _sides(self, backprop: Backprop, network: Network) -> Iterator[Array]:
        """Yield arrays (P, ...) that change where an argument of a function passes its kink."""
        for layer in backprop.layers:
            if isinstance(layer, Activate):
                yield from (layer.u > kink for kink in layer.activation.kinks)
            elif isinstance(layer, Embed):
                yield from layer.sides()
        side = self.architecture.loss.side(backprop.u, self.batch.y)
        if side is not None:
            yield side
        if is_on(self.step.regularization.l1):
            yield network.theta[..., : self.architecture.layout.n_weights] > 0

    def _stack(self, thread: int, size: int) -> tuple[Network, Backprop, Network, list[Any]]:
        """Return a stack of networks for J, with the masks of the batch, and one for P."""
        if (thread, size) not in self._stacks:
            shape = (size, self.architecture.layout.n_numbers)
            at, network = (Network(self.architecture, np.zeros(shape)) for _ in range(2))
            at.statistics[...] = self.backprop.network.statistics
            backprop = Backprop(at, self.batch.n, training=True)
            for mine, frozen in zip(backprop.dropouts, self.backprop.dropouts, strict=True):
                mine.mask = frozen.mask
            step = self.step
            penalties = penalties_of(network, step.regularization, step.update.optimizer)
            self._stacks[thread, size] = at, backprop, network, penalties
        return self._stacks[thread, size]
