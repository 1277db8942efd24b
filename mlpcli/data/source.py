"""Where the bytes of a table come from: a file, memory, or a pipe that is read once."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, cast

from mlpcli.data.unpacking import Unpacked, check_unpacked
from mlpcli.errors import DataError
from mlpcli.memory import FEW, FEWER, require

PIECE = 1 << 16  # bytes asked of a pipe at once: as much as Linux keeps in one
IN_MEMORY = 1 << 20  # bytes of a file that is opened once instead of for each look at it
GZIP = b"\x1f\x8b"  # the first bytes of every gzip file
UNPACKED_AT_ONCE = 1 << 17  # bytes


class Spool:
    """The bytes of a pipe, kept as they come, so that they can be read again.

    name  for messages
    """

    def __init__(self, pipe: BinaryIO, name: str = "<stdin>") -> None:
        self.pipe, self.name = pipe, name
        self.pieces: list[bytes] = []
        self.at_end = False
        self.n_bytes, self.granted = 0, FEW

    def open(self) -> io.RawIOBase:
        """Return a new stream of the bytes; it waits for the pipe only where none are kept."""
        return _Kept(self)

    def pull(self) -> bool:
        """Keep what the pipe has now, waiting for a byte at least; False at its end."""
        if not self.at_end:
            piece = self.pipe.read1(PIECE)  # type: ignore[attr-defined]  # of a buffered stream
            self.at_end = not piece
            if piece:
                self.pieces.append(piece)
                self.n_bytes += len(piece)
                if self.n_bytes > self.granted:
                    self._ask()
        return not self.at_end

    def _ask(self) -> None:
        """Ask for a quarter more memory than is held, which has no known end."""
        more = self.n_bytes // 4 + FEW
        require(more, f"{self.name}: {self.n_bytes:,} bytes came, and more to come", FEWER)
        self.granted += more

    def all_pieces(self) -> Iterator[bytes]:
        """Yield everything, to the end of the pipe."""
        while self.pull():
            pass
        yield from self.pieces


class _Kept(io.RawIOBase):
    """A stream of what a spool keeps, and then of what it pulls."""

    def __init__(self, spool: Spool) -> None:
        self.spool, self.piece, self.offset = spool, 0, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        pieces = self.spool.pieces
        while self.piece == len(pieces):
            if not self.spool.pull():
                return 0
        part = pieces[self.piece][self.offset : self.offset + len(buffer)]
        buffer[: len(part)] = part
        self.offset += len(part)
        if self.offset == len(pieces[self.piece]):
            self.piece, self.offset = self.piece + 1, 0
        return len(part)


class _Hashed(io.RawIOBase):
    """A stream of a file that adds the SHA-256 of its bytes to `found` when it is at their end."""

    def __init__(self, file: io.FileIO, found: set[str]) -> None:
        self.file = file  # closed with this one
        self.hash, self.found, self.at_end = hashlib.sha256(), found, False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        n = 0 if self.at_end else self.file.readinto(buffer) or 0
        self.hash.update(memoryview(buffer)[:n])
        if n == 0:  # once and for all, though the file may grow
            self.at_end = True
            self.found.add(self.hash.hexdigest())
        return n

    def close(self) -> None:
        self.file.close()
        super().close()


class Joined(io.RawIOBase):
    """A stream of some bytes, and then of another stream."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self.head, self.rest = memoryview(head), rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self.head:
            return self.rest.readinto(buffer)  # type: ignore[attr-defined]
        part = self.head[: len(buffer)]
        buffer[: len(part)] = part
        self.head = self.head[len(part) :]
        return len(part)


