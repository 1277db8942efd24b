"""Stacks one after the other, or some at the same time, in processes of their own.

A process is forked: it has the data without a copy of it. Its events, and in the end what its
lanes have learned, come through a pipe.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait

from mlpcli.array_types import Array
from mlpcli.errors import FileError
from mlpcli.training.follower import Ended
from mlpcli.training.stack import Advanced, LanesEnded, Stack

POLL_SECONDS = 0.2  # between two questions whether to stop
# Between two sendings of one kind of event: each costs both processes about 0.5 ms, as much as an
# epoch of a small stack.
SEND_SECONDS = 0.05


@dataclass(frozen=True)
class StackEnded:
    """A stack has ended: how each of its lanes did, and what they have learned."""

    ended: list[Ended]
    vectors: Array


StackEvent = Advanced | LanesEnded | StackEnded


@dataclass(frozen=True)
class _Worker:
    pid: int
    stack: int
    pipe: Connection


def run_stacks(
    make: Callable[[int], Stack], n: int, processes: int, stop: Callable[[], bool]
) -> Iterator[tuple[int, StackEvent]]:
    """Run n stacks; yield the number of a stack with each of its events, a StackEnded the last.

    make       returns a stack, given its number
    processes  that run at the same time; 1 is this one
    stop       asked after each step; once true, all stacks end there
    """
    if min(processes, n) < 2 or not hasattr(os, "fork"):  # noqa: PLR2004
        for number in range(n):
            for event in _events(make(number), stop):
                yield number, event
    else:
        yield from _run_processes(make, n, processes, stop)


def _events(stack: Stack, stop: Callable[[], bool]) -> Iterator[StackEvent]:
    yield from stack.run(stop)
    yield StackEnded([ended for ended in stack.ended if ended is not None], stack.vectors)


def _run_processes(
    make: Callable[[int], Stack], n: int, processes: int, stop: Callable[[], bool]
) -> Iterator[tuple[int, StackEvent]]:
    asked = mmap.mmap(-1, 1)  # shared with the processes; 1: stop
    workers: dict[Connection, _Worker] = {}
    begun = 0
    try:
        while workers or begun < n:
            while begun < n and len(workers) < processes:
                worker = _start(make, begun, asked)
                workers[worker.pipe] = worker
                begun += 1
            for pipe in wait(list(workers), POLL_SECONDS):
                assert isinstance(pipe, Connection)
                for event in _received(workers[pipe]):
                    yield workers[pipe].stack, event
                    if isinstance(event, StackEnded):
                        _end(workers.pop(pipe))
            if stop():
                asked[0] = 1
    finally:
        for worker in workers.values():
            os.kill(worker.pid, signal.SIGKILL)
            _end(worker)
        asked.close()


def _received(worker: _Worker) -> list[StackEvent]:
    """Return a process's next events; raise what it raised. FileError where it was killed."""
    try:
        events = worker.pipe.recv()
    except (EOFError, OSError):
        problem = "a process that trained replicas was killed, as for want of memory"
        raise FileError(f"{problem}; a smaller runtime.memory takes fewer at a time") from None
    if isinstance(events, BaseException):
        raise events
    return list(events)


def _start(make: Callable[[int], Stack], number: int, asked: mmap.mmap) -> _Worker:
    ours, theirs = Pipe(duplex=False)
    with warnings.catch_warnings():
        # Python warns of threads, such as the progress bar's: the child touches nothing of theirs.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid:
        theirs.close()
        return _Worker(pid, number, ours)
    try:
        ours.close()
        _work(make, number, theirs, asked)
    finally:
        os._exit(0)


def _work(make: Callable[[int], Stack], number: int, pipe: Connection, asked: mmap.mmap) -> None:
    """Run a stack in a process of its own, and send what happens.

    A signal is the parent's to take, and a parent that has gone breaks the pipe.
    """
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    with contextlib.suppress(BrokenPipeError):
        try:
            for events in _together(_events(make(number), lambda: asked[0] == 1)):
                pipe.send(events)
        except BrokenPipeError:
            raise
        except BaseException as error:  # noqa: BLE001  it is the parent's to explain
            pipe.send(error)


def _together(events: Iterator[StackEvent]) -> Iterator[list[StackEvent]]:
    """Yield events as they come or, where they come quickly, some at a time; the last at once."""
    waiting: list[StackEvent] = []
    sent: dict[type, float] = {}
    for event in events:
        if waiting and isinstance(event, Advanced) and isinstance(waiting[-1], Advanced):
            waiting.pop()
        waiting.append(event)
        now, before = time.perf_counter(), sent.get(type(event), 0.0)
        if now - before >= SEND_SECONDS or isinstance(event, StackEnded):
            yield waiting
            waiting, sent[type(event)] = [], now


def _end(worker: _Worker) -> None:
    worker.pipe.close()
    with contextlib.suppress(ChildProcessError):
        os.waitpid(worker.pid, 0)
