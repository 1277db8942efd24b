"""Steps of one size in every parameter."""

from __future__ import annotations

from typing import ClassVar

from mlpcli.array_types import Array
from mlpcli.family import setting
from mlpcli.nn.arrays import empty_like
from mlpcli.nn.optimizers.contract import OPTIMIZERS, Optimizer, State, Step, rest
from mlpcli.nn.replay import np


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

    @property
    def n_vectors(self) -> int:
        """One, m."""
        return 1

    def bind(self, theta: Array, grad: Array, rate: Array, state: State) -> Step:
        """Return the step, both means written as m + (1 − β) (g − m): g − m is taken once."""
        m, scratch = state.vectors[0], empty_like(theta)
        rest1, rest2 = rest(self.beta1, theta), rest(self.beta2, theta)

        def step() -> None:
            np.subtract(grad, m, out=grad)
            np.multiply(grad, rest1, out=scratch)
            np.add(m, scratch, out=scratch)
            np.sign(scratch, out=scratch)
            np.multiply(scratch, rate, out=scratch)
            np.subtract(theta, scratch, out=theta)
            np.multiply(grad, rest2, out=grad)
            np.add(m, grad, out=m)

        return step
