"""A training taken to the moment before one of its steps, with all that the step would see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.dataset import Dataset
from mlpcli.errors import UsageError, counted
from mlpcli.nn.training_step import Batch, TrainingStep
from mlpcli.training.lanes import Lane, prepare_lanes
from mlpcli.training.memory import require_memory
from mlpcli.training.stack_training import StackTraining
from mlpcli.training.trainer import Trainer

# Like the parameters, besides those of the training: θ, gradients and state before and after, and
# J of several θ at once, measured with 2 million parameters.
KEPT_VECTORS = 20


@dataclass(frozen=True)
class ReachedStep:
    """A trainer that is about to take a step.

    number   of the step, from 1
    batch    that it would be taken on
    epoch    from 1
    n_steps  of an epoch
    rows     (batch.n,) of the training part, in the order of the batch
    """

    trainer: Trainer
    number: int
    batch: Batch
    epoch: int
    n_steps: int
    rows: Array


def require_step_memory(lane: Lane, dataset: Dataset) -> None:
    """Raise OutOfMemoryError where the training and what is kept of a step do not fit."""
    require_memory(prepare_lanes([lane], dataset), dataset, more_vectors=KEPT_VECTORS)


def reach_step(lane: Lane, dataset: Dataset, number: int, vector: Array | None) -> ReachedStep:
    """Train one network up to its step `number`, from 1, which is not taken.

    vector  (n_numbers,) initial numbers in place of those that the seed draws
    Raises UsageError where the training has fewer steps; DataError as training does.
    """
    training = _TrainingUpTo(lane, dataset, number)
    training.draw()
    if vector is not None:
        training.vectors[0] = vector
    try:
        for _ in training.run_stack([0]):
            pass
    except _StepReachedError as reached:
        trainer, batch = training.reached, reached.batch
    else:
        taken, reason = training.counter.taken, training.states[0].reason
        steps = counted(taken, "step")
        raise UsageError(f"--step {number}: this training ends after {steps} ({reason})")
    n_steps = trainer.loader.n_steps
    epoch, k = (number - 1) // n_steps + 1, (number - 1) % n_steps
    start = k * trainer.loader.batch_size
    rows = trainer.loader.rows()[start:][: batch.n]
    return ReachedStep(trainer, number, batch, epoch, n_steps, rows)


class _StepReachedError(Exception):
    """The step is to be taken now."""

    def __init__(self, batch: Batch) -> None:
        super().__init__()
        self.batch = batch


class _Counter:
    """A training step in whose place, at the one that is waited for, an exception is raised."""

    def __init__(self, step: TrainingStep, number: int) -> None:
        self.step, self.left, self.taken = step, number, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.step, name)

    def __call__(self, batch: Batch) -> None:
        """Take the step, or raise."""
        if self.taken + 1 == self.left:
            raise _StepReachedError(batch)
        self.step(batch)
        self.taken += 1


class _TrainingUpTo(StackTraining):
    """The training of one network, which stops before a step.

    reached  its trainer
    """

    reached: Trainer
    counter: _Counter

    def __init__(self, lane: Lane, dataset: Dataset, number: int) -> None:
        super().__init__(lane.spec, dataset, [lane])
        self.set_shards(1)  # shown whole: only the rounding of its sums is another
        self.number = number

    def draw(self) -> None:
        super().draw()
        self.vectors = np.atleast_2d(self.network.vector)

    def _begin(self, vectors: Array | None) -> Trainer:
        self.reached = super()._begin(vectors)
        self.counter = _Counter(self.reached.step, self.number)
        counting: Any = self.counter
        self.reached.step = counting
        return self.reached
