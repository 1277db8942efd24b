"""λ of a step, and where it comes in: in the optimizer's step, or already in the gradient.

Plain descent, θ ← θ − λ ∂J/∂θ, spends one of two passes over the parameters on the product with
λ. The gradient is linear in the rows' shares of J, which are 1/N: with λ/N in their place the
backward pass gives λ ∂J/∂θ, and the step is a subtraction. Steps of small networks take 2 % less,
of 784-512-256-10 1 % (decision 23). Whatever else looks at a gradient's size (penalties, noise,
clipping, an optimizer that remembers) is given ∂J/∂θ itself.
"""

from __future__ import annotations

from typing import Any

from mlpcli.array_types import Array, Shape
from mlpcli.nn.arrays import zeros
from mlpcli.nn.optimizers import Optimizer, State, Step
from mlpcli.nn.replay import np
from mlpcli.training.regularizers import Regularizers


class Rate:
    """The learning rate, one number or one a lane; each lane takes it where it would alone.

    value    (), or (R, 1): λ
    of_rows  (), or (R, 1): the factor of the rows' shares
    of_step  (), or (R, 1): the factor of the optimizer's step
    """

    def __init__(
        self, optimizer: Optimizer, regularizers: Regularizers, lead: Shape, dtype: Any
    ) -> None:
        shape = (*lead, 1) if lead else ()
        in_rows = optimizer.is_plain & ~regularizers.use_gradient
        self._in_rows = np.broadcast_to(in_rows, lead).reshape(shape)
        self._in_step = ~self._in_rows
        self.value = zeros(shape, dtype)
        self.is_in_rows, self.is_in_step = bool(self._in_rows.any()), bool(self._in_step.any())
        # Where all lanes are alike one factor is λ itself, and the other stays 1.
        self.of_rows, self.of_step = (
            self.value if own.all() else np.ones(shape, dtype)
            for own in (self._in_rows, self._in_step)
        )

    def set(self, value: Any) -> None:
        """Let λ be this from now on; a schedule may say so before each step."""
        self.value[...] = value
        if self.is_in_rows and self.is_in_step:
            np.copyto(self.of_rows, self.value, where=self._in_rows)
            np.copyto(self.of_step, self.value, where=self._in_step)

    def step(self, optimizer: Optimizer, theta: Array, grad: Array, state: State) -> Step:
        """Return the optimizer's step; a subtraction, where the gradient has λ in every lane."""
        if self.is_in_step:
            return optimizer.bind(theta, grad, self.of_step, state)

        def subtract() -> None:
            np.subtract(theta, grad, out=theta)

        return subtract
