"""Changes of the gathered rows of an epoch: augmentation, and noise on inputs and labels.

Each lane draws from its own generator, a block of rows at a time, so that an epoch's random
numbers depend on its seed and number alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.augmenter import Augmenter
from mlpcli.nn.noise import INPUT, INPUT_MULTIPLICATIVE, LABELS
from mlpcli.randomness import generator, generators
from mlpcli.training.batches import BatchTransform


class Augment(BatchTransform):
    """The augmentations of a spec: a generator for each of them in each lane."""

    def __init__(self, augmenters: Sequence[Augmenter]) -> None:
        self.augmenters = augmenters  # one a lane
        self.generators: list[list[np.random.Generator]] = []

    def start(self, seeds: Sequence[int], epoch: int) -> None:
        members = range(len(self.augmenters[0].augmentations))
        self.generators = [
            [generator(seed, "augmentation", epoch, k) for k in members] for seed in seeds
        ]

    def streams(self) -> dict[str, Sequence[np.random.Generator]]:
        each = zip(*self.generators, strict=True)
        return {f"augmentation.{k}": lanes for k, lanes in enumerate(each)}

    def apply(self, lane: int, X: Array, y: Array, slots: Array) -> None:
        self.augmenters[lane].apply(X, y, slots, self.generators[lane])


class RowNoise(BatchTransform):
    """Noise of one strength, one number or one a lane (R,), from one part of the stream `noise`."""

    part: int

    def __init__(self, strength: Any) -> None:
        self.strength = strength
        self.generators: list[np.random.Generator] = []

    def start(self, seeds: Sequence[int], epoch: int) -> None:
        self.generators = generators(seeds, "noise", epoch, self.part)

    def streams(self) -> dict[str, Sequence[np.random.Generator]]:
        return {f"noise.{self.part}": self.generators}

    def sigma(self, lane: int) -> float:
        """Return the strength in one lane."""
        return float(self.strength[lane] if np.ndim(self.strength) else self.strength)


class InputNoise(RowNoise):
    """X ← X + σ n, n ~ N(0, 1). Source: the lecture, noise injection; Bishop, 1995."""

    part = INPUT

    def apply(self, lane: int, X: Array, y: Array, slots: Array) -> None:
        X += self.sigma(lane) * self.generators[lane].standard_normal(X.shape, X.dtype.type)


class MultiplicativeInputNoise(RowNoise):
    """X ← X (1 + σ n), n ~ N(0, 1). Source: Srivastava et al., 2014, section 10."""

    part = INPUT_MULTIPLICATIVE

    def apply(self, lane: int, X: Array, y: Array, slots: Array) -> None:
        X *= 1 + self.sigma(lane) * self.generators[lane].standard_normal(X.shape, X.dtype.type)


class ClassNoise(RowNoise):
    """With probability q a class becomes one of the others. Source: Xie et al., 2016."""

    part = LABELS

    def apply(self, lane: int, X: Array, y: Array, slots: Array) -> None:
        """Move the one-hot rows (rows, n_classes) that change round by 1 … n_classes − 1."""
        rng, (n_rows, n_classes) = self.generators[lane], y.shape
        changed = rng.random(n_rows) < self.sigma(lane)
        shift = np.where(changed, rng.integers(1, n_classes, n_rows), 0)
        column = (np.arange(n_classes) - shift[:, np.newaxis]) % n_classes
        y[...] = np.take_along_axis(y, column, axis=1)


class FlipNoise(RowNoise):
    """With probability q an indicator y becomes 1 − y, each label for itself."""

    part = LABELS

    def apply(self, lane: int, X: Array, y: Array, slots: Array) -> None:
        flipped = self.generators[lane].random(y.shape) < self.sigma(lane)
        np.subtract(1, y, out=y, where=flipped)


class TargetNoise(RowNoise):
    """y ← y + σ n, n ~ N(0, 1), y as it is scaled: for regression. Source: Holmström, 1992."""

    part = LABELS

    def apply(self, lane: int, X: Array, y: Array, slots: Array) -> None:
        y += self.sigma(lane) * self.generators[lane].standard_normal(y.shape, y.dtype.type)


def label_noise(strength: Any, task: str) -> RowNoise:
    """Return the noise on the labels of a task."""
    if task == "multiclass":
        return ClassNoise(strength)
    return TargetNoise(strength) if task == "regression" else FlipNoise(strength)
