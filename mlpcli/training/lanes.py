"""Lanes: the networks of a training, each with a spec, a seed and rows of its own.

Lanes of one data set whose networks have the same shape train side by side, in a stack. Numbers
may differ from lane to lane: λ, α, p_k, noise, momentum, the schedule, patience, the rows, the
seed. The replicas of an ensemble are lanes of one spec:

    bootstrap  each replica has n rows drawn with replacement from the n training rows, or as many
               groups as there are, where the split is by groups
    kfold      each replica is trained on all training rows but one fold; where the split is by
               time, on those that come before its fold
    seeds      the replicas differ in their random streams alone

Replicas that share weights (nn/sharing.py) are the members of one network, and one lane.

Validation rows, where there are some, are the same for all replicas and stop each of them. The
held-out rows of a replica choose nothing.
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
from mlpcli.data.resampling import draw_bootstrap, draw_folds, most_folds
from mlpcli.errors import DataError, counted
from mlpcli.family import numbers, stacked
from mlpcli.nn.network import Architecture, Network
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.nn.update import Regularization, is_on
from mlpcli.randomness import replica_seed
from mlpcli.spec.members import build
from mlpcli.spec.schema import Spec
from mlpcli.training.batches import BatchTransform
from mlpcli.training.build import (
    batch_size_of,
    build_architecture,
    build_augmenter,
    epoch_metrics,
    loss_target,
)
from mlpcli.training.embedded_columns import fit_embedding
from mlpcli.training.memory import require_rows
from mlpcli.training.shards import shards_of
from mlpcli.training.trainer import Trainer
from mlpcli.training.transforms import Augment, InputNoise, MultiplicativeInputNoise, label_noise
from mlpcli.workers import SHARED

# Beside numbers, these may differ between the lanes of a stack: each lane has its own object, or it
# is used once, for the lane's initial parameters.
FREE = ("epochs", "schedule", "early_stopping", "initializer", "output_initializer", "augmentation")


@dataclass(frozen=True)
class Lane:
    """One network to train.

    seed      of all random streams of its training; the spec's own is that of the split
    rows      (m,) of the training part that it is trained on, repeated ones count twice; None: all
    held_out  (k,) of the training part that it is not trained on, to be evaluated on; or None
    """

    spec: Spec
    seed: int
    rows: Array | None = None
    held_out: Array | None = None


def lanes_of(spec: Spec, dataset: Dataset) -> list[Lane]:
    """Return the lanes of a spec's training: one network, or the replicas of its ensemble.

    Raises DataError, with the spec's key, where there are more folds than training rows.
    """
    if spec.replicated is None:
        return [Lane(spec, spec.seed)]
    kind, n_replicas = spec.replicated.kind, spec.replicated.replicas
    if kind == "kfold":
        check_folds(n_replicas, dataset, ("ensemble", "replicas"))
        return fold_lanes(spec, fold_rows(dataset, n_replicas, spec.seed))
    lanes = [Lane(spec, replica_seed(spec.seed, r)) for r in range(n_replicas)]
    if kind == "seeds":
        return lanes
    n_rows, key = len(dataset.parts["train"]), dataset.split_key
    require_rows(n_replicas, n_rows)
    samples = [draw_bootstrap(n_rows, lane.seed, key) for lane in lanes]
    return [
        replace(lane, rows=rows, held_out=held_out)
        for lane, (rows, held_out) in zip(lanes, samples, strict=True)
    ]


def fold_lanes(spec: Spec, rows: Sequence[tuple[Array, Array]]) -> list[Lane]:
    """Return a lane for each fold, trained on the rows outside it."""
    return [Lane(spec, replica_seed(spec.seed, r), *each) for r, each in enumerate(rows)]


def check_folds(k: int, dataset: Dataset, key: tuple[str, ...]) -> None:
    """Raise DataError, with the spec's key, where there are more folds than rows, groups, times."""
    n_rows, split = len(dataset.parts["train"]), dataset.split_key
    most = most_folds(n_rows, split)
    if k <= most:
        return
    problem = f"{k} folds of {counted(n_rows, 'training row')}"
    if split is None:
        raise DataError(f"{problem}: at most one fold a row", key)
    if split.groups is not None:
        what = f"which are of {counted(most, 'group')} ({split.column}): at most one fold a group"
    else:
        times = counted(most + 1, "different time")
        what = f"which have {times} ({split.column}): each fold needs one, and the first trains"
    raise DataError(f"{problem}, {what}", key)


def fold_rows(dataset: Dataset, k: int, seed: int) -> list[tuple[Array, Array]]:
    """Return for each of k folds the training rows to train on, and those held out.

    Those are the others, or, where the split is by time, the earlier ones. Stratified by class,
    where the task has one target of classes and rows are drawn one by one.
    """
    train = dataset.parts["train"]
    require_rows(k, len(train))
    is_class = dataset.encoding.task in ("binary", "multiclass")
    classes = train.labels if is_class else None
    return draw_folds(len(train), k, seed, classes, dataset.split_key)


@dataclass(frozen=True)
class PreparedLane:
    """A lane with its architecture, augmenter and rows.

    architecture  of its network
    source        (slots,) the training rows of an epoch; None: each once
    weight        (rows,) of all training rows, with mean 1 over an epoch's; or None
    shape         must be equal in all lanes of a stack
    n_rows        of an epoch
    shards        S, the pieces that its step is cut into
    """

    lane: Lane
    augmenter: Augmenter
    architecture: Architecture
    source: Array | None
    weight: Array | None
    shape: tuple[Any, ...]
    n_rows: int
    shards: int = 1


