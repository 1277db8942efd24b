"""From lanes and their data to the trainer: everything a step does, put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.dataset import Dataset
from mlpcli.family import numbers, stacked
from mlpcli.nn.network import Network
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.nn.update import Regularization, is_on
from mlpcli.spec.members import build
from mlpcli.spec.schema import Spec
from mlpcli.training.assemble import loss_target
from mlpcli.training.batches import BatchTransform
from mlpcli.training.lanes import Fitted
from mlpcli.training.trainer import Trainer
from mlpcli.training.transforms import Augment, InputNoise, MultiplicativeInputNoise, label_noise


def build_trainer(
    fitted: Sequence[Fitted], dataset: Dataset, network: Network, *, keep_outputs: bool = False
) -> Trainer:
    """Return the trainer of a network, or of a stack of them.

    fitted        one for each lane, of one shape
    keep_outputs  whether the trainer keeps what it predicts in an epoch
    """
    train, first = dataset.parts["train"], fitted[0]
    specs = [each.lane.spec for each in fitted]
    return Trainer(
        network,
        stacked([build(OPTIMIZERS, spec.training.optimizer) for spec in specs]),
        train.X,
        loss_target(dataset.encoding, train.y, network.dtype),
        batch_size=first.lane.spec.training.batch_size,
        seeds=[each.lane.seed for each in fitted],
        weight=_shared([each.weight for each in fitted]),
        regularization=stacked([regularization_of(spec) for spec in specs]),
        source=_shared([each.source for each in fitted]),
        transforms=_transforms(fitted, dataset),
        keep_outputs=keep_outputs,
        keep_targets=keep_outputs and first.augmenter.mixes,
    )


def regularization_of(spec: Spec) -> Regularization:
    """Return the strengths that a spec asks for."""
    wanted = spec.regularization
    clipping, averaging = spec.training.gradient_clipping, spec.training.weight_averaging
    return Regularization(
        l2=wanted.l2,
        l1=wanted.l1,
        max_norm=wanted.max_norm,
        weight_noise=wanted.noise.weights,
        weight_noise_multiplicative=wanted.noise.weights_multiplicative,
        gradient_noise=wanted.noise.gradients,
        clip_norm=clipping.norm,
        clip_value=clipping.value,
        averaging=averaging,
    )


def _shared(each: Sequence[Array | None]) -> Array | None:
    """Return what all lanes have in common, or each lane's own, (R, n)."""
    if all(one is each[0] for one in each):
        return each[0]
    return np.stack([one for one in each if one is not None])


def _transforms(fitted: Sequence[Fitted], dataset: Dataset) -> list[BatchTransform]:
    """Return the transforms of the gathered rows: label noise, augmentation, input noise."""
    noises = [each.lane.spec.regularization.noise for each in fitted]

    def of(name: str) -> Any:
        return numbers([getattr(noise, name) for noise in noises])

    found: list[BatchTransform] = []
    if is_on(of("labels")):
        found.append(label_noise(of("labels"), dataset.encoding.task))
    if fitted[0].augmenter.members:
        found.append(Augment([each.augmenter for each in fitted]))
    inputs = [InputNoise(of("input")), MultiplicativeInputNoise(of("input_multiplicative"))]
    return [*found, *(each for each in inputs if is_on(each.strength))]