@dataclass(frozen=True)
class Source:
    """A file, a pipe, or bytes in memory; packed by gzip where it begins as gzip does.

    name     for messages
    path     None: the bytes are in `content`, or come from `spool`
    hashes   the SHA-256 of each reading of the file at `path` to its end
    """

    name: str
    path: str | None
    content: bytes = b""
    spool: Spool | None = None
    hashes: set[str] = field(default_factory=set, compare=False)

    @staticmethod
    def of_file(path: str) -> Source:
        """Return a file as a source; a small one is read at once."""
        with Path(path).open("rb") as stream:
            content = stream.read(IN_MEMORY + 1)
        is_small = len(content) <= IN_MEMORY
        return Source(path, None, content) if is_small else Source(path, path)

    def open(self) -> BinaryIO:
        """Return a new stream of the bytes, uncompressed."""
        if not self.is_packed:
            return self._open() if self.spool is None else io.BufferedReader(self.spool.open())
        unpacked = Unpacked(self._open(), self.name, self._n_packed)
        return io.BufferedReader(unpacked, UNPACKED_AT_ONCE)

    def check_unpacked(self) -> None:
        """Raise OutOfMemoryError where a file that gzip has packed unpacks to too much.

        What comes from a pipe is counted as it comes.
        """
        if self.is_packed and self.spool is None:
            path = self.path
            with io.BytesIO(self.content) if path is None else Path(path).open("rb") as stream:
                check_unpacked(stream, self.name, self.n_bytes())

    def _n_packed(self) -> int:
        """Return how many bytes there are, of a pipe those that came."""
        return self.n_bytes() if self.spool is None else self.spool.n_bytes

    def _open(self) -> BinaryIO:
        if self.spool is not None:
            return cast("BinaryIO", self.spool.open())
        if self.path is None:
            return io.BytesIO(self.content)
        # Before there is a stream: Python 3.13 warns of one that fails to close, having no file.
        file = io.FileIO(self.path)
        return io.BufferedReader(_Hashed(file, self.hashes), PIECE)

    @cached_property
    def is_packed(self) -> bool:
        """Whether the first bytes are those of gzip, whatever the file is called."""
        with self._open() as stream:
            start = stream.read(2)
            return (start if len(start) != 1 else start + stream.read(1)) == GZIP

    def read(self, most: int = -1) -> bytes:
        """Return the first bytes, uncompressed; all of them by default.

        Raises OutOfMemoryError where all of them are more than there is memory for.
        """
        if most < 0 and not self.is_packed:
            require(self.n_bytes(), f"{self.name}: the whole file", FEWER)
        with self.open() as stream:
            return stream.read(most)

    def start(self, most: int) -> bytes:
        """Return the first bytes, uncompressed; of a pipe no more than the first line."""
        with self.open() as stream:
            return stream.read(most) if self.spool is None else stream.readline(most)

    def n_bytes(self) -> int:
        """Return how many bytes there are, as they lie on the disk or come from the pipe."""
        if self.spool is not None:
            return sum(map(len, self.spool.all_pieces()))
        return len(self.content) if self.path is None else Path(self.path).stat().st_size

    def sha256(self) -> str:
        """Return the SHA-256 of the bytes, as `n_bytes` counts them: of those that were read.

        Raises DataError where a file was read twice, with other bytes each time.
        """
        if self.spool is not None:
            found = hashlib.sha256()
            for piece in self.spool.all_pieces():
                found.update(piece)
            return found.hexdigest()
        if self.path is None:
            return hashlib.sha256(self.content).hexdigest()
        if not self.hashes:  # whoever read it did not come to its end
            with self._open() as stream:
                while stream.read(PIECE):
                    pass
        if len(self.hashes) > 1:
            raise DataError(f"{self.name}: the file was changed while it was read; try again")
        return next(iter(self.hashes))


def is_pipe(path: str) -> bool:
    """Whether a path is a named pipe or a device: its bytes can be read once only."""
    mode = _mode(path)
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


def no_file(path: str) -> str:
    """Return what a path is that has no end, or cannot be opened; nothing where it may be read.

    >>> no_file("/dev/zero"), no_file(os.devnull)
    ('a device, not a file', '')
    """
    mode = _mode(path)
    if stat.S_ISSOCK(mode):
        return "a socket, not a file"
    if stat.S_ISCHR(mode) and not os.path.samefile(path, os.devnull):  # noqa: PTH121
        with open(path, "rb") as device:  # noqa: PTH123
            return "" if device.isatty() else "a device, not a file"
    return "a device, not a file" if stat.S_ISBLK(mode) else ""


def _mode(path: str) -> int:
    """Return the mode of what is at a path; 0 where nothing is."""
    try:
        return os.stat(path).st_mode  # noqa: PTH116  Path's raises where a name is too long
    except (OSError, ValueError):
        return 0