def prepare_lanes(lanes: Sequence[Lane], dataset: Dataset) -> list[PreparedLane]:
    """Return each lane prepared; lanes of the same spec and rows share their arrays.

    Raises DataError, with the spec's key, where an augmentation does not apply to the rows, or
    where they are too few, or have no weight.
    """
    made: dict[tuple[int, int], PreparedLane] = {}
    found = []
    for lane in lanes:
        key = (id(lane.spec), id(lane.rows))
        if key not in made:
            made[key] = _prepare(lane, dataset)
        found.append(replace(made[key], lane=lane))
    return found


def _prepare(lane: Lane, dataset: Dataset) -> PreparedLane:
    spec, encoding, train = lane.spec, dataset.encoding, dataset.parts["train"]
    source, augments = lane.rows, bool(spec.regularization.augmentation)
    part = train if source is None or not augments else train.take(source)
    try:
        augmenter = build_augmenter(spec, encoding, part)
    except DataError as error:
        if part is train:
            raise
        which = f"among the {len(part):,} rows of one replica or fold, of {len(train):,}"
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
    architecture = fit_embedding(architecture, encoding, train, lane.rows)
    n_slots = len(train) if source is None else len(source)
    if n_slots < architecture.least_rows:
        problem = f"a layer's normalization needs {architecture.least_rows} training rows, and a"
        raise DataError(f"{problem} replica has {n_slots}", ("ensemble", "replicas"))
    metrics = tuple(metric.name for metric in epoch_metrics(spec, encoding.task))
    shards = shards_of(spec, architecture, len(train))
    # Rows that augmentation adds may make the slots of unequal folds as many.
    sizes = (n_slots, None if lane.rows is None else len(lane.rows))
    shape = (
        _text_shape(spec),
        type(architecture.loss),
        sizes,
        metrics,
        source is None,
        weight is None,
        shards,
    )
    return PreparedLane(lane, augmenter, architecture, source, weight, shape, n_slots, shards)


def _text_shape(spec: Spec) -> str:
    """Return the part of a spec that decides the network's shape and the parts of a step."""
    sections = spec.model_dump(
        include={"model", "training", "regularization", "ensemble", "runtime"}
    )
    runtime = {"dtype": sections.pop("runtime")["dtype"]}
    return json.dumps(_without_numbers({**sections, "runtime": runtime}))


def _without_numbers(found: Any) -> Any:
    """Return plain data, each number that may differ between lanes replaced by a word.

    Whether there is a number stays: a part of a step that is off is off in all lanes.
    """
    if isinstance(found, dict):
        return {key: _without_numbers(v) for key, v in found.items() if key not in FREE}
    if isinstance(found, list):
        return [_without_numbers(value) for value in found]
    return "number" if isinstance(found, float) else found


def build_trainer(
    prepared: Sequence[PreparedLane],
    dataset: Dataset,
    network: Network,
    *,
    keep_outputs: bool = False,
) -> Trainer:
    """Return the trainer of a network, or of a stack of them.

    prepared      one for each lane, of one shape
    keep_outputs  whether the trainer keeps the network's outputs for an epoch's rows
    """
    train, first = dataset.parts["train"], prepared[0]
    specs = [each.lane.spec for each in prepared]
    return Trainer(
        network,
        stacked([build(OPTIMIZERS, spec.training.optimizer) for spec in specs]),
        train.X,
        loss_target(dataset.encoding, train.y, network.dtype),
        batch_size=batch_size_of(first.lane.spec, len(train)),
        seeds=[each.lane.seed for each in prepared],
        weight=_shared([each.weight for each in prepared]),
        regularization=stacked([regularization_of(spec) for spec in specs]),
        source=_shared([each.source for each in prepared]),
        transforms=_transforms(prepared, dataset),
        keep_outputs=keep_outputs,
        keep_targets=keep_outputs and first.augmenter.mixes,
        shards=first.shards,
        workers=SHARED,
    )


def regularization_of(spec: Spec) -> Regularization:
    """Return the strengths of a spec."""
    strengths = spec.regularization
    clipping = spec.training.gradient_clipping
    return Regularization(
        l2=strengths.l2,
        l1=strengths.l1,
        max_norm=strengths.max_norm,
        weight_noise=strengths.noise.weights,
        weight_noise_multiplicative=strengths.noise.weights_multiplicative,
        gradient_noise=strengths.noise.gradients,
        clip_norm=clipping.norm,
        clip_value=clipping.value,
        averaging=spec.training.weight_averaging,
    )


def _shared(arrays: Sequence[Array | None]) -> Array | None:
    """Return the array that all lanes share (n,), or one row a lane (R, n)."""
    if all(array is arrays[0] for array in arrays):
        return arrays[0]
    return np.stack([array for array in arrays if array is not None])


def _transforms(prepared: Sequence[PreparedLane], dataset: Dataset) -> list[BatchTransform]:
    """Return the transforms of the gathered rows: label noise, augmentation, input noise."""
    noises = [each.lane.spec.regularization.noise for each in prepared]

    def strength(name: str) -> Any:
        return numbers([getattr(noise, name) for noise in noises])

    found: list[BatchTransform] = []
    if is_on(strength("labels")):
        found.append(label_noise(strength("labels"), dataset.encoding.task))
    if prepared[0].augmenter.augmentations:
        found.append(Augment([each.augmenter for each in prepared]))
    inputs = [
        InputNoise(strength("input")),
        MultiplicativeInputNoise(strength("input_multiplicative")),
    ]
    return [*found, *(each for each in inputs if is_on(each.strength))]
