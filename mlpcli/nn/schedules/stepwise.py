"""Schedules whose rate changes from step to step."""

from __future__ import annotations

import numpy as np

from mlpcli.array_types import Array
from mlpcli.family import setting
from mlpcli.nn.schedules.contract import SCHEDULES, Schedule

FOREVER = 1e18  # steps: a longer period is as good as this, and infinity is no number of steps


@SCHEDULES.add("cosine")
class Cosine(Schedule):
    """λ(t) = λ [ φ + (1 − φ) (1 + cos(π c / P)) / 2 ], c the epochs since the last restart.

    c has the fraction of each step in it. Without a period P = T, and nothing restarts: PyTorch's
    CosineAnnealingLR, stepped at each step. With one, the first cycle has P epochs, and each
    following one `growth` times as many: CosineAnnealingWarmRestarts.
    Source: Loshchilov and Hutter, SGDR, 2017, (5).
    """

    period: float = setting(0.0, "P, epochs of the first cycle; 0: one cycle in all", ge=0.0)
    growth: int = setting(1, "how many times as long each cycle is as the last", ge=1, le=100)
    floor: float = setting(0.0, "φ, the least part of λ", ge=0.0, le=1.0)

    def problem(self) -> str | None:
        """A cycle that fills the training has no successor."""
        if self.growth != 1 and not self.period:
            return "growth needs a period: without one there is a single cycle"
        return None

    @property
    def depends_on_epochs(self) -> bool:
        """Without a period its one cycle is as long as the training."""
        return not self.period

    def step_factors(self, steps: Array, n_steps: int, steps_per_epoch: int) -> Array:
        period = min(self.period * steps_per_epoch, FOREVER)
        length = float(max(1, round(period)) if self.period else n_steps)
        since, lengths = steps.astype(float), np.full(steps.shape, length)
        if self.period and self.growth == 1:
            since %= length
        while self.period and self.growth > 1 and np.any(later := since >= lengths):
            since -= np.where(later, lengths, 0.0)
            lengths *= np.where(later, self.growth, 1.0)
        angle = np.pi * np.minimum(since / lengths, 1.0)
        return self.floor + (1.0 - self.floor) * (1.0 + np.cos(angle)) / 2.0


@SCHEDULES.add("one_cycle")
class OneCycle(Schedule):
    """λ(t) = λ/d up to λ by half a cosine, then down to λ/(d D) by another, step by step.

    The rise takes the share r of the steps. The optimizer's momentum is not cycled.
    Source: Smith and Topin, Super-convergence, 2019; PyTorch's OneCycleLR with cosines and two
    phases, where max_lr is λ.
    """

    rise: float = setting(0.3, "r, the share of the steps in which the rate rises", gt=0.0, lt=1.0)
    div: float = setting(25.0, "d, how many times smaller than λ it begins", ge=1.0)
    final_div: float = setting(1e4, "D, how many times smaller than that it ends", ge=1.0)

    @property
    def depends_on_epochs(self) -> bool:
        """Its one cycle is as long as the training."""
        return True

    def step_factors(self, steps: Array, n_steps: int, steps_per_epoch: int) -> Array:
        top, last = self.rise * n_steps - 1.0, n_steps - 1.0
        lowest = 1.0 / self.div
        up = steps / top if top > 0 else np.ones(steps.shape)
        down = np.minimum((steps - top) / (last - top), 1.0)
        rising = 1.0 + (lowest - 1.0) / 2.0 * (1.0 + np.cos(np.pi * up))
        end = lowest / self.final_div
        falling = end + (1.0 - end) / 2.0 * (1.0 + np.cos(np.pi * down))
        return np.where(steps <= top, rising, falling)
