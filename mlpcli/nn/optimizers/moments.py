"""Running means: m of the gradient, and but for lion v of its square."""

from __future__ import annotations

from typing import Any, ClassVar

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
    in_blocks,
    mean_weights,
    positive,
    update_mean,
)


@OPTIMIZERS.add("adam")
class Adam(Optimizer):
    """θ ← θ − λ m̂ / (√v̂ + ε), m and v running means of g = ∂J/∂θ and of its square.

    m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ).
    Source: Kingma and Ba, 2015, algorithm 1, and PyTorch's form; ε outside the root.
    """

    learning_rate: float = setting(0.001, "λ, the size of a step", gt=0.0)
    beta1: float = setting(0.9, "β₁, the memory of the mean", ge=0.0, lt=1.0)
    beta2: float = setting(0.999, "β₂, the memory of the mean square", ge=0.0, lt=1.0)
    epsilon: float = setting(1e-8, "ε, keeps the quotient finite", gt=0.0)

    n_vectors = 2  # m, v
    n_powers = 2  # β₁ᵗ, β₂ᵗ
    formula = "θ − λ m̂ / (√v̂ + ε)"

    def bind(self, theta: Array, grad: Array, rate: Array, state: State) -> Step:
        betas = *mean_weights(self.beta1, theta), *mean_weights(self.beta2, theta)
        correct, rate_t, epsilon_t = self._corrections(theta, rate, state)
        blocks = in_blocks(theta, grad, *betas, rate_t, epsilon_t, *state.vectors)

        def step() -> None:
            correct()
            for p, g, beta1, rest1, beta2, rest2, rate_t, epsilon_t, m, *squares, scratch in blocks:
                update_mean(m, g, beta1, rest1, scratch)
                np.multiply(g, g, out=g)
                v = self._update_square(squares, g, beta2, rest2)
                np.sqrt(v, out=scratch)
                np.add(scratch, epsilon_t, out=scratch)
                np.divide(m, scratch, out=scratch)
                np.multiply(scratch, rate_t, out=scratch)
                np.subtract(p, scratch, out=p)

        return step

    def _update_square(self, squares: list[Array], g2: Array, beta2: Array, rest2: Array) -> Array:
        """Update v from g², which is overwritten; return the square under the step's root."""
        (v,) = squares
        update_mean(v, g2, beta2, rest2, g2)
        return v

    def _corrections(self, theta: Array, rate: Array, state: State) -> tuple[Step, Array, Array]:
        """Return a function that updates βᵗ, λₜ and εₜ for a step, then λₜ and εₜ, () or (..., 1).

        With c₁ = 1 − β₁ᵗ and c₂ = 1 − β₂ᵗ: λ m̂ / (√v̂ + ε) = λ (m/c₁) / (√v/√c₂ + ε)
        = λₜ m / (√v + εₜ), λₜ = λ √c₂ / c₁ and εₜ = ε √c₂. Source: the paper, end of section 2.
        """
        powers = state.power_columns()
        betas, c = np.empty_like(powers), np.empty_like(powers)
        betas[0], betas[1] = column(self.beta1, powers[0]), column(self.beta2, powers[1])
        c1, c2 = c[0, ...], c[1, ...]
        # In float32, ε = 1e-50 would round to 0. As c₂ ≥ 1 − β₂, εₜ is not below the tiniest.
        smallest = np.finfo(theta.dtype).tiny / np.sqrt(1.0 - betas[1])
        epsilon = np.maximum(column(self.epsilon, powers[1]), smallest)
        rate_t, epsilon_t = (np.empty(c1.shape, theta.dtype) for _ in range(2))

        def correct() -> None:
            np.multiply(powers, betas, out=powers)
            np.subtract(1.0, powers, out=c)
            root = np.sqrt(c2)
            rate_t[...] = root / c1
            np.multiply(rate_t, rate, out=rate_t)
            epsilon_t[...] = epsilon * root

        return correct, rate_t, epsilon_t

    def published(self, theta: Array, grad: Array, learning_rate: float, memory: Memory) -> Array:
        t = memory["t"] = memory.get("t", 0) + 1
        m = memory["m"] = self.beta1 * memory.get("m", 0.0) + (1 - self.beta1) * grad
        v = memory["v"] = self.beta2 * memory.get("v", 0.0) + (1 - self.beta2) * grad**2
        m_hat = m / (1 - self.beta1**t)
        v_hat = self._published_square(v, memory) / (1 - self.beta2**t)
        return theta - learning_rate * m_hat / (np.sqrt(v_hat) + self.epsilon)

    def _published_square(self, v: Array, memory: Memory) -> Array:
        return v


