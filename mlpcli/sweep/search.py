"""The search: claim a block of trials, train them in processes, tell, until all are done.

Source of the pruning: Jamieson and Talwalkar, 2016. It is done block by block, in step: Optuna's
own pruner compares each trial with those that came before it, so that what is pruned would depend
on who came first.
"""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from mlpcli.sweep.runner import Runner, rungs_of
from mlpcli.sweep.study import DEATHS, Claim, Study, Told, greater_is_better
from mlpcli.sweep.workers import Worker, Workers, told_from
from mlpcli.training.follower import monitor_of
from mlpcli.training.plan import even_runs

POLL_SECONDS = 0.2  # between two questions whether to stop
WAIT_SECONDS = 0.5  # before looking again whether others have done their part


@dataclass(frozen=True)
class Begun:
    """Trials have been claimed."""

    numbers: list[int]


@dataclass(frozen=True)
class Waiting:
    """All trials that are left are trained by other processes."""


Event = Begun | Waiting | Told


def search(study: Study, runner: Runner, jobs: int, stop: Callable[[], bool]) -> Iterator[Event]:
    """Train trials until there are enough; yield what happens. Once `stop()` is true, end."""
    with Workers(runner, jobs) as workers:
        while not stop():
            claims = study.claim()
            if claims is None:
                return
            if claims:
                yield Begun([claim.number for claim in claims])
                yield from _Block(study, runner, workers, claims).train(stop)
            else:
                yield Waiting()
                time.sleep(WAIT_SECONDS)


class _Block:
    """The trials that have been claimed together."""

    def __init__(
        self, study: Study, runner: Runner, workers: Workers, claims: Sequence[Claim]
    ) -> None:
        self.study, self.workers = study, workers
        spec = runner.loaded.spec
        self.rungs = rungs_of(spec)
        self.sign = -1.0 if greater_is_better(monitor_of(spec)) else 1.0
        self.factor = spec.sweep.pruning.factor if spec.sweep and spec.sweep.pruning else 1
        self.waiting = _portions(claims, workers.n, together=bool(self.rungs))
        self.left = {claim.number for claim in claims}
        self.stored = study.rungs(claims[0].number) if self.rungs else {}
        # At each rung: the figures so far, and the processes that wait for who goes on.
        self.standing: dict[int, dict[int, float]] = {rung: {} for rung in self.rungs}
        self.asking: dict[int, list[Worker]] = {rung: [] for rung in self.rungs}
        self.decided: dict[int, list[int]] = {}

    def train(self, stop: Callable[[], bool]) -> Iterator[Told]:
        """Train the trials, yield what came of each once it is recorded."""
        while self.left and not stop():
            while self.waiting and (worker := self.workers.idle()) is not None:
                worker.give(self.waiting.pop(0), pruned=bool(self.rungs))
            for worker, message in self.workers.listen(POLL_SECONDS):
                if message is None:
                    yield from self._died(worker)
                elif "bug" in message:
                    raise RuntimeError(message["bug"])
                elif "told" in message:
                    told = told_from(message["told"])
                    del worker.trials[told.number]
                    yield from self._tell(told)
                elif "rung" in message:
                    self.standing[message["rung"]] |= dict(message["figures"])
                    self.asking[message["rung"]].append(worker)
            self._decide()

    def _tell(self, told: Told) -> Iterator[Told]:
        self.left.discard(told.number)
        if self.study.tell(told):
            yield told

    def _decide(self) -> None:
        """Where every process stands at a rung, tell each which of its trials go on."""
        at_work = [worker for worker in self.workers.all if worker.trials]
        for rung, asking in self.asking.items():
            if not asking or (
                rung not in self.decided and (self.waiting or len(asking) < len(at_work))
            ):
                continue
            if rung not in self.decided:
                self.decided[rung] = self._best(rung)
            for worker in asking:
                worker.send(self.decided[rung])
            asking.clear()

    def _best(self, rung: int) -> list[int]:
        """Return the best 1/factor of all trials of the block that have stood at a rung."""
        standing = {**self.stored.get(rung, {}), **self.standing[rung]}
        ranked = sorted(standing, key=lambda number: (self.sign * standing[number], number))
        return ranked[: math.ceil(len(ranked) / self.factor)]

    def _died(self, worker: Worker) -> Iterator[Told]:
        """Give a process's trials to another one; those that have been through that fail."""
        killer = self.workers.bury(worker)
        for asking in self.asking.values():
            if worker in asking:
                asking.remove(worker)
        if not killer:
            raise RuntimeError("a process that trains trials ended without a word")
        again = []
        for claim in worker.trials.values():
            more = self.study.died(claim)
            if more.deaths < DEATHS:
                again.append(more)
            else:
                name = signal.Signals(killer).name
                reason = f"its process was killed {more.deaths} times, the last time by {name}"
                yield from self._tell(Told(claim.number, "failed", reason=reason))
        if self.rungs:  # they have to stand at the rungs together
            self.waiting += [again] if again else []
        else:  # each by itself: one of them may need too much memory
            self.waiting += [[claim] for claim in again]


def _portions(claims: Sequence[Claim], n: int, *, together: bool) -> list[list[Claim]]:
    """Return the trials in portions for n processes, those of one shape together.

    together  n portions at most, since all processes have to stand at a rung at the same time
    """
    shapes: dict[str, list[Claim]] = {}
    for claim in claims:
        shape = [value for value in claim.values.values() if not isinstance(value, float)]
        shapes.setdefault(repr(shape), []).append(claim)
    if together:
        return even_runs([c for group in shapes.values() for c in group], min(n, len(claims)))
    most = -(-len(claims) // n)
    # As they are ready for them, processes take the next: the largest first.
    groups = sorted(shapes.values(), key=len, reverse=True)
    return [portion for group in groups for portion in even_runs(group, -(-len(group) // most))]
