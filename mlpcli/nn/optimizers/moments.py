"""Adam and its kin: running means m of the gradient and v of its square."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mlpcli.family import setting
from mlpcli.nn.arrays import Array, column, empty_like
from mlpcli.nn.optimizers.contract import (
    OPTIMIZERS,
    Corrections,
    Optimizer,
    State,
    Step,
    average_in,
    positive,
    rest,
)


@OPTIMIZERS.add("adam")
@dataclass(frozen=True)
class Adam(Optimizer):
    """θ ← θ − λ m̂ / (√v̂ + ε), m and v running means of g = ∂J/∂θ and of its square.

    m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ).
    Source: Kingma and Ba, 2015, algorithm 1, and PyTorch's form; ε outside the root.
    """

    learning_rate: float = setting(0.001, "λ, the size of a step", gt=0.0)
    beta1: float = setting(0.9, "β₁, the memory of the mean", ge=0.0, lt=1.0)
    beta2: float = setting(0.999, "β₂, the memory of the mean square", ge=0.0, lt=1.0)
    epsilon: float = setting(1e-8, "ε, keeps the quotient finite", gt=0.0)

    @property
    def n_vectors(self) -> int:
        """Two, m and v."""
        return 2

    @property
    def n_powers(self) -> int:
        """Two, β₁ᵗ and β₂ᵗ."""
        return 2

    def bind(self, theta: Array, grad: Array, rate: Array, state: State) -> Step:
        """Return the step."""
        m, v = state.vectors
        average = self._average(m, v, grad)
        descend = self._descend(theta, grad, rate, m, v, state)

        def step() -> None:
            average()
            descend()

        return step

    def _average(self, m: Array, v: Array, grad: Array) -> Step:
        """Return what takes g into m and v; it overwrites grad."""
        beta1, rest1 = column(self.beta1, grad), rest(self.beta1, grad)
        beta2, rest2 = column(self.beta2, grad), rest(self.beta2, grad)
        scratch = empty_like(grad)

        def average() -> None:
            average_in(m, grad, beta1, rest1, scratch)
            np.multiply(grad, grad, out=grad)
            average_in(v, grad, beta2, rest2, grad)

        return average

    def _descend(
        self, theta: Array, grad: Array, rate: Array, m: Array, v: Array, state: State
    ) -> Step:
        """Return θ ← θ − (λ / (1 − β₁ᵗ)) m / (√(v / (1 − β₂ᵗ)) + ε); it overwrites grad."""
        corrections = Corrections((self.beta1, self.beta2), theta, state)
        of_mean, of_square = corrections.factors
        epsilon, size = positive(self.epsilon, theta), empty_like(of_mean)

        def descend() -> None:
            corrections.advance()
            np.multiply(v, of_square, out=grad)
            np.sqrt(grad, out=grad)
            np.add(grad, epsilon, out=grad)
            np.divide(m, grad, out=grad)
            np.multiply(rate, of_mean, out=size)
            np.multiply(grad, size, out=grad)
            np.subtract(theta, grad, out=theta)

        return descend


@OPTIMIZERS.add("amsgrad")
@dataclass(frozen=True)
class AmsGrad(Adam):
    """θ ← θ − λ m̂ / (√ŵ + ε), w ← max(w, v), ŵ = w / (1 − β₂ᵗ), the rest as in adam.

    The divisor of a step, up to the correction, never falls.
    Source: Reddi, Kale and Kumar, 2018, algorithm 2; the paper has no corrections, here they are
    PyTorch's, which takes the maximum before it corrects; ε outside the root.
    """

    @property
    def n_vectors(self) -> int:
        """Three, m, v and w."""
        return 3

    def bind(self, theta: Array, grad: Array, rate: Array, state: State) -> Step:
        """Return the step."""
        m, v, w = state.vectors
        average = self._average(m, v, grad)
        descend = self._descend(theta, grad, rate, m, w, state)

        def step() -> None:
            average()
            np.maximum(w, v, out=w)
            descend()

        return step


@OPTIMIZERS.add("adamw")
@dataclass(frozen=True)
class AdamW(Adam):
    """W ← (1 − λα) W, then adam's θ ← θ − λ m̂ / (√v̂ + ε), with g = ∂J/∂θ free of α.

    α is `l2`. Source: Loshchilov and Hutter, 2019, algorithm 2; the decay is PyTorch's, by λα with
    the schedule's λ, where the paper has α alone; ε outside the root.
    """

    decoupled_decay: ClassVar[bool] = True


@OPTIMIZERS.add("nadam")
@dataclass(frozen=True)
class Nadam(Adam):
    """θ ← θ − λ [ (1 − μₜ) g / (1 − Πₜ) + μₜ₊₁ m / (1 − Πₜ₊₁) ] / (√v̂ + ε), g = ∂J/∂θ.

    m, v and v̂ as in adam; μₜ = β₁ (1 − 0.96^(ψt) / 2) and Πₜ = μ₁ ⋯ μₜ: Nesterov's look ahead, its
    momentum growing from about β₁/2 to β₁.
    Source: Dozat, 2016, with PyTorch's schedule of μ; ε outside the root.
    """

    learning_rate: float = setting(0.002, "λ, the size of a step", gt=0.0)
    momentum_decay: float = setting(0.004, "ψ, how fast μ grows", ge=0.0)

    @property
    def n_powers(self) -> int:
        """Three, β₂ᵗ, 0.96^(ψt) and Πₜ."""
        return 3

    def bind(self, theta: Array, grad: Array, rate: Array, state: State) -> Step:
        """Return the step."""
        m, v = state.vectors
        fall_of_t, product = state.powers[1, ...], state.powers[2, ...]
        corrections, fall = Corrections((self.beta2,), theta, state), self._fall()
        (of_square,) = corrections.factors
        of_grad, of_mean = empty_like(of_square), empty_like(of_square)
        beta1, rest1 = column(self.beta1, theta), rest(self.beta1, theta)
        beta2, rest2 = column(self.beta2, theta), rest(self.beta2, theta)
        largest_momentum = np.asarray(self.beta1, np.float64)
        epsilon, scratch = positive(self.epsilon, theta), empty_like(theta)

        def weigh() -> None:
            """Make the numbers that multiply g and m; they are one a lane."""
            corrections.advance()
            np.multiply(fall_of_t, fall, out=fall_of_t)
            now = largest_momentum * (1.0 - 0.5 * fall_of_t)
            following = largest_momentum * (1.0 - 0.5 * (fall_of_t * fall))
            np.multiply(product, now, out=product)
            of_grad[...] = _like((1.0 - now) / (1.0 - product), of_grad)
            of_mean[...] = _like(following / (1.0 - product * following), of_mean)

        def step() -> None:
            weigh()
            average_in(m, grad, beta1, rest1, scratch)
            np.multiply(grad, of_grad, out=scratch)
            np.multiply(grad, grad, out=grad)
            average_in(v, grad, beta2, rest2, grad)
            np.multiply(m, of_mean, out=grad)
            np.add(scratch, grad, out=scratch)

            np.multiply(v, of_square, out=grad)
            np.sqrt(grad, out=grad)
            np.add(grad, epsilon, out=grad)
            np.divide(scratch, grad, out=grad)
            np.multiply(grad, rate, out=grad)
            np.subtract(theta, grad, out=theta)

        return step

    def _fall(self) -> Array:
        """Return 0.96^ψ, lane by lane: a power of an array may have other last bits."""
        psi = np.asarray(self.momentum_decay, np.float64)
        return np.array([0.96 ** float(number) for number in psi.flat]).reshape(psi.shape)


def _like(value: Array, column_of_lanes: Array) -> Array:
    """Return numbers (...,) in the shape (..., 1) of a column of lanes, or without axes."""
    return np.reshape(value, column_of_lanes.shape)
