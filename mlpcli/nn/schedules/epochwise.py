"""Schedules whose rate is the same in all steps of an epoch."""

from __future__ import annotations

from mlpcli.family import setting
from mlpcli.nn.schedules.contract import SCHEDULES, Schedule


@SCHEDULES.add("constant")
class Constant(Schedule):
    """λ(t) = λ. Source: the lecture."""

    def epoch_factor(self, epoch: int) -> float:
        return 1.0


@SCHEDULES.add("step")
class StepDecay(Schedule):
    """λ(t) = λ γ^⌊(t − 1) / s⌋, t the epoch. Source: PyTorch's StepLR."""

    every: int = setting(30, "s, the epochs between two falls", ge=1)
    gamma: float = setting(0.1, "γ, the factor of each fall", gt=0.0, le=1.0)

    def epoch_factor(self, epoch: int) -> float:
        return float(self.gamma ** (epoch // self.every))


@SCHEDULES.add("exponential")
class Exponential(Schedule):
    """λ(t) = λ γ^(t − 1), t the epoch. Source: PyTorch's ExponentialLR."""

    gamma: float = setting(0.95, "γ, the factor from each epoch to the next", gt=0.0, le=1.0)

    def epoch_factor(self, epoch: int) -> float:
        return float(self.gamma**epoch)


@SCHEDULES.add("inverse_time")
class InverseTime(Schedule):
    """λ(t) = λ / (1 + κ (t − 1)), t the epoch. Source: Robbins and Monro, 1951; Bottou, 2012."""

    decay: float = setting(0.01, "κ, how fast the rate falls", ge=0.0)

    def epoch_factor(self, epoch: int) -> float:
        return 1.0 / (1.0 + self.decay * epoch)
