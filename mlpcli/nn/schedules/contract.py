"""The interface of a schedule, its warm-up, and its state in one training."""

from __future__ import annotations

import numpy as np

from mlpcli.array_types import Array
from mlpcli.family import Family, Member, setting

SCHEDULES = Family("schedule")


class Schedule(Member):
    """The settings of one schedule, and of the warm-up that may stand before any of them.

    A member states its formula in `epoch_factor`, or in `step_factors` where the rate changes from
    step to step; epochs and steps are counted from 0 after the warm-up.
    Warm-up: Goyal et al., 2017, 2.2; PyTorch's LinearLR, from λ/n to λ, before the schedule in a
    SequentialLR.
    """

    warmup: float = setting(
        0.0, "epochs, or a part of one, in which λ grows linearly first", ge=0.0, le=1e6
    )

    @property
    def depends_on_epochs(self) -> bool:
        """Whether a factor depends on the number of epochs: then a training cannot be extended."""
        return False

    def start(self, epochs: int, steps_per_epoch: int) -> ScheduleState:
        """Return its state at the start of a training of so many epochs, warm-up included."""
        return ScheduleState(self, epochs, steps_per_epoch)

    def epoch_factor(self, epoch: int) -> float:
        """Return λ(t) / λ of an epoch."""
        raise NotImplementedError

    def step_factors(self, steps: Array, n_steps: int, steps_per_epoch: int) -> Array:
        """Return λ(t) / λ of each of some steps, consecutive and no more than an epoch has.

        n_steps  of the whole training, after the warm-up
        """
        epochs = steps // steps_per_epoch  # two at most, as the warm-up may shift them
        first, last = int(epochs[0]), int(epochs[-1])
        return np.where(epochs == first, self.epoch_factor(first), self.epoch_factor(last))


class ScheduleState:
    """A schedule in one training: (i + 1) / n of λ in step i < n of the warm-up, then its factors.

    state  numbers that `factors` depends on beside the epoch: to resume, assign a copy
    """

    def __init__(self, schedule: Schedule, epochs: int, steps_per_epoch: int) -> None:
        self.schedule, self.steps_per_epoch = schedule, steps_per_epoch
        self.n_warm = round(schedule.warmup * steps_per_epoch)
        self.n_steps = max(1, epochs * steps_per_epoch - self.n_warm)
        self.state: dict[str, float] = {}

    def factors(self, epoch: int) -> float | Array:
        """Return λ(t) / λ of an epoch, from 1: a number, or one for each step where they differ.

        Then it is an array (steps_per_epoch,).
        """
        first = (epoch - 1) * self.steps_per_epoch - self.n_warm
        steps = np.arange(first, first + self.steps_per_epoch)
        factors = self._step_factors(np.maximum(steps, 0))
        if first < 0:
            factors = np.where(steps < 0, (steps + (self.n_warm + 1)) / self.n_warm, factors)
        return float(factors[0]) if np.all(factors == factors[0]) else factors

    def _step_factors(self, steps: Array) -> Array:
        return self.schedule.step_factors(steps, self.n_steps, self.steps_per_epoch)

    def observe(self, metric: float) -> None:
        """Record the monitored metric of the epoch that has ended; smaller is better."""
