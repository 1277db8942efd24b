"""Is the update right? θ after real steps against the published formulas.

They are written here and in each optimizer's `published` as their sources print them: in float64,
out of place, sharing no code with the update that trains.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.nn.network import Network
from mlpcli.nn.noise import GRADIENTS, WEIGHTS, WEIGHTS_MULTIPLICATIVE
from mlpcli.nn.optimizers import Optimizer
from mlpcli.nn.training_step import TrainingStep
from mlpcli.nn.update import Regularization, is_on
from mlpcli.randomness import generator

# Gradients of the steps after the first, as multiples of its own: they show the optimizer's state
# and its decay. After equal steps a small opposite one: lion's mean decides its sign there, and
# amsgrad's maximum is above its mean square.
FACTORS = (1.0, 1.0, -0.02, -0.5, 2.0)
ROUNDING = 1e8  # rounding errors of θ below which a change of θ is compared in absolute terms


@dataclass(frozen=True)
class UpdateCheck:
    """The verdict on the optimizer's steps, with all that is applied before and after them."""

    optimizer: str
    formula: str
    steps: int
    worst: float
    passed: bool


class PublishedUpdate:
    """θ after each step from θ before it and the gradient, by the published formulas.

    n_weights  entries of θ that belong to W, the first ones: they alone are decayed
    mean       the average of θ₁ … θₜ with weights dᵗ⁻ⁱ
    """

    def __init__(
        self,
        network: Network,
        optimizer: Optimizer,
        strengths: Regularization,
        learning_rate: float,
        seed: int,
    ) -> None:
        self.optimizer, self.strengths, self.learning_rate = optimizer, strengths, learning_rate
        self.layout = network.architecture.layout
        self.n_weights = self.layout.n_weights
        self.seed, self.noise = seed, generator(seed, "noise", 1, GRADIENTS)
        self.memory: dict[str, Any] = {}
        self.thetas: list[Array] = []

    def step(self, theta: Array, grad: Array) -> Array:
        """Return θ after the step."""
        strengths, g = self.strengths, grad
        if is_on(strengths.gradient_noise):
            g = g + strengths.gradient_noise * self.noise.standard_normal(len(g))
        if is_on(strengths.clip_value):
            g = np.clip(g, -strengths.clip_value, strengths.clip_value)
        if is_on(strengths.clip_norm):
            g = g * min(1.0, strengths.clip_norm / np.linalg.norm(g))
        if self.optimizer.decoupled_decay:  # W ← (1 − λα) W
            is_weight = np.arange(len(theta)) < self.n_weights
            theta = theta * np.where(is_weight, 1 - self.learning_rate * strengths.l2, 1.0)
        theta = self.optimizer.published(theta, g, self.learning_rate, self.memory)
        if is_on(strengths.max_norm):
            theta = theta.copy()
            for tensor in self.layout.weights:
                W = tensor.view(theta)
                W *= np.minimum(1.0, strengths.max_norm / np.linalg.norm(W, axis=-2, keepdims=True))
        self.thetas.append(theta)
        return theta

    def noisy(self, theta: Array) -> Array:
        """Return θ with the noise on W of the first step: W + σ n, then W (1 + σ n)."""
        theta, n = theta.copy(), self.n_weights
        parts = (WEIGHTS, WEIGHTS_MULTIPLICATIVE)
        normals = [generator(self.seed, "noise", 1, part).standard_normal(n) for part in parts]
        theta[:n] += self.strengths.weight_noise * normals[0]
        theta[:n] *= 1 + self.strengths.weight_noise_multiplicative * normals[1]
        return theta

    @property
    def mean(self) -> Array:
        """Σᵢ dᵗ⁻ⁱ θᵢ / Σᵢ dᵗ⁻ⁱ."""
        weights = float(self.strengths.averaging) ** np.arange(len(self.thetas))[::-1]
        return np.average(self.thetas, axis=0, weights=weights)


def check_update(
    step: TrainingStep,
    before: Array,
    grad: Array,
    learning_rate: float,
    *,
    seed: int,
    tolerance: float,
) -> UpdateCheck:
    """Compare θ and the state after six steps with the published formulas.

    step           after its first call; its update is called for five more steps here
    before         θ (n_params,) before that step
    grad           (n_params,) ∂(J + P)/∂θ of that step
    learning_rate  λ, as the step should have taken it
    """
    update, network = step.update, step.network
    published = PublishedUpdate(
        network, update.optimizer, step.regularization, float(learning_rate), seed
    )
    worst = _error(before, network.theta, published.step(before, grad))
    if step.noisy_weights is not None:
        noisy_theta = step.noisy_weights.network.theta
        worst = max(worst, _error(before, noisy_theta, published.noisy(before)))
    for factor in FACTORS:
        before = network.theta.copy()
        step.grad[...] = factor * grad
        update()
        worst = max(worst, _error(before, network.theta, published.step(before, factor * grad)))
    # Lion's sign hides a mean that is slightly wrong: the running means are compared themselves.
    means = [each for each in published.memory.values() if np.shape(each) == before.shape]
    for vector in update.state.vectors:
        zeros = np.zeros_like(vector)
        worst = max(worst, min(_error(zeros, vector, mean) for mean in means))
    if update.average is not None:
        average = update.average.average[: len(before)]
        worst = max(worst, _error(before, average, published.mean))
    name = update.optimizer.name
    return UpdateCheck(name, update.optimizer.formula, 1 + len(FACTORS), worst, worst <= tolerance)


def _error(before: Array, after: Array, expected: Array) -> float:
    """Return the largest error of an entry's change, relative to the change."""
    with np.errstate(all="ignore"):
        floor = ROUNDING * np.finfo(float).eps * np.maximum(1.0, np.abs(before))
        change = np.maximum(np.abs(after - before), np.abs(expected - before))
        return float(
            np.max(np.nan_to_num(np.abs(after - expected) / np.maximum(change, floor), nan=np.inf))
        )
