"""One network through its epochs: whether it goes on, why not, and which weights are kept."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.errors import DataError
from mlpcli.nn.network import initial_vector
from mlpcli.nn.optimizers import OPTIMIZERS, Optimizer
from mlpcli.nn.schedules import SCHEDULES, ScheduleState
from mlpcli.spec.members import build
from mlpcli.spec.schema import Spec
from mlpcli.training.early_stopping import EarlyStopping
from mlpcli.training.lanes import Fitted
from mlpcli.training.metrics import METRICS

NOT_DEFINED = "monitor val_loss, or give every class rows in each part"


@dataclass(frozen=True)
class Ended:
    """Training is over.

    reason      finished, patience, interrupted, diverged or pruned
    epochs      how many were completed
    best_epoch  the epoch whose weights the network now has; 0 is the random beginning
    last_epoch  the one in which it ended: one more than epochs where that was not completed
    cause       what diverged, where that is the reason
    """

    reason: str
    epochs: int
    best_epoch: int
    seconds: float
    last_epoch: int = 0
    cause: str = ""


def is_watched(spec: Spec, *, has_validation: bool) -> bool:
    """Whether the monitored figure exists: those of validation need validation rows."""
    return has_validation or monitor_of(spec).startswith("train_")


def monitor_of(spec: Spec) -> str:
    """Return the figure that decides which epoch is the best."""
    wanted = spec.training.early_stopping
    return wanted.monitor if wanted else "val_loss"


def early_stopping_of(spec: Spec, *, has_validation: bool) -> EarlyStopping:
    """Return what watches the monitored figure; without validation rows, the epoch's number.

    The latest epoch is then always the best, so that its weights are the ones kept.
    """
    wanted, watched = spec.training.early_stopping, is_watched(spec, has_validation=has_validation)
    if wanted is None or not watched:
        patience, min_delta = None, 0.0
    else:
        patience, min_delta = wanted.patience, wanted.min_delta
    name = monitor_of(spec).partition("_")[2]
    greater = watched and name in METRICS and METRICS[name].greater_is_better
    return EarlyStopping(patience, min_delta, greater_is_better=greater)


class Follower:
    """Follows one network of a stack.

    fitted          the lane
    has_validation  whether there are validation rows
    steps           of an epoch
    reason          why it ended; empty while it goes on
    """

    def __init__(self, fitted: Fitted, *, has_validation: bool, steps: int) -> None:
        self.fitted, self.has_validation = fitted, has_validation
        spec = fitted.lane.spec
        self.monitor = monitor_of(spec)
        self.is_watched = is_watched(spec, has_validation=has_validation)
        self.optimizer: Optimizer = build(OPTIMIZERS, spec.training.optimizer)
        self.epochs = spec.training.epochs
        self.course: ScheduleState = build(SCHEDULES, spec.training.schedule).start(
            self.epochs, steps
        )
        # Whose rates are the same: lanes of one spec, unless figures decide.
        self.rates_of = id(self if self.course.state else spec)
        self.stopping = early_stopping_of(spec, has_validation=has_validation)
        self.epoch, self.last_epoch, self.reason, self.cause = 0, 0, "", ""
        if self.epochs == 0:
            self.reason = "finished"

    def rates(self, known: dict[Any, float | Array]) -> float | Array:
        """Return λ of the epoch that begins now: a number, or one for each of its steps.

        known  those of other lanes, for one of the same spec to take where no figures decide
        """
        self.last_epoch = self.epoch + 1
        key = self.rates_of, self.last_epoch
        if key not in known:
            known[key] = self.optimizer.learning_rate * self.course.factors(self.last_epoch)
        return known[key]

    def diverged(self) -> None:
        """Take note that the epoch under way has come to numbers that are not finite."""
        self.reason, self.cause = "diverged", "the training loss"

    def take(self, row: dict[str, float], vector: Array) -> bool:
        """Take a completed epoch's row of figures; return whether it is the best so far.

        vector  the numbers of the model; kept where they are the best
        Raises DataError where the monitored figure is not defined.
        """
        self.epoch += 1
        figure = row[self.monitor] if self.is_watched else float(-self.epoch)
        self.course.observe(self.stopping.sign * figure if self.is_watched else row["train_loss"])
        improved = self.stopping.improved(self.epoch, figure, vector)
        validation = math.isfinite(row["train_loss"])
        if not validation or not math.isfinite(row.get("val_loss", 0.0)):
            self.reason = "diverged"
            self.cause = "the validation loss" if validation else "the training loss"
        elif math.isnan(figure):
            raise DataError(f"{self.monitor} is not defined on these rows; {NOT_DEFINED}")
        elif self.stopping.exhausted:
            self.reason = "patience"
        elif self.epoch == self.epochs:
            self.reason = "finished"
        return improved

    def end(self, last: Array) -> tuple[Array, int]:
        """Return the numbers that are to be kept, and the epoch that they are of.

        The best by the validation rows; without any, and interrupted before there was anything to
        compare, those that the last step left. Diverged, the last that were kept, or else the
        random beginning.

        last  the model's numbers after the last step
        """
        kept = self.stopping.vector
        if kept is None and self.reason == "diverged":
            with np.errstate(over="ignore"):  # where the beginning itself was too large
                beginning = initial_vector(self.fitted.architecture, self.fitted.lane.seed)
                return beginning.astype(last.dtype), 0
        if kept is not None and (self.has_validation or self.reason == "diverged"):
            return kept, self.stopping.best_epoch
        return last, self.epoch
