"""Gradient descent, plain or with momentum."""

from __future__ import annotations

import numpy as np

from mlpcli.array_types import Array
from mlpcli.family import setting
from mlpcli.nn.arrays import column, empty_like
from mlpcli.nn.optimizers.contract import OPTIMIZERS, Memory, Optimizer, State, Step


@OPTIMIZERS.add("sgd")
class Sgd(Optimizer):
    """v ← μ v + ∂J/∂θ, θ ← θ − λ v; with μ = 0, θ ← θ − λ ∂J/∂θ.

    With nesterov θ ← θ − λ (∂J/∂θ + μ v): the gradient counts where momentum will have led.
    Source: the lecture; Polyak, 1964; Sutskever et al., 2013, in PyTorch's form, λ outside v.
    """

    learning_rate: float = setting(0.1, "λ, the size of a step", gt=0.0)
    momentum: float = setting(0.0, "μ, the part of the last step that is kept", ge=0.0, lt=1.0)
    nesterov: bool = setting(default=False, doc="look ahead; needs momentum")

    @property
    def n_vectors(self) -> int:
        """One, v, where there is momentum in any lane."""
        return int(np.any(self.momentum))

    @property
    def formula(self) -> str:
        if not self.n_vectors:
            return "θ − λ ∂J/∂θ"
        return "θ − λ (∂J/∂θ + μ v)" if self.nesterov else "θ − λ v"

    def problem(self) -> str | None:
        if self.nesterov and not np.all(self.momentum):
            return "nesterov needs a momentum greater than 0"
        return None

    def bind(self, theta: Array, grad: Array, rate: Array, state: State) -> Step:
        if not self.n_vectors:

            def plain() -> None:
                np.multiply(grad, rate, out=grad)
                np.subtract(theta, grad, out=theta)

            return plain

        v, mu, nesterov = state.vectors[0], column(self.momentum, theta), self.nesterov
        ahead = empty_like(theta) if nesterov else grad

        def with_momentum() -> None:
            np.multiply(v, mu, out=v)
            np.add(v, grad, out=v)
            if nesterov:
                np.multiply(v, mu, out=ahead)
                np.add(grad, ahead, out=grad)
                np.multiply(grad, rate, out=grad)
            else:
                np.multiply(v, rate, out=grad)
            np.subtract(theta, grad, out=theta)

        return with_momentum

    def published(self, theta: Array, grad: Array, learning_rate: float, memory: Memory) -> Array:
        v = memory["v"] = self.momentum * memory.get("v", 0.0) + grad
        return theta - learning_rate * (grad + self.momentum * v if self.nesterov else v)
