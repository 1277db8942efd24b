"""From lanes and their data to the trainer that descends: everything a step does, put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.dataset import Dataset
from mlpcli.family import numbers, stacked
from mlpcli.nn.network import Network
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.spec.members import build
from mlpcli.training.assemble import loss_target
from mlpcli.training.augmented import Augment
from mlpcli.training.feed import Disturbance
from mlpcli.training.lanes import Fitted
from mlpcli.training.regularizers import is_on, regularizers_of
from mlpcli.training.row_noise import InputNoise, MultiplicativeInputNoise, label_noise
from mlpcli.training.trainer import Trainer


def build_trainer(
    fitted: Sequence[Fitted], dataset: Dataset, network: Network, *, keep_outputs: bool = False
) -> Trainer:
    """Return the trainer of a network, or of a stack of them.

    fitted        one for each lane, of one shape
    keep_outputs  whether the trainer keeps what it predicts in an epoch
    """
    train, first = dataset.parts["train"], fitted[0]
    specs = [each.lane.spec for each in fitted]
    loss = stacked([each.loss for each in fitted])
    architecture = replace(first.architecture, loss=loss)
    return Trainer(
        network,
        stacked([build(OPTIMIZERS, spec.training.optimizer) for spec in specs]),
        train.X,
        loss_target(architecture, dataset.encoding, train.y, network.dtype),
        batch_size=first.lane.spec.training.batch_size,
        seeds=[each.lane.seed for each in fitted],
        weight=_shared([each.weight for each in fitted]),
        regularizers=stacked([regularizers_of(spec) for spec in specs]),
        source=_shared([each.source for each in fitted]),
        disturbances=_disturbances(fitted, dataset),
        loss=loss,
        keep_outputs=keep_outputs,
        keep_targets=keep_outputs and first.augmenter.mixes,
    )


def _shared(each: Sequence[Array | None]) -> Array | None:
    """Return what all lanes have in common, or each lane's own, (R, n)."""
    if all(one is each[0] for one in each):
        return each[0]
    return np.stack([one for one in each if one is not None])


def _disturbances(fitted: Sequence[Fitted], dataset: Dataset) -> list[Disturbance]:
    """Return what changes the gathered rows: wrong labels, then mixed rows, then noisy inputs."""
    noises = [each.lane.spec.regularization.noise for each in fitted]
    target = dataset.encoding.target

    def of(name: str) -> Any:
        return numbers([getattr(noise, name) for noise in noises])

    found: list[Disturbance] = []
    if is_on(of("labels")):
        found.append(label_noise(of("labels"), dataset.encoding.task, target.n_outputs))
    if fitted[0].augmenter.members:
        found.append(Augment([each.augmenter for each in fitted]))
    inputs = [InputNoise(of("input")), MultiplicativeInputNoise(of("input_multiplicative"))]
    return [*found, *(each for each in inputs if is_on(each.strength))]
