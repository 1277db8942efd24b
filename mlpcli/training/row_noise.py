"""Noise on the gathered rows of an epoch: on their inputs, and on their labels.

Each lane draws from its own generator, a chunk at a time, so that an epoch's noise depends on
its seed and number alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.randomness import generators
from mlpcli.training.regularizers import INPUT, INPUT_MULTIPLICATIVE, LABELS


class RowNoise:
    """Noise of one strength, one number or one a lane (R,), from one part of the stream `noise`."""

    part: int

    def __init__(self, strength: Any) -> None:
        self.strength = strength
        self.generators: list[np.random.Generator] = []

    def start(self, seeds: Sequence[int], epoch: int) -> None:
        """Begin an epoch, given the seed of each lane."""
        self.generators = generators(seeds, "noise", epoch, self.part)

    def of(self, lane: int) -> float:
        """Return the strength in one lane."""
        return float(self.strength[lane] if np.ndim(self.strength) else self.strength)

    def apply(self, lane: int, X: Array, target: Array, slots: Array) -> None:
        """Change one lane's rows in place."""
        raise NotImplementedError


class InputNoise(RowNoise):
    """X ← X + σ n, n ~ N(0, 1). Source: the lecture, noise injection; Bishop, 1995."""

    part = INPUT

    def apply(self, lane: int, X: Array, target: Array, slots: Array) -> None:
        """Add the noise."""
        X += self.of(lane) * self.generators[lane].standard_normal(X.shape, X.dtype.type)


class MultiplicativeInputNoise(RowNoise):
    """X ← X (1 + σ n), n ~ N(0, 1). Source: Srivastava et al., 2014, section 10."""

    part = INPUT_MULTIPLICATIVE

    def apply(self, lane: int, X: Array, target: Array, slots: Array) -> None:
        """Multiply by the noise."""
        X *= 1 + self.of(lane) * self.generators[lane].standard_normal(X.shape, X.dtype.type)


class ClassNoise(RowNoise):
    """With probability q a class number becomes one of the others. Source: Xie et al., 2016."""

    part = LABELS

    def __init__(self, strength: Any, n_classes: int) -> None:
        super().__init__(strength)
        self.n_classes = n_classes

    def apply(self, lane: int, X: Array, target: Array, slots: Array) -> None:
        """Change class numbers (rows,), or indicators (rows, n_classes), which move round."""
        rng = self.generators[lane]
        changed = rng.random(len(target)) < self.of(lane)
        step = np.where(changed, rng.integers(1, self.n_classes, len(target)), 0)
        if target.ndim == 1:
            target += step
            target %= self.n_classes
        else:
            column = (np.arange(self.n_classes) - step[:, np.newaxis]) % self.n_classes
            target[...] = np.take_along_axis(target, column, axis=1)


class FlipNoise(RowNoise):
    """With probability q an indicator y becomes 1 − y, each label for itself."""

    part = LABELS

    def apply(self, lane: int, X: Array, target: Array, slots: Array) -> None:
        """Flip indicators (rows, labels)."""
        flipped = self.generators[lane].random(target.shape) < self.of(lane)
        np.subtract(1, target, out=target, where=flipped)


class TargetNoise(RowNoise):
    """y ← y + σ n, n ~ N(0, 1), y as it is scaled: for regression. Source: Holmström, 1992."""

    part = LABELS

    def apply(self, lane: int, X: Array, target: Array, slots: Array) -> None:
        """Add the noise."""
        target += self.of(lane) * self.generators[lane].standard_normal(
            target.shape, target.dtype.type
        )


def label_noise(strength: Any, task: str, n_classes: int) -> RowNoise:
    """Return the noise on the labels of a task."""
    if task == "multiclass":
        return ClassNoise(strength, n_classes)
    return TargetNoise(strength) if task == "regression" else FlipNoise(strength)
