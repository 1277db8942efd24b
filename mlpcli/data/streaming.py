"""Opening a table file as a stream of blocks, in memory that does not grow with it."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from mlpcli.data.blocks import Opened, StreamOptions, TableStream
from mlpcli.data.file_kinds import START, misfit
from mlpcli.data.readers import (
    READERS,
    ReadOptions,
    kind_by_name,
    opening_errors,
    packing_errors,
    packing_guess,
)
from mlpcli.data.source import GZIP, Joined, is_pipe
from mlpcli.data.unpacking import Unpacked, check_unpacked
from mlpcli.errors import DataError
from mlpcli.standard_input import open_standard_input

PIECE = 1 << 17  # bytes unpacked at once


@contextlib.contextmanager
def open_stream(
    path: str, options: ReadOptions, wanted: StreamOptions, *, hint: str = ""
) -> Iterator[TableStream]:
    """Open the table in a file, or on standard input for `-` (as CSV).

    hint  what to add where there is no such file
    Raises DataError where there is no such file, it cannot be understood, or required columns are
    not in it; FileError where the operating system refuses.
    """
    with contextlib.ExitStack() as closing:
        if path == "-":
            opened = Opened(open_standard_input("data"), "<stdin>", closing, is_pipe=True)
            ending = "csv"
        else:
            ending = _ending_of(path, hint)
            with opening_errors(path, hint=hint):
                content: BinaryIO = closing.enter_context(Path(path).open("rb"))
            opened = Opened(content, path, closing, is_pipe=is_pipe(path))
        yield _stream(opened, ending, options, wanted)


def _ending_of(path: str, hint: str) -> str:
    with opening_errors(path, hint=hint):
        return kind_by_name(path)


def _stream(
    opened: Opened, ending: str, options: ReadOptions, wanted: StreamOptions
) -> TableStream:
    """Return the stream of a table in an open file, which gzip may have packed."""
    name, content = opened.name, opened.content
    with opening_errors(name), packing_errors(name):
        first = content.peek(len(GZIP))  # type: ignore[attr-defined]
        if first == GZIP[:1]:  # of a pipe there may be no more yet
            content = io.BufferedReader(Joined(content.read(len(GZIP)), content))
            first = content.peek(len(GZIP))
        packed = first.startswith(GZIP)
        if packed:
            content = opened.closing.enter_context(_unpacked(replace(opened, content=content)))
        problem = misfit(content.peek(START)[:START], ending, name)  # type: ignore[attr-defined]
        if problem:
            raise DataError(f"{name}: {problem}")
        reader = READERS[ending]()
        found = reader.stream(replace(opened, content=content), options, wanted)
    guess = None if name == "<stdin>" else packing_guess(name, packed=packed)
    found.guesses[:0] = [] if guess is None else [guess]
    return found


def _unpacked(opened: Opened) -> BinaryIO:
    """Return what a file unpacks to; what is packed too well is refused, as in any reading.

    It could not fill the memory, but the disk, with predictions.
    """
    content = opened.content
    if opened.is_pipe:
        counted = _Counted(content)
        content, n_packed = io.BufferedReader(counted), lambda: counted.n
    else:
        n = content.seek(0, io.SEEK_END)
        check_unpacked(content, opened.name, n)
        content.seek(0)
        n_packed = lambda: n  # noqa: E731
    return io.BufferedReader(Unpacked(content, opened.name, n_packed), PIECE)


class _Counted(io.RawIOBase):
    """A stream of what another gives, which counts its bytes."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream, self.n = stream, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        n: int = self.stream.readinto1(buffer)  # type: ignore[attr-defined]  # what there is now
        self.n += n
        return n
