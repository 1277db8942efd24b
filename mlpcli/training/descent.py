"""From a spec and its data to the trainer that descends: everything a step does, put together."""

from __future__ import annotations

from collections.abc import Sequence

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
    *,
    augmenter: Augmenter | None = None,
    keep_outputs: bool = False,
) -> Trainer:
    """Return the trainer that the spec describes, of a network or a stack of them.

    seeds      one a lane
    augmenter  the spec's augmentations, fitted; None where it has none
    """
    train, encoding = dataset.parts["train"], dataset.encoding
    mixed = augmenter is not None and augmenter.mixes
    architecture = build_architecture(spec, encoding, mixed=mixed)
    return Trainer(
        network,
        build(OPTIMIZERS, spec.training.optimizer),
        train.X,
        loss_target(architecture, encoding, train.y, network.dtype),
        batch_size=spec.training.batch_size,
        seeds=seeds,
        weight=train.weight,
        regularizers=regularizers_of(spec),
        source=None if augmenter is None else augmenter.source,
        disturbances=_disturbances(
            spec, dataset, None if augmenter is None else Augment(augmenter)
        ),
        loss=architecture.loss,
        keep_outputs=keep_outputs,
        keep_targets=keep_outputs and mixed,
    )


def _disturbances(spec: Spec, dataset: Dataset, augment: Augment | None) -> list[Disturbance]:
    """Return what changes the gathered rows: wrong labels, then mixed rows, then noisy inputs."""
    noise, target = spec.regularization.noise, dataset.encoding.target
    found: list[Disturbance] = []
    if is_on(noise.labels):
        found.append(label_noise(noise.labels, dataset.encoding.task, target.n_outputs))
    if augment is not None:
        found.append(augment)
    inputs = [InputNoise(noise.input), MultiplicativeInputNoise(noise.input_multiplicative)]
    return [*found, *(each for each in inputs if is_on(each.strength))]
