"""Check the gradient and the update of the very trainer that a spec's training would build."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.augmentations import AUGMENTATIONS
from mlpcli.data.dataset import Dataset, Encoding, Part
from mlpcli.data.encoders import NumericColumn
from mlpcli.data.inputs import InputEncoder
from mlpcli.data.readers import ReadOptions
from mlpcli.data.targets import ClassTarget, MultilabelTarget, RegressionTarget, TargetEncoder
from mlpcli.nn.gradcheck import TOLERANCE, GradientCheck, check_gradient
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, initialize
from mlpcli.nn.objective import Objective
from mlpcli.nn.penalties import ALL
from mlpcli.nn.schedules import SCHEDULES
from mlpcli.nn.training_step import TrainingStep
from mlpcli.nn.update_check import UpdateCheck, check_update
from mlpcli.randomness import generator
from mlpcli.spec.checks import check_task, chosen_loss
from mlpcli.spec.checks.augmentation import augmentations_of
from mlpcli.spec.load import LoadedSpec
from mlpcli.spec.members import build
from mlpcli.training.build import batch_size_of, fitting_metrics, load_dataset
from mlpcli.training.lane_state import LaneState, learning_rates
from mlpcli.training.lanes import Lane, PreparedLane, build_trainer, lanes_of, prepare_lanes
from mlpcli.training.memory import require_memory
from mlpcli.training.shards import use_threads
from mlpcli.training.trainer import Trainer

SYNTHETIC_FEATURES = 8
SYNTHETIC_CLASSES = 3
MAX_SYNTHETIC_ROWS = 256
# Like the parameters, besides those of the training: four θ at once on either side of the
# difference, and the steps of the optimizer's formula, measured with 2 million parameters.
KEPT_VECTORS = 30


@dataclass(frozen=True)
class StepCheck:
    """The verdict on a trainer's first step: its gradient and its update.

    X  (n, n_inputs) the batch as the step took it
    """

    gradient: GradientCheck
    update: UpdateCheck
    X: Array

    @property
    def passed(self) -> bool:
        """Whether gradient and update passed."""
        return self.gradient.passed and self.update.passed


@dataclass(frozen=True)
class SpecCheck:
    """The verdict on the first step of a spec's training.

    source  of the rows: a file's name, or a description of synthetic data
    """

    step: StepCheck
    architecture: Architecture
    source: str


def check_spec(loaded: LoadedSpec, *, synthetic: bool, samples: int | None) -> SpecCheck:
    """Check the first step of a spec's training, in float64, on its first batch.

    The batch is augmented, noisy and weighted as the spec says, with the step's masks and noise.

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
    use_threads(loaded.spec)
    dataset = synthetic_dataset(loaded) if synthetic else load_dataset(loaded)
    spec = loaded.spec
    with loaded.locating():  # of an ensemble the first replica, on its own rows
        lanes = [Lane(spec, spec.seed)] if synthetic else lanes_of(spec, dataset)[:1]
        prepared = prepare_lanes(lanes, dataset)
        require_memory(prepared, dataset, more_vectors=KEPT_VECTORS)
    trainer = trainer_of(prepared[0], dataset)
    n_steps = trainer.loader.n_steps
    rates, _ = learning_rates([LaneState(prepared[0], has_validation=False, n_steps=n_steps)])
    schedule = build(SCHEDULES, spec.training.schedule).start(spec.training.epochs, n_steps)
    factor = np.ravel(schedule.factors(1))[0]
    learning_rate = trainer.step.update.optimizer.learning_rate * factor
    step = check_trainer(trainer, rates, learning_rate, samples)
    source = next((table.name for table in dataset.tables.values()), "")
    made_up = f"made-up data for {dataset.encoding.task}, {SYNTHETIC_FEATURES} features"
    return SpecCheck(step, trainer.network.architecture, source or made_up)


def trainer_of(lane: PreparedLane, dataset: Dataset) -> Trainer:
    """Return the trainer of one lane, in float64, at its initial parameters."""
    network = initialize(lane.architecture, lane.lane.seed, np.float64)
    return build_trainer([lane], dataset, network)


def check_trainer(
    trainer: Trainer, rates: Any, learning_rate: float, samples: int | None = None
) -> StepCheck:
    """Check the gradient and the update of a trainer's first step, which is taken here.

    trainer        of one network, float64, that has not taken a step
    rates          λ of the first epoch, as `Trainer.epoch` takes it
    learning_rate  λ that the first step should take
    samples        entries to check in each larger tensor; None means all
    """
    step, seed, loader = trainer.step, trainer.seeds[0], trainer.loader
    theta, grad = step.network.theta.copy(), step.grad.copy()
    with _kept_gradient(step, grad):
        for _ in trainer.epoch(1, rates, stop=lambda: True):
            pass
    start, stop = next(loader.blocks())
    batch = loader.block_of(stop - start).batches[0]
    with np.errstate(all="ignore"):  # what overflows shows up as an error that is not small
        update = check_update(step, theta, grad, learning_rate, seed=seed, tolerance=TOLERANCE)
        step.network.theta[...] = theta
        objective = Objective(step, batch, loader.weights(batch.n))
    gradient = check_gradient(objective, theta, grad, samples=samples, seed=seed)
    return StepCheck(gradient, update, batch.X)


@contextmanager
def _kept_gradient(step: TrainingStep, grad: Array) -> Iterator[None]:
    """Copy the gradient into grad before it is used, in a step that is taken as in training.

    Where the update begins with pieces, each is copied by itself: the whole is never there.
    """
    update, move = step.update, step.update.move

    def keep(part: slice) -> None:
        grad[..., part] = step.grad[..., part]

    def keep_and_move(piece: int) -> None:
        keep(update.pieces[piece])
        move(piece)

    if update.begins_with_pieces:
        update.move = keep_and_move  # type: ignore[method-assign]
        yield
        del update.move
        return
    update.parts.insert(0, lambda: keep(ALL))
    yield
    del update.parts[0]


def synthetic_dataset(loaded: LoadedSpec) -> Dataset:
    """Return made-up training rows: normal inputs, and random targets of the spec's task."""
    spec = loaded.spec
    task = spec.data.task or _task_of_loss(loaded)
    problems = check_task(spec, task, [m.name for m in fitting_metrics(spec, task)])
    if problems:
        raise loaded.error(problems)
    rng = generator(spec.seed, "gradcheck", 1)
    n = min(batch_size_of(spec, MAX_SYNTHETIC_ROWS), MAX_SYNTHETIC_ROWS)
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
