"""Optimizers that divide each parameter's step by the size of its past gradients."""

from __future__ import annotations

import numpy as np

from mlpcli.array_types import Array
from mlpcli.family import setting
from mlpcli.nn.arrays import column, empty_like
from mlpcli.nn.optimizers.contract import (
    OPTIMIZERS,
    Memory,
    Optimizer,
    State,
    Step,
    mean_weights,
    positive,
    update_mean,
)


@OPTIMIZERS.add("adagrad")
class Adagrad(Optimizer):
    """v ← v + g², θ ← θ − λ g / (√v + ε), g = ∂J/∂θ.

    Source: Duchi, Hazan and Singer, 2011, in PyTorch's form: ε outside the root, v from 0; its
    lr_decay is the schedule inverse_time.
    """

    learning_rate: float = setting(0.01, "λ, the size of a step", gt=0.0)
    epsilon: float = setting(1e-10, "ε, keeps the quotient finite", gt=0.0)

    n_vectors = 1  # v
    formula = "θ − λ g / (√v + ε)"

    def bind(self, theta: Array, grad: Array, rate: Array, state: State) -> Step:
        v, epsilon, scratch = state.vectors[0], positive(self.epsilon, theta), empty_like(theta)

        def step() -> None:
            np.multiply(grad, grad, out=scratch)
            np.add(v, scratch, out=v)
            np.sqrt(v, out=scratch)
            np.add(scratch, epsilon, out=scratch)
            np.divide(grad, scratch, out=grad)
            np.multiply(grad, rate, out=grad)
            np.subtract(theta, grad, out=theta)

        return step

    def published(self, theta: Array, grad: Array, learning_rate: float, memory: Memory) -> Array:
        v = memory["v"] = memory.get("v", 0.0) + grad**2
        return theta - learning_rate * grad / (np.sqrt(v) + self.epsilon)


@OPTIMIZERS.add("rmsprop")
class RmsProp(Optimizer):
    """v ← ρ v + (1 − ρ) g², θ ← θ − λ g / (√v + ε), g = ∂J/∂θ.

    With centered, m ← ρ m + (1 − ρ) g and √(v − m²) in place of √v: the gradient's standard
    deviation. With momentum b ← μ b + g / (√v + ε), θ ← θ − λ b.
    Source: Hinton, lecture 6e, 2012; centered: Graves, 2013, (38)-(41); in PyTorch's form, ε
    outside the root and λ outside b. Rounded below 0, v − m² is taken as 0.
    """

    learning_rate: float = setting(0.01, "λ, the size of a step", gt=0.0)
    rho: float = setting(0.99, "ρ, the memory of the mean square", ge=0.0, lt=1.0)
    epsilon: float = setting(1e-8, "ε, keeps the quotient finite", gt=0.0)
    momentum: float = setting(0.0, "μ, the part of the last step that is kept", ge=0.0, lt=1.0)
    centered: bool = setting(default=False, doc="divide by the deviation from the mean")

    @property
    def n_vectors(self) -> int:
        """v; m where it is centered; b where there is momentum in any lane."""
        return 1 + self.centered + int(np.any(self.momentum))

    @property
    def formula(self) -> str:
        if np.any(self.momentum):
            return "θ − λ b"
        return "θ − λ g / (√(v − m²) + ε)" if self.centered else "θ − λ g / (√v + ε)"

    def bind(self, theta: Array, grad: Array, rate: Array, state: State) -> Step:
        v, mu = state.vectors[0], column(self.momentum, theta)
        m = state.vectors[1] if self.centered else None
        b = state.vectors[-1] if np.any(self.momentum) else None
        rho, rest = mean_weights(self.rho, theta)
        epsilon, scratch = positive(self.epsilon, theta), empty_like(theta)

        def step() -> None:
            np.multiply(grad, grad, out=scratch)
            update_mean(v, scratch, rho, rest, scratch)
            if m is None:
                np.sqrt(v, out=scratch)
            else:
                update_mean(m, grad, rho, rest, scratch)
                np.multiply(m, m, out=scratch)
                np.subtract(v, scratch, out=scratch)
                np.maximum(scratch, 0.0, out=scratch)
                np.sqrt(scratch, out=scratch)
            np.add(scratch, epsilon, out=scratch)
            np.divide(grad, scratch, out=grad)
            if b is None:
                np.multiply(grad, rate, out=grad)
            else:
                np.multiply(b, mu, out=b)
                np.add(b, grad, out=b)
                np.multiply(b, rate, out=grad)
            np.subtract(theta, grad, out=theta)

        return step

    def published(self, theta: Array, grad: Array, learning_rate: float, memory: Memory) -> Array:
        variance = v = memory["v"] = self.rho * memory.get("v", 0.0) + (1 - self.rho) * grad**2
        if self.centered:
            m = memory["m"] = self.rho * memory.get("m", 0.0) + (1 - self.rho) * grad
            variance = np.where(v > m**2, v - m**2, 0.0)
        scaled = grad / (np.sqrt(variance) + self.epsilon)
        b = memory["b"] = self.momentum * memory.get("b", 0.0) + scaled
        return theta - learning_rate * b


@OPTIMIZERS.add("adadelta")
class Adadelta(Optimizer):
    """d = g √(a + ε) / √(v + ε), θ ← θ − λ d, g = ∂J/∂θ: the step has the unit of θ.

    v ← ρ v + (1 − ρ) g² before, a ← ρ a + (1 − ρ) d² after it.
    Source: Zeiler, 2012, algorithm 1, ε inside both roots; with PyTorch's λ, 1 in the paper.
    """

    learning_rate: float = setting(1.0, "λ, the size of a step", gt=0.0)
    rho: float = setting(0.9, "ρ, the memory of both mean squares", ge=0.0, lt=1.0)
    epsilon: float = setting(1e-6, "ε, starts the steps", gt=0.0)

    n_vectors = 2  # v, a
    formula = "θ − λ g √(a + ε) / √(v + ε)"

    def bind(self, theta: Array, grad: Array, rate: Array, state: State) -> Step:
        (v, a), (rho, rest) = state.vectors, mean_weights(self.rho, theta)
        epsilon, scratch = positive(self.epsilon, theta), empty_like(theta)

        def step() -> None:
            np.multiply(grad, grad, out=scratch)
            update_mean(v, scratch, rho, rest, scratch)
            np.add(v, epsilon, out=scratch)
            np.sqrt(scratch, out=scratch)
            np.divide(grad, scratch, out=grad)
            np.add(a, epsilon, out=scratch)
            np.sqrt(scratch, out=scratch)
            np.multiply(grad, scratch, out=grad)

            np.multiply(grad, grad, out=scratch)
            update_mean(a, scratch, rho, rest, scratch)
            np.multiply(grad, rate, out=grad)
            np.subtract(theta, grad, out=theta)

        return step

    def published(self, theta: Array, grad: Array, learning_rate: float, memory: Memory) -> Array:
        a = memory.get("a", 0.0)
        v = memory["v"] = self.rho * memory.get("v", 0.0) + (1 - self.rho) * grad**2
        d = np.sqrt(a + self.epsilon) / np.sqrt(v + self.epsilon) * grad
        memory["a"] = self.rho * a + (1 - self.rho) * d**2
        return theta - learning_rate * d
