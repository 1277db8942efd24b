"""Forked processes that work off tasks: stacks of an ensemble, trials of a sweep, learning rates.

A forked process shares the data and starts in a few milliseconds; a new one would have to import
and read. BLAS runs on one thread (docs/decisions/0007), so no thread is lost in the fork.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import signal
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Any, Self

from mlpcli.errors import FileError
from mlpcli.stop_signals import STOP_SIGNALS, ignore_stop_signals
from mlpcli.workers import SHARED

POLL_SECONDS = 0.2  # between two calls of `stop`
NOT_STARTED = (
    "no process can be started for some of the networks: `ulimit -u` limits how many there are, "
    "and with runtime.threads 1 none is needed"
)
KILLED = "a process that trained was killed, as for want of memory"

Stop = Callable[[], bool]
Ask = Callable[[Any], Any]
Work = Callable[[Any, Ask, Stop], Iterator[Any]]


@dataclass(frozen=True)
class _Done:
    """A process has ended its task; `error` is what it raised."""

    error: BaseException | None = None


@dataclass(eq=False)
class Worker:
    """A process, its pipe, and its task; None: it is idle."""

    pid: int
    pipe: Connection
    task: Any = None

    def send(self, message: Any) -> None:
        """Send a message; a dead process is noticed by `Pool.receive`."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send(message)

    def reap(self) -> int:
        """Wait for the process to end; return the signal that ended it, or 0."""
        self.pipe.close()
        with contextlib.suppress(ChildProcessError):
            _, status = os.waitpid(self.pid, 0)
            return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        return 0


class Pool:
    """At most n processes, started as they are needed, and killed when the context is left.

    work  called in a process with a task, a function that sends a message and returns the answer,
          and one that says whether to stop; yields the messages to send
    """

    def __init__(self, work: Work, n: int) -> None:
        self.work, self.n = work, n
        self.workers: list[Worker] = []
        self._stop = mmap.mmap(-1, 1)  # shared with the processes; 1: stop

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            os.kill(worker.pid, signal.SIGKILL)  # not reaped yet, so the number is still its own
            worker.reap()
        self.workers = []
        self._stop.close()

    @property
    def busy(self) -> bool:
        """Whether any process has a task."""
        return any(worker.task is not None for worker in self.workers)

    def give(self, task: Any) -> Worker | None:
        """Give a task to an idle process, or to a new one; None where all are at work."""
        worker = next((one for one in self.workers if one.task is None), None)
        if worker is None:
            if len(self.workers) == self.n:
                return None
            worker = self._start()
            self.workers.append(worker)
        worker.task = task
        worker.send(task)
        return worker

    def receive(self, seconds: float) -> list[tuple[Worker, Any]]:
        """Return messages that arrive in this time, None for a dead process; raise its errors."""
        by_pipe = {worker.pipe: worker for worker in self.workers if worker.task is not None}
        found: list[tuple[Worker, Any]] = []
        for pipe in wait(list(by_pipe), seconds):
            worker = by_pipe[pipe]  # type: ignore[index]
            try:
                message = worker.pipe.recv()
            except (EOFError, OSError):
                message = None
            if isinstance(message, _Done):
                worker.task = None
                if message.error is not None:
                    raise message.error
            else:
                found.append((worker, message))
        return found

    def stop(self) -> None:
        """Ask every process to end its task."""
        self._stop[0] = 1

    def reap(self, worker: Worker) -> int:
        """Remove a dead process; return the signal that ended it, or 0."""
        self.workers.remove(worker)
        return worker.reap()

    def _start(self) -> Worker:
        ours, theirs = Pipe()
        parent = os.getpid()  # asked here: it may be dead before the child can ask
        before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        with warnings.catch_warnings():
            # Python warns of threads, such as the progress bar's: the child touches none of them.
            warnings.simplefilter("ignore", DeprecationWarning)
            try:
                pid = os.fork()
            except OSError as error:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
                raise FileError(f"{NOT_STARTED} ({error.strerror})") from None
        if pid:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            theirs.close()
            return Worker(pid, ours)
        try:
            # Ctrl-C reaches every process of the terminal: the parent decides what it means.
            ignore_stop_signals()
            SHARED.n = 1  # the other cores have processes of their own
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            for pipe in (ours, *(worker.pipe for worker in self.workers)):
                pipe.close()
            with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
                self._serve(theirs, parent)
        finally:
            os._exit(0)  # no handler, buffer or file of the parent is the child's to end

    def _serve(self, pipe: Connection, parent: int) -> None:
        """Work off tasks until the parent closes the pipe or dies."""

        def stop() -> bool:
            return self._stop[0] == 1 or os.getppid() != parent

        def ask(message: Any) -> Any:
            pipe.send(message)
            return pipe.recv()

        while True:
            task = pipe.recv()
            try:
                for message in self.work(task, ask, stop):
                    pipe.send(message)
            except (EOFError, BrokenPipeError, ConnectionResetError):
                raise
            except BaseException as error:  # noqa: BLE001  the parent raises it
                error.add_note(f"in a process that trains:\n{traceback.format_exc()}")
                pipe.send(_Done(error))
            else:
                pipe.send(_Done())


def run_tasks(
    work: Callable[[Any, Stop], Any], tasks: Sequence[Any], n: int, stop: Stop
) -> list[Any]:
    """Return work(task, stop) of each task, in their order, done by n processes.

    stop  once true, work is to return; tasks that have not begun are left out, as None
    n     1: this process does them, one after the other
    Raises what `work` raises, and FileError where a process was killed.
    """
    found: list[Any] = [None] * len(tasks)
    waiting = list(range(len(tasks)))
    if n == 1:
        for number in waiting:
            if not stop():
                found[number] = work(tasks[number], stop)
        return found

    def send(number: int, _: Ask, stop: Stop) -> Iterator[Any]:
        yield (work(tasks[number], stop),)  # in a tuple: None is a dead process

    with Pool(send, n) as pool:
        while waiting or pool.busy:
            if stop():
                pool.stop()
                waiting.clear()
            while waiting and pool.give(waiting[0]) is not None:
                waiting.pop(0)
            for worker, message in pool.receive(POLL_SECONDS):
                if message is None:
                    raise FileError(KILLED)
                (found[worker.task],) = message
    return found
