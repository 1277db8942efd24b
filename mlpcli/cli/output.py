"""Standard output, on which no result is lost in silence: it may be closed, full, or unread.

Closed or full, the first write that fails ends the command with exit code 6. A reader that has
gone, as `head` does, has what it wanted: nothing is printed of it, and what else would be exit code
0 is 141, as the shell reports of every program that writes into a broken pipe.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any

from mlpcli.errors import FileError

NOBODY_READS = 141  # 128 + SIGPIPE


class OutputError(FileError):
    """Standard output is closed or full, so that results are lost."""


class Output:
    """A stream of results.

    stream     None where standard output was closed before the program began
    is_unread  whether the reader has gone before it had everything; what follows is dropped
    failure    what has gone wrong else; the stream has been flushed for the last time
    """

    def __init__(self, stream: Any) -> None:
        self.stream, self.is_unread = stream, False
        self.failure: OutputError | None = None
        if stream is None:
            self.failure = OutputError("standard output is closed, so the results are lost")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self.stream is not None and bool(self.stream.isatty())

    def write(self, text: str) -> int:
        """Write a text. Raises OutputError."""
        if not isinstance(text, str):  # so Typer tries whether a stream takes bytes
            raise TypeError("standard output takes text")
        if text:
            if self.failure is not None:
                raise self.failure
            self._try(self.stream.write, text)
        return len(text)

    def flush(self) -> None:
        """Write what is held back. Raises OutputError, once."""
        if self.failure is None:
            self._try(self.stream.flush)

    def _try(self, work: Any, *arguments: str) -> None:
        try:
            work(*arguments)
        except BrokenPipeError:
            self.is_unread = True
            redirect_to_null(self.stream)
        except OSError as error:
            redirect_to_null(self.stream)
            self.failure = OutputError(f"standard output: {error.strerror or error}")
            raise self.failure from None


def open_closed_descriptors() -> None:
    """Open the null device as each of 0, 1 and 2 that is closed.

    Else the next file that is opened, a model perhaps, would be what is written to as an output.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:  # the lowest that is free is the one that `open` gives
            os.open(os.devnull, os.O_RDWR)


def guard_results() -> None:
    """Make standard output an `Output`."""
    stream: Any = sys.stdout
    guarded: Any = Output(stream.stream if isinstance(stream, Output) else stream)
    sys.stdout = guarded


def is_unread() -> bool:
    """Whether results were written that nobody reads any more."""
    return isinstance(sys.stdout, Output) and sys.stdout.is_unread


def redirect_to_null(stream: Any) -> None:
    """Redirect a stream to the null device: flushing its buffer at exit would fail again."""
    if stream is not None:
        with contextlib.suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
