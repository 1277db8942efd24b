"""From a spec and its data to the trainer that descends: everything a step does, put together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlpcli.data.augmenter import Augmenter
from mlpcli.data.dataset import Dataset
from mlpcli.nn.network import Network
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.spec.members import build
from mlpcli.spec.schema import Spec
from mlpcli.training.assemble import build_architecture, loss_target
from mlpcli.training.augmented import Augment
from mlpcli.training.feed import Disturbance
from mlpcli.training.regularizers import is_on, regularizers_of
from mlpcli.training.row_noise import InputNoise, MultiplicativeInputNoise, label_noise
from mlpcli.training.trainer import Trainer


def build_trainer(
    spec: Spec,
    dataset: Dataset,
    network: Network,
    seeds: Sequence[int],
    augmenter: Augmenter,
    *,
    keep_outputs: bool = False,
) -> Trainer:
    """Return the trainer that the spec describes, of a network or a stack of them.

    seeds      one a lane
    augmenter  the spec's augmentations, fitted on the training rows
    """
    train, encoding, source = dataset.parts["train"], dataset.encoding, None
    architecture = build_architecture(spec, encoding, mixed=augmenter.mixes)
    weight = train.weight
    if augmenter.n_slots > augmenter.n_rows:
        source = augmenter.source
        if weight is not None:  # the mean over an epoch's rows stays 1
            weight = weight / np.mean(weight[source], dtype=np.float64).astype(weight.dtype)
    return Trainer(
        network,
        build(OPTIMIZERS, spec.training.optimizer),
        train.X,
        loss_target(architecture, encoding, train.y, network.dtype),
        batch_size=spec.training.batch_size,
        seeds=seeds,
        weight=weight,
        regularizers=regularizers_of(spec),
        source=source,
        disturbances=_disturbances(spec, dataset, augmenter),
        loss=architecture.loss,
        keep_outputs=keep_outputs,
        keep_targets=keep_outputs and augmenter.mixes,
    )


def _disturbances(spec: Spec, dataset: Dataset, augmenter: Augmenter) -> list[Disturbance]:
    """Return what changes the gathered rows: wrong labels, then mixed rows, then noisy inputs."""
    noise, target = spec.regularization.noise, dataset.encoding.target
    found: list[Disturbance] = []
    if is_on(noise.labels):
        found.append(label_noise(noise.labels, dataset.encoding.task, target.n_outputs))
    if augmenter.members:
        found.append(Augment(augmenter))
    inputs = [InputNoise(noise.input), MultiplicativeInputNoise(noise.input_multiplicative)]
    return [*found, *(each for each in inputs if is_on(each.strength))]
