"""Where the time of a training goes: a clock that the parts of a trainer are wrapped in.

At every moment one entry of the clock is running: time in a part within a part counts as the inner
one's alone, so that all entries sum to the whole. A trainer is wrapped once, when it is built.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

from mlpcli.array_types import Array
from mlpcli.data.dataset import Dataset
from mlpcli.nn.backprop import Backprop
from mlpcli.nn.embeddings import Embed
from mlpcli.nn.layers import Affine, FirstAffine, Layer, Product
from mlpcli.nn.sharded_backprop import ShardedBackprop
from mlpcli.spec.schema import Spec
from mlpcli.training.lanes import Lane
from mlpcli.training.trainer import Trainer
from mlpcli.training.training import Training
from mlpcli.workers import SHARED, WorkerTimes

START, LOAD, ENCODE, BEGIN = "start-up", "load", "encode", "initialize"
SHUFFLE, NOISE, FORWARD, LOSS = "shuffle and gather", "noise and masks", "forward", "loss"
SHARDS = "steps in shards"  # the update too, where no part of it needs the whole gradient
BACKWARD, UPDATE, STEPS, METRICS = "backward", "update", "loop over steps", "metrics"
FILES, PROGRESS, OTHER = "files", "progress", "other"
EPOCH_ROWS = (SHUFFLE, NOISE, FORWARD, LOSS, BACKWARD, SHARDS, UPDATE, STEPS, METRICS)
ROWS = (START, LOAD, ENCODE, BEGIN, *EPOCH_ROWS, FILES, PROGRESS, OTHER)
CALLS_TO_MEASURE, ROUNDS = 2000, 5  # of the clock's own cost


@dataclass(slots=True)
class Entry:
    """The time of one part, in a row of the profile.

    layer          of the network, or empty: the row's other time
    multiply_adds  of one call
    seconds        without those of the entries within it
    """

    row: str
    layer: str = ""
    multiply_adds: int = 0
    seconds: float = 0.0
    calls: int = 0


class Clock:
    """Divides the time since `begun`, in seconds of `time.perf_counter`, among its entries."""

    def __init__(self, begun: float | None = None) -> None:
        self.begun = self.last = time.perf_counter() if begun is None else begun
        self.inside = Entry(START, calls=1)
        self.entries = [self.inside]
        self.ended = self.begun

    def entry(self, row: str, layer: str = "", multiply_adds: int = 0) -> Entry:
        self.entries.append(Entry(row, layer, multiply_adds))
        return self.entries[-1]

    def enter(self, entry: Entry) -> Entry:
        """Start an entry; return the one that was running."""
        now, outer = time.perf_counter(), self.inside
        outer.seconds += now - self.last
        entry.calls += 1
        self.inside, self.last = entry, now
        return outer

    def leave(self, outer: Entry) -> None:
        """Stop the running entry and continue the one around it."""
        now = time.perf_counter()
        self.inside.seconds += now - self.last
        self.inside, self.last = outer, now

    def around(self, entry: Entry, part: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, its time counted as the entry's."""

        def timed(*arguments: Any, **named: Any) -> Any:
            outer = self.enter(entry)
            try:
                return part(*arguments, **named)
            finally:
                self.leave(outer)

        return timed

    def from_here(self, entry: Entry, part: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function; from its call until the part around it ends, time is the entry's."""

        def timed(argument: Any) -> Any:
            self.enter(entry)
            return part(argument)

        return timed

    def wrap(self, owner: Any, name: str, row: str) -> None:
        """Time an object's method, or a module's function, from now on."""
        setattr(owner, name, self.around(self.entry(row), getattr(owner, name)))

    def through(self, row: str, make: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        """Return a generator function, timed while it runs, not while it waits for its caller."""
        entry = self.entry(row)

        def timed(*arguments: Any) -> Iterator[Any]:
            return iter(self.around(entry, partial(next, make(*arguments), None)), None)

        return timed

    def stop(self) -> None:
        """Stop: later time is not counted."""
        self.leave(self.inside)
        self.ended = self.last


def clock_cost() -> float:
    """Return the seconds that timing one call of a part takes, measured now."""
    clock = Clock()
    costs = []
    for part in (int, clock.around(clock.entry(OTHER), int)) * ROUNDS:
        begun = time.perf_counter()
        for _ in range(CALLS_TO_MEASURE):
            part()
        costs.append((time.perf_counter() - begun) / CALLS_TO_MEASURE)
    return max(0.0, min(costs[1::2]) - min(costs[::2]))


class ProfiledTraining(Training):
    """A training whose trainers are timed part by part."""

    def __init__(
        self, clock: Clock, spec: Spec, dataset: Dataset, lanes: Sequence[Lane] = ()
    ) -> None:
        self.clock = clock
        clock.around(clock.entry(BEGIN), super().__init__)(spec, dataset, lanes)
        clock.wrap(self, "_begin", BEGIN)
        clock.wrap(self, "_end_epoch", METRICS)

    def _begin(self, vectors: Array | None) -> Trainer:
        trainer = super()._begin(vectors)
        profile_trainer(self.clock, trainer)
        self.clock.wrap(self.metrics, "compute", METRICS)
        return trainer


def profile_trainer(clock: Clock, trainer: Trainer) -> None:
    """Wrap every part of a trainer that belongs to a row."""
    loader, step = trainer.loader, trainer.step
    update, noisy = step.update, step.noisy_weights
    clock.wrap(step, "start", NOISE)
    clock.wrap(loader, "start", SHUFFLE)
    clock.wrap(loader, "load", SHUFFLE)
    for transform in loader.transforms:
        clock.wrap(transform, "start", NOISE)
        clock.wrap(transform, "apply", NOISE)
    if noisy is not None:
        clock.wrap(noisy, "draw", NOISE)
        clock.wrap(noisy, "return_statistics", UPDATE)
    noise = None if update.noise is None else update.noise.apply
    move_all = update.move_all
    clock.wrap(update, "move_all", UPDATE)
    update.parts = [
        update.move_all  # the same function: a step of shards asks whether it is the first part
        if part == move_all
        else clock.around(clock.entry(NOISE if part == noise else UPDATE), part)
        for part in update.parts
    ]
    loss, entry = step.loss, clock.entry(LOSS)
    cut = any(isinstance(each, ShardedBackprop) for each in step.backprop.values())
    timed = {name: clock.around(entry, getattr(loss, name)) for name in ("value", "delta")}
    if cut:  # in threads, which the clock cannot tell apart
        timed["delta"] = loss.delta
    step.loss = SimpleNamespace(**timed)  # type: ignore[assignment]
    for penalty in () if cut else step.penalties:
        clock.wrap(penalty, "add_gradient", UPDATE)
    for backprop in step.backprop.values():
        profile_backprop(clock, backprop)
    trainer.epoch = clock.through(STEPS, trainer.epoch)  # type: ignore[method-assign]


def profile_backprop(clock: Clock, backprop: Backprop | ShardedBackprop) -> None:
    """Wrap forward and backward, with an entry for each layer of units.

    An entry starts with the first part of its layer, and on the way back with the last. Shards,
    which are at different layers at the same time, have no such entries.
    """
    for dropout in backprop.dropouts:
        clock.wrap(dropout, "draw", NOISE)
    if isinstance(backprop, ShardedBackprop):
        clock.wrap(backprop, "compute_gradient", SHARDS)
        return
    clock.wrap(backprop, "forward", FORWARD)
    clock.wrap(backprop, "backward", BACKWARD)
    groups: dict[str, list[Layer]] = {}
    for name, layer in zip(backprop.names, backprop.layers, strict=True):
        groups.setdefault(name, []).append(layer)
    for name, layers in groups.items():
        first, last = layers[0], layers[-1]
        n = sum(e.multiply_adds for e in layers if isinstance(e, Affine | Embed | Product))
        forward = clock.entry(FORWARD, name, n)
        first.forward = clock.from_here(forward, first.forward)  # type: ignore[method-assign]
        if name != "input":
            n *= 1 if isinstance(first, FirstAffine) else 2
            backward = clock.entry(BACKWARD, name, n)
            last.backward = clock.from_here(backward, last.backward)  # type: ignore[method-assign]


@dataclass(frozen=True)
class Line:
    """A row of the profile, or one layer's part of it.

    seconds                   of the row, those of its layers among them
    share                     of the whole; the rows without a layer sum to 1
    microseconds_per_step     of the rows that belong to epochs
    multiply_adds_per_second  of the rows that multiply matrices
    """

    row: str
    layer: str
    seconds: float
    share: float
    calls: int
    microseconds_per_step: float | None
    multiply_adds_per_second: float | None


@dataclass(frozen=True)
class ThreadLine:
    """A thread, from 1, this one the first.

    busy           seconds that it worked on its pieces, those among them that it was held up by
                   another process, or by Python's lock
    waiting        seconds between and after them, until all pieces were done; with those that it
                   was busy they are the seconds of all work that it was to share
    waiting_share  of these
    """

    thread: int
    busy: float
    waiting: float
    waiting_share: float


@dataclass(frozen=True)
class Profile:
    """Where the time went since the start of the process.

    steps        of one network, or of a stack of them
    clock_calls  timed calls, each of which adds `clock_seconds` to the lines
    shared_runs     how often work was shared out among threads, and
    shared_seconds  how long that took in all, and
    threads         what each of them did with that time
    alone_runs      how often one thread did what was to be shared, as others had the cores
    """

    seconds: float
    steps: int
    lines: list[Line]
    clock_calls: int
    clock_seconds: float
    shared_runs: int
    shared_seconds: float
    threads: list[ThreadLine]
    alone_runs: int


def profile_of(clock: Clock) -> Profile:
    """Return the table of a stopped clock."""
    whole = clock.ended - clock.begun
    a_step = (FORWARD, ""), (SHARDS, "")
    steps = sum(each.calls for each in clock.entries if (each.row, each.layer) in a_step)
    lines = []
    for row in ROWS:
        entries = [each for each in clock.entries if each.row == row]
        layers = dict.fromkeys(each.layer for each in entries if each.layer and each.calls)
        for layer in ("", *layers):
            chosen = [each for each in entries if layer in ("", each.layer)]
            seconds = sum(each.seconds for each in chosen)
            calls = sum(each.calls for each in chosen if each.layer == layer)
            work = sum(each.calls * each.multiply_adds for each in chosen)
            per_step = 1e6 * seconds / steps if steps and row in EPOCH_ROWS else None
            rate = work / seconds if work and seconds else None
            lines.append(Line(row, layer, seconds, seconds / whole, calls, per_step, rate))
    calls = sum(each.calls for each in clock.entries)
    times = SHARED.times or WorkerTimes()
    shared = times.runs, sum(times.seconds.values()), thread_lines(times)
    return Profile(whole, steps, lines, calls, clock_cost(), *shared, times.alone)


def thread_lines(times: WorkerTimes) -> list[ThreadLine]:
    """Return what each thread did while work was shared out."""
    lines = []
    for thread, busy in sorted(times.busy.items()):
        shared = sum(seconds for n, seconds in times.seconds.items() if n > thread)
        waiting = max(0.0, shared - busy)
        lines.append(ThreadLine(thread + 1, busy, waiting, waiting / shared if shared else 0.0))
    return lines
