"""Schedules: the learning rate of each epoch, as a multiple of the optimizer's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mlpcli.family import Family, setting

SCHEDULES = Family("schedule")


@dataclass(frozen=True)
class Schedule:
    """One schedule."""

    name: ClassVar[str]

    def factor(self, epoch: int) -> float:
        """Return λ(epoch) / λ, epoch counted from 1."""
        raise NotImplementedError


@SCHEDULES.add("constant")
@dataclass(frozen=True)
class Constant(Schedule):
    """λ(t) = λ. Source: the lecture."""

    def factor(self, epoch: int) -> float:
        """Return 1."""
        return 1.0


@SCHEDULES.add("exponential")
@dataclass(frozen=True)
class Exponential(Schedule):
    """λ(t) = λ γ^(t − 1), t the epoch. Source: PyTorch's ExponentialLR."""

    gamma: float = setting(0.95, "γ, the factor from each epoch to the next", gt=0.0, le=1.0)

    def factor(self, epoch: int) -> float:
        """Return γ^(epoch − 1)."""
        return float(self.gamma ** (epoch - 1))


@SCHEDULES.add("inverse_time")
@dataclass(frozen=True)
class InverseTime(Schedule):
    """λ(t) = λ / (1 + κ (t − 1)), t the epoch. Source: Robbins and Monro, 1951; Bottou, 2012."""

    decay: float = setting(0.01, "κ, how fast the rate falls", ge=0.0)

    def factor(self, epoch: int) -> float:
        """Return 1 / (1 + κ (epoch − 1))."""
        return 1.0 / (1.0 + self.decay * (epoch - 1))
