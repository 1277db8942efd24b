"""The augmentations of a spec, one after the other, on each chunk of shuffled training rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.chunks import Augmentation, Chunk, TrainingRows
from mlpcli.errors import DataError


class Augmenter:
    """Augmentations fitted on the training rows.

    An epoch goes over slots, not rows: slot i is training row i for i < n, and each slot from n on
    is a row that a member adds. Slots are shuffled and gathered (by `source`) as rows are.

    mixes   whether targets become mixtures: then the target is (rows, outputs)
    n_rows  n, how many training rows there are
    Raises DataError, with the spec's key, where a member does not apply to the rows.
    """

    def __init__(self, members: Sequence[Augmentation], rows: TrainingRows) -> None:
        self.members = tuple(members)
        self.fitted = [_fitted(k, member, rows) for k, member in enumerate(self.members)]
        self.mixes = any(member.mixes for member in self.members)
        self.n_rows = len(rows.X)
        self.extra = [m.extra_rows(f) for m, f in zip(self.members, self.fitted, strict=True)]

    @property
    def n_slots(self) -> int:
        """How many rows an epoch has."""
        return self.n_rows + sum(map(len, self.extra))

    @cached_property
    def source(self) -> Array:
        """The training row that each slot comes from, (n_slots,); made where it is asked for."""
        return np.concatenate([np.arange(self.n_rows), *self.extra])

    def apply(
        self, X: Array, target: Array, slots: Array, generators: Sequence[np.random.Generator]
    ) -> None:
        """Overwrite the rows of one lane, members in the spec's order.

        X           (m, n_features) the rows `source[slots]`; writable
        target      (m,) class numbers; where `mixes`, (m, outputs) floats: writable
        slots       (m,) which slots they are
        generators  one a member: of the stream augmentation, the epoch, and the member's number;
                    the same ones for all chunks of an epoch
        """
        chunk = Chunk(X, target, self.source[slots], slots >= self.n_rows)
        with np.errstate(all="ignore"):  # numbers at the type's limit: the loss will say so
            for member, fitted, rng in zip(self.members, self.fitted, generators, strict=True):
                member.apply(chunk, fitted, rng)


def _fitted(k: int, member: Augmentation, rows: TrainingRows) -> Any:
    try:
        return member.fit(rows)
    except DataError as error:
        key = error.key or ("regularization", "augmentation", k)
        raise DataError(str(error), key) from None
