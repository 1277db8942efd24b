"""Threads that share out numbered pieces of work; NumPy computes in them without Python's lock.

A piece has a thread that does it as a rule, so that its arrays stay in one core's cache; one that
has nothing left to do takes pieces that nobody has begun. So where another job has a core, this
thread does not wait for it. Who does a piece changes no bit: pieces write to places of their own,
and whoever needs them all waits. Work may have several stages; each begins when all pieces of the
one before have ended.

A thread that waits asks for some time whether it has to go on, as the next piece mostly comes
within microseconds; then it sleeps, and costs little.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue

Work = Callable[[int], None]

# Of asking before a thread sleeps: work comes again within less, until an epoch ends. Then it asks
# again each time that it has waited a twentieth longer; after a second it is woken by work alone.
SPIN_SECONDS, NAP, LONGEST_NAP, AWAKE_SECONDS = 1e-3, 0.05, 5e-3, 1.0
# Where others have the cores: if in so many seconds the pieces took this share, or more, of what
# they would have taken this thread alone, it works alone for some time; for twice as long each time
# that this has not changed.
WATCHED_SECONDS, LITTLE_GAIN = 0.02, 0.9
ALONE_SECONDS, LONGEST_ALONE = 0.1, 1.6
# Where two threads want Python's lock, the one that has it lets go of it this soon: they hold it
# for microseconds, between two calls of NumPy. Python's own 5 ms would be longer than a step.
SWITCH_SECONDS = 1e-5


# It lets go of Python's lock; time.sleep(0) may sleep for 0.07 ms.
_let_others: Callable[[], object] = getattr(os, "sched_yield", partial(time.sleep, 0))


@dataclass
class WorkerTimes:
    """What shared work has taken.

    seconds  from when it was given until all of it was done, by the number of threads it was for
    busy     that each thread worked, this one first
    runs     how often work was shared out, and
    alone    how often it was not, as others had the cores
    """

    seconds: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    busy: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    runs: int = 0
    alone: int = 0


class _Stage:
    """Pieces of work that threads take until there are none.

    ended  what each piece raised, or None
    lock   whoever has had it after a piece ended sees what the piece wrote, without Python's too
    """

    def __init__(self, work: Work, n_pieces: int) -> None:
        self.work, self.n_pieces = work, n_pieces
        self.unclaimed = dict.fromkeys(range(n_pieces), True)
        self.ended: list[tuple[int, BaseException | None]] = []
        self.lock = threading.Lock()

    def take_part(self, thread: int, n_threads: int) -> int:
        """Do this thread's pieces, then those that no other has begun; return how many."""
        n_done = 0
        for piece in self._order(thread, n_threads):
            if self.unclaimed.pop(piece, False):  # one of the threads has it then
                error = self._error(piece)
                with self.lock:
                    self.ended.append((piece, error))
                n_done += 1
        return n_done

    def _order(self, thread: int, n_threads: int) -> list[int]:
        own = range(thread, self.n_pieces, n_threads)
        return [*own, *(k for k in range(self.n_pieces) if k not in own)]

    def _error(self, piece: int) -> BaseException | None:
        try:
            self.work(piece)
        except BaseException as error:  # noqa: BLE001  the thread that shared out raises it
            return error
        return None

    def give_up(self) -> None:
        """Take the pieces that nobody has begun, undone, and wait for those that are under way."""
        dropped = 0
        while self.unclaimed:
            with suppress(KeyError):  # another thread was quicker
                self.unclaimed.popitem()
                dropped += 1
        wait_until(lambda: len(self.ended) + dropped >= self.n_pieces, AWAKE_SECONDS)

    def error(self) -> BaseException | None:
        """Return what the first piece raised that raised something, after all have ended."""
        with self.lock:
            errors = {piece: error for piece, error in self.ended if error is not None}
        return errors[min(errors)] if errors else None


class _Job:
    """Stages, each of which begins when the one before has ended.

    seconds  of the thread that shares out, and
    alone    those that it would have taken alone, by its own pieces and processor time
    """

    def __init__(self, stages: Sequence[_Stage], n_threads: int, times: WorkerTimes | None) -> None:
        self.stages, self.n_threads, self.times = stages, n_threads, times
        self.seconds = self.alone = 0.0
        self.is_given_up = False
        if times is not None:
            for thread in range(n_threads):
                times.busy[thread] += 0.0  # each then adds to an entry that is there

    def take_part(self, thread: int) -> None:
        """Do this thread's part of each stage, up to one of which a piece raises something."""
        for stage in self.stages:
            begun, cpu_begun = time.perf_counter(), time.thread_time()
            n_done = stage.take_part(thread, self.n_threads)
            seconds, cpu_seconds = time.perf_counter() - begun, time.thread_time() - cpu_begun
            wait_until(partial(self._has_ended, stage))
            if thread == 0:
                self.seconds += time.perf_counter() - begun
                self.alone += cpu_seconds * stage.n_pieces / max(1, n_done)
            if self.times is not None:
                self.times.busy[thread] += seconds
            if self.is_given_up or stage.error() is not None:
                break

    def _has_ended(self, stage: _Stage) -> bool:
        return len(stage.ended) == stage.n_pieces or self.is_given_up

    def give_up(self) -> None:
        """Let no thread begin another piece."""
        self.is_given_up = True
        for stage in self.stages:
            stage.give_up()


