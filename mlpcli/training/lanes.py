"""Lanes: the networks of a stack, each with a spec, a seed and rows of its own.

Lanes of one data set whose networks have the same shape train side by side. Numbers may differ
from lane to lane: λ, α, p_k, noise, momentum, the schedule, patience, the rows, the seed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.augmenter import Augmenter
from mlpcli.data.dataset import Dataset
from mlpcli.errors import DataError
from mlpcli.nn.network import Architecture
from mlpcli.spec.schema import Spec
from mlpcli.training.assemble import build_architecture, epoch_metrics
from mlpcli.training.augmented import build_augmenter

# Beside numbers, what may differ between the lanes of a stack: each lane has an object of its own,
# or it is used once, for the lane's random beginning.
FREE = ("epochs", "schedule", "early_stopping", "initializer", "output_initializer", "augmentation")


@dataclass(frozen=True)
class Lane:
    """One network to train.

    seed      of all that is random in its training; the spec's own is of the split
    rows      (m,) of the training part that it is trained on, repeated ones count twice; None: all
    held_out  (k,) of the training part that it is not trained on, for an honest figure; or None
    """

    spec: Spec
    seed: int
    rows: Array | None = None
    held_out: Array | None = None


@dataclass(frozen=True)
class Fitted:
    """A lane, and what its spec makes of the data.

    architecture  of its network
    source        (slots,) the training rows of an epoch; None: each once
    weight        (rows,) of all training rows, with mean 1 over an epoch's; or None
    shape         what has to be the same in all lanes of a stack
    n_rows        of an epoch
    """

    lane: Lane
    augmenter: Augmenter
    architecture: Architecture
    source: Array | None
    weight: Array | None
    shape: tuple[Any, ...]
    n_rows: int


def fit_lanes(lanes: Sequence[Lane], dataset: Dataset) -> list[Fitted]:
    """Return each lane fitted to the data; what lanes share is made once.

    Raises DataError, with the spec's key, where an augmentation does not apply to the rows, or
    where they are too few, or weigh nothing.
    """
    made: dict[tuple[int, int], Fitted] = {}
    found = []
    for lane in lanes:
        key = (id(lane.spec), id(lane.rows))
        if key not in made:
            made[key] = _fitted(lane, dataset)
        found.append(replace(made[key], lane=lane))
    return found


def _fitted(lane: Lane, dataset: Dataset) -> Fitted:
    spec, encoding, train = lane.spec, dataset.encoding, dataset.parts["train"]
    source, augments = lane.rows, bool(spec.regularization.augmentation)
    own = train if source is None or not augments else train.take(source)
    try:
        augmenter = build_augmenter(spec, encoding, own)
    except DataError as error:
        if own is train:
            raise
        which = f"among the {len(own):,} rows of one replica or fold, of {len(train):,}"
        raise DataError(f"{which}: {error}", error.key) from None
    if augmenter.n_slots > augmenter.n_rows:
        source = augmenter.source if source is None else source[augmenter.source]
    weight = train.weight
    if source is not None and weight is not None:  # the mean over an epoch's rows stays 1
        mean = np.mean(weight[source], dtype=np.float64).astype(weight.dtype)
        if mean == 0:
            raise DataError("every row of a replica has the weight 0", ("ensemble",))
        weight = weight / mean
    architecture = build_architecture(spec, encoding)
    n_slots = len(train) if source is None else len(source)
    if n_slots < architecture.least_rows:
        problem = f"a layer's normalization needs {architecture.least_rows} training rows, and a"
        raise DataError(f"{problem} replica has {n_slots}", ("ensemble", "replicas"))
    metrics = tuple(metric.name for metric in epoch_metrics(spec, encoding.task))
    # Rows that augmentation adds may make the slots of unequal folds as many.
    sizes = (n_slots, None if lane.rows is None else len(lane.rows))
    shape = (
        _shape_of(spec),
        type(architecture.loss),
        sizes,
        metrics,
        source is None,
        weight is None,
    )
    return Fitted(lane, augmenter, architecture, source, weight, shape, n_slots)


def _shape_of(spec: Spec) -> str:
    """Return what of a spec decides its network's shape and the parts of a step, as text."""
    sections = spec.model_dump(include={"model", "training", "regularization", "runtime"})
    runtime = {"dtype": sections.pop("runtime")["dtype"]}
    return json.dumps(_without_numbers({**sections, "runtime": runtime}))


def _without_numbers(found: Any) -> Any:
    """Return plain data with every number that a stack may have one a lane of as the word number.

    Whether there is one stays: a part of a step that is off is off in all lanes.
    """
    if isinstance(found, dict):
        return {key: _without_numbers(v) for key, v in found.items() if key not in FREE}
    if isinstance(found, list):
        return [_without_numbers(value) for value in found]
    return "number" if isinstance(found, float) else found
