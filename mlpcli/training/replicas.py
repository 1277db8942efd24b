"""The replicas of an ensemble as lanes: their seeds, and the rows each of them is trained on."""

from __future__ import annotations

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.dataset import Dataset
from mlpcli.data.resampling import bootstrap_rows, folds, out_of_bag
from mlpcli.errors import DataError
from mlpcli.randomness import replica_seed
from mlpcli.spec.schema import Spec
from mlpcli.training.lanes import Lane


def replicas_of(spec: Spec, dataset: Dataset) -> list[Lane]:
    """Return the replicas that the spec's `ensemble` asks for; they share the split.

    Raises DataError, with the spec's key, where there are more folds than training rows.
    """
    wanted = spec.ensemble
    assert wanted is not None
    seeds = [replica_seed(spec.seed, r) for r in range(wanted.replicas)]
    n_rows = len(dataset.parts["train"])
    if wanted.kind == "kfold":
        return fold_lanes(spec, dataset, wanted.replicas, seeds)
    if wanted.kind == "seeds":
        return [Lane(spec, seed) for seed in seeds]
    samples = [bootstrap_rows(n_rows, seed) for seed in seeds]
    return [
        Lane(spec, seed, rows, out_of_bag(rows, n_rows))
        for seed, rows in zip(seeds, samples, strict=True)
    ]


def fold_lanes(spec: Spec, dataset: Dataset, k: int, seeds: list[int]) -> list[Lane]:
    """Return k lanes, each trained on all training rows but its fold; stratified by class.

    Raises DataError, with the spec's key, where there are more folds than training rows.
    """
    check_folds(k, dataset, ("ensemble", "replicas"))
    apart = folds_of(dataset, k, spec.seed)
    return [Lane(spec, seed, *rows) for seed, rows in zip(seeds, apart, strict=True)]


def check_folds(k: int, dataset: Dataset, key: tuple[str, ...]) -> None:
    """Raise DataError, with the spec's key, where there are more folds than training rows."""
    n_rows = len(dataset.parts["train"])
    if k > n_rows:
        raise DataError(f"{k} folds of {n_rows} training rows: at most one fold a row", key)


def folds_of(dataset: Dataset, k: int, seed: int) -> list[tuple[Array, Array]]:
    """Return for each of k folds the training rows outside it, and those in it.

    Stratified by class, where the task has one target of classes.
    """
    train = dataset.parts["train"]
    is_class = dataset.encoding.task in ("binary", "multiclass")
    fold = folds(len(train), k, seed, train.labels if is_class else None)
    return [(np.flatnonzero(fold != r), np.flatnonzero(fold == r)) for r in range(k)]
