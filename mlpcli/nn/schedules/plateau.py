"""The schedule that watches a figure."""

from __future__ import annotations

import math

from mlpcli.family import setting
from mlpcli.nn.schedules.contract import SCHEDULES, Course, EpochCourse, Schedule

STATE = ("factor", "best", "seen", "waited", "cooling")


@SCHEDULES.add("plateau")
class Plateau(Schedule):
    """λ(t) = λ(t − 1), or max(γ λ(t − 1), φ λ) after `patience` + 1 epochs without improvement.

    An improvement is a monitored figure smaller than the best by more than `threshold`; figures
    of the warm-up do not count. Source: PyTorch's ReduceLROnPlateau, mode min, threshold_mode abs:
    a part of the best would mean nothing for a figure that is negated to be made small.
    """

    factor: float = setting(0.1, "γ, the factor of each fall", gt=0.0, lt=1.0)
    patience: int = setting(10, "epochs without improvement that are let pass", ge=0)
    threshold: float = setting(1e-4, "what counts as an improvement", ge=0.0)
    cooldown: int = setting(0, "epochs after a fall that are not counted", ge=0)
    floor: float = setting(0.0, "φ, the least part of λ", ge=0.0, le=1.0)

    def start(self, epochs: int, steps_per_epoch: int) -> Course:
        """Return the course."""
        return PlateauCourse(self, epochs, steps_per_epoch)


class PlateauCourse(EpochCourse):
    """A plateau's course: what it has seen so far."""

    def __init__(self, schedule: Plateau, epochs: int, steps_per_epoch: int) -> None:
        super().__init__(schedule, epochs, steps_per_epoch, lambda _: self.factor)
        self.schedule = schedule
        self.factor, self.best = 1.0, math.inf
        self.seen = self.waited = self.cooling = 0

    def observe(self, figure: float) -> None:
        """Count an epoch without improvement; lower the factor when there were too many."""
        self.seen += 1
        if (self.seen - 1) * self.steps_per_epoch < self.n_warm:
            return
        if figure < self.best - self.schedule.threshold:
            self.best, self.waited = figure, 0
        else:
            self.waited += 1
        if self.cooling > 0:
            self.cooling, self.waited = self.cooling - 1, 0
        if self.waited > self.schedule.patience:
            self.factor = max(self.factor * self.schedule.factor, self.schedule.floor)
            self.cooling, self.waited = self.schedule.cooldown, 0

    @property
    def state(self) -> dict[str, float]:
        """The factor, the best figure, and three counts of epochs."""
        return {name: getattr(self, name) for name in STATE}

    @state.setter
    def state(self, values: dict[str, float]) -> None:
        for name in STATE:
            setattr(self, name, values[name])
