"""The batch on which a gradient is checked: the first of training, or made up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlpcli.data.dataset import Encoding
from mlpcli.data.inputs import InputEncoder, NumericColumn
from mlpcli.data.readers import ReadOptions
from mlpcli.data.targets import ClassTarget, MultilabelTarget, RegressionTarget, TargetEncoder
from mlpcli.nn.arrays import Array
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, initial_vector
from mlpcli.randomness import generator
from mlpcli.spec.checks import check_task, chosen_loss
from mlpcli.spec.load import LoadedSpec
from mlpcli.training.assemble import (
    build_architecture,
    fitting_metrics,
    load_dataset,
    loss_target,
)

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


def first_batch(loaded: LoadedSpec) -> Batch:
    """Return the first batch of the first epoch of the spec's training."""
    dataset = load_dataset(loaded)
    train = dataset.parts["train"]
    order = generator(loaded.spec.seed, "shuffle", 1).permutation(len(train))
    rows = order[: loaded.spec.training.batch_size]
    architecture = build_architecture(loaded.spec, dataset.encoding)
    target = loss_target(architecture, dataset.encoding, train.y[rows], np.float64)
    source = next(iter(dataset.tables.values())).name
    return _batch(loaded, architecture, train.X[rows], target, source)


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
    architecture = build_architecture(spec, encoding)
    X = rng.standard_normal((n, SYNTHETIC_FEATURES))
    source = f"made-up data for {task}, {SYNTHETIC_FEATURES} features"
    return _batch(loaded, architecture, X, loss_target(architecture, encoding, y, float), source)


def _task_of_loss(loaded: LoadedSpec) -> str:
    """Return the task that the spec's loss is first for; multiclass where it says neither."""
    loss = loaded.spec.model.loss
    if loss is None:
        return "multiclass" if len(loaded.spec.data.targets) == 1 else "regression"
    return str(LOSSES[loss.name].tasks[0])


def _batch(
    loaded: LoadedSpec, architecture: Architecture, X: Array, target: Array, source: str
) -> Batch:
    theta = initial_vector(architecture, loaded.spec.seed)
    return Batch(architecture, theta, X.astype(np.float64), target, source)
