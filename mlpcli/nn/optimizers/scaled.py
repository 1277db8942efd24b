"""Optimizers that divide each parameter's step by the size of its past gradients."""

from __future__ import annotations

from mlpcli.array_types import Array
from mlpcli.family import setting
from mlpcli.nn.arrays import column, empty_like
from mlpcli.nn.optimizers.contract import (
    OPTIMIZERS,
    Optimizer,
    State,
    Step,
    average_in,
    positive,
    rest,
)
from mlpcli.nn.replay import np


@OPTIMIZERS.add("adagrad")
class Adagrad(Optimizer):
    """v ← v + g², θ ← θ − λ g / (√v + ε), g = ∂J/∂θ.

    Source: Duchi, Hazan and Singer, 2011, in PyTorch's form: ε outside the root, v from 0; its
    lr_decay is the schedule inverse_time.
    """

    learning_rate: float = setting(0.01, "λ, the size of a step", gt=0.0)
    epsilon: float = setting(1e-10, "ε, keeps the quotient finite", gt=0.0)

    @property
    def n_vectors(self) -> int:
        """One, v."""
        return 1

    def bind(self, theta: Array, grad: Array, rate: Array, state: State) -> Step:
        """Return the step."""
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

    def bind(self, theta: Array, grad: Array, rate: Array, state: State) -> Step:
        """Return the step."""
        v, rho, rest_of_rho = state.vectors[0], column(self.rho, theta), rest(self.rho, theta)
        epsilon, scratch = positive(self.epsilon, theta), empty_like(theta)

        def root_mean_square() -> None:
            np.sqrt(v, out=scratch)

        def deviation() -> None:
            m = state.vectors[1]
            average_in(m, grad, rho, rest_of_rho, scratch)
            np.multiply(m, m, out=scratch)
            np.subtract(v, scratch, out=scratch)
            np.maximum(scratch, 0.0, out=scratch)
            np.sqrt(scratch, out=scratch)

        divide_by = deviation if self.centered else root_mean_square

        def scaled() -> None:
            np.multiply(grad, grad, out=scratch)
            average_in(v, scratch, rho, rest_of_rho, scratch)
            divide_by()
            np.add(scratch, epsilon, out=scratch)
            np.divide(grad, scratch, out=grad)

        def plain() -> None:
            scaled()
            np.multiply(grad, rate, out=grad)
            np.subtract(theta, grad, out=theta)

        if not np.any(self.momentum):
            return plain
        b, momentum = state.vectors[-1], column(self.momentum, theta)

        def with_momentum() -> None:
            scaled()
            np.multiply(b, momentum, out=b)
            np.add(b, grad, out=b)
            np.multiply(b, rate, out=grad)
            np.subtract(theta, grad, out=theta)

        return with_momentum


@OPTIMIZERS.add("adadelta")
class Adadelta(Optimizer):
    """d = g √(a + ε) / √(v + ε), θ ← θ − λ d, g = ∂J/∂θ: the step has the unit of θ.

    v ← ρ v + (1 − ρ) g² before, a ← ρ a + (1 − ρ) d² after it.
    Source: Zeiler, 2012, algorithm 1, ε inside both roots; with PyTorch's λ, 1 in the paper.
    """

    learning_rate: float = setting(1.0, "λ, the size of a step", gt=0.0)
    rho: float = setting(0.9, "ρ, the memory of both mean squares", ge=0.0, lt=1.0)
    epsilon: float = setting(1e-6, "ε, starts the steps", gt=0.0)

    @property
    def n_vectors(self) -> int:
        """Two, v and a."""
        return 2

    def bind(self, theta: Array, grad: Array, rate: Array, state: State) -> Step:
        """Return the step."""
        v, a = state.vectors
        rho, rest_of_rho = column(self.rho, theta), rest(self.rho, theta)
        epsilon, scratch = positive(self.epsilon, theta), empty_like(theta)

        def step() -> None:
            np.multiply(grad, grad, out=scratch)
            average_in(v, scratch, rho, rest_of_rho, scratch)
            np.add(v, epsilon, out=scratch)
            np.sqrt(scratch, out=scratch)
            np.divide(grad, scratch, out=grad)
            np.add(a, epsilon, out=scratch)
            np.sqrt(scratch, out=scratch)
            np.multiply(grad, scratch, out=grad)

            np.multiply(grad, grad, out=scratch)
            average_in(a, scratch, rho, rest_of_rho, scratch)
            np.multiply(grad, rate, out=grad)
            np.subtract(theta, grad, out=theta)

        return step
