"""The training of one network or of many. It yields events, touches no file, prints nothing.

Networks of one shape are trained side by side, in a stack. Each lane stops by itself, on its own
metrics. Lanes that have ended leave the stack as soon as there are enough of them, and the others
go on in a smaller one: all random streams depend on a lane's seed and the epoch alone, and what is
carried from step to step is copied, so that a lane ends with the same bits in any stack and alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.dataset import Dataset
from mlpcli.nn.arrays import copy_of, empty
from mlpcli.nn.network import Network, initial_vector, stack_architectures
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.spec.members import build
from mlpcli.spec.schema import Spec
from mlpcli.training.build import epoch_metrics, metrics_columns
from mlpcli.training.epoch_means import EpochMeans
from mlpcli.training.evaluation import EpochMetrics
from mlpcli.training.events import Ended, EpochEnded, Event, LanesEnded, Progress, StackEvent
from mlpcli.training.lane_state import (
    EarlyStopping,
    LaneState,
    is_watched,
    learning_rates,
    monitor_of,
)
from mlpcli.training.lanes import Lane, build_trainer, lanes_of, prepare_lanes
from mlpcli.training.memory import require_memory
from mlpcli.training.trainer import Trainer, never

if TYPE_CHECKING:
    from mlpcli.training.plan import Plan

# A smaller stack is made when at least this part of the lanes has ended: making one costs about
# as much as an epoch of a small network.
LEAVING = 1 / 8
REASONS = ("interrupted", "diverged", "finished", "patience")  # the first that any lane has


class Training:
    """The training of a spec's network, or of the replicas of its ensemble, as lanes.

    lanes    trained instead, in one stack, such as those of several trials

    plan     of an ensemble: its stacks, and in how many processes they train
    vectors  (lanes, n_numbers) each network's numbers: the initial ones, then those kept
    ended    how the training of each lane ended
    network  of one lane the network, trained in place; of several, while they train, the stack
             whose turn it is; in the end the stack of what they have learned: lane `kept[k]` is
             its lane k. Those that diverged are left out, and of an interrupted training those
             whose turn had not come; where that were all, it has all of them
    model    the network, or the moving average of its weights where that is trained for
    Raises DataError, with the spec's key, where the spec does not fit the rows, or the memory that
    it states; OutOfMemoryError where the networks do not fit into what is free.
    """

    def __init__(self, spec: Spec, dataset: Dataset, lanes: Sequence[Lane] = ()) -> None:
        self.spec, self.dataset, self.encoding = spec, dataset, dataset.encoding
        self.lanes = list(lanes) or lanes_of(spec, dataset)
        self.prepared = prepare_lanes(self.lanes, dataset)
        self.architecture = self.prepared[0].architecture
        self.optimizer = build(OPTIMIZERS, spec.training.optimizer)
        self.columns = metrics_columns(spec, dataset)
        self.has_validation = "validation" in dataset.parts
        self.ended: list[Ended | None] = [None] * len(self.lanes)
        self.kept: list[int] = []
        self.plan: Plan | None = None
        if not lanes and spec.replicated is not None:
            from mlpcli.training.plan import plan_stacks

            self.plan = plan_stacks(self.prepared, dataset)
        require_memory(self.prepared, dataset, self.plan)
        shape = len(self.lanes), self.architecture.layout.n_numbers
        self.vectors = empty(shape, np.dtype(spec.runtime.dtype))
        with np.errstate(over="ignore"):  # the first loss is then infinite too, which ends the run
            for vector, one in zip(self.vectors, self.prepared, strict=True):
                vector[...] = initial_vector(one.architecture, one.lane.seed)
        vectors = self.vectors[0] if len(self.lanes) == 1 else self.vectors
        self.network = self.model = Network(self.architecture, vectors)

    @property
    def stacks(self) -> list[list[int]]:
        """The lanes of each stack, by number."""
        return [list(range(len(self.lanes)))] if self.plan is None else self.plan.stacks

    @property
    def is_watched(self) -> bool:
        """Whether the monitored metric exists: those of validation need validation rows."""
        return is_watched(self.spec, has_validation=self.has_validation)

    def trainer(
        self, network: Network, seeds: Sequence[int], *, keep_outputs: bool = False
    ) -> Trainer:
        """Return the trainer of the first lane's spec, of a network or a stack of them."""
        one = self.prepared[0]
        prepared = [replace(one, lane=replace(one.lane, seed=seed)) for seed in seeds]
        return build_trainer(prepared, self.dataset, network, keep_outputs=keep_outputs)

    # ------------------------------------------------------------ all lanes

    def run(self, stop: Callable[[], bool] = never) -> Iterator[Event]:
        """Train all lanes; yield events as they happen.

        stop  called after each step; once true, training ends there
        """
        begun = time.perf_counter()
        means = EpochMeans(self.columns, len(self.lanes))
        best = EarlyStopping.from_spec(self.spec, has_validation=self.has_validation)
        monitor, watched = monitor_of(self.spec), self.is_watched
        done = [0.0] * len(self.stacks)  # epochs of each stack
        for number, event in self._run_stacks(stop):
            if isinstance(event, Progress):
                done[number] = event.epoch - 1 + event.rows / event.n_rows
                yield event if len(done) == 1 else self._overall(event.n_rows, done)
                continue
            complete = {}
            if isinstance(event, EpochEnded):
                means.add(event)
                complete[event.epoch] = event
            else:
                self._record(event)
                means.end(event)
            for epoch, mean in means.completed():
                improved = best.update(epoch, mean[monitor] if watched else -float(epoch))
                one = complete.pop(epoch, None)
                lanes, rows = ([], []) if one is None else (one.lanes, one.rows)
                yield EpochEnded(epoch, lanes, rows, mean, improved, best.best_epoch)
            yield from complete.values()
        yield self._end(best.best_epoch, time.perf_counter() - begun)

    def _run_stacks(self, stop: Callable[[], bool]) -> Iterator[tuple[int, StackEvent]]:
        """Train the stacks of the plan; yield the number of a stack with each of its events."""
        if self.plan is not None and self.plan.processes > 1:
            from mlpcli.training.processes import run_in_processes

            yield from run_in_processes(self.run_stack, self.stacks, self.plan.processes, stop)
            return
        for number, lanes in enumerate(self.stacks):
            for event in self.run_stack(lanes, stop):
                yield number, event

    def _overall(self, n_rows: int, done: list[float]) -> Progress:
        """Return the progress of all lanes, given the epochs that each stack has done."""
        mean = float(np.average(done, weights=[len(lanes) for lanes in self.stacks]))
        epoch = min(int(mean), self.spec.training.epochs - 1)
        return Progress(epoch + 1, int((mean - epoch) * n_rows), n_rows, len(self.lanes))

    def _record(self, event: LanesEnded) -> None:
        for lane, ended, vector in zip(event.lanes, event.ended, event.vectors, strict=True):
            self.ended[lane] = ended
            self.vectors[lane] = vector  # of one lane these are the network's own

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

    # ------------------------------------------------------------ one stack of them

    def run_stack(
        self, lanes: Sequence[int], stop: Callable[[], bool] = never
    ) -> Iterator[StackEvent]:
        """Train the networks of some lanes, of one shape, side by side."""
        if len({self.prepared[lane].shape for lane in lanes}) > 1:
            raise ValueError("the lanes of a stack have networks and steps of one shape")
        begun = time.perf_counter()
        self.inside = self.active = list(lanes)  # those that the trainer has, and that still train
        trainer = self._begin(self.vectors[self.inside] if len(self.lanes) > 1 else None)
        self.states = {
            lane: LaneState(
                self.prepared[lane],
                has_validation=self.has_validation,
                n_steps=trainer.loader.n_steps,
            )
            for lane in lanes
        }
        yield from self._leave(begun)
        while self.active:
            trainer = self._without_the_ended(trainer)
            started = time.perf_counter()
            epoch = self.states[self.active[0]].epoch + 1
            rates, self._last_rates = learning_rates([self.states[k] for k in self.inside])
            for rows in trainer.epoch(epoch, rates, stop):
                yield Progress(epoch, rows, trainer.n_rows, len(self.active))
            self._find_diverged(trainer)
            going = [lane for lane in self.active if not self.states[lane].reason]
            is_whole = trainer.rows_done == trainer.n_rows
            if going and is_whole:
                yield self._end_epoch(going, trainer, started)
            if going and (trainer.stopped or not is_whole):
                self._interrupt(going)
            yield from self._leave(begun)

    def _begin(self, vectors: Array | None) -> Trainer:
        """Return a trainer of the lanes inside; make their network and its `EpochMetrics`.

        vectors  (lanes, n_numbers) initial numbers, copied; None: those of the network itself
        """
        prepared = [self.prepared[lane] for lane in self.inside]
        if vectors is not None:
            architecture = stack_architectures([one.architecture for one in prepared])
            if len(prepared) == 1:
                architecture, vectors = prepared[0].architecture, vectors[0]
            self.network = Network(architecture, copy_of(vectors))
        spec = prepared[0].lane.spec
        keep_outputs = spec.training.train_loss != "full" and bool(
            epoch_metrics(spec, self.encoding.task)
        )
        trainer = build_trainer(prepared, self.dataset, self.network, keep_outputs=keep_outputs)
        average = trainer.step.update.average
        self.model = self.network
        if average is not None:
            self.model = Network(self.network.architecture, average.average)
        self.metrics = EpochMetrics(self.model, prepared, self.dataset)
        return trainer

    def _without_the_ended(self, trainer: Trainer) -> Trainer:
        """Return a trainer of the lanes that go on, where enough have ended; else the same one."""
        staying = [k for k, lane in enumerate(self.inside) if lane in self.active]
        n_ended = len(self.inside) - len(staying)
        if n_ended == 0 or n_ended < LEAVING * len(self.inside):
            return trainer
        self.inside = list(self.active)
        smaller = self._begin(self.network.vector[staying])
        smaller.copy_state(trainer, staying)
        return smaller

    def _find_diverged(self, trainer: Trainer) -> None:
        """Record which lanes have losses or numbers that are not finite."""
        finite = trainer.finite & np.isfinite(self.network.vector).all(axis=-1)
        if finite.all():
            return
        for lane, is_finite in zip(self.inside, np.atleast_1d(finite), strict=True):
            if not is_finite and lane in self.active:
                self.states[lane].diverge()

    def _end_epoch(self, lanes: list[int], trainer: Trainer, started: float) -> EpochEnded:
        """Record the epoch that these lanes have completed, with its metrics."""
        found = self.metrics.compute(trainer)
        columns = [np.ravel(values).tolist() for values in found.values()]
        seconds = (time.perf_counter() - started) / len(lanes)
        epoch = self.states[lanes[0]].epoch + 1
        rows = []
        each = zip(self.inside, zip(*columns, strict=True), self._last_rates, strict=True)
        for (lane, values, rate), vector in zip(each, self._numbers(), strict=True):
            if lane in lanes:
                metrics = dict(zip(found, values, strict=True))
                row = {"epoch": epoch, **metrics, "learning_rate": rate, "seconds": seconds}
                rows.append(row)
                self.states[lane].end_epoch(row, vector)
        return EpochEnded(epoch, lanes, rows)

    def _numbers(self) -> Array:
        """Return the model's numbers (lanes, n_numbers) of the lanes inside."""
        return np.atleast_2d(self.model.vector)

    def drop(self, lane: int) -> None:
        """Let a lane end after the epoch just completed; it keeps its best numbers."""
        self.states[lane].reason = self.states[lane].reason or "pruned"

    def _interrupt(self, lanes: list[int]) -> None:
        for lane in lanes:
            if self.states[lane].reason in ("", "finished"):
                self.states[lane].reason = "interrupted"

    def _leave(self, begun: float) -> Iterator[LanesEnded]:
        """Yield how the lanes have ended that just did, and which numbers they keep."""
        lanes = [lane for lane in self.active if self.states[lane].reason]
        if not lanes:
            return
        self.active = [lane for lane in self.active if lane not in lanes]
        numbers = dict(zip(self.inside, self._numbers(), strict=True))
        ended, vectors, rows = [], [], []
        for lane in lanes:
            state = self.states[lane]
            vector, best_epoch, row = state.selected(numbers[lane])
            seconds = time.perf_counter() - begun
            how = (state.reason, state.epoch, best_epoch, seconds, state.last_epoch, state.cause)
            ended.append(Ended(*how))
            vectors.append(vector)
            rows.append(row)
        yield LanesEnded(lanes, ended, np.stack(vectors), rows)
