"""Perturbations of a network's parameters, four points along each, as one stack."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlpcli.array_types import Array

OFFSETS = np.array([1.0, -1.0, 2.0, -2.0])  # in steps; gradcheck.py reads J in this order


@dataclass(frozen=True)
class EntryPerturbations:
    """Perturbations of single entries of theta, `index` (n,)."""

    index: Array

    def __len__(self) -> int:
        return len(self.index)

    def apply(self, theta: Array, which: Array, step: Array) -> Array:
        """Return theta + OFFSETS · step along each of `which`, (4 len, n_params)."""
        thetas = np.tile(theta, (4 * len(which), 1))
        rows, entries = np.arange(len(thetas)), np.repeat(self.index[which], 4)
        thetas[rows, entries] += np.outer(step, OFFSETS).ravel()
        return thetas

    def derivative(self, gradient: Array, which: Array) -> Array:
        """Return the derivative along each."""
        return gradient[self.index[which]]


@dataclass(frozen=True)
class DirectionPerturbations:
    """Perturbations of all parameters at once, along rows of `direction` (n, n_params)."""

    direction: Array

    def __len__(self) -> int:
        return len(self.direction)

    def apply(self, theta: Array, which: Array, step: Array) -> Array:
        far = np.outer(step, OFFSETS)[:, :, np.newaxis] * self.direction[which][:, np.newaxis]
        return theta + far.reshape(-1, theta.size)

    def derivative(self, gradient: Array, which: Array) -> Array:
        # One by one: a product with several rows is added up in another order than with one.
        return np.array([self.direction[k] @ gradient for k in which])


Perturbations = EntryPerturbations | DirectionPerturbations
