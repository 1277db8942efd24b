"""The state of one lane from epoch to epoch: λ, early stopping, and the best parameters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.errors import DataError
from mlpcli.nn.network import initial_vector
from mlpcli.nn.optimizers import OPTIMIZERS, Optimizer
from mlpcli.nn.schedules import SCHEDULES, ScheduleState
from mlpcli.spec.members import build
from mlpcli.spec.schema import Spec
from mlpcli.training.lanes import PreparedLane
from mlpcli.training.metrics import greater_is_better

NOT_DEFINED = "monitor val_loss, or give every class rows in each part"


def is_watched(spec: Spec, *, has_validation: bool) -> bool:
    """Whether the monitored metric exists: those of validation need validation rows."""
    return has_validation or monitor_of(spec).startswith("train_")


def monitor_of(spec: Spec) -> str:
    """Return the name of the metric that decides which epoch is the best."""
    stopping = spec.training.early_stopping
    return stopping.monitor if stopping else "val_loss"


class EarlyStopping:
    """The best epoch so far, and how many have passed without a better one.

    patience           epochs without improvement before training stops; None never stops
    min_delta          an improvement is a change by more than this
    greater_is_better  whether the monitored metric is to be maximized

    Source: the lecture; Prechelt, Early stopping, but when?, 1998.
    """

    def __init__(self, patience: int | None, min_delta: float, *, greater_is_better: bool) -> None:
        self.patience, self.min_delta = patience, min_delta
        self.sign = -1.0 if greater_is_better else 1.0
        self.best = math.inf
        self.best_epoch = 0
        self.waited = 0

    @classmethod
    def from_spec(cls, spec: Spec, *, has_validation: bool) -> EarlyStopping:
        """Return a spec's; without the monitored metric the latest epoch is always the best."""
        stopping = spec.training.early_stopping
        watched = is_watched(spec, has_validation=has_validation)
        greater = watched and greater_is_better(monitor_of(spec))
        if stopping is None or not watched:
            return cls(None, 0.0, greater_is_better=greater)
        return cls(stopping.patience, stopping.min_delta, greater_is_better=greater)

    def update(self, epoch: int, value: float) -> bool:
        """Record an epoch's value of the monitored metric; return whether it is the best so far."""
        if self.sign * value < self.best - self.min_delta:
            self.best, self.best_epoch, self.waited = self.sign * value, epoch, 0
            return True
        self.waited += 1
        return False

    @property
    def exhausted(self) -> bool:
        """Whether patience has run out."""
        return self.patience is not None and self.waited >= self.patience


