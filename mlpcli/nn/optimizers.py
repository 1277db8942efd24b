"""Optimizers: what one step does to theta, given the gradient.

A member holds the hyperparameters. `bind` ties it to the arrays of one training and returns the
step, so that what a hyperparameter switches on is decided once. All work in place on flat
vectors (..., n_params), and may overwrite the gradient. The learning rate of a step is in
`rate`, an array without axes, or (..., 1) with one number a lane: schedules write it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from mlpcli.family import Family, setting
from mlpcli.nn.arrays import Array

OPTIMIZERS = Family("optimizer")


class Step(Protocol):
    """One step of an optimizer, bound to its arrays."""

    def __call__(self) -> None:
        """Update theta from grad."""


@dataclass(frozen=True)
class Optimizer:
    """The hyperparameters of one optimizer."""

    name: ClassVar[str]
    learning_rate: float

    @property
    def n_vectors(self) -> int:
        """How many vectors like theta it carries from step to step."""
        return 0

    def bind(self, theta: Array, grad: Array, rate: Array, state: State) -> Step:
        """Return the step that updates theta from grad at this rate."""
        raise NotImplementedError


class State:
    """What an optimizer carries from step to step: vectors like theta, and a count of steps.

    The step holds views of the vectors: write them with `vectors[...] =`. The steps are counted by
    the optimizers that need their number.
    """

    def __init__(self, optimizer: Optimizer, theta: Array) -> None:
        self.vectors = np.zeros((optimizer.n_vectors, *theta.shape), theta.dtype)
        self.steps = 0


@OPTIMIZERS.add("sgd")
@dataclass(frozen=True)
class Sgd(Optimizer):
    """v ← μ v + ∂J/∂θ, θ ← θ − λ v; with μ = 0, θ ← θ − λ ∂J/∂θ.

    Source: the lecture; Polyak, 1964, in PyTorch's form, λ outside v.
    """

    learning_rate: float = setting(0.1, "λ, the size of a step", gt=0.0)
    momentum: float = setting(0.0, "μ, the part of the last step that is kept", ge=0.0, lt=1.0)

    @property
    def n_vectors(self) -> int:
        """One, v, where there is momentum."""
        return 1 if self.momentum else 0

    def bind(self, theta: Array, grad: Array, rate: Array, state: State) -> Step:
        """Return the step with or without momentum."""

        def plain() -> None:
            np.multiply(grad, rate, out=grad)
            np.subtract(theta, grad, out=theta)

        def with_momentum() -> None:
            velocity = state.vectors[0]
            np.multiply(velocity, self.momentum, out=velocity)
            np.add(velocity, grad, out=velocity)
            np.multiply(velocity, rate, out=grad)
            np.subtract(theta, grad, out=theta)

        return with_momentum if self.momentum else plain


@OPTIMIZERS.add("adam")
@dataclass(frozen=True)
class Adam(Optimizer):
    """θ ← θ − λ m̂ / (√v̂ + ε), m and v running means of ∂J/∂θ and of its square.

    m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ).
    Source: Kingma and Ba, 2015, algorithm 1; ε is added after the root.
    """

    learning_rate: float = setting(0.001, "λ, the size of a step", gt=0.0)
    beta1: float = setting(0.9, "β₁, the memory of the mean", ge=0.0, lt=1.0)
    beta2: float = setting(0.999, "β₂, the memory of the mean square", ge=0.0, lt=1.0)
    epsilon: float = setting(1e-8, "ε, keeps the quotient finite", gt=0.0)

    @property
    def n_vectors(self) -> int:
        """Two, m and v."""
        return 2

    def bind(self, theta: Array, grad: Array, rate: Array, state: State) -> Step:
        """Return the step."""
        m, v = state.vectors
        scratch: Any = np.empty_like(theta)

        def step() -> None:
            state.steps += 1
            np.multiply(m, self.beta1, out=m)
            np.multiply(grad, 1 - self.beta1, out=scratch)
            np.add(m, scratch, out=m)
            np.multiply(v, self.beta2, out=v)
            np.multiply(grad, grad, out=grad)
            np.multiply(grad, 1 - self.beta2, out=grad)
            np.add(v, grad, out=v)

            np.multiply(v, 1 / (1 - self.beta2**state.steps), out=grad)
            np.sqrt(grad, out=grad)
            np.add(grad, self.epsilon, out=grad)
            np.divide(m, grad, out=grad)
            np.multiply(grad, 1 / (1 - self.beta1**state.steps), out=grad)
            np.multiply(grad, rate, out=grad)
            np.subtract(theta, grad, out=theta)

        return step
