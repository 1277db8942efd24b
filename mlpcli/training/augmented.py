"""The spec's augmentations on its data: what training goes over, and a look at its first rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.augmenter import Augmenter
from mlpcli.data.chunks import AUGMENTATIONS, TrainingRows
from mlpcli.data.dataset import Dataset, Encoding, Part
from mlpcli.data.targets import ClassTarget
from mlpcli.randomness import generator
from mlpcli.spec.members import build
from mlpcli.spec.schema import Spec
from mlpcli.training.assemble import build_architecture, loss_target
from mlpcli.training.feed import Feed


def build_augmenter(spec: Spec, encoding: Encoding, train: Part) -> Augmenter:
    """Return the spec's augmentations, fitted on the training rows.

    Raises DataError, with the key of the member that does not apply to them.
    """
    inputs, target, image = encoding.inputs, encoding.target, spec.data.image
    rows = TrainingRows(
        train.X,
        train.y,
        target.classes if isinstance(target, ClassTarget) else (),
        inputs.shift,
        inputs.scale,
        inputs.numeric,
        inputs.column_numbers,
        None if image is None else image.shape,
    )
    return Augmenter([build(AUGMENTATIONS, m) for m in spec.regularization.augmentation], rows)


class Augment:
    """The augmentations as the feed applies them: a generator for each member in each lane."""

    def __init__(self, augmenters: Sequence[Augmenter]) -> None:
        self.augmenters = augmenters  # one a lane
        self.generators: list[list[np.random.Generator]] = []

    def start(self, seeds: Sequence[int], epoch: int) -> None:
        """Begin an epoch, given the seed of each lane."""
        members = range(len(self.augmenters[0].members))
        self.generators = [
            [generator(seed, "augmentation", epoch, k) for k in members] for seed in seeds
        ]

    def apply(self, lane: int, X: Array, target: Array, slots: Array) -> None:
        """Overwrite one lane's gathered rows."""
        self.augmenters[lane].apply(X, target, slots, self.generators[lane])


@dataclass(frozen=True)
class AugmentedRows:
    """Rows as training sees them.

    raw        (rows, n_features) float64, unscaled
    target     (rows,) class numbers, or (rows, outputs) as the loss takes them
    source     (rows,) row numbers in the table
    synthetic  (rows,) bool: added, not one of the training rows
    mixes      whether targets are mixtures
    n_slots    how many such rows an epoch has
    """

    raw: Array
    target: Array
    source: Array
    synthetic: Array
    mixes: bool
    n_slots: int


def augmented_rows(spec: Spec, dataset: Dataset, augmenter: Augmenter, n: int) -> AugmentedRows:
    """Return the first n rows of the spec's first epoch, in the order in which they are trained on.

    Handed out by training's own feed.
    """
    encoding, train = dataset.encoding, dataset.parts["train"]
    architecture = build_architecture(spec, encoding, mixed=augmenter.mixes)
    feed = Feed(
        train.X,
        loss_target(architecture, encoding, train.y, spec.runtime.dtype),
        lead=(),
        dtype=train.X.dtype,
        batch_size=spec.training.batch_size,
        least_rows=architecture.least_rows,
        source=augmenter.source,
        disturbances=[Augment([augmenter])],
    )
    feed.start([spec.seed], 1)
    n, start, parts = min(n, feed.n_rows), 0, []
    while start < n:
        end = feed.end_of(start, feed.chunk)
        feed.gather(start, end)
        parts.append((feed.X_chunk[: end - start].copy(), feed.target_chunk[: end - start].copy()))
        start = end
    X, target = (np.concatenate(arrays)[:n] for arrays in zip(*parts, strict=True))
    order = feed.order[:n]
    return AugmentedRows(
        encoding.inputs.raw(X),
        target,
        train.rows[augmenter.source[order]],
        order >= augmenter.n_rows,
        augmenter.mixes,
        augmenter.n_slots,
    )
