"""Threads that share out numbered pieces of work; NumPy computes in them without Python's lock.

A piece is always done by the same thread, so that its arrays stay in one core's cache. Which thread
that is changes no bit: pieces write to places of their own, and whoever needs them all waits.

A thread that waits asks for some time whether it has to go on, as the next piece mostly comes
within microseconds; then it sleeps, and costs nothing.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

Work = Callable[[int], None]
Errors = list[tuple[int, BaseException]]
Results = SimpleQueue[Errors]
Given = tuple[Context, Callable[[Work, range], Errors], Work, range, Results]

SPIN_SECONDS = 2e-4  # of asking before a thread sleeps: to wake one takes about a tenth of that


@dataclass
class WorkerTimes:
    """What shared work has taken.

    seconds  from when it was given until all of it was done, by the number of threads it was for
    busy     that each thread worked, this one first
    runs     how often work was shared out
    """

    seconds: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    busy: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    runs: int = 0

    def work_off(self, work: Work, pieces: range) -> Errors:
        """Do the pieces, timed."""
        begun = time.perf_counter()
        errors = _work_off(work, pieces)
        self.busy[pieces.start] += time.perf_counter() - begun
        return errors


class Workers:
    """This thread and others, started when there is work for them.

    n      threads, this one among them
    times  are counted where it is not None
    """

    def __init__(self, n: int = 1) -> None:
        self.n = n
        self.times: WorkerTimes | None = None
        self._threads: list[_Thread] = []
        self._process = os.getpid()

    def run(self, work: Work, n_pieces: int) -> None:
        """Call work(0) … work(n_pieces − 1), and return when all have returned.

        Piece k is done by thread k modulo their number, in a copy of this one's context, which has
        NumPy's `errstate`; what the first of them raises is raised.
        """
        n = min(self.n, n_pieces)
        if n <= 1:
            for piece in range(n_pieces):
                work(piece)
            return
        begun = time.perf_counter()
        work_off = _work_off if self.times is None else self.times.work_off
        done: Results = SimpleQueue()  # of this call: one that was broken off has its own
        for k, thread in enumerate(self._started(n - 1), 1):
            thread.given.put((copy_context(), work_off, work, range(k, n_pieces, n), done))
        errors = work_off(work, range(0, n_pieces, n))
        for _ in range(n - 1):
            errors += _next(done)
        if self.times is not None:
            self.times.seconds[n] += time.perf_counter() - begun
            self.times.runs += 1
        if errors:
            raise min(errors, key=lambda error: error[0])[1]

    def _started(self, n: int) -> list[_Thread]:
        """Return n threads; those that this process does not have yet are started."""
        if self._process != os.getpid():  # a fork has no threads but the one that forked
            self._threads, self._process = [], os.getpid()
        while len(self._threads) < n:
            self._threads.append(_Thread())
        return self._threads[:n]


ALONE = Workers()
SHARED = Workers()  # the threads of this process: those of evaluations, and of a training


def _work_off(work: Work, pieces: range) -> Errors:
    """Do the pieces in their order; return the one that raised, and what."""
    for piece in pieces:
        try:
            work(piece)
        except BaseException as error:  # noqa: BLE001  the thread that shared out raises it
            return [(piece, error)]
    return []


class _Thread:
    """A thread that waits for pieces of work. It takes no signal, and ends with the process.

    given  a context, what works pieces off, work, pieces of it, and where what they raise is put
    """

    def __init__(self) -> None:
        self.given: SimpleQueue[Given] = SimpleQueue()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        threading.Thread(target=self._serve, name="mlp worker", daemon=True).start()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _serve(self) -> None:
        while True:
            context, work_off, work, pieces, done = _next(self.given)
            done.put(context.run(work_off, work, pieces))


def _next(queue: SimpleQueue[Any]) -> Any:
    """Return the next entry of a queue: asked for, then slept for."""
    until = time.perf_counter() + SPIN_SECONDS
    while queue.empty() and time.perf_counter() < until:
        time.sleep(0)  # another thread may have Python's lock
    return queue.get()