class Workers:
    """This thread and others, started when there is work for them.

    n      threads, this one among them
    times  are counted where it is not None
    """

    def __init__(self, n: int = 1) -> None:
        self.n = n
        self.times: WorkerTimes | None = None
        self._alone_until = self._seconds = self._alone = 0.0
        self._alone_seconds = ALONE_SECONDS
        self._threads: list[_Thread] = []
        self._process = os.getpid()

    def run(self, work: Work, n_pieces: int) -> None:
        """Call work(0) … work(n_pieces − 1), and return when all have returned.

        As a rule piece k is done by thread k modulo their number, in a copy of this one's context,
        which has NumPy's `errstate`; what the first piece of them raises is raised.
        """
        self.run_stages([(work, n_pieces)])

    def run_stages(self, stages: Sequence[tuple[Work, int]]) -> None:
        """Do the same with several kinds of work; each begins when the one before has ended."""
        n = min(self.n, max(n_pieces for _, n_pieces in stages))
        alone = n > 1 and time.perf_counter() < self._alone_until
        if alone and self.times is not None:
            self.times.alone += 1
        if alone or n <= 1:
            for work, n_pieces in stages:
                for piece in range(n_pieces):
                    work(piece)
        else:
            self._share(stages, n)

    def _share(self, stages: Sequence[tuple[Work, int]], n: int) -> None:
        """Do the stages with n threads."""
        begun = time.perf_counter()
        threads = self._started(n - 1)
        n = 1 + len(threads)
        job = _Job([_Stage(*stage) for stage in stages], n, self.times)
        for k, thread in enumerate(threads, 1):
            thread.jobs.put((copy_context(), job, k))
        try:
            job.take_part(0)
        except BaseException:  # interrupted while it waited
            job.give_up()
            raise
        self._watch(job)
        if self.times is not None:
            self.times.seconds[n] += time.perf_counter() - begun
            self.times.runs += 1
        for stage in job.stages:
            error = stage.error()
            if error is not None:
                raise error

    def _watch(self, job: _Job) -> None:
        """Work alone for some time where others have the cores."""
        self._seconds += job.seconds
        self._alone += job.alone
        if self._seconds < WATCHED_SECONDS:
            return
        if self._seconds > LITTLE_GAIN * self._alone:
            seconds = min(self._alone_seconds, LONGEST_ALONE)
            self._alone_until, self._alone_seconds = time.perf_counter() + seconds, 2 * seconds
        else:
            self._alone_seconds = ALONE_SECONDS
        self._seconds = self._alone = 0.0

    def _started(self, n: int) -> list[_Thread]:
        """Return n threads; those that this process does not have yet are started.

        Fewer where the system starts no more, which then stays so: they change no bit.
        """
        if self._process != os.getpid():  # a fork has no threads but the one that forked
            self._threads, self._process = [], os.getpid()
        if len(self._threads) < n:
            sys.setswitchinterval(SWITCH_SECONDS)
        try:
            while len(self._threads) < n:
                self._threads.append(_Thread())
        except RuntimeError:  # can't start new thread
            self.n = 1 + len(self._threads)
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
        try:
            threading.Thread(target=self._serve, name="mlp worker", daemon=True).start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _serve(self) -> None:
        while True:
            wait_until(lambda: not self.jobs.empty(), AWAKE_SECONDS)
            context, job, thread = self.jobs.get()
            context.run(job.take_part, thread)
            del job  # nothing is held until the next one comes


def wait_until(is_so: Callable[[], bool], at_most: float = math.inf) -> None:
    """Ask until it is so, for some seconds at most; after a while sleep in between."""
    begun, waited = time.perf_counter(), 0.0
    while waited < at_most and not is_so():
        waited = time.perf_counter() - begun
        if waited < SPIN_SECONDS:
            _let_others()
        else:
            time.sleep(min(NAP * waited, LONGEST_NAP))
