"""The training loop, of one network or of many side by side. It yields events, prints nothing.

Each lane stops by itself, on its own figures. Lanes that have ended leave the stack as soon as
there are enough of them, and the others go on in a smaller one: everything random depends on a
lane's seed and the epoch alone, and what is carried from step to step is carried over, so that a
lane ends with the same bits in any stack and alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.dataset import Dataset
from mlpcli.nn.arrays import copy_of
from mlpcli.nn.network import Architecture, Network, initial_vector, stack_architectures
from mlpcli.training.descent import build_trainer
from mlpcli.training.figures import Figures, keeps_outputs, targets_of
from mlpcli.training.follower import Ended, Follower
from mlpcli.training.lanes import Fitted, Lane, fit_lanes
from mlpcli.training.trainer import Trainer, never

# A smaller stack is made when at least this part of the lanes has ended: making one costs about
# as much as an epoch of a small network.
LEAVING = 1 / 8


@dataclass(frozen=True)
class Advanced:
    """Some rows of an epoch are done, in every lane."""

    epoch: int
    rows: int
    n_rows: int
    lanes: int = 1


@dataclass(frozen=True)
class LanesEnded:
    """An epoch is done.

    lanes     those that trained in it, by their numbers in the stack
    rows      the row of metrics.csv of each of them
    improved  whether it is the best so far in each of them
    left      how those lanes ended that have since the epoch before
    """

    epoch: int
    lanes: list[int]
    rows: list[dict[str, float]]
    improved: list[bool]
    left: dict[int, Ended] = field(default_factory=dict)


class Stack:
    """Networks of one shape that are trained side by side; one of them is trained alone.

    dataset  that all lanes train on
    lanes    whose `shape` is the same

    network  those that still train, their numbers as they are
    model    the same, or the running means of their numbers, where the spec asks for those
    ended    how each lane's training ended
    vectors  (lanes, n_numbers) what each lane has learned, once it has ended
    Raises DataError, with the spec's key, where an augmentation does not apply to the rows.
    """

    def __init__(self, dataset: Dataset, lanes: Sequence[Lane]) -> None:
        self.dataset = dataset
        self.fitted = fit_lanes(lanes, dataset)
        if len({each.shape for each in self.fitted}) > 1:
            raise ValueError("the lanes of a stack have networks and steps of one shape")
        self.targets = targets_of(dataset, self.dtype)
        self.ended: list[Ended | None] = [None] * len(lanes)
        self._left: dict[int, Ended] = {}  # since the last event that says so
        self.inside = list(range(len(lanes)))  # the lanes that the trainer still has
        architecture = self._architecture()
        beginnings = [self._beginning(each) for each in self.fitted]
        vector = np.stack(beginnings) if len(lanes) > 1 else beginnings[0]
        self.network = self.model = Network(architecture, copy_of(vector))
        self.vectors = np.empty((len(lanes), vector.shape[-1]), self.dtype)

    @property
    def dtype(self) -> Any:
        """The type of every number in the networks."""
        return np.dtype(self.fitted[0].lane.spec.runtime.dtype)

    @property
    def has_validation(self) -> bool:
        """Whether there are validation rows."""
        return "validation" in self.dataset.parts

    def _beginning(self, fitted: Fitted) -> Array:
        with np.errstate(over="ignore"):  # the first loss is then infinite too, which ends the run
            return initial_vector(fitted.architecture, fitted.lane.seed).astype(self.dtype)

    def _architecture(self) -> Architecture:
        """Return the one of the lanes inside."""
        each = [self.fitted[lane].architecture for lane in self.inside]
        return stack_architectures(each) if len(each) > 1 else each[0]

    def drop(self, lane: int) -> None:
        """Take a lane out after the epoch that has just ended; it keeps its best numbers."""
        follower = self.followers[lane]
        follower.reason = follower.reason or "pruned"

    def run(self, stop: Callable[[], bool] = never) -> Iterator[Advanced | LanesEnded]:
        """Train; yield what happens as it happens. Afterwards `ended` and `vectors` have all.

        stop  asked after each step; once true, training ends there
        """
        self.begun = time.perf_counter()
        trainer = self._begin()
        self.followers = [
            Follower(each, has_validation=self.has_validation, steps=trainer.loader.n_steps)
            for each in self.fitted
        ]
        self._leave()
        while self.inside:
            trainer = self._without_the_ended(trainer)
            active = [lane for lane in self.inside if self.ended[lane] is None]
            started = time.perf_counter()
            epoch = self.followers[active[0]].epoch + 1
            for rows in trainer.epoch(epoch, self._rates(), stop):
                yield Advanced(epoch, rows, trainer.n_rows, len(active))
            finite = self._finite(trainer)
            for lane, sound in zip(self.inside, finite, strict=True):
                if not sound and self.ended[lane] is None:
                    self.followers[lane].diverged()
            going = [lane for lane in active if not self.followers[lane].reason]
            if trainer.rows_done < trainer.n_rows:
                self._interrupt(going)
            elif going:
                yield self._epoch_of(going, trainer, started)
                if trainer.stopped:
                    self._interrupt(going)
            self._leave()

    def _begin(self) -> Trainer:
        """Return a trainer of the lanes inside; say what is evaluated."""
        fitted = [self.fitted[lane] for lane in self.inside]
        kept = keeps_outputs(fitted[0].lane.spec, self.dataset)
        trainer = build_trainer(fitted, self.dataset, self.network, keep_outputs=kept)
        average = trainer.step.update.average
        self.model = self.network
        if average is not None:
            self.model = Network(self.network.architecture, average.average)
        self.figures = Figures(self.model, fitted, self.dataset, self.targets)
        return trainer

    def _without_the_ended(self, trainer: Trainer) -> Trainer:
        """Return a trainer of the lanes that go on, where enough have ended; else the same one."""
        staying = [k for k, lane in enumerate(self.inside) if self.ended[lane] is None]
        left = len(self.inside) - len(staying)
        if left == 0 or left < LEAVING * len(self.inside):
            return trainer
        self.inside = [self.inside[k] for k in staying]
        own: Any = staying if len(staying) > 1 else staying[0]
        self.network = Network(self._architecture(), copy_of(self.network.vector[own]))
        smaller = self._begin()
        smaller.copy_state(trainer, staying)
        return smaller

    def _rates(self) -> Any:
        """Return λ of the epoch that begins, as `Trainer.epoch` takes it."""
        known: dict[Any, float | Array] = {}
        rates = [self.followers[lane].rates(known) for lane in self.inside]
        if not self.network.lane_shape and isinstance(rates[0], float):
            self.last_rates = [float(rates[0])]  # NumPy's floats are Python's as well
            return rates[0]
        # Of the last step, where they differ.
        last = {id(rate): float(np.ravel(rate)[-1]) for rate in known.values()}
        self.last_rates = [last[id(rate)] for rate in rates]
        if not self.network.lane_shape:
            return rates[0]
        if not any(np.ndim(rate) for rate in known.values()):
            return np.array(rates)[:, np.newaxis]
        n_steps = max(np.size(rate) for rate in rates)
        each_step = [np.broadcast_to(rate, n_steps) for rate in rates]
        return np.stack(each_step, axis=1)[..., np.newaxis]

    def _finite(self, trainer: Trainer) -> list[bool]:
        """Return which lanes inside have losses and numbers that are finite."""
        finite = trainer.finite & np.isfinite(self.network.vector).all(axis=-1)
        return np.atleast_1d(finite).tolist()

    def _epoch_of(self, lanes: list[int], trainer: Trainer, started: float) -> LanesEnded:
        """Return the completed epoch of these lanes, taken note of."""
        found = self.figures.of_epoch(trainer)
        of_lanes = zip(*(np.ravel(values).tolist() for values in found.values()), strict=True)
        seconds = (time.perf_counter() - started) / len(lanes)
        epoch = self.followers[lanes[0]].epoch + 1
        rows, improved = [], []
        each = zip(self.inside, of_lanes, self.last_rates, self._numbers(), strict=True)
        for lane, figures, rate, vector in each:
            follower = self.followers[lane]
            if not follower.reason:
                row = dict(zip(found, figures, strict=True))
                row = {"epoch": epoch, **row, "learning_rate": rate, "seconds": seconds}
                rows.append(row)
                improved.append(follower.take(row, vector))
        left, self._left = self._left, {}
        return LanesEnded(epoch, lanes, rows, improved, left)

    def _numbers(self) -> Array:
        """Return the model's numbers (lanes, n_numbers) of the lanes inside."""
        return np.atleast_2d(self.model.vector)

    def _interrupt(self, lanes: list[int]) -> None:
        for lane in lanes:
            if self.followers[lane].reason in ("", "finished"):
                self.followers[lane].reason = "interrupted"

    def _leave(self) -> None:
        """Write down how the lanes have ended that just did, and what they learned."""
        if not any(self.followers[lane].reason for lane in self.inside):
            return
        for lane, numbers in zip(self.inside, self._numbers(), strict=True):
            follower = self.followers[lane]
            if follower.reason and self.ended[lane] is None:
                vector, best = follower.end(numbers)
                self.vectors[lane] = vector
                seconds = time.perf_counter() - self.begun
                how = (follower.reason, follower.epoch, best, seconds)
                self.ended[lane] = self._left[lane] = Ended(
                    *how, follower.last_epoch, follower.cause
                )
        if all(ended is not None for ended in self.ended):
            self.inside = []
