"""Moves of a network's parameters, four points along each: the stacks of a gradient check."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlpcli.array_types import Array

OFFSETS = np.array([1.0, -1.0, 2.0, -2.0])  # in steps; gradcheck.py reads J in this order


@dataclass(frozen=True)
class EntryMoves:
    """Moves of single entries of theta."""

    index: Array
    n_params: int

    def __len__(self) -> int:
        return len(self.index)

    def moved(self, theta: Array, which: Array, step: Array) -> Array:
        """Return theta moved by OFFSETS · step along each move of `which`, (4 len, n_params)."""
        moved = np.tile(theta, (4 * len(which), 1))
        moved[np.arange(len(moved)), np.repeat(self.index[which], 4)] += np.outer(
            step, OFFSETS
        ).ravel()
        return moved

    def along(self, gradient: Array, which: Array) -> Array:
        """Return the derivative along each move."""
        return gradient[self.index[which]]


@dataclass(frozen=True)
class DirectionMoves:
    """Moves of all parameters at once, along rows of `direction` (moves, n_params)."""

    direction: Array

    def __len__(self) -> int:
        return len(self.direction)

    def moved(self, theta: Array, which: Array, step: Array) -> Array:
        """Return theta moved by OFFSETS · step along each move of `which`, (4 len, n_params)."""
        far = np.outer(step, OFFSETS)[:, :, np.newaxis] * self.direction[which][:, np.newaxis]
        return theta + far.reshape(-1, theta.size)

    def along(self, gradient: Array, which: Array) -> Array:
        """Return the derivative along each move."""
        return self.direction[which] @ gradient
