"""What may be found of a divergence: a cause, the numbers it was measured by, what to try."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from mlpcli.training.divergence_evidence import Evidence

LEARNING_RATE = "training.optimizer.learning_rate"


@dataclass(frozen=True)
class Advice:
    """What to try: keys of the spec, and why."""

    settings: dict[str, Any]
    why: str = ""


@dataclass(frozen=True)
class Finding:
    """A cause, in a sentence, with the numbers that it was measured by."""

    cause: str
    why: str
    numbers: dict[str, Any] = field(default_factory=dict)
    advice: list[Advice] = field(default_factory=list)


def rounded_down(value: float) -> float:
    """Return a positive number with its first digit alone.

    >>> [rounded_down(x) for x in (0.93, 0.0179, 2.0)]
    [0.9, 0.01, 2.0]
    """
    if not 0 < value < math.inf:
        return value
    power = math.floor(math.log10(value))
    return float(f"{math.floor(value / 10.0**power + 1e-6)}e{power}")


def with_rates(settings: dict[str, Any], rate: float) -> list[Advice]:
    """Return settings to try, and with smaller and smaller rates."""
    return [Advice(settings)] + [
        Advice({**settings, LEARNING_RATE: rounded_down(rate / part)}) for part in (10, 100, 1000)
    ]


def lower_rates(evidence: Evidence) -> list[Advice]:
    """Return rates to try: half the stable one, or such that a step is small beside θ."""
    norms, limit = evidence.moment.norms, evidence.limit
    default = type(evidence.replay.optimizer)().learning_rate
    rates = [min(default, norms.learning_rate / 10)]
    if limit is not None:
        h = evidence.curvature(evidence.moment)
        if h > 0 and math.isfinite(h):
            rates.insert(0, min(limit / (2 * h), norms.learning_rate / 2))
    rates += [rates[0] / 10, rates[0] / 100]
    return [Advice({LEARNING_RATE: rounded_down(each)}) for each in rates]
