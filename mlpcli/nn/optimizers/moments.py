"""Adam and its kin: running means m of the gradient and v of its square."""

from __future__ import annotations

from typing import ClassVar

from mlpcli.array_types import Array
from mlpcli.family import setting
from mlpcli.nn.arrays import column, empty, empty_like
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
from mlpcli.nn.replay import live, np


@OPTIMIZERS.add("adam")
class Adam(Optimizer):
    """θ ← θ − λ m̂ / (√v̂ + ε), m and v running means of g = ∂J/∂θ and of its square.

    m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ).

    Carried are M = m / (1 − β₁) and V = v / (1 − β₂), that is M ← β₁ M + g and V ← β₂ V + g²: with
    c = (1 − β₂) / (1 − β₂ᵗ), v̂ = c V, the step is s M / (√V + ε/√c),
    s = λ (1 − β₁) / ((1 − β₁ᵗ) √c), with ten passes over vectors in place of thirteen.
    Source: Kingma and Ba, 2015, algorithm 1, and PyTorch's form; ε outside the root.
    """

    learning_rate: float = setting(0.001, "λ, the size of a step", gt=0.0)
    beta1: float = setting(0.9, "β₁, the memory of the mean", ge=0.0, lt=1.0)
    beta2: float = setting(0.999, "β₂, the memory of the mean square", ge=0.0, lt=1.0)
    epsilon: float = setting(1e-8, "ε, keeps the quotient finite", gt=0.0)

    @property
    def n_vectors(self) -> int:
        """Two, M and V."""
        return 2

    @property
    def n_powers(self) -> int:
        """Two, β₁ᵗ and β₂ᵗ."""
        return 2

    def bind(self, theta: Array, grad: Array, rate: Array, state: State) -> Step:
        """Return the step."""
        M, V = state.vectors
        gather = self._gather(M, V, grad)
        descend = self._descend(theta, grad, rate, M, V, state)

        def step() -> None:
            gather()
            descend()

        return step

    def _gather(self, M: Array, V: Array, grad: Array) -> Step:
        """Return what takes g into M and V; it overwrites grad."""
        beta1, beta2 = column(self.beta1, grad), column(self.beta2, grad)

        def gather() -> None:
            np.multiply(M, beta1, out=M)
            np.add(M, grad, out=M)
            np.multiply(grad, grad, out=grad)
            np.multiply(V, beta2, out=V)
            np.add(V, grad, out=V)

        return gather

    def _descend(
        self, theta: Array, grad: Array, rate: Array, M: Array, V: Array, state: State
    ) -> Step:
        """Return θ ← θ − s M / (√V + ε/√c); it overwrites grad."""
        sizes = _Sizes(self, theta, rate, state)
        size, floor = sizes.size, sizes.floor

        def descend() -> None:
            sizes.advance()
            np.sqrt(V, out=grad)
            np.add(grad, floor, out=grad)
            np.divide(M, grad, out=grad)
            np.multiply(grad, size, out=grad)
            np.subtract(theta, grad, out=theta)

        return descend


class _Sizes:
    """The two numbers of adam's step, one a lane: made in float64 and rounded once, AHEAD at once.

    Seven calls for single numbers are 2 µs of each step; one that looks them up is 0.5.

    size   s, as it multiplies a vector like theta
    floor  ε/√c, as it is added to one
    """

    AHEAD = 64  # steps

    def __init__(self, adam: Adam, theta: Array, rate: Array, state: State) -> None:
        self.powers, self.rate = state.powers, rate
        lead = theta.shape[:-1]
        betas = np.array([np.broadcast_to(b, lead) for b in (adam.beta1, adam.beta2)], np.float64)
        tiny = float(np.finfo(theta.dtype).tiny)  # float32 has no 1e-50
        self.betas, self.rests, self.epsilon = betas, 1.0 - betas, np.maximum(adam.epsilon, tiny)
        # One view of each number, as it multiplies a vector like theta: without axes, or (..., 1).
        of_vector = (*lead, 1) if lead else ()
        self.floor, self.unscaled, self.size = (empty(of_vector, theta.dtype) for _ in range(3))
        self._power = np.empty((self.AHEAD, *betas.shape))
        self._floor, self._unscaled = (
            empty((self.AHEAD, *of_vector), theta.dtype) for _ in range(2)
        )
        self._next = self.AHEAD

    def advance(self) -> None:
        """Take the numbers of the next step."""
        live(self._take)
        np.multiply(self.unscaled, self.rate, out=self.size)

    def _take(self) -> None:
        if self._next == self.AHEAD:
            self._look_ahead()
        step, self._next = self._next, self._next + 1
        self.powers[...] = self._power[step]
        self.floor[...], self.unscaled[...] = self._floor[step], self._unscaled[step]

    def _look_ahead(self) -> None:
        """Make the numbers of the next steps: βᵗ ← β βᵗ⁻¹, multiplied up as `Corrections` does."""
        self._next = 0
        self._power[...] = self.betas
        self._power[0] *= self.powers
        np.multiply.accumulate(self._power, axis=0, out=self._power)
        corrected = self.rests / (1.0 - self._power)  # (1 − β) / (1 − βᵗ); that of β₂ is c
        root = np.sqrt(corrected[:, 1])
        self._floor[...] = (self.epsilon / root).reshape(self._floor.shape)
        self._unscaled[...] = (corrected[:, 0] / root).reshape(self._unscaled.shape)


@OPTIMIZERS.add("amsgrad")
class AmsGrad(Adam):
    """θ ← θ − λ m̂ / (√ŵ + ε), w ← max(w, v), ŵ = w / (1 − β₂ᵗ), the rest as in adam.

    The divisor of a step, up to the correction, never falls.
    Source: Reddi, Kale and Kumar, 2018, algorithm 2; the paper has no corrections, here they are
    PyTorch's, which takes the maximum before it corrects; ε outside the root.
    """

    @property
    def n_vectors(self) -> int:
        """Three, M, V and the largest V so far."""
        return 3

    def bind(self, theta: Array, grad: Array, rate: Array, state: State) -> Step:
        """Return the step."""
        M, V, largest = state.vectors
        gather = self._gather(M, V, grad)
        descend = self._descend(theta, grad, rate, M, largest, state)

        def step() -> None:
            gather()
            np.maximum(largest, V, out=largest)
            descend()

        return step


@OPTIMIZERS.add("adamw")
class AdamW(Adam):
    """W ← (1 − λα) W, then adam's θ ← θ − λ m̂ / (√v̂ + ε), with g = ∂J/∂θ free of α.

    α is `l2`. Source: Loshchilov and Hutter, 2019, algorithm 2; the decay is PyTorch's, by λα with
    the schedule's λ, where the paper has α alone; ε outside the root.
    """

    decoupled_decay: ClassVar[bool] = True


@OPTIMIZERS.add("nadam")
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
            live(weigh)
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
