"""The interface of an optimizer, and its state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from mlpcli.array_types import Array
from mlpcli.family import Family, Member
from mlpcli.nn.arrays import LINE, cache_slices, column, empty_like, zeros

OPTIMIZERS = Family("optimizer")

Step = Callable[[], None]  # updates theta from grad
Memory = dict[str, Any]  # m, v, t, …: what `published` keeps between two steps


class Optimizer(Member):
    """The hyperparameters of one optimizer.

    decoupled_decay  whether α is not a term of the gradient but shrinks the weights by itself
                     (`penalties.DecoupledDecay`), before the step
    n_vectors        how many vectors like theta it carries from step to step
    n_powers         how many running powers, such as β₁ᵗ, it carries from step to step
    formula          θ after a step, in short
    """

    decoupled_decay: ClassVar[bool] = False
    learning_rate: float

    @property
    def n_vectors(self) -> int:
        return 0

    @property
    def n_powers(self) -> int:
        return 0

    @property
    def formula(self) -> str:
        raise NotImplementedError

    def bind(self, theta: Array, grad: Array, rate: Array, state: State) -> Step:
        """Return the step that updates theta from grad, in place; it may overwrite grad.

        theta, grad  (..., n_params)
        rate         λ, () or (..., 1); read at each step
        """
        raise NotImplementedError

    def published(self, theta: Array, grad: Array, learning_rate: float, memory: Memory) -> Array:
        """Return θ after one step, (n_params,), computed as the source prints its algorithm.

        The step a second time, out of place in float64 and sharing nothing with `bind`, for
        `mlp gradcheck` to compare. One network, no lanes; decoupled decay is the caller's.

        memory  empty before the first step, updated by each; its arrays are those of
                `State.vectors`, in their order
        """
        raise NotImplementedError


class State:
    """The state of an optimizer between two steps: write it with `[...] =` to resume.

    vectors  (n_vectors, ..., n_params) of theta's type, zeros at first
    powers   (n_powers, ...) float64, one a lane, ones at first. Multiplied up step by step: βᵗ
             raised anew would have other last bits in an array than alone
    steps    taken so far, counted by the trainer
    """

    def __init__(self, optimizer: Optimizer, theta: Array) -> None:
        size = -(-theta.nbytes // LINE) * LINE // theta.itemsize  # each begins a cache line
        padded = zeros((optimizer.n_vectors, size), theta.dtype)
        self.vectors = padded[:, : theta.size].reshape(optimizer.n_vectors, *theta.shape)
        self.powers = np.ones((optimizer.n_powers, *theta.shape[:-1]))
        self.steps = 0

    def part(self, part: slice) -> State:
        """Return the state of some parameters: views of the vectors, and powers of its own."""
        one = State.__new__(State)
        one.vectors, one.powers, one.steps = self.vectors[..., part], self.powers.copy(), 0
        return one

    def power_columns(self) -> Array:
        """Return a view of the powers, each as it broadcasts over theta: () or (..., 1)."""
        n, *lanes = self.powers.shape
        return self.powers.reshape((n, *lanes, 1) if lanes else (n,))


def in_blocks(theta: Array, *arrays: Array) -> list[list[Array]]:
    """Return views of theta and of arrays that broadcast over it, block by block, with a scratch.

    A block is a part of one network's parameters, or some lanes of a stack; all passes over it find
    it in the cache: with 567,434 float32 parameters adam's step takes a quarter less time (timeit).
    """
    slices = cache_slices(theta)
    scratch = empty_like(theta[slices[0]])

    def block(part: slice) -> list[Array]:
        views = [each[part] if each.ndim else each for each in (theta, *arrays)]
        return [*views, scratch[: len(views[0])]]

    return [block(part) for part in slices]


def mean_weights(beta: Any, like: Array) -> tuple[Array, Array]:
    """Return β and 1 − β as `column` does, subtracted in float64."""
    return column(beta, like), column(1.0 - np.asarray(beta, np.float64), like)


def update_mean(mean: Array, new: Array, beta: Array, rest: Array, scratch: Array) -> None:
    """Mean ← β mean + (1 − β) new; scratch is overwritten and may be new."""
    np.multiply(mean, beta, out=mean)
    np.multiply(new, rest, out=scratch)
    np.add(mean, scratch, out=mean)


def positive(epsilon: Any, like: Array) -> Array:
    """Return ε as `column` does, held above 0: in float32, 1e-50 would round to it."""
    return column(np.maximum(epsilon, np.finfo(like.dtype).tiny), like)