@OPTIMIZERS.add("amsgrad")
class AmsGrad(Adam):
    """θ ← θ − λ m̂ / (√ŵ + ε), w ← max(w, v), ŵ = w / (1 − β₂ᵗ), the rest as in adam.

    The divisor of a step, up to the correction, never falls.
    Source: Reddi, Kale and Kumar, 2018, algorithm 2; the paper has no corrections, here they are
    PyTorch's, which takes the maximum before it corrects; ε outside the root.
    """

    n_vectors = 3  # m, v, w
    formula = "θ − λ m̂ / (√ŵ + ε)"

    def _update_square(self, squares: list[Array], g2: Array, beta2: Array, rest2: Array) -> Array:
        v, w = squares
        update_mean(v, g2, beta2, rest2, g2)
        np.maximum(w, v, out=w)
        return w

    def _published_square(self, v: Array, memory: Memory) -> Array:
        memory["w"] = np.maximum(memory.get("w", 0.0), v)
        return memory["w"]


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

    n_powers = 3  # β₂ᵗ, 0.96^(ψt), Πₜ
    formula = "θ − λ [(1 − μₜ) g / (1 − Πₜ) + μₜ₊₁ m / (1 − Πₜ₊₁)] / (√v̂ + ε)"

    def bind(self, theta: Array, grad: Array, rate: Array, state: State) -> Step:
        m, v = state.vectors
        weights1, weights2 = mean_weights(self.beta1, theta), mean_weights(self.beta2, theta)
        epsilon, scratch = positive(self.epsilon, theta), empty_like(theta)

        powers = state.power_columns()
        beta2_t, fall_t, product = (powers[k, ...] for k in range(3))
        beta1, beta2 = column(self.beta1, beta2_t), column(self.beta2, beta2_t)
        fall = column(powers_of(0.96, self.momentum_decay), fall_t)
        grad_factor, m_factor, v_factor = (np.empty(fall_t.shape, theta.dtype) for _ in range(3))

        def step() -> None:
            np.multiply(beta2_t, beta2, out=beta2_t)
            np.multiply(fall_t, fall, out=fall_t)
            mu = beta1 * (1.0 - 0.5 * fall_t)
            next_mu = beta1 * (1.0 - 0.5 * (fall_t * fall))
            np.multiply(product, mu, out=product)
            grad_factor[...] = (1.0 - mu) / (1.0 - product)
            m_factor[...] = next_mu / (1.0 - product * next_mu)
            v_factor[...] = 1.0 / (1.0 - beta2_t)

            update_mean(m, grad, *weights1, scratch)
            np.multiply(grad, grad_factor, out=scratch)
            np.multiply(grad, grad, out=grad)
            update_mean(v, grad, *weights2, grad)
            np.multiply(m, m_factor, out=grad)
            np.add(scratch, grad, out=scratch)

            np.multiply(v, v_factor, out=grad)
            np.sqrt(grad, out=grad)
            np.add(grad, epsilon, out=grad)
            np.divide(scratch, grad, out=grad)
            np.multiply(grad, rate, out=grad)
            np.subtract(theta, grad, out=theta)

        return step

    def published(self, theta: Array, grad: Array, learning_rate: float, memory: Memory) -> Array:
        t = memory["t"] = memory.get("t", 0) + 1
        mu, next_mu = (self.beta1 * (1 - 0.96 ** (k * self.momentum_decay) / 2) for k in (t, t + 1))
        product = memory["product"] = mu * memory.get("product", 1.0)
        m = memory["m"] = self.beta1 * memory.get("m", 0.0) + (1 - self.beta1) * grad
        v = memory["v"] = self.beta2 * memory.get("v", 0.0) + (1 - self.beta2) * grad**2
        m_hat = next_mu * m / (1 - product * next_mu) + (1 - mu) * grad / (1 - product)
        v_hat = v / (1 - self.beta2**t)
        return theta - learning_rate * m_hat / (np.sqrt(v_hat) + self.epsilon)


def powers_of(base: float, exponents: Any) -> Array:
    """Return base to each exponent, one by one: a power of an array may have other last bits."""
    exponents = np.asarray(exponents, np.float64)
    return np.array([base ** float(x) for x in exponents.flat]).reshape(exponents.shape)


@OPTIMIZERS.add("lion")
class Lion(Optimizer):
    """θ ← θ − λ sign(β₁ m + (1 − β₁) g), then m ← β₂ m + (1 − β₂) g, g = ∂J/∂θ.

    α (`l2`) decays by itself, W ← (1 − λα) W before the step, as in adamw. There is no ε.
    Source: Chen et al., Symbolic discovery of optimization algorithms, 2023, algorithm 2, which is
    Keras's form; PyTorch has none. The paper's λ is 3 to 10 times smaller than adam's.
    """

    decoupled_decay: ClassVar[bool] = True

    learning_rate: float = setting(0.0001, "λ, the size of a step", gt=0.0)
    beta1: float = setting(0.9, "β₁, the weight of m in the step", ge=0.0, lt=1.0)
    beta2: float = setting(0.99, "β₂, the memory of m", ge=0.0, lt=1.0)

    n_vectors = 1  # m
    formula = "θ − λ sign(β₁ m + (1 − β₁) g)"

    def bind(self, theta: Array, grad: Array, rate: Array, state: State) -> Step:
        m, c, scratch = state.vectors[0], empty_like(theta), empty_like(theta)
        beta1, rest1 = mean_weights(self.beta1, theta)
        beta2, rest2 = mean_weights(self.beta2, theta)

        def step() -> None:
            np.multiply(m, beta1, out=c)
            np.multiply(grad, rest1, out=scratch)
            np.add(c, scratch, out=c)
            np.sign(c, out=c)
            np.multiply(c, rate, out=c)
            np.subtract(theta, c, out=theta)
            update_mean(m, grad, beta2, rest2, grad)

        return step

    def published(self, theta: Array, grad: Array, learning_rate: float, memory: Memory) -> Array:
        m = memory.get("m", 0.0)
        c = self.beta1 * m + (1 - self.beta1) * grad
        memory["m"] = self.beta2 * m + (1 - self.beta2) * grad
        return theta - learning_rate * np.sign(c)
