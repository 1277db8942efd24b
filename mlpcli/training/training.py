"""The training of one network or of many. It yields events, touches no file, prints nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpcli.data.dataset import Dataset
from mlpcli.nn.network import Network
from mlpcli.spec.schema import Spec
from mlpcli.training.epoch_means import EpochMeans
from mlpcli.training.events import (
    Ended,
    EpochEnded,
    Event,
    LanesAdvanced,
    LanesEnded,
    LanesReduced,
    Progress,
    RateReduced,
    StackEvent,
    StackSaved,
    StateReady,
)
from mlpcli.training.lane_state import EarlyStopping, monitor_of
from mlpcli.training.lanes import Lane, lanes_of
from mlpcli.training.memory import require_memory
from mlpcli.training.shards import use_threads
from mlpcli.training.stack_state import StackState
from mlpcli.training.stack_training import StackTraining
from mlpcli.training.state import TrainingState
from mlpcli.training.trainer import never

if TYPE_CHECKING:
    from mlpcli.training.plan import Plan

REASONS = ("interrupted", "diverged", "finished", "patience")  # the first that any lane has


class Training(StackTraining):
    """The training of a spec's network, or of the replicas of its ensemble, as lanes.

    lanes    trained instead, in one stack, such as those of several trials

    plan     of an ensemble: its stacks, and in how many processes they train
    vectors  (lanes, n_numbers) each network's numbers: the initial ones, then those kept
    means    rows of metrics, and
    best     which of their epochs is the best
    ended    how the training of each lane ended
    network  of one lane the network, trained in place; of several, while they train, the stack
             whose turn it is; in the end the stack of what they have learned: lane `kept[k]` is
             its lane k. Those that diverged are left out, and of an interrupted training those
             whose turn had not come; where that were all, it has all of them
    Raises DataError, with the spec's key, where the spec does not fit the rows, or the memory that
    it states; OutOfMemoryError where the networks do not fit into what is free.
    """

    def __init__(self, spec: Spec, dataset: Dataset, lanes: Sequence[Lane] = ()) -> None:
        super().__init__(spec, dataset, list(lanes) or lanes_of(spec, dataset))
        self.plan: Plan | None = None
        self.stop = never
        if not lanes and spec.replicated is not None:
            from mlpcli.training.plan import plan_stacks

            self.plan = plan_stacks(self.prepared, dataset)
        require_memory(self.prepared, dataset, self.plan)
        self.draw()
        self.ended: list[Ended | None] = [None] * len(self.lanes)
        self.kept: list[int] = []
        self.means = EpochMeans(self.columns, len(self.lanes))
        self.best = EarlyStopping.from_spec(spec, has_validation=self.has_validation)
        self.seconds = 0.0  # of the sessions before this one
        self.begun = time.perf_counter()
        self.gathered: list[StackState] | None = None  # of the stacks in other processes

    @property
    def stacks(self) -> list[list[int]]:
        """The lanes of each stack, by number."""
        return [list(range(len(self.lanes)))] if self.plan is None else self.plan.stacks

    def seconds_so_far(self) -> float:
        """Return the seconds of training, those of earlier sessions among them."""
        return self.seconds + time.perf_counter() - self.begun

    def run(
        self, stop: Callable[[], bool] = never, due: Callable[[], bool] = never
    ) -> Iterator[Event]:
        """Train all lanes; yield events as they happen.

        stop  called after each step, and now and then while rows are evaluated; once true, training
              ends there
        due   whether a StateReady is wanted; called after each block of rows and each epoch
        """
        self.stop, self.begun = stop, time.perf_counter()
        use_threads(self.spec)
        self.recent.on = self.plan is None or self.plan.processes == 1
        self.reductions.on = self.spec.training.on_divergence == "reduce-lr"
        while stacks := self.stacks_to_come():  # again those that diverged, with half their λ
            yield from self._run_all(stacks, stop, due)
        yield self._end(self.best.best_epoch, self.seconds_so_far())

    def _run_all(
        self, stacks: Sequence[Sequence[int]], stop: Callable[[], bool], due: Callable[[], bool]
    ) -> Iterator[Event]:
        """Train stacks; record what they do, and yield what came of it."""
        places = (self.saved.get(lanes[0]) for lanes in stacks)
        done = [0.0 if saved is None else float(saved.epoch) for saved in places]  # epochs of each
        # Once some lanes have ended as interrupted, there is no state that goes on.
        was_interrupted = any(one is not None and one.reason == "interrupted" for one in self.ended)
        for number, event in self._run_stacks(stacks, stop, due):
            if isinstance(event, Progress):
                done[number] = event.epoch - 1 + event.rows / event.n_rows
                yield event if len(done) == 1 else self._overall(event.n_rows, done, stacks)
            elif isinstance(event, StateReady):
                if not was_interrupted:
                    yield event
            elif isinstance(event, LanesReduced):
                yield from self._reduced(event)
            elif isinstance(event, EpochEnded | LanesEnded):
                yield from self._record(event)

    def _run_stacks(
        self, stacks: Sequence[Sequence[int]], stop: Callable[[], bool], due: Callable[[], bool]
    ) -> Iterator[tuple[int, StackEvent]]:
        """Train the stacks of the plan; yield the number of a stack with each of its events."""
        if self.plan is not None and self.plan.processes > 1:
            from mlpcli.training.stack_processes import run_in_processes

            run = partial(run_in_processes, self._run_saved, stacks, self.plan.processes)
            for number, event in run(stop, due):
                if isinstance(event, list):
                    self.gathered = event
                    yield number, StateReady()
                else:
                    yield number, event
            return
        was_interrupted = False
        for number, lanes in enumerate(stacks):
            for event in self.run_stack(lanes, stop, due, stop):
                # Once some lanes have ended as interrupted, there is no state that goes on.
                if not (was_interrupted and isinstance(event, StateReady)):
                    yield number, event
            was_interrupted = self.is_interrupted

    def _run_saved(
        self, lanes: Sequence[int], stop: Callable[[], bool], due: Callable[[], bool]
    ) -> Iterator[StackEvent]:
        """Train a stack in another process, which cannot be asked for its state later."""
        for event in self.run_stack(lanes, stop, due, stop):
            if isinstance(event, StateReady):
                yield StackSaved(self.stack_state(), self.is_interrupted)
            else:
                yield event

    def _overall(self, n_rows: int, done: list[float], stacks: Sequence[Sequence[int]]) -> Progress:
        """Return the progress of all lanes, given the epochs that each stack has done."""
        mean = float(np.average(done, weights=[len(lanes) for lanes in stacks]))
        epoch = min(int(mean), self.spec.training.epochs - 1)
        return Progress(epoch + 1, int((mean - epoch) * n_rows), n_rows, len(self.lanes))

    def _record(self, event: EpochEnded | LanesEnded) -> Iterator[Event]:
        """Record what some lanes have done; yield the epochs that all lanes now have completed."""
        if isinstance(event, EpochEnded):
            self.means.add(event)
        else:
            for lane, ended, vector in zip(event.lanes, event.ended, event.vectors, strict=True):
                self.ended[lane] = ended
                self.vectors[lane] = vector  # of one lane these are the network's own
                self.saved.pop(lane, None)
            self.means.end(event)
        for epoch, rows, mean in self.means.completed():
            value = mean[monitor_of(self.spec)] if self.is_watched else -float(epoch)
            improved, lanes = self.best.update(epoch, value), list(rows)
            best_epoch = self.best.best_epoch
            yield EpochEnded(epoch, lanes, list(rows.values()), mean, improved, best_epoch)
        if isinstance(event, EpochEnded) and event.epoch > self.means.n_complete:
            yield LanesAdvanced(event.epoch, event.lanes)

    def _reduced(self, event: LanesReduced) -> Iterator[RateReduced]:
        """Let lanes that diverged wait for their turn to go on from an earlier epoch's end."""
        self.reductions.record(event)
        for one, cause in zip(event.state.each(), event.causes, strict=True):
            (lane,) = one.lanes
            self.saved[lane] = one
            optimizer: Any = self.prepared[lane].lane.spec.training.optimizer
            rate = optimizer.learning_rate * 0.5 ** self.reductions.halvings(lane)
            yield RateReduced(event.epoch, one.epoch, rate, cause, lane, len(self.lanes))

    # ------------------------------------------------------------ saved and resumed

    def state(self) -> TrainingState:
        """Return a copy of all that decides what comes, at a `StateReady` or before the run."""
        from mlpcli.training.saved import packed

        return packed(self)

    def restore(self, state: TrainingState) -> None:
        """Let `run` go on from a state; with more epochs in the spec, beyond its end.

        Raises ValueError, and changes nothing, where it is not one of this training.
        """
        from mlpcli.training.unpacked import restore

        restore(self, state)

    def stacks_to_come(self) -> list[list[int]]:
        """Return the lanes that have not ended, in stacks of those at one place."""
        found: list[list[int]] = []
        for stack in self.stacks:
            places: dict[Any, list[int]] = {}
            for lane in stack:
                if self.ended[lane] is None:
                    place = self.saved[lane].place if lane in self.saved else None
                    places.setdefault(place, []).append(lane)
            found += places.values()
        return found

    def _end(self, best_epoch: int, seconds: float) -> Ended:
        """Make the network of the lanes that are kept; return how the training ended."""
        ended = [one for one in self.ended if one is not None]
        sound = [r for r, one in enumerate(ended) if one.reason != "diverged"]
        begun = [r for r in sound if ended[r].epochs or ended[r].reason != "interrupted"]
        self.kept = begun or sound or list(range(len(ended)))
        if len(self.lanes) == 1:
            return ended[0]
        self.network = Network(self.architecture, self.vectors[self.kept])
        reason = next(reason for reason in REASONS if any(e.reason == reason for e in ended))
        epochs = max(one.epochs for one in ended)
        last = max(one.last_epoch for one in ended)
        cause = next((one.cause for one in ended if one.cause), "")
        return Ended(reason, epochs, best_epoch, seconds, last, cause)
