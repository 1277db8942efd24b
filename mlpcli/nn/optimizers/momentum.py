"""Gradient descent, plain or with momentum."""

from __future__ import annotations

from typing import Any

from mlpcli.array_types import Array
from mlpcli.family import setting
from mlpcli.nn.arrays import column, empty_like
from mlpcli.nn.optimizers.contract import OPTIMIZERS, Optimizer, State, Step
from mlpcli.nn.replay import np


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

    def problem(self) -> str | None:
        """Nesterov's step is momentum's."""
        if self.nesterov and not np.all(self.momentum):
            return "nesterov needs a momentum greater than 0"
        return None

    @property
    def is_plain(self) -> Any:
        """Where there is no momentum."""
        return np.equal(self.momentum, 0.0)

    def bind(self, theta: Array, grad: Array, rate: Array, state: State) -> Step:
        """Return the step: plain, with momentum, or Nesterov's.

        In a stack a lane may have μ = 0 among others: 0 v + g is g, so it moves as it would alone.
        """
        if not self.n_vectors:

            def plain() -> None:
                np.multiply(grad, rate, out=grad)
                np.subtract(theta, grad, out=theta)

            return plain

        velocity, momentum = state.vectors[0], column(self.momentum, theta)

        def with_momentum() -> None:
            np.multiply(velocity, momentum, out=velocity)
            np.add(velocity, grad, out=velocity)
            np.multiply(velocity, rate, out=grad)
            np.subtract(theta, grad, out=theta)

        if not self.nesterov:
            return with_momentum
        ahead = empty_like(theta)

        def nesterov() -> None:
            np.multiply(velocity, momentum, out=velocity)
            np.add(velocity, grad, out=velocity)
            np.multiply(velocity, momentum, out=ahead)
            np.add(grad, ahead, out=grad)
            np.multiply(grad, rate, out=grad)
            np.subtract(theta, grad, out=theta)

        return nesterov
