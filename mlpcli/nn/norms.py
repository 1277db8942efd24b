"""Normalizations of the pre-activations, between u = h W + b and f: y = γ ∗ û + β.

û has mean 0 and variance 1 over the batch, unit by unit, or over the units, row by row. γ and β,
one number a unit, are learned like biases and are not decayed. A member holds the
hyperparameters; `layer` binds it to arrays, for training or for evaluation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from mlpcli.array_types import Array
from mlpcli.family import Family, Member, setting
from mlpcli.nn.arrays import column, empty, empty_like, matmul_for

NORMS = Family("norm")
Tensors = Mapping[str, Array]
ROWS, UNITS = -2, -1  # axes


class Norm(Member):
    """One normalization."""

    least_rows: ClassVar[int] = 1  # of a batch in training
    least_units: ClassVar[int] = 1

    @property
    def parameters(self) -> Mapping[str, float]:
        """Learned parameters, one number a unit, with initial values: γ (weight) and β (bias)."""
        return {"weight": 1.0, "bias": 0.0}

    @property
    def statistics(self) -> Mapping[str, float]:
        """Running statistics that evaluation uses, one number a unit, with initial values."""
        return {}

    def layer(self, u: Array, params: Tensors, grads: Tensors, *, training: bool) -> Normalize:
        """Return the layer that normalizes arrays like u (..., rows, units).

        params  γ, β and the statistics by name, (..., units)
        grads   where the gradients of γ and β go
        """
        raise NotImplementedError


class Normalize:
    """y = γ ∗ û + β, and back: what the normalizations share.

    û, called `u_hat`, is kept for the way back. ∂J/∂γ = Σ_d δ_d ∗ û_d and ∂J/∂β = Σ_d δ_d.
    """

    def __init__(self, u: Array, params: Tensors, grads: Tensors) -> None:
        self.matmul, self.n_rows = matmul_for(u.shape[:-2]), u.shape[-2]
        # One row each, (..., 1, units), which broadcasts over the batch.
        self.params = {name: value[..., np.newaxis, :] for name, value in params.items()}
        self.weight, self.bias = self.params["weight"], self.params["bias"]
        self.grads = {name: value[..., np.newaxis, :] for name, value in grads.items()}
        self.ones = np.ones((1, self.n_rows), u.dtype)
        self.u_hat, self.y, self.work = empty_like(u), empty_like(u), empty_like(u)

    def forward(self, u: Array) -> Array:
        """y ← γ ∗ û + β."""
        self.normalize(u)
        return self.shift()

    def shift(self) -> Array:
        """y ← γ ∗ û + β, given û."""
        np.multiply(self.u_hat, self.weight, out=self.y)
        return np.add(self.y, self.bias, out=self.y)

    def normalize(self, u: Array) -> None:
        """û ← the normalized u."""
        raise NotImplementedError

    def backward(self, delta: Array) -> Array:
        """Write ∂J/∂γ and ∂J/∂β; delta ← dJ/du in place."""
        self.gradient(delta)
        return self.below(delta)

    def gradient(self, delta: Array) -> None:
        """Write ∂J/∂γ and ∂J/∂β; delta ← dJ/dû in place."""
        np.multiply(delta, self.u_hat, out=self.work)
        self.matmul(self.ones, self.work, self.grads["weight"])
        self.matmul(self.ones, delta, self.grads["bias"])
        np.multiply(delta, self.weight, out=delta)

    def below(self, delta: Array) -> Array:
        """delta ← dJ/du, given dJ/dû."""
        raise NotImplementedError


class _Moments(Normalize):
    """û = (u − μ) / √(σ² + ε) by the moments of u, over its rows or units."""

    axis: ClassVar[int]

    def __init__(self, epsilon: Any, u: Array, params: Tensors, grads: Tensors) -> None:
        super().__init__(u, params, grads)
        self.epsilon = column(epsilon, u)
        shape, n = list(u.shape), u.shape[self.axis]
        shape[self.axis] = 1
        self.mean, self.variance, self.spread = (empty(tuple(shape), u.dtype) for _ in range(3))
        self.each = np.full((1, n) if self.axis == ROWS else (n, 1), 1.0 / n, u.dtype)

    def average(self, x: Array, out: Array) -> None:
        """out ← mean x, a product with a row or column of 1/n."""
        raise NotImplementedError

    def normalize(self, u: Array) -> None:
        """û ← (u − μ) / √(σ² + ε)."""
        self.average(u, self.mean)
        self.center(u)
        self.average(self.work, self.variance)
        self.scale()

    def center(self, u: Array) -> None:
        """û ← u − μ, and its square."""
        np.subtract(u, self.mean, out=self.u_hat)
        np.multiply(self.u_hat, self.u_hat, out=self.work)

    def scale(self) -> None:
        """û ← û / √(σ² + ε)."""
        np.add(self.variance, self.epsilon, out=self.spread)
        np.sqrt(self.spread, out=self.spread)
        np.divide(self.u_hat, self.spread, out=self.u_hat)

    def below(self, delta: Array) -> Array:
        """delta ← (δ − mean δ − û ∗ mean(δ ∗ û)) / √(σ² + ε)."""
        np.multiply(delta, self.u_hat, out=self.work)
        self.average(self.work, self.variance)
        self.average(delta, self.mean)
        return self.project(delta)

    def project(self, delta: Array) -> Array:
        """delta ← (δ − mean δ − û ∗ mean(δ ∗ û)) / √(σ² + ε), given both means."""
        np.multiply(self.u_hat, self.variance, out=self.work)
        np.add(self.work, self.mean, out=self.work)
        np.subtract(delta, self.work, out=delta)
        return np.divide(delta, self.spread, out=delta)


@NORMS.add("batch")
class BatchNorm(Norm):
    """û = (u − μ) / √(σ² + ε), μ and σ² the mean and variance of each unit over the batch.

    σ² divides by N. In evaluation μ and σ² are running means over the batches of training,
    m̄ ← (1 − ρ) m̄ + ρ m, that of the variance with N − 1; they begin at 0 and 1 and are stored
    with the model. dJ/du = (δ − mean δ − û ∗ mean(δ ∗ û)) / √(σ² + ε), with δ = dJ/dû.
    Source: Ioffe and Szegedy, 2015, algorithms 1 and 2; ρ as in PyTorch.
    """

    least_rows: ClassVar[int] = 2

    epsilon: float = setting(1e-5, "ε, keeps the quotient finite", gt=0.0)
    momentum: float = setting(0.1, "ρ, the weight of a new batch in the means", gt=0.0, le=1.0)

    @property
    def statistics(self) -> Mapping[str, float]:
        return {"mean": 0.0, "variance": 1.0}

    def layer(self, u: Array, params: Tensors, grads: Tensors, *, training: bool) -> Normalize:
        kind = BatchMoments if training else _RunningMoments
        return kind(self, u, params, grads)


class BatchMoments(_Moments):
    """û by the moments of the batch, which also update the running ones."""

    axis = ROWS

    def __init__(self, norm: BatchNorm, u: Array, params: Tensors, grads: Tensors) -> None:
        super().__init__(norm.epsilon, u, params, grads)
        self.momentum = np.asarray(norm.momentum, np.float64)
        self.weighted = empty_like(self.mean)
        self.count(self.n_rows)

    def count(self, n_rows: int) -> None:
        """Take means over so many rows: those of a batch of which these are a part."""
        # Of the running means (..., 1, units): 1 − ρ, ρ, and ρ N/(N − 1) for the variance.
        rho, unbiased = self.momentum, n_rows / max(1, n_rows - 1)
        self.keep, self.rho, self.rho_unbiased = (
            column(factor, self.y) for factor in (1 - rho, rho, rho * unbiased)
        )
        self.each.fill(1.0 / n_rows)

    def average(self, x: Array, out: Array) -> None:
        self.matmul(self.each, x, out)

    def normalize(self, u: Array) -> None:
        """Normalize, then update the running means."""
        super().normalize(u)
        self.update_running()

    def update_running(self) -> None:
        """m̄ ← (1 − ρ) m̄ + ρ m of mean and variance."""
        self._update(self.params["mean"], self.mean, self.rho)
        self._update(self.params["variance"], self.variance, self.rho_unbiased)

    def _update(self, running: Array, new: Array, rho: Array) -> None:
        np.multiply(running, self.keep, out=running)
        np.multiply(new, rho, out=self.weighted)
        np.add(running, self.weighted, out=running)


class _RunningMoments(Normalize):
    """û by the running moments, which are constants here."""

    def __init__(self, norm: BatchNorm, u: Array, params: Tensors, grads: Tensors) -> None:
        super().__init__(u, params, grads)
        self.epsilon = column(norm.epsilon, u)
        self.spread = empty_like(self.weight)

    def normalize(self, u: Array) -> None:
        """û ← (u − m̄) / √(v̄ + ε)."""
        np.add(self.params["variance"], self.epsilon, out=self.spread)
        np.sqrt(self.spread, out=self.spread)
        np.subtract(u, self.params["mean"], out=self.u_hat)
        np.divide(self.u_hat, self.spread, out=self.u_hat)

    def below(self, delta: Array) -> Array:
        """delta ← δ / √(v̄ + ε)."""
        return np.divide(delta, self.spread, out=delta)


@NORMS.add("layer")
class LayerNorm(Norm):
    """û = (u − μ) / √(σ² + ε), μ and σ² the mean and variance of each row over its units.

    σ² divides by the number of units. The same in training and evaluation.
    dJ/du = (δ − mean δ − û ∗ mean(δ ∗ û)) / √(σ² + ε), with δ = dJ/dû, means over the units.
    Source: Ba, Kiros and Hinton, 2016, (4).
    """

    least_units: ClassVar[int] = 2

    epsilon: float = setting(1e-5, "ε, keeps the quotient finite", gt=0.0)

    def layer(self, u: Array, params: Tensors, grads: Tensors, *, training: bool) -> Normalize:
        return _RowMoments(self.epsilon, u, params, grads)


class _RowMoments(_Moments):
    """û by the moments of each row."""

    axis = UNITS

    def average(self, x: Array, out: Array) -> None:
        self.matmul(x, self.each, out)
