"""The batch on which a gradient is checked: the first of training, or made up."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.augmentations import AUGMENTATIONS
from mlpcli.data.dataset import Encoding
from mlpcli.data.input_columns import NumericColumn
from mlpcli.data.inputs import InputEncoder
from mlpcli.data.readers import ReadOptions
from mlpcli.data.targets import ClassTarget, MultilabelTarget, RegressionTarget, TargetEncoder
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Network, initial_vector
from mlpcli.nn.objective import Regularization
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.randomness import generator
from mlpcli.spec.checks import check_task, chosen_loss
from mlpcli.spec.checks.augmentation import augmentations_of
from mlpcli.spec.load import LoadedSpec
from mlpcli.spec.members import build
from mlpcli.training.build import (
    build_architecture,
    build_trainer,
    fitting_metrics,
    load_dataset,
    loss_target,
)
from mlpcli.training.lanes import Lane, prepare_lanes

SYNTHETIC_FEATURES = 8
SYNTHETIC_CLASSES = 3
MAX_SYNTHETIC_ROWS = 256


@dataclass(frozen=True)
class Batch:
    """A network at its random beginning, and one batch; X and target in float64."""

    architecture: Architecture
    theta: Array
    X: Array
    target: Array
    source: str
    added: Regularization


def first_batch(loaded: LoadedSpec) -> Batch:
    """Return the first batch of the first epoch of the spec's training, as training sees it.

    Augmented, with noise on rows and labels and with weights, where the spec has them.
    """
    runtime = loaded.spec.runtime.model_copy(update={"dtype": "float64"})
    loaded = replace(loaded, spec=loaded.spec.model_copy(update={"runtime": runtime}))
    dataset, spec = load_dataset(loaded), loaded.spec
    with loaded.locating():
        fitted = prepare_lanes([Lane(spec, spec.seed)], dataset)
    architecture = replace(fitted[0].architecture, loss=fitted[0].loss)
    network = Network(architecture, initial_vector(architecture, spec.seed))
    feed = build_trainer(fitted, dataset, network).feed
    feed.start([spec.seed], 1)
    feed.gather(0, feed.end_of(0, feed.chunk))
    n = feed.end_of(0, feed.batch_size)
    weight = None if feed.weight_chunk is None else feed.weight_chunk[:n]
    source = next(iter(dataset.tables.values())).name
    return _batch(loaded, architecture, feed.X_chunk[:n], feed.target_chunk[:n], source, weight)


def synthetic_batch(loaded: LoadedSpec) -> Batch:
    """Return a made-up batch: normal inputs, and random targets of the spec's task."""
    spec = loaded.spec
    task = spec.data.task or _task_of_loss(loaded)
    problems = check_task(spec, task, [m.name for m in fitting_metrics(spec, task)])
    if problems:
        raise loaded.error(problems)
    rng = generator(spec.seed, "gradcheck", 1)
    n = min(spec.training.batch_size, MAX_SYNTHETIC_ROWS)
    columns = [NumericColumn(f"x{j}", 0.0, 0.0, 1.0) for j in range(SYNTHETIC_FEATURES)]
    names = tuple(spec.data.targets)
    target: TargetEncoder
    y: Array
    if task == "regression":
        target = RegressionTarget(names, (0.0,) * len(names), (1.0,) * len(names))
        y = rng.standard_normal((n, len(names)))
        refused = chosen_loss(spec, task).refused(y)
        y[refused] *= -1  # what a loss refuses is on one side of 0
    elif task == "multilabel":
        target, y = MultilabelTarget(names), rng.integers(0, 2, (n, len(names)))
    else:
        n_classes = 2 if task == "binary" else SYNTHETIC_CLASSES
        target = ClassTarget(names, tuple(range(n_classes)), task)
        y = rng.integers(0, n_classes, n)
    encoding = Encoding(task, InputEncoder(tuple(columns)), target, ReadOptions())
    mixes = any(AUGMENTATIONS[each.name].mixes for each in augmentations_of(spec))
    architecture = build_architecture(spec, encoding, mixed=mixes)
    X = rng.standard_normal((n, SYNTHETIC_FEATURES))
    made = loss_target(architecture, encoding, y, float)
    if mixes:  # each row's target with that of the row before it
        share = rng.uniform(0, 1, (n, 1))
        made = share * made + (1 - share) * np.roll(made, 1, axis=0)
    weighted = spec.data.sample_weight is not None or spec.data.class_weight is not None
    weight = rng.uniform(0, 2, n) if weighted else None
    source = f"made-up data for {task}, {SYNTHETIC_FEATURES} features"
    return _batch(loaded, architecture, X, made, source, weight)


def _task_of_loss(loaded: LoadedSpec) -> str:
    """Return the task that the spec's loss is first for; multiclass where it says neither."""
    loss = loaded.spec.model.loss
    if loss is None:
        return "multiclass" if len(loaded.spec.data.targets) == 1 else "regression"
    return str(LOSSES[loss.name].tasks[0])


def _batch(
    loaded: LoadedSpec,
    architecture: Architecture,
    X: Array,
    target: Array,
    source: str,
    weight: Array | None,
) -> Batch:
    spec = loaded.spec
    optimizer = build(OPTIMIZERS, spec.training.optimizer)
    # An optimizer that takes L2 apart from the gradient descends J without it.
    l2 = 0.0 if optimizer.decoupled_decay else spec.regularization.l2
    added = Regularization(l2, spec.regularization.l1, weight)
    theta = initial_vector(architecture, spec.seed)
    return Batch(architecture, theta, X.astype(np.float64), target, source, added)
