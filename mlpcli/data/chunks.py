"""What augmentations work on: the training rows, and chunks of them; and what each one offers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.images import Image
from mlpcli.family import Family, Member

AUGMENTATIONS = Family("augmentation", module="mlpcli.data.augmentations")
TASKS = ("regression", "binary", "multiclass", "multilabel")
SHARE = "share of the rows that it is applied to"


@dataclass(frozen=True)
class TrainingRows:
    """What an augmentation may look at before the first epoch.

    X             (n, n_features) encoded
    target        (n,) class numbers; (n, outputs) where there are no classes
    classes       their labels; none where there are no classes
    shift, scale  (n_features,) that undo the scaling: raw = X scale + shift
    numeric       (n_features,) bool: not the 0 or 1 of a category
    columns       (n_features,) the number of the column that a feature is a part of
    image         (height, width, channels), or None where a row is no image
    """

    X: Array
    target: Array
    classes: Sequence[Any]
    shift: Array
    scale: Array
    numeric: Array
    columns: Array
    image: Image | None = None

    @property
    def n_classes(self) -> int:
        """How many classes there are; 0 where the target is of another kind."""
        return len(self.classes)


@dataclass(frozen=True)
class Chunk:
    """Shuffled rows of one lane, that augmentations overwrite.

    X          (m, n_features)
    target     (m,) class numbers; (m, outputs) of X's type where a member mixes targets
    source     (m,) the training row that each comes from
    synthetic  (m,) bool: added to the training rows, not one of them
    """

    X: Array
    target: Array
    source: Array
    synthetic: Array


class Augmentation(Member):
    """One way to change rows at random."""

    name: ClassVar[str]
    mixes: ClassVar[bool] = False  # targets become mixtures of two rows'
    needs_image: ClassVar[bool] = False
    adds_rows: ClassVar[bool] = False  # then it comes first
    tasks: ClassVar[tuple[str, ...]] = TASKS

    def problem_with(self, image: Image | None) -> str:
        """Return what makes no sense in the settings, for these images, or the empty string."""
        return ""

    def fit(self, rows: TrainingRows) -> Any:
        """Return what `apply` needs, computed once. Raises DataError where it does not apply."""
        return None

    def extra_rows(self, fitted: Any) -> Array:
        """Return the training row that each additional row comes from: (extra,)."""
        return np.empty(0, np.intp)

    def apply(self, chunk: Chunk, fitted: Any, rng: np.random.Generator) -> None:
        """Overwrite X, and target where it mixes.

        fitted  what `fit` returned
        rng     this member's own generator of the epoch
        """
        raise NotImplementedError
