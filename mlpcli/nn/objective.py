"""The objective that training descends, on one batch: for one θ, or for a stack of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mlpcli.array_types import Array
from mlpcli.nn.draws import Masks
from mlpcli.nn.network import Architecture, Network, initial_vector
from mlpcli.nn.passes import Pass
from mlpcli.nn.penalties import L1, L2
from mlpcli.nn.stages import Activate, Affine

STACK_BYTES = 64 << 20  # of one stack of moved networks


@dataclass(frozen=True)
class Regularization:
    """What is added to J, and what its rows weigh.

    l2, l1  α of α/2 Σ ‖W‖² and β of β Σ |W|
    weight  (N,) of the rows of the batch; None: all are 1
    """

    l2: float = 0.0
    l1: float = 0.0
    weight: Array | None = None

    def penalties(self, network: Network) -> list[L1 | L2]:
        """Return the penalties that are on, bound to a network or a stack."""
        found: list[L1 | L2] = [L2(self.l2, network)] if self.l2 else []
        return [*found, L1(self.l1, network)] if self.l1 else found


class Objective:
    """J(θ) + P(θ) on one batch with frozen masks; for one θ with gradient, for a stack without."""

    def __init__(
        self,
        architecture: Architecture,
        X: Array,
        target: Array,
        added: Regularization,
        seed: int,
    ) -> None:
        self.architecture, self.added = architecture, added
        self.X = X.astype(np.float64)
        self.target = target if architecture.loss.class_index else target.astype(np.float64)
        network = Network(architecture, initial_vector(architecture, seed))
        self.theta = network.theta
        self.one = self._pass(network)
        self.penalties = added.penalties(network)
        masks = Masks(self.one.drops, ())
        masks.start([seed], 0)
        masks.draw()
        # A change of a pre-activation grows by 1/p_k where a mask lets it through.
        kept = [architecture.input_keep_prob, *(layer.keep_prob for layer in architecture.hidden)]
        self.growth = 1 / min(kept)
        self.one.forward(self.X)
        self.kinked = next(self._sides(self.one, network), None) is not None
        self._stacks: dict[int, tuple[Network, Pass, list[L1 | L2]]] = {}

    def _pass(self, network: Network) -> Pass:
        """Return a pass of the batch in training, its rows weighed."""
        weight = self.added.weight
        one = Pass(network, len(self.X), training=True, weighted=weight is not None)
        if weight is not None:
            one.weigh(weight.astype(np.float64))
        return one

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
        value = self.one.value_and_gradient(self.X, self.target)
        for penalty in self.penalties:
            value = value + penalty.value()
            penalty.add_gradient(self.one.grad)
        return float(value), self.one.grad.copy()

    @property
    def output_size(self) -> float:
        """Mean of |u| at the output: J is a difference of such numbers, and rounded as they are."""
        return float(np.mean(np.abs(self.one.output)))

    @property
    def output_slope(self) -> float:
        """Σ_d |∂J/∂u_d| of the output that has the most: what J changes by if u does in all rows.

        After `value_and_gradient`.
        """
        return float(np.max(np.sum(np.abs(self.one.delta), axis=-2)))

    def input_scale(self, layer: int) -> Array:
        """Return the largest |h| (fan_in,) that meets each row of a layer's W."""
        self.one.forward(self.X)  # on the way back h may be overwritten
        affine = [stage for stage in self.one.stages if isinstance(stage, Affine)]
        scale: Array = np.max(np.abs(affine[layer].h), axis=0)
        return scale

    def quotients(self, moved: Array) -> tuple[Array, Array]:
        """Return J at every moved theta (P, n_params), and which groups of four cross a kink."""
        network, passed, penalties = self._stack(len(moved))
        network.theta[...] = moved
        passed.forward(self.X)
        values = passed.value(self.target)
        for penalty in penalties:
            values = values + penalty.value()
        crossed = np.zeros(len(moved) // 4, bool)
        for side in self._sides(passed, network):
            group = side.reshape(len(crossed), 4, -1)
            crossed |= np.any(group != group[:, :1], axis=(1, 2))
        return values, crossed

    def _sides(self, passed: Pass, network: Network) -> Iterator[Array]:
        """Yield arrays (P, ...) of what changes where something meets a kink."""
        for stage in passed.stages:
            if isinstance(stage, Activate):
                yield from (stage.u > kink for kink in stage.activation.kinks)
        side = passed.loss.side(passed.output, self.target)
        if side is not None:
            yield side
        if self.added.l1:
            yield network.theta[..., : self.architecture.layout.n_weights] > 0

    def _stack(self, size: int) -> tuple[Network, Pass, list[L1 | L2]]:
        if size not in self._stacks:
            n_numbers = self.architecture.layout.n_numbers
            network = Network(self.architecture, np.zeros((size, n_numbers)))
            passed = self._pass(network)
            passed.share_masks(self.one)
            self._stacks[size] = (network, passed, self.added.penalties(network))
        return self._stacks[size]
