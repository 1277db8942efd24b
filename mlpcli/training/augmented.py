"""The spec's augmentations on its data: what training goes over, and a look at its first rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mlpcli.data.augmentations import AUGMENTATIONS, TrainingRows
from mlpcli.data.augmenter import Augmenter
from mlpcli.data.dataset import Dataset, Encoding, Part
from mlpcli.data.targets import ClassTarget
from mlpcli.errors import DataError
from mlpcli.nn.arrays import Array
from mlpcli.nn.network import Architecture
from mlpcli.randomness import generator
from mlpcli.spec.load import LoadedSpec
from mlpcli.spec.members import build
from mlpcli.spec.schema import Spec
from mlpcli.training.assemble import build_architecture, loss_target
from mlpcli.training.feed import GATHER_BYTES


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


def mixable_target(architecture: Architecture, encoding: Encoding, y: Array, dtype: str) -> Array:
    """Return targets that can be mixed: (rows, n_outputs), where classes are 0 and 1."""
    if architecture.loss.class_index:
        return np.eye(architecture.n_outputs, dtype=dtype)[y]
    return loss_target(architecture, encoding, y, dtype)


def augmentation_generators(spec: Spec, epoch: int) -> list[np.random.Generator]:
    """Return each member's generator of an epoch."""
    members = range(len(spec.regularization.augmentation))
    return [generator(spec.seed, "augmentation", epoch, k) for k in members]


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


def augmented_rows(loaded: LoadedSpec, dataset: Dataset, n: int) -> AugmentedRows:
    """Return the first n rows of the spec's first epoch, in the order in which they are trained on.

    Made chunk by chunk with training's own streams. Raises DataError, with the spec's position.
    """
    spec, encoding, train = loaded.spec, dataset.encoding, dataset.parts["train"]
    architecture = build_architecture(spec, encoding)
    try:
        augmenter = build_augmenter(spec, encoding, train)
    except DataError as error:
        raise loaded.located(error) from None
    form = mixable_target if augmenter.mixes else loss_target
    target = form(architecture, encoding, train.y, spec.runtime.dtype)
    order = generator(spec.seed, "shuffle", 1).permutation(augmenter.n_slots)
    generators = augmentation_generators(spec, 1)
    n = min(n, len(order))
    X_chunks, target_chunks = [], []
    for slots in _chunks(order, spec.training.batch_size, train.X[:1].nbytes, n):
        rows = augmenter.source[slots]
        X_chunks.append(train.X[rows])
        target_chunks.append(target[rows])
        augmenter.apply(X_chunks[-1], target_chunks[-1], slots, generators)
    source = augmenter.source[order[:n]]
    return AugmentedRows(
        encoding.inputs.raw(np.concatenate(X_chunks)[:n]),
        np.concatenate(target_chunks)[:n],
        train.rows[source],
        order[:n] >= augmenter.n_rows,
        augmenter.mixes,
        augmenter.n_slots,
    )


def _chunks(order: Array, batch_size: int, row_bytes: int, n: int) -> Iterator[Array]:
    """Yield the slots of each of training's chunks, as far as they have any of the first n."""
    batch_size = min(batch_size, len(order))
    rows = max(1, GATHER_BYTES // (batch_size * row_bytes or 1)) * batch_size
    for start in range(0, n, rows):
        yield order[start : start + rows]
