"""The search: claim a block of trials, train them in processes, record, until all are done.

Source of the pruning: Jamieson and Talwalkar, 2016. It is done block by block, in step: Optuna's
own pruner compares each trial with those that came before it, so that what is pruned would depend
on who came first.
"""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlpcli.sweep.runner import Runner, pruning_rungs
from mlpcli.sweep.study import DEATHS, Claim, Result, Study
from mlpcli.training.lane_state import monitor_of
from mlpcli.training.metrics import greater_is_better
from mlpcli.training.plan import even_runs
from mlpcli.training.processes import POLL_SECONDS, Ask, Pool, Stop, Worker

WAIT_SECONDS = 0.5  # before looking again whether others have done their part


@dataclass(frozen=True)
class Started:
    """Trials have been claimed."""

    numbers: list[int]


@dataclass(frozen=True)
class Waiting:
    """All trials that are left are trained by other processes."""


Event = Started | Waiting | Result


@dataclass(frozen=True)
class _Reached:
    """The figures of a process's trials at a rung; it waits for the numbers of those that go on."""

    rung: int
    figures: dict[int, float]


def search(study: Study, runner: Runner, jobs: int, stop: Stop) -> Iterator[Event]:
    """Train trials until there are enough; yield what happens. Once `stop()` is true, end."""
    prunes = bool(pruning_rungs(runner.loaded.spec))

    def work(claims: list[Claim], ask: Ask, stop: Stop) -> Iterator[Result]:
        def decide(rung: int, figures: dict[int, float]) -> set[int]:
            return set(ask(_Reached(rung, figures)))

        return runner.run(claims, decide if prunes else None, stop)

    with Pool(work, jobs) as pool:
        while not stop():
            claims = study.claim()
            if claims is None:
                return
            if claims:
                yield Started([claim.number for claim in claims])
                yield from _Block(study, runner, pool, claims).train(stop)
            else:
                yield Waiting()
                time.sleep(WAIT_SECONDS)


class _Block:
    """The trials that have been claimed together."""

    def __init__(self, study: Study, runner: Runner, pool: Pool, claims: Sequence[Claim]) -> None:
        self.study, self.pool = study, pool
        spec = runner.loaded.spec
        self.rungs = pruning_rungs(spec)
        self.sign = -1.0 if greater_is_better(monitor_of(spec)) else 1.0
        self.factor = spec.sweep.pruning.factor if spec.sweep and spec.sweep.pruning else 1
        self.waiting = _portions(claims, pool.n, together=bool(self.rungs))
        self.left = {claim.number for claim in claims}
        self.under_way: dict[Worker, dict[int, Claim]] = {}
        self.stored = study.rungs(claims[0].number) if self.rungs else {}
        # At each rung: the figures so far, and the processes that wait for those that go on.
        self.figures: dict[int, dict[int, float]] = {rung: {} for rung in self.rungs}
        self.asking: dict[int, list[Worker]] = {rung: [] for rung in self.rungs}
        self.decided: dict[int, list[int]] = {}

    def train(self, stop: Stop) -> Iterator[Result]:
        """Train the trials; yield the result of each once it is recorded."""
        while self.left and not stop():
            while self.waiting and (worker := self.pool.give(self.waiting[0])) is not None:
                self.under_way[worker] = {claim.number: claim for claim in self.waiting.pop(0)}
            for worker, message in self.pool.receive(POLL_SECONDS):
                if message is None:
                    yield from self._replace(worker)
                elif isinstance(message, Result):
                    del self.under_way[worker][message.number]
                    yield from self._record(message)
                else:
                    self.figures[message.rung] |= message.figures
                    self.asking[message.rung].append(worker)
            self._decide()

    def _record(self, result: Result) -> Iterator[Result]:
        self.left.discard(result.number)
        if self.study.record(result):
            yield result

    def _decide(self) -> None:
        """Where every process has reached a rung, send each the trials that go on."""
        n_working = sum(bool(claims) for claims in self.under_way.values())
        for rung, asking in self.asking.items():
            if not asking or (
                rung not in self.decided and (self.waiting or len(asking) < n_working)
            ):
                continue
            if rung not in self.decided:
                self.decided[rung] = self._best(rung)
            for worker in asking:
                worker.send(self.decided[rung])
            asking.clear()

    def _best(self, rung: int) -> list[int]:
        """Return the best 1/factor of all trials of the block that have reached a rung."""
        figures = {**self.stored.get(rung, {}), **self.figures[rung]}
        ranked = sorted(figures, key=lambda number: (self.sign * figures[number], number))
        return ranked[: math.ceil(len(ranked) / self.factor)]

    def _replace(self, worker: Worker) -> Iterator[Result]:
        """Give a killed process's trials to another one; those that killed two fail."""
        killer = self.pool.reap(worker)
        for asking in self.asking.values():
            if worker in asking:
                asking.remove(worker)
        if not killer:
            raise RuntimeError("a process that trains trials ended without a word")
        again = []
        for claim in self.under_way.pop(worker, {}).values():
            more = self.study.record_death(claim)
            if more.deaths < DEATHS:
                again.append(more)
            else:
                name = signal.Signals(killer).name
                reason = f"its process was killed {more.deaths} times, the last time by {name}"
                yield from self._record(Result(claim.number, "failed", reason=reason))
        if self.rungs:  # they have to reach the rungs together
            self.waiting += [again] if again else []
        else:  # each by itself: one of them may need too much memory
            self.waiting += [[claim] for claim in again]


def _portions(claims: Sequence[Claim], n: int, *, together: bool) -> list[list[Claim]]:
    """Return the trials in portions for n processes, those of one shape together.

    together  n portions at most, since all processes have to reach a rung at the same time
    """
    shapes: dict[str, list[Claim]] = {}
    for claim in claims:
        shape = [value for value in claim.values.values() if not isinstance(value, float)]
        shapes.setdefault(repr(shape), []).append(claim)
    if together:
        return even_runs([c for group in shapes.values() for c in group], min(n, len(claims)))
    most = -(-len(claims) // n)
    # Processes are given the next as they are ready for it: the largest first.
    groups = sorted(shapes.values(), key=len, reverse=True)
    return [portion for group in groups for portion in even_runs(group, -(-len(group) // most))]
