"""The base class of augmentations, and the rows that they are fitted on and applied to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.images import Image
from mlpcli.data.scaling import Scaling
from mlpcli.family import Family, Member

AUGMENTATIONS = Family("augmentation", module="mlpcli.data.augmentations")
TASKS = ("regression", "binary", "multiclass", "multilabel")
SHARE = "share of the rows that it is applied to"


@dataclass(frozen=True)
class TrainingRows:
    """The training rows that augmentations are fitted on.

    X        (n, n_features) encoded
    target   (n,) class numbers; (n, outputs) where there are no classes
    classes  their labels; none where there are no classes
    scaling  of the features, which it undoes
    numeric  (n_features,) bool: not the 0 or 1 of a category
    columns  (n_features,) the number of the column that a feature is a part of
    image    (height, width, channels), or None where a row is no image
    """

    X: Array
    target: Array
    classes: Sequence[Any]
    scaling: Scaling
    numeric: Array
    columns: Array
    image: Image | None = None

    @property
    def n_classes(self) -> int:
        """How many classes there are; 0 where the target is of another kind."""
        return len(self.classes)


@dataclass(frozen=True)
class RowBlock:
    """A block of shuffled training rows of one lane, overwritten in place.

    X          (m, n_features)
    target     (m,) class numbers; (m, outputs) of X's type where an augmentation mixes targets
    source     (m,) the training row that each comes from
    synthetic  (m,) bool: added to the training rows, not one of them
    """

    X: Array
    target: Array
    source: Array
    synthetic: Array


class Augmentation(Member):
    """A random change of training rows."""

    name: ClassVar[str]
    mixes: ClassVar[bool] = False  # targets become mixtures of two rows'
    needs_image: ClassVar[bool] = False
    adds_rows: ClassVar[bool] = False  # then it comes first
    tasks: ClassVar[tuple[str, ...]] = TASKS

    def problem_with(self, image: Image | None) -> str:
        """Return the problem of these settings with such images, or the empty string."""
        return ""

    def fit(self, rows: TrainingRows) -> Any:
        """Return what `apply` needs, computed once. Raises DataError where the rows do not fit."""
        return None

    def extra_rows(self, fitted: Any) -> Array:
        """Return the training row that each additional row comes from: (extra,)."""
        return np.empty(0, np.intp)

    def apply(self, block: RowBlock, fitted: Any, rng: np.random.Generator) -> None:
        """Overwrite X, and target where it mixes.

        fitted  what `fit` returned
        rng     the epoch's generator of this augmentation alone
        """
        raise NotImplementedError
