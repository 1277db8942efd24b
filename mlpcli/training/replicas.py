"""The replicas of an ensemble as lanes: their seeds, and the rows each of them is trained on."""

from __future__ import annotations

import numpy as np

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
    train = dataset.parts["train"]
    if k > len(train):
        problem = f"{k} folds of {len(train)} training rows: at most one fold a row"
        raise DataError(problem, ("ensemble", "replicas"))
    is_class = dataset.encoding.task in ("binary", "multiclass")
    fold = folds(len(train), k, spec.seed, train.labels if is_class else None)
    return [
        Lane(spec, seed, np.flatnonzero(fold != r), np.flatnonzero(fold == r))
        for r, seed in enumerate(seeds)
    ]
