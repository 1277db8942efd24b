"""The augmentations of a spec, one after the other, on each block of shuffled training rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.augmentation import Augmentation, RowBlock, TrainingRows
from mlpcli.errors import DataError


class Augmenter:
    """Augmentations fitted on the training rows.

    An epoch goes over slots, not rows: slot i is training row i for i < n, and each slot from n on
    is a row that an augmentation adds. Slots are shuffled, and gathered by `source`, as rows are.

    mixes   whether targets become mixtures: then the target is (rows, outputs)
    n_rows  n, how many training rows there are
    Raises DataError, with the spec's key, where an augmentation does not apply to the rows.
    """

    def __init__(self, augmentations: Sequence[Augmentation], rows: TrainingRows) -> None:
        self.augmentations = tuple(augmentations)
        self.fitted = [_fitted(k, each, rows) for k, each in enumerate(self.augmentations)]
        self.mixes = any(each.mixes for each in self.augmentations)
        self.n_rows = len(rows.X)
        self.extra = [
            each.extra_rows(f) for each, f in zip(self.augmentations, self.fitted, strict=True)
        ]

    @property
    def n_slots(self) -> int:
        """How many rows an epoch has."""
        return self.n_rows + sum(map(len, self.extra))

    @cached_property
    def source(self) -> Array:
        """The training row that each slot comes from, (n_slots,)."""
        return np.concatenate([np.arange(self.n_rows), *self.extra])

    def apply(
        self, X: Array, target: Array, slots: Array, generators: Sequence[np.random.Generator]
    ) -> None:
        """Overwrite rows of one lane, by the augmentations in the spec's order.

        X           (m, n_features) the rows `source[slots]`; writable
        target      (m,) class numbers; where `mixes`, (m, outputs) floats: writable
        slots       (m,) which slots they are
        generators  one for each augmentation, from its stream, the epoch and its number in the
                    spec; the same ones for all blocks of an epoch
        """
        block = RowBlock(X, target, self.source[slots], slots >= self.n_rows)
        with np.errstate(all="ignore"):  # numbers at the type's limit: the loss will say so
            for each, fitted, rng in zip(self.augmentations, self.fitted, generators, strict=True):
                each.apply(block, fitted, rng)


def _fitted(k: int, augmentation: Augmentation, rows: TrainingRows) -> Any:
    try:
        return augmentation.fit(rows)
    except DataError as error:
        key = error.key or ("regularization", "augmentation", k)
        raise DataError(str(error), key) from None
