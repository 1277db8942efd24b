"""What an optimizer is, and what it carries from step to step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

from mlpcli.array_types import Array
from mlpcli.family import Family, Member
from mlpcli.nn.arrays import LINE, column, empty_like, zeros
from mlpcli.nn.replay import np

OPTIMIZERS = Family("optimizer")


class Step(Protocol):
    """One step of an optimizer, bound to its arrays."""

    def __call__(self) -> None:
        """Update theta from grad."""


class Optimizer(Member):
    """The hyperparameters of one optimizer.

    decoupled_decay  whether α is not a term of the gradient but shrinks the weights by itself
                     (`penalties.DecoupledDecay`), before the step
    """

    decoupled_decay: ClassVar[bool] = False
    learning_rate: float

    @property
    def n_vectors(self) -> int:
        """How many vectors like theta it carries from step to step."""
        return 0

    @property
    def n_powers(self) -> int:
        """How many running powers, such as β₁ᵗ, it carries from step to step."""
        return 0

    @property
    def is_plain(self) -> Any:
        """Whether a step is θ ← θ − λ ∂J/∂θ and no more; one answer, or one a lane (R,).

        λ may then be a factor of the gradient: see `mlpcli.training.rate`.
        """
        return False

    def bind(self, theta: Array, grad: Array, rate: Array, state: State) -> Step:
        """Return the step that updates theta from grad at this rate."""
        raise NotImplementedError


class State:
    """What an optimizer carries from step to step: write it with `[...] =` to resume.

    vectors  (n_vectors, ..., n_params) of theta's type, zeros at first
    powers   (n_powers, ...) float64, one a lane, ones at first
    steps    taken so far, counted by the trainer
    """

    def __init__(self, optimizer: Optimizer, theta: Array) -> None:
        size = -(-theta.nbytes // LINE) * LINE // theta.itemsize  # each begins at a line of its own
        padded = zeros((optimizer.n_vectors, size), theta.dtype)
        self.vectors = padded[:, : theta.size].reshape(optimizer.n_vectors, *theta.shape)
        self.powers = np.ones((optimizer.n_powers, *theta.shape[:-1]))
        self.steps = 0


class Corrections:
    """1 / (1 − βᵗ) for each β: what makes a running mean that began at zero a weighted mean.

    βᵗ is multiplied up, never raised: numbers and arrays then have the same bits, and a run that
    is resumed goes on from the stored power.
    """

    def __init__(self, betas: Sequence[Any], theta: Array, state: State) -> None:
        lead = theta.shape[:-1]
        self.powers = state.powers[: len(betas)]
        self.betas = np.array([np.broadcast_to(beta, lead) for beta in betas], np.float64)
        self.rest, self._one = empty_like(self.powers), np.ones(())
        self._factors = empty_like(self.powers, theta.dtype)
        # One view for each β, as it multiplies a vector like theta: without axes, or (..., 1).
        self.factors = [self._factors[k, ..., np.newaxis] for k in range(len(betas))]
        if not lead:
            self.factors = [self._factors[k, ...] for k in range(len(betas))]

    def advance(self) -> None:
        """Make the factors of the next step."""
        self.take_powers()
        np.reciprocal(self.rest, out=self.rest)
        self.round(self.rest)

    def take_powers(self) -> None:
        """Take a step: βᵗ ← β βᵗ⁻¹, and rest ← 1 − βᵗ, in float64."""
        np.multiply(self.powers, self.betas, out=self.powers)
        np.subtract(self._one, self.powers, out=self.rest)  # 0.4 µs less than with the number

    def round(self, exact: Array) -> None:
        """Round float64 numbers to the factors."""
        np.copyto(self._factors, exact, casting="same_kind")


def rest(beta: Any, like: Array) -> Array:
    """Return 1 − β as `column` does, subtracted in float64."""
    return column(1.0 - np.asarray(beta, np.float64), like)


def positive(epsilon: Any, like: Array) -> Array:
    """Return ε as `column` does, held above 0: in float32, 1e-50 would round to it."""
    return column(np.maximum(epsilon, np.finfo(like.dtype).tiny), like)


def average_in(mean: Array, new: Array, beta: Array, complement: Array, scratch: Array) -> None:
    """Mean ← β mean + (1 − β) new; scratch, which may be new, is overwritten."""
    np.multiply(mean, beta, out=mean)
    np.multiply(new, complement, out=scratch)
    np.add(mean, scratch, out=mean)
