"""Which learning rates deserve a longer trial, and which one is taken after it: rules alone.

What a short trial says about a rate is misleading in known ways. One seed is noise, and so are a
few validation rows. Just below the rate where training breaks the first steps look best. A large
rate is ahead early, and later stays at a higher loss. Each rule here is against one of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlpcli.array_types import Array

SAFETY = 3.0  # a rate stays this factor below the first one that breaks
RISE = 0.2  # broken: of the gain over the untrained loss, so much is lost again
MARGIN = 0.01  # of that gain: a rate that has all but this much is as good, if it is smaller
LEAST_GAIN = 0.01  # of the untrained loss: a smaller gain is no learning
STANDARD_ERRORS = 3.0  # of a difference: a smaller one shows nothing. Of 5 folds: 1 in 50 by chance
OVERWHELMING = 0.2  # of the loss, on each fold: it shows, however much it differs from fold to fold


@dataclass(frozen=True)
class Shortlist:
    """What the short trials say.

    index  of the rate that did best, among those that may be taken; None where none may
    edge   index of the smallest rate that broke; None where none did
    """

    index: int | None
    edge: int | None


def shortlist(
    rates: Sequence[float], losses: Array, untrained: Array, largest: float = math.inf
) -> Shortlist:
    """Return the rate that did best in short trials, away from where training breaks.

    A rate counts as bad as the worst seed's loss, at it or at the rates beside it: the first and
    the last, which lack one, are never taken. It has to be SAFETY below the edge, the first rate
    where training breaks on any seed: diverges, or loses RISE of what the best one gained. Of
    those that gained all but MARGIN of what the best gained, the smallest is taken. None is, where
    the best does not lower the loss by LEAST_GAIN on every seed.

    rates      rising
    losses     (seeds, rates), infinite where diverged
    untrained  (seeds,) losses before the first step
    largest    that may be taken
    """
    worst, start = losses.max(axis=0), float(np.mean(untrained))
    around = np.full(len(rates), math.inf)
    around[1:-1] = np.max([worst[:-2], worst[1:-1], worst[2:]], axis=0)
    edge = _edge(worst, start - float(around.min()))
    limit = largest if edge is None else min(largest, rates[edge] / SAFETY)
    around[np.asarray(rates) > limit * (1 + 1e-9)] = math.inf
    best = int(np.argmin(around))
    gain = start - float(around[best])
    if not (math.isfinite(gain) and gain > 0):  # infinite: nothing can be said of such a start
        return Shortlist(None, edge)
    if np.any(losses[:, best] >= untrained - LEAST_GAIN * np.abs(untrained)):
        return Shortlist(None, edge)
    enough = np.flatnonzero(around <= start - (1 - MARGIN) * gain)
    return Shortlist(int(enough[0]), edge)


def _edge(worst: Array, gain: float) -> int | None:
    """Return the index of the first rate whose worst loss has risen above that of a smaller one."""
    lowest = np.minimum.accumulate(worst)
    allowed = RISE * max(gain, 0.0) if math.isfinite(gain) else 0.0
    with np.errstate(invalid="ignore"):  # infinity - infinity: broken as well
        broken = ~(worst - lowest <= allowed + LEAST_GAIN * np.abs(lowest))
    return int(np.argmax(broken)) if broken.any() else None


def _error(values: Array) -> float:
    """Return the standard error of a mean, s / √n."""
    return float(np.std(values, ddof=1)) / math.sqrt(len(values))


@dataclass(frozen=True)
class Trial:
    """One rate's longer trial, and how it compares with the spec's rate.

    loss      mean over the held-out rows; infinite where it diverged on a fold
    diverged  on so many folds
    lead      the spec's loss minus this one, mean over the rows that both were judged by; NaN
              where one of them diverged
    least     the smallest lead on a fold
    error     standard error of the lead: the larger of those over rows and over folds
    catch_up  what the spec's rate may still gain on a larger one, in the steps that the trial
              left out
    """

    learning_rate: float
    loss: float
    diverged: int
    lead: float
    least: float
    error: float
    catch_up: float

    def is_better(self, standard_errors: float) -> bool:
        """Whether it is better than the spec's rate, by so many standard errors."""
        if not math.isfinite(self.loss):
            return False
        loss = abs(self.loss)
        is_shown = self.lead > standard_errors * self.error or self.least > OVERWHELMING * loss
        return is_shown and self.lead > max(LEAST_GAIN * loss, self.catch_up)


@dataclass(frozen=True)
class Lead:
    """By how much a rate's loss is below the spec's; the fields are those of `Trial`."""

    mean: float = math.nan
    least: float = math.nan
    error: float = math.nan


def lead_of(spec_losses: Sequence[Array], losses: Sequence[Array]) -> Lead:
    """Return the lead of a rate over the spec's, row by row.

    spec_losses, losses  of the same held-out rows, an array for each fold

    The error over rows does not know that the rows of a fold share a network; that over folds
    rests on a few numbers. The larger one is taken.
    """
    each = [ours - other for ours, other in zip(spec_losses, losses, strict=True)]
    rows, folds = np.concatenate(each), np.array([float(np.mean(fold)) for fold in each])
    return Lead(float(np.mean(rows)), float(folds.min()), max(_error(rows), _error(folds)))


def taken(spec: Trial, others: Sequence[Trial], edge: float | None) -> Trial | None:
    """Return the trial whose rate is taken; None where all have diverged.

    The spec's, unless others are better: then the one of them with the lowest loss. To be better
    takes STANDARD_ERRORS; where the spec's rate is at the edge or above it, one, since such losses
    are wild; and where it diverges, nothing.
    """
    if not math.isfinite(spec.loss):
        better = [trial for trial in others if math.isfinite(trial.loss)]
        return min(better, key=lambda trial: trial.loss, default=None)
    is_beyond = edge is not None and spec.learning_rate >= edge
    better = [each for each in others if each.is_better(1.0 if is_beyond else STANDARD_ERRORS)]
    return min(better, key=lambda trial: trial.loss, default=spec)
