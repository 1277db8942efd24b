"""Check the gradient and the update of the very trainer that a spec's training would build."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.augmentations import AUGMENTATIONS
from mlpcli.data.dataset import Dataset, Encoding, Part
from mlpcli.data.input_columns import NumericColumn
from mlpcli.data.inputs import InputEncoder
from mlpcli.data.readers import ReadOptions
from mlpcli.data.targets import ClassTarget, MultilabelTarget, RegressionTarget, TargetEncoder
from mlpcli.nn.gradcheck import TOLERANCE, GradientCheck, check_gradient
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Network, initial_vector
from mlpcli.nn.objective import Objective
from mlpcli.nn.update_check import UpdateCheck, check_update
from mlpcli.randomness import generator
from mlpcli.spec.checks import check_task, chosen_loss
from mlpcli.spec.checks.augmentation import augmentations_of
from mlpcli.spec.load import LoadedSpec
from mlpcli.training.assemble import fitting_metrics, load_dataset
from mlpcli.training.descent import build_trainer
from mlpcli.training.lanes import Lane, fit_lanes
from mlpcli.training.trainer import Trainer

SYNTHETIC_FEATURES = 8
SYNTHETIC_CLASSES = 3
MAX_SYNTHETIC_ROWS = 256


@dataclass(frozen=True)
class SpecCheck:
    """The verdict on a spec: its gradient, its update, and the batch they were checked on.

    source  of the rows: a file's name, or what was made up
    X       (n, n_inputs) the batch as the first step took it
    """

    gradient: GradientCheck
    update: UpdateCheck
    architecture: Architecture
    source: str
    X: Array

    @property
    def passed(self) -> bool:
        """Whether gradient and update passed."""
        return self.gradient.passed and self.update.passed


class _RecordedUpdate:
    """A trainer's update that keeps what the step gave it: θ before it, and the gradient."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer, self.update = trainer, trainer.update
        trainer.update = self  # type: ignore[assignment]

    def __call__(self) -> None:
        self.theta = self.trainer.network.theta.copy()
        self.grad = self.trainer.grad.copy()
        self.update()


def check_spec(loaded: LoadedSpec, *, synthetic: bool, samples: int | None) -> SpecCheck:
    """Check the first step of a spec's training, in float64, on its first batch.

    The batch is augmented, noisy and weighted as the spec says; the masks and the noise on the
    weights are the step's own.

    synthetic  on made-up data of the spec's task
    samples    entries to check in each larger tensor; None means all
    """
    changes: dict[str, Any] = {
        "runtime": loaded.spec.runtime.model_copy(update={"dtype": "float64"})
    }
    if synthetic:  # mixing takes any rows; other augmentations may need the spec's columns
        members = [m for m in augmentations_of(loaded.spec) if AUGMENTATIONS[m.name].mixes]
        regularization = loaded.spec.regularization
        changes["regularization"] = regularization.model_copy(update={"augmentation": members})
    loaded = replace(loaded, spec=loaded.spec.model_copy(update=changes))
    dataset = synthetic_dataset(loaded) if synthetic else load_dataset(loaded)
    seed = loaded.spec.seed
    trainer = trainer_of(loaded, dataset)
    trainer.start(1)
    trainer.update.learning_rate[...] = trainer.update.optimizer.learning_rate
    batch = trainer.loader.load(*next(trainer.loader.blocks()))[0]
    recorded = _RecordedUpdate(trainer)
    with np.errstate(all="ignore"):
        trainer.step(batch)
    trainer.update = recorded.update
    update = check_update(trainer, recorded.theta, recorded.grad, seed=seed, tolerance=TOLERANCE)
    trainer.network.theta[...] = recorded.theta
    weights = trainer.loader.weights(batch.n)
    objective = Objective(trainer, batch, weights)
    gradient = check_gradient(
        objective, recorded.theta, recorded.grad, samples=samples, seed=seed
    )
    source = next((table.name for table in dataset.tables.values()), "")
    task, X = dataset.encoding.task, batch.X.copy()
    made_up = f"made-up data for {task}, {SYNTHETIC_FEATURES} features"
    architecture = trainer.network.architecture
    return SpecCheck(gradient, update, architecture, source or made_up, X)


def trainer_of(loaded: LoadedSpec, dataset: Dataset) -> Trainer:
    """Return the trainer of a spec's one network, at its initial parameters."""
    spec = loaded.spec
    with loaded.locating():
        lanes = fit_lanes([Lane(spec, spec.seed)], dataset)
    architecture = lanes[0].architecture
    vector = initial_vector(architecture, spec.seed)
    return build_trainer(lanes, dataset, Network(architecture, vector))


def synthetic_dataset(loaded: LoadedSpec) -> Dataset:
    """Return made-up training rows: normal inputs, and random targets of the spec's task."""
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
    weighted = spec.data.sample_weight is not None or spec.data.class_weight is not None
    weight = rng.uniform(0, 2, n) if weighted else None
    part = Part(rng.standard_normal((n, SYNTHETIC_FEATURES)), y, y, np.arange(n), weight)
    return Dataset({"train": part}, {}, None, encoding, {})


def _task_of_loss(loaded: LoadedSpec) -> str:
    """Return the task that the spec's loss is first for; multiclass where it says neither."""
    loss = loaded.spec.model.loss
    if loss is None:
        return "multiclass" if len(loaded.spec.data.targets) == 1 else "regression"
    return str(LOSSES[loss.name].tasks[0])
