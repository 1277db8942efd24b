"""Threads that share out numbered pieces of work; NumPy computes in them without Python's lock.

A piece has a thread that does it as a rule, so that its arrays stay in one core's cache; one that
has nothing left to do takes pieces that nobody has begun. So where another job has a core, this
thread does not wait for it. Who does a piece changes no bit: pieces write to places of their own,
and whoever needs them all waits.

A thread that waits asks for some time whether it has to go on, as the next piece mostly comes
within microseconds; then it sleeps, and costs nothing.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

Work = Callable[[int], None]

# Of asking before a thread sleeps. To wake one takes about 0.1 ms, on a virtual machine; work comes
# again within less, until an epoch ends.
SPIN_SECONDS = 1e-3
# Where two threads want Python's lock, the one that has it lets go of it this soon: they hold it
# for microseconds, between two calls of NumPy. Python's own 5 ms would be longer than a step.
SWITCH_SECONDS = 1e-5


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


class _Job:
    """Pieces of work that threads take until there are none.

    ended  what each piece raised, or None, of those that the other threads have done
    """

    def __init__(
        self, work: Work, n_pieces: int, n_threads: int, times: WorkerTimes | None
    ) -> None:
        self.work, self.n_pieces, self.n_threads, self.times = work, n_pieces, n_threads, times
        self.unclaimed = dict.fromkeys(range(n_pieces), True)
        self.ended: SimpleQueue[tuple[int, BaseException | None]] = SimpleQueue()

    def take_part(self, thread: int, ended: Callable[[Any], None]) -> None:
        """Do this thread's pieces, then those that no other has begun."""
        begun = time.perf_counter()
        for piece in self._order(thread):
            if self.unclaimed.pop(piece, False):  # one of the threads has it then
                ended((piece, self._error(piece)))
        if self.times is not None:
            self.times.busy[thread] += time.perf_counter() - begun

    def _order(self, thread: int) -> list[int]:
        own = range(thread, self.n_pieces, self.n_threads)
        return [*own, *(k for k in range(self.n_pieces) if k not in own)]

    def _error(self, piece: int) -> BaseException | None:
        try:
            self.work(piece)
        except BaseException as error:  # noqa: BLE001  the thread that shared out raises it
            return error
        return None


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

        As a rule piece k is done by thread k modulo their number, in a copy of this one's context,
        which has NumPy's `errstate`; what the first piece of them raises is raised.
        """
        n = min(self.n, n_pieces)
        if n <= 1:
            for piece in range(n_pieces):
                work(piece)
            return
        begun = time.perf_counter()
        job = _Job(work, n_pieces, n, self.times)
        for k, thread in enumerate(self._started(n - 1), 1):
            thread.jobs.put((copy_context(), job, k))
        ended: list[tuple[int, BaseException | None]] = []
        job.take_part(0, ended.append)
        while len(ended) < n_pieces:
            ended.append(_next(job.ended))
        if self.times is not None:
            self.times.seconds[n] += time.perf_counter() - begun
            self.times.runs += 1
        errors = {piece: error for piece, error in ended if error is not None}
        if errors:
            raise errors[min(errors)]

    def _started(self, n: int) -> list[_Thread]:
        """Return n threads; those that this process does not have yet are started."""
        if self._process != os.getpid():  # a fork has no threads but the one that forked
            self._threads, self._process = [], os.getpid()
        if len(self._threads) < n:
            sys.setswitchinterval(SWITCH_SECONDS)
        while len(self._threads) < n:
            self._threads.append(_Thread())
        return self._threads[:n]


ALONE = Workers()
SHARED = Workers()  # the threads of this process: those of evaluations, and of a training


class _Thread:
    """A thread that waits for jobs. It takes no signal, and ends with the process.

    jobs  each with a context, and which of its threads this is
    """

    def __init__(self) -> None:
        self.jobs: SimpleQueue[tuple[Context, _Job, int]] = SimpleQueue()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        threading.Thread(target=self._serve, name="mlp worker", daemon=True).start()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _serve(self) -> None:
        while True:
            context, job, thread = _next(self.jobs)
            context.run(job.take_part, thread, job.ended.put)
            del job  # nothing is held until the next one comes


def _next(queue: SimpleQueue[Any]) -> Any:
    """Return the next entry of a queue: asked for, then slept for."""
    until = time.perf_counter() + SPIN_SECONDS
    while queue.empty() and time.perf_counter() < until:
        os.sched_yield()  # lets go of Python's lock; time.sleep(0) may sleep for 0.07 ms
    return queue.get()
