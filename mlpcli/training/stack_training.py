"""The training of the networks of one stack: side by side, of one shape.

Each lane stops by itself, on its own metrics. Lanes that have ended leave the stack as soon as
there are enough of them, and the others go on in a smaller one: all random streams depend on a
lane's seed and the epoch alone, and what is carried from step to step is copied, so that a lane
ends with the same bits in any stack and alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.dataset import Dataset
from mlpcli.nn.arrays import copy_of, empty
from mlpcli.nn.evaluation import StoppedError
from mlpcli.nn.network import Network, initial_vector, stack_architectures
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.spec.members import build
from mlpcli.spec.schema import Spec
from mlpcli.training.build import keeps_outputs, metrics_columns
from mlpcli.training.evaluation import EpochMetrics
from mlpcli.training.events import (
    Ended,
    EpochEnded,
    LanesEnded,
    LanesReduced,
    Progress,
    StackEvent,
    StateReady,
)
from mlpcli.training.lane_state import LaneState, is_watched, learning_rates
from mlpcli.training.lanes import Lane, build_trainer, prepare_lanes
from mlpcli.training.rate_reduction import RateReductions, good_of, with_good, without_lanes
from mlpcli.training.recent_state import RecentStates
from mlpcli.training.stack_state import (
    StackState,
    joined,
    restore_epoch,
    restore_lane,
    restore_trainer,
    stack_state,
)
from mlpcli.training.trainer import Trainer, never

# A smaller stack is made when at least this part of the lanes has ended: making one costs about
# as much as an epoch of a small network.
LEAVING = 1 / 8


class StackTraining:
    """The networks of some lanes, and the training of those that are in one stack.

    vectors  (lanes, n_numbers) each network's numbers, initial ones after `draw`
    network  of one lane the network, trained in place; of several the stack that trains
    model    the network, or the moving average of its weights where that is trained for
    saved    the state of each lane that goes on where it was; it is taken when its stack begins
    inside   the lanes that the trainer has, and
    active   those of them that still train
    reductions  the lanes that went back after they diverged
    recent   states that a divergence can be looked at from
    Raises DataError, with the spec's key, where the spec does not fit the rows.
    """

    def __init__(self, spec: Spec, dataset: Dataset, lanes: Sequence[Lane]) -> None:
        self.spec, self.dataset, self.encoding = spec, dataset, dataset.encoding
        self.lanes = list(lanes)
        self.prepared = prepare_lanes(self.lanes, dataset)
        self.architecture = self.prepared[0].architecture
        self.optimizer = build(OPTIMIZERS, spec.training.optimizer)
        self.columns = metrics_columns(spec, dataset)
        self.has_validation = "validation" in dataset.parts
        self.saved: dict[int, StackState] = {}
        self.inside: list[int] = []
        self.active: list[int] = []
        self.is_interrupted, self._give_up = False, never
        self.reductions, self.recent = RateReductions(), RecentStates()

    def draw(self) -> None:
        """Make the networks, with their initial numbers."""
        shape = len(self.lanes), self.architecture.layout.n_numbers
        self.vectors = empty(shape, np.dtype(self.spec.runtime.dtype))
        with np.errstate(over="ignore"):  # the first loss is then infinite too, which ends the run
            for vector, one in zip(self.vectors, self.prepared, strict=True):
                vector[...] = initial_vector(one.architecture, one.lane.seed)
        vectors = self.vectors[0] if len(self.lanes) == 1 else self.vectors
        self.network = self.model = Network(self.architecture, vectors)

    @property
    def shards(self) -> int:
        """S, the pieces that a step of each network is cut into."""
        return self.prepared[0].shards

    def set_shards(self, shards: int) -> None:
        """Cut steps into as many pieces as a run did that goes on; before training begins."""
        self.prepared = [replace(each, shards=shards) for each in self.prepared]

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

    def run_stack(
        self,
        lanes: Sequence[int],
        stop: Callable[[], bool] = never,
        due: Callable[[], bool] = never,
        give_up: Callable[[], bool] = never,
    ) -> Iterator[StackEvent]:
        """Train the networks of some lanes, of one shape and at one place, side by side.

        stop     called after each step; once true, they end there
        due      called after each block and epoch; where true, a StateReady follows
        give_up  called while rows are evaluated; once true, they end there
        """
        if len({self.prepared[lane].shape for lane in lanes}) > 1:
            raise ValueError("the lanes of a stack have networks and steps of one shape")
        self.stack_begun = time.perf_counter()
        self.inside = self.active = list(lanes)
        self._give_up = give_up
        trainer = self._begin(self.vectors[self.inside] if len(self.lanes) > 1 else None)
        self.states = {
            lane: LaneState(
                self.prepared[lane],
                has_validation=self.has_validation,
                n_steps=trainer.loader.n_steps,
                halvings=self.reductions.halvings(lane),
            )
            for lane in lanes
        }
        resume = self._resume(trainer)
        yield from self._leave()
        while self.active:
            self._trainer = trainer = self._without_the_ended(trainer)
            epoch = self.states[self.active[0]].epoch + 1
            self.epoch_begun = time.perf_counter()
            if resume is None:
                self._keep_state(trainer)
            rates, self._last_rates = learning_rates([self.states[k] for k in self.inside])
            for rows in trainer.epoch(epoch, rates, stop, resume):
                yield Progress(epoch, rows, trainer.n_rows, len(self.active))
                if not trainer.stopped and due():
                    yield StateReady()
            resume = None
            yield from self._after_steps(trainer, due)

    def _after_steps(self, trainer: Trainer, due: Callable[[], bool]) -> Iterator[StackEvent]:
        """End the epoch, if all its steps are taken, and the lanes that do not go on."""
        stopped, is_whole = trainer.stopped, trainer.rows_done == trainer.n_rows
        if is_whole:
            self._find_diverged(trainer)
            going = [lane for lane in self.active if not self.states[lane].reason]
            ended = self._end_epoch(going, trainer, self.epoch_begun) if going else None
            for reduced in self._go_back():
                yield reduced
                ended = without_lanes(ended, reduced.lanes)
            if ended is not None:
                if ended.lanes:
                    yield ended
                yield from self._leave(but="finished")  # which could go on, with more epochs
            elif going:
                stopped = True
        if self.active and (stopped or due()):
            self.is_interrupted = stopped
            yield StateReady()
        if not is_whole:
            self._find_diverged(trainer)
            yield from self._go_back()
        if stopped:
            self._interrupt(self.active)
        yield from self._leave()

    def _keep_state(self, trainer: Trainer) -> None:
        """Keep the state before an epoch, where lanes may go back to it; else now and then."""
        if self.reductions.on:
            self.reductions.good = self.stack_state()
        else:
            self.recent.renew(trainer, self.stack_state)

    def _go_back(self) -> Iterator[LanesReduced]:
        """Take the lanes that diverged, and may go back, out of those that train."""
        causes = {lane: self.reductions.cause(self.states[lane]) for lane in self.active}
        lost = {lane: cause for lane, cause in causes.items() if cause}
        if lost:
            epoch = self.states[self.active[0]].last_epoch
            self.active = [lane for lane in self.active if lane not in lost]
            yield self.reductions.go_back(epoch, lost)

    def _resume(self, trainer: Trainer) -> Callable[[], None] | None:
        """Take the lanes to where they were saved; return what does so in the midst of an epoch."""
        if self.inside[0] not in self.saved:
            return None
        saved = joined([self.saved.pop(lane) for lane in self.inside])
        restore_trainer(trainer, saved)
        if self.reductions.on:
            self.reductions.good = good_of(saved)
        for k, lane in enumerate(self.inside):
            restore_lane(self.states[lane], saved, k, self.columns)
        self.stack_begun -= saved.seconds

        def resume() -> None:
            restore_epoch(trainer, saved)
            self.epoch_begun -= saved.epoch_seconds

        return resume if saved.rows else None

    def stack_state(self) -> StackState:
        """Return a copy of the state of the stack that trains in this process."""
        states = [self.states[lane] for lane in self.active]
        inside = [self.inside.index(lane) for lane in self.active]
        seconds = self.stack_begun, self.epoch_begun
        state = stack_state(self._trainer, self.active, inside, states, self.columns, seconds)
        return with_good(state, self.reductions.good)

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
        keep = keeps_outputs(prepared[0].lane.spec, self.encoding.task)
        trainer = build_trainer(prepared, self.dataset, self.network, keep_outputs=keep)
        average = trainer.step.update.average
        self.model = self.network
        if average is not None:
            self.model = Network(self.network.architecture, average.average)
        self.metrics = EpochMetrics(self.model, prepared, self.dataset)
        self.metrics.stop_when(self._give_up)
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

    def _end_epoch(self, lanes: list[int], trainer: Trainer, started: float) -> EpochEnded | None:
        """Record the epoch that these lanes have completed, with its metrics; None: given up."""
        try:
            found = self.metrics.compute(trainer)
        except StoppedError:
            return None
        columns = [np.ravel(values).tolist() for values in found.values()]
        seconds = (time.perf_counter() - started) / len(lanes)
        epoch = self.states[lanes[0]].epoch + 1
        rows = []
        if self.reductions.on:
            for lane, first, last in zip(self.inside, *trainer.batch_losses(), strict=True):
                self.states[lane].record_losses(epoch, first, last)
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

    def _leave(self, but: str = "") -> Iterator[LanesEnded]:
        """Yield how the lanes have ended that just did, and which numbers they keep.

        but  a reason for which they do not leave yet
        """
        lanes = [lane for lane in self.active if self.states[lane].reason not in ("", but)]
        if not lanes:
            return
        self.active = [lane for lane in self.active if lane not in lanes]
        numbers = dict(zip(self.inside, self._numbers(), strict=True))
        ended, vectors, rows = [], [], []
        for lane in lanes:
            state = self.states[lane]
            vector, best_epoch, row = state.selected(numbers[lane])
            seconds = time.perf_counter() - self.stack_begun
            how = (state.reason, state.epoch, best_epoch, seconds, state.last_epoch, state.cause)
            ended.append(Ended(*how))
            vectors.append(vector)
            rows.append(row)
        yield LanesEnded(lanes, ended, np.stack(vectors), rows)
