"""The schedule that watches a metric."""

from __future__ import annotations

import math

import numpy as np

from mlpcli.array_types import Array
from mlpcli.family import setting
from mlpcli.nn.schedules.contract import SCHEDULES, Schedule, ScheduleState


@SCHEDULES.add("plateau")
class Plateau(Schedule):
    """λ(t) = λ(t − 1), or max(γ λ(t − 1), φ λ) after `patience` + 1 epochs without improvement.

    An improvement is a monitored metric smaller than the best by more than `threshold`; metrics
    of the warm-up do not count. Source: PyTorch's ReduceLROnPlateau, mode min, threshold_mode abs:
    a part of the best would mean nothing for a metric that is negated to be made small.
    """

    factor: float = setting(0.1, "γ, the factor of each fall", gt=0.0, lt=1.0)
    patience: int = setting(10, "epochs without improvement that are let pass", ge=0)
    threshold: float = setting(1e-4, "what counts as an improvement", ge=0.0)
    cooldown: int = setting(0, "epochs after a fall that are not counted", ge=0)
    floor: float = setting(0.0, "φ, the least part of λ", ge=0.0, le=1.0)

    def start(self, epochs: int, steps_per_epoch: int) -> ScheduleState:
        return PlateauState(self, epochs, steps_per_epoch)


class PlateauState(ScheduleState):
    """A plateau in one training: its factor, the best metric, and three counts of epochs."""

    def __init__(self, schedule: Plateau, epochs: int, steps_per_epoch: int) -> None:
        super().__init__(schedule, epochs, steps_per_epoch)
        self.plateau = schedule
        self.state = {"factor": 1.0, "best": math.inf, "seen": 0, "waited": 0, "cooling": 0}

    def _step_factors(self, steps: Array) -> Array:
        return np.full(steps.shape, self.state["factor"])

    def observe(self, metric: float) -> None:
        """Count an epoch without improvement; lower the factor after more than `patience`."""
        state, plateau = self.state, self.plateau
        state["seen"] += 1
        if (state["seen"] - 1) * self.steps_per_epoch < self.n_warm:
            return
        if metric < state["best"] - plateau.threshold:
            state["best"], state["waited"] = metric, 0
        else:
            state["waited"] += 1
        if state["cooling"] > 0:
            state["cooling"] -= 1
            state["waited"] = 0
        if state["waited"] > plateau.patience:
            state["factor"] = max(state["factor"] * plateau.factor, plateau.floor)
            state["cooling"], state["waited"] = plateau.cooldown, 0
