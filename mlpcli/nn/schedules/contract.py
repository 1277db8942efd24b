"""What a schedule is, and its course through one training."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mlpcli.array_types import Array
from mlpcli.family import Family, Member, setting

SCHEDULES = Family("schedule")


class Course:
    """A schedule under way: (i + 1) / n of λ in step i < n of the warm-up, then its own factors."""

    def __init__(self, schedule: Schedule, epochs: int, steps_per_epoch: int) -> None:
        self.steps_per_epoch = steps_per_epoch
        self.n_warm = round(schedule.warmup * steps_per_epoch)
        self.n_steps = max(1, epochs * steps_per_epoch - self.n_warm)  # of the schedule itself

    def factors(self, epoch: int) -> float | Array:
        """Return λ(t) / λ of this epoch, from 1: a number, or an array (steps_per_epoch,)."""
        first = (epoch - 1) * self.steps_per_epoch - self.n_warm
        if first >= 0:
            return self._own(first)
        steps = np.arange(first, first + self.steps_per_epoch)
        factors = np.array(np.broadcast_to(self._own(first), steps.shape))
        np.divide(steps + (self.n_warm + 1), self.n_warm, out=factors, where=steps < 0)
        return factors

    def _own(self, first: int) -> float | Array:
        """Return the schedule's factors in an epoch's steps, the first counted after the warm-up.

        Steps before 0 have some factor; the warm-up's takes its place.
        """
        raise NotImplementedError

    def observe(self, figure: float) -> None:
        """Take the monitored figure of the epoch that has ended; smaller is better."""

    @property
    def state(self) -> dict[str, float]:
        """What `factors` depends on beside the epoch: to resume, write it."""
        return {}

    @state.setter
    def state(self, values: dict[str, float]) -> None:
        """Take the state of a course that was interrupted."""


class EpochCourse(Course):
    """A course whose factor changes between the schedule's own epochs only.

    factor_of  λ(t) / λ, t counted from 0 here
    """

    def __init__(
        self,
        schedule: Schedule,
        epochs: int,
        steps_per_epoch: int,
        factor_of: Callable[[int], float],
    ) -> None:
        super().__init__(schedule, epochs, steps_per_epoch)
        self.factor_of = factor_of

    def _own(self, first: int) -> float | Array:
        """Return one number, or where the warm-up shifts its epochs against ours, two in a row."""
        epoch, ahead = divmod(first, self.steps_per_epoch)
        now, following = (self.factor_of(max(k, 0)) for k in (epoch, epoch + 1))
        if not ahead or now == following:
            return now
        factors = np.full(self.steps_per_epoch, now)
        factors[self.steps_per_epoch - ahead :] = following
        return factors


class StepCourse(Course):
    """A course whose factor changes from step to step.

    factors_of  (steps from 0, how many there are in all) -> λ(t) / λ of each
    """

    def __init__(
        self,
        schedule: Schedule,
        epochs: int,
        steps_per_epoch: int,
        factors_of: Callable[[Array, int], Array],
    ) -> None:
        super().__init__(schedule, epochs, steps_per_epoch)
        self.factors_of = factors_of

    def _own(self, first: int) -> float | Array:
        """Return one number for each step."""
        steps = np.arange(first, first + self.steps_per_epoch)
        return self.factors_of(np.maximum(steps, 0), self.n_steps)


class Schedule(Member):
    """One schedule: its settings, and the warm-up that may stand before any of them.

    Warm-up: Goyal et al., 2017, 2.2; PyTorch's LinearLR, from λ/n to λ, before the schedule in a
    SequentialLR.
    """

    warmup: float = setting(
        0.0, "epochs, or a part of one, in which λ grows linearly first", ge=0.0, le=1e6
    )

    def start(self, epochs: int, steps_per_epoch: int) -> Course:
        """Return its course through a training of so many epochs, warm-up included."""
        raise NotImplementedError
