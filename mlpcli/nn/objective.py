"""The objective that training descends, on one batch: for one θ, or for a stack of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mlpcli.nn.arrays import Array
from mlpcli.nn.draws import Masks
from mlpcli.nn.network import Architecture, Network, initial_vector
from mlpcli.nn.passes import Pass
from mlpcli.nn.penalties import L2
from mlpcli.nn.stages import Activate, Affine

STACK_BYTES = 64 << 20  # of one stack of moved networks


class Objective:
    """J(θ) + P(θ) on one batch with frozen masks; for one θ with gradient, for a stack without."""

    def __init__(
        self, architecture: Architecture, X: Array, target: Array, l2: float, seed: int
    ) -> None:
        self.architecture, self.l2 = architecture, l2
        self.X = X.astype(np.float64)
        self.target = target if architecture.loss.class_index else target.astype(np.float64)
        network = Network(architecture, initial_vector(architecture, seed))
        self.theta = network.theta
        self.one = Pass(network, len(X), training=True)
        self.penalty = L2(l2, network)
        masks = Masks(self.one.drops, ())
        masks.start([seed], 0)
        masks.draw()
        # A change of a pre-activation grows by 1/p_k where a mask lets it through.
        kept = [1.0, *(layer.keep_prob for layer in architecture.hidden)]
        self.growth = 1 / min(kept)
        self.kinked = any(layer.activation.kinks for layer in architecture.hidden) or bool(
            architecture.output_activation.kinks
        )
        self.one.forward(self.X)
        self.kinked |= architecture.loss.side(self.one.output, self.target) is not None
        self._stacks: dict[int, tuple[Network, Pass, L2]] = {}

    @property
    def stack_size(self) -> int:
        """Networks in one stack: a multiple of four that keeps to STACK_BYTES."""
        layout = self.architecture.layout
        units = sum(t.shape[1] for t in layout.weights)
        lane_bytes = 8 * (3 * layout.n_params + 5 * units * len(self.X))
        return int(max(4, min(1024, STACK_BYTES // lane_bytes) // 4 * 4))

    def value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """Return J + P and its gradient (n_params,) at theta."""
        self.theta[...] = theta
        value = self.one.value_and_gradient(self.X, self.target) + self.penalty.value()
        self.penalty.add_gradient(self.one.grad)
        return float(value), self.one.grad.copy()

    @property
    def output_size(self) -> float:
        """Mean of |u| at the output: J is a difference of such numbers, and rounded as they are."""
        return float(np.mean(np.abs(self.one.output)))

    def input_scale(self, layer: int) -> Array:
        """Return the largest |h| (fan_in,) that meets each row of a layer's W."""
        affine = [stage for stage in self.one.stages if isinstance(stage, Affine)]
        scale: Array = np.max(np.abs(affine[layer].h), axis=0)
        return scale

    def quotients(self, moved: Array) -> tuple[Array, Array]:
        """Return J at every moved theta (P, n_params), and which groups of four cross a kink."""
        network, passed, penalty = self._stack(len(moved))
        network.theta[...] = moved
        passed.forward(self.X)
        values = passed.value(self.target) + penalty.value()
        crossed = np.zeros(len(moved) // 4, bool)
        for side in self._sides(passed):
            group = side.reshape(len(crossed), 4, -1)
            crossed |= np.any(group != group[:, :1], axis=(1, 2))
        return values, crossed

    def _sides(self, passed: Pass) -> Iterator[Array]:
        """Yield arrays (P, ...) of what changes where something meets a kink."""
        for stage in passed.stages:
            if isinstance(stage, Activate):
                yield from (stage.u > kink for kink in stage.activation.kinks)
        side = passed.loss.side(passed.output, self.target)
        if side is not None:
            yield side

    def _stack(self, size: int) -> tuple[Network, Pass, L2]:
        if size not in self._stacks:
            n_numbers = self.architecture.layout.n_numbers
            network = Network(self.architecture, np.zeros((size, n_numbers)))
            passed = Pass(network, len(self.X), training=True)
            passed.share_masks(self.one)
            self._stacks[size] = (network, passed, L2(self.l2, network))
        return self._stacks[size]