class LaneState:
    """The state of one lane between epochs, beside the parameters of its network.

    prepared        the lane
    has_validation  whether there are validation rows
    n_steps         of an epoch
    halvings        how many times λ was halved, because the lane diverged

    epoch       the last completed one
    last_epoch  the last one that was begun
    reason      why training ended; empty while it goes on
    vector      the numbers of the best epoch, and
    row         its row of metrics; None before there is one
    first_loss  of the very first batch, and
    last_loss   of the last batch of the last epoch; NaN where they were not asked for
    """

    def __init__(
        self, prepared: PreparedLane, *, has_validation: bool, n_steps: int, halvings: int = 0
    ) -> None:
        self.prepared, self.has_validation = prepared, has_validation
        spec = prepared.lane.spec
        self.monitor = monitor_of(spec)
        self.is_watched = is_watched(spec, has_validation=has_validation)
        self.optimizer: Optimizer = build(OPTIMIZERS, spec.training.optimizer)
        self.epochs = spec.training.epochs
        schedule = build(SCHEDULES, spec.training.schedule)
        self.schedule: ScheduleState = schedule.start(self.epochs, n_steps)
        # Lanes with this key have the same rates: those of one spec, unless metrics decide.
        self.rates_key = id(self if self.schedule.state else spec), halvings
        self.halvings = halvings
        self.learning_rate = self.optimizer.learning_rate * 0.5**halvings
        self.stopping = EarlyStopping.from_spec(spec, has_validation=has_validation)
        self.epoch = self.last_epoch = 0
        self.reason, self.cause = "" if self.epochs else "finished", ""
        self.vector: Array | None = None
        self.row: dict[str, float] | None = None
        self.latest_row: dict[str, float] | None = None
        self.first_loss = self.last_loss = math.nan

    def begin_epoch(self, known: dict[Any, float | Array]) -> float | Array:
        """Return λ of the epoch that begins now: a number, or one for each of its steps.

        known  those of other lanes in this epoch, by their key
        """
        self.last_epoch = self.epoch + 1
        key = self.rates_key, self.last_epoch
        if key not in known:
            known[key] = self.learning_rate * self.schedule.factors(self.last_epoch)
        return known[key]

    def record_losses(self, epoch: int, first: float, last: float) -> None:
        """Record the losses of an epoch's first batch, before its step, and of its last."""
        self.last_loss = last
        if epoch == 1:
            self.first_loss = first

    def diverge(self) -> None:
        """Record that losses or parameters are no longer finite."""
        self.reason, self.cause = "diverged", "the training loss"

    def end_epoch(self, row: dict[str, float], vector: Array) -> None:
        """Record a completed epoch; decide whether it is the best one and whether to go on.

        row     its metrics
        vector  the numbers of the model; copied where they are the best
        Raises DataError where the monitored metric is not defined.
        """
        self.epoch += 1
        self.latest_row = row
        value = row[self.monitor] if self.is_watched else float(-self.epoch)
        self.schedule.observe(self.stopping.sign * value if self.is_watched else row["train_loss"])
        if self.stopping.update(self.epoch, value):
            self.row = row
            if self.vector is None:
                self.vector = vector.copy()
            else:
                self.vector[...] = vector
        is_finite = math.isfinite(row["train_loss"])
        if not is_finite or not math.isfinite(row.get("val_loss", 0.0)):
            self.reason = "diverged"
            self.cause = "the validation loss" if is_finite else "the training loss"
        elif math.isnan(value):
            raise DataError(f"{self.monitor} is not defined on these rows; {NOT_DEFINED}")
        elif self.stopping.exhausted:
            self.reason = "patience"
        elif self.epoch == self.epochs:
            self.reason = "finished"

    def selected(self, last: Array) -> tuple[Array, int, dict[str, float] | None]:
        """Return the numbers to keep, the epoch that they are of, and its row of metrics.

        The best by the validation rows; without any, and interrupted before there was anything to
        compare, those of the last step. Diverged, the last that were kept, or else the initial
        parameters, and no row.

        last  the model's numbers after the last step
        """
        diverged = self.reason == "diverged"
        if self.vector is None and diverged:
            with np.errstate(over="ignore"):  # where the initial ones were too large
                initial = initial_vector(self.prepared.architecture, self.prepared.lane.seed)
                return initial.astype(last.dtype), 0, None
        if self.vector is not None and (self.has_validation or diverged):
            return self.vector, self.stopping.best_epoch, None if diverged else self.row
        return last, self.epoch, self.latest_row


def learning_rates(states: Sequence[LaneState]) -> tuple[Any, list[float]]:
    """Begin an epoch in each lane; return λ as `Trainer.epoch` takes it, and that of the last step.

    λ is one number, or (R, 1); where it changes from step to step (n_steps,), or (n_steps, R, 1).
    """
    known: dict[Any, float | Array] = {}
    rates = [state.begin_epoch(known) for state in states]
    last = {id(rate): float(np.ravel(rate)[-1]) for rate in known.values()}
    last_rates = [last[id(rate)] for rate in rates]
    if len(rates) == 1:
        return rates[0], last_rates
    if not any(np.ndim(rate) for rate in known.values()):
        return np.array(rates)[:, np.newaxis], last_rates
    n_steps = max(np.size(rate) for rate in rates)
    each_step = [np.broadcast_to(rate, n_steps) for rate in rates]
    return np.stack(each_step, axis=1)[..., np.newaxis], last_rates
