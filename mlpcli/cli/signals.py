"""What a signal does: it ends the process at once or, while a training is at work, after the step.

A handler that raises would not do: Python loses or wraps what is raised in a finalizer, in an
import or within C code, and prints a traceback. So where nothing can be lost, as in start-up, while
data are read, and in all commands that only read, the handler ends the process itself.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Self

from mlpcli.stop_signals import STOP_SIGNALS

if TYPE_CHECKING:
    from mlpcli.cli.time_limit import TimeLimit

# How long a signal waits for Python's own handler, which runs as soon as C code returns.
GRACE_SECONDS = 0.5
# How long what can be left out may take after a signal; the saves have the rest of the 5 s.
PATIENCE_SECONDS, REPEAT_SECONDS, LEAST_SECONDS = 1.0, 0.5, 1e-3


def end_process(code: int, sentence: str) -> None:
    """End this process at once, with one sentence; nothing is unwound, no buffer is written."""
    with contextlib.suppress(OSError):
        os.write(2, f"mlp: {sentence}\n".encode())
    os._exit(code)


def end_at_once(number: int, frame: FrameType | None = None) -> None:  # noqa: ARG001
    """End this process as a signal's handler, with exit code 128 + signal."""
    end_process(128 + number, "interrupted")


def end_at_stop_signals() -> None:
    """Let each of STOP_SIGNALS end the process at once; those that are ignored stay ignored."""
    for number in STOP_SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end_at_once)


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """Let signals end the process even where C code is at work for long, as on a large table.

    Python calls a handler only between two of its own instructions. A thread that waits for the
    signals' numbers does it instead, as soon as the C code releases the interpreter.
    """
    if end_at_once not in map(signal.getsignal, STOP_SIGNALS):
        yield  # not a process of our own
        return
    import _thread

    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    with contextlib.suppress(RuntimeError):  # no thread is to be had: then it takes longer
        _thread.start_new_thread(_watch, (reading,))
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(writing)  # the thread's end


def _watch(reading: int) -> None:
    """Wait for the number of a signal; call its handler if the main thread does not."""
    while received := os.read(reading, 1):
        time.sleep(GRACE_SECONDS)
        handler = signal.getsignal(received[0])
        if callable(handler):
            handler(received[0], None)
    os.close(reading)


@contextlib.contextmanager
def raised() -> Iterator[None]:
    """Let a signal that would end the process raise KeyboardInterrupt with its number.

    While a file is written, so that nothing is left of it.
    """
    wakeup = signal.set_wakeup_fd(-1)
    ours = [number for number in STOP_SIGNALS if signal.getsignal(number) is end_at_once]
    try:
        for number in ours:
            signal.signal(number, _raise)
        yield
    finally:
        for number in ours:
            signal.signal(number, end_at_once)
        signal.set_wakeup_fd(wakeup)


def _raise(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    raise KeyboardInterrupt(number)


class StopRequest:
    """Remembers the first signal while it is entered; call it to ask whether one has come.

    Further ones are counted and change nothing: they do not spoil what is saved after the first.
    A signal that the parent ignores, as nohup does, stays ignored.

    limit  counts as a signal where its time is over
    """

    def __init__(self, limit: TimeLimit | None = None) -> None:
        self.limit = limit
        self.signal = self.count = 0
        self._hurry: Callable[[], None] | None = None
        self._given_up = 0.0  # when patience is over; 0: it has not begun
        self._before: dict[int, object] = {}
        self._wakeup = -1

    def __call__(self) -> bool:
        return self.signal != 0

    @property
    def exit_code(self) -> int:
        """128 + signal, or the time limit's."""
        if self.limit is not None and self.signal == signal.SIGALRM:
            return self.limit.code
        return 128 + self.signal

    def leave_time(self, seconds: float) -> None:
        """Let a time limit leave time for a save that takes so long."""
        if self.limit is not None:
            self.limit.saved(seconds)

    def __enter__(self) -> Self:
        self._wakeup = signal.set_wakeup_fd(-1)
        timed = self.limit is not None and self.limit.seconds is not None
        for number in (*STOP_SIGNALS, *[signal.SIGALRM] * timed):
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        if self():  # what is printed now says how to go on, and then the process ends
            return
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        signal.set_wakeup_fd(self._wakeup)

    @contextlib.contextmanager
    def patience(self) -> Iterator[None]:
        """Raise StoppedError where the work within needs long after a signal has come.

        For what can be left out of a run that is stopped, such as the scores of many rows. All
        that is entered so has PATIENCE_SECONDS together, from the first of it on.
        """
        from mlpcli.nn.evaluation import StoppedError

        def give_up(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
            raise StoppedError

        def hurry() -> None:
            signal.signal(signal.SIGALRM, give_up)
            # Again and again: what a handler raises within a finalizer is lost.
            left = self._patience_left()
            signal.setitimer(signal.ITIMER_REAL, max(left, LEAST_SECONDS), REPEAT_SECONDS)

        before, self._hurry = signal.getsignal(signal.SIGALRM), hurry
        try:
            if self.signal:
                hurry()
            yield
        finally:
            self._hurry = None
            if self.signal:  # else a time limit's timer goes on
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, before)

    def _patience_left(self) -> float:
        """Return the seconds that are left of those that began with the first call."""
        now, patience = time.monotonic(), PATIENCE_SECONDS
        if self.limit is not None and self.limit.seconds and self.signal == signal.SIGALRM:
            patience = min(patience, self.limit.reserve(self.limit.seconds) / 4)
        self._given_up = self._given_up or now + patience
        return self._given_up - now

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        first, self.signal = not self.signal, self.signal or number
        if first and self._hurry is not None:
            self._hurry()
