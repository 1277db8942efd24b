"""The spec's augmentations, fitted on its data, and the first rows of an epoch under them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.augmenter import Augmenter
from mlpcli.data.dataset import Dataset
from mlpcli.spec.schema import Spec
from mlpcli.training.batches import BatchLoader
from mlpcli.training.build import batch_size_of, build_architecture, loss_target
from mlpcli.training.transforms import Augment


@dataclass(frozen=True)
class AugmentedRows:
    """Rows as training sees them.

    raw        (rows, n_features) float64, unscaled
    target     (rows,) class numbers, or (rows, outputs) as the loss takes them
    source     (rows,) row numbers in the file
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
    """Return the first n rows of the spec's first epoch, from the loader that training uses."""
    encoding, train = dataset.encoding, dataset.parts["train"]
    architecture = build_architecture(spec, encoding)
    target = loss_target(encoding, train.y, spec.runtime.dtype)
    loader = BatchLoader(
        train.X,
        target,
        loss=architecture.loss,
        n_outputs=architecture.n_outputs,
        lane_shape=(),
        dtype=train.X.dtype,
        batch_size=batch_size_of(spec, len(train)),
        least_rows=architecture.least_rows,
        source=augmenter.source,
        transforms=[Augment([augmenter])],
        keep_targets=True,
    )
    loader.start([spec.seed], 1)
    n, X = min(n, loader.n_rows), np.empty((0, train.X.shape[1]), train.X.dtype)
    for start, stop in loader.blocks():
        X = np.concatenate([X, loader.load(start, stop).X])
        if len(X) >= n:
            break
    assert loader.targets is not None
    y, order = loader.targets[:n], loader.order[:n]
    return AugmentedRows(
        encoding.inputs.raw(X[:n]),
        y,
        next(iter(dataset.tables.values())).file_rows(train.rows[augmenter.source[order]]),
        order >= augmenter.n_rows,
        augmenter.mixes,
        augmenter.n_slots,
    )
