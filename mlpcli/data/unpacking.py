"""Files packed by gzip, read as a stream that ends where they unpack to too much.

Deflate packs at most 1,032 to 1: 305 kB can be 315 MB of one repeated row, and a hundred million
numbers in memory. Tables that are worth training on pack 3 to 100 to 1.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import shlex
import zlib
from collections.abc import Callable
from typing import BinaryIO

from mlpcli.errors import OutOfMemoryError
from mlpcli.machine import in_bytes
from mlpcli.memory import FEW, FEWER, require

MOST_TIMES = 500
BOUND = 1032  # times that deflate unpacks to at most
TRIED = 1 << 20  # packed bytes that are unpacked once more, to be counted, within 30 ms
SIZE_BYTES = 4  # at the end: how many bytes were packed, modulo 2³²
PIECE = 1 << 20  # bytes unpacked at once where all are wanted


class Unpacked(io.RawIOBase):
    """A stream of the bytes that gzip has packed in another.

    name      of the file, for messages
    n_packed  returns how many packed bytes there are
    Reading raises OutOfMemoryError where FEW bytes and MOST_TIMES the packed ones are exceeded.
    """

    def __init__(self, packed: BinaryIO, name: str, n_packed: Callable[[], int]) -> None:
        self.packed, self.name, self.n_packed = packed, name, n_packed
        self.unpacked = gzip.GzipFile(fileobj=packed)
        self.n = 0

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self.unpacked.close()
        self.packed.close()
        super().close()

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        n = self.unpacked.readinto1(buffer)  # of a pipe no more than there is
        self._count(n)
        return n

    def readall(self) -> bytes:
        """Return what is left. Raises OutOfMemoryError also where there is no memory for it."""
        pieces = []
        granted = FEW
        while piece := self.unpacked.read(PIECE):
            self._count(len(piece))
            pieces.append(piece)
            if self.n > granted:  # as much again, and all of it once more where it is joined
                require(3 * self.n, f"{self.name}: more than {in_bytes(self.n)} unpacked", FEWER)
                granted = 2 * self.n
        return b"".join(pieces)

    def _count(self, n: int) -> None:
        self.n += n
        if self.n > FEW and self.n > MOST_TIMES * self.n_packed():
            raise OutOfMemoryError(refusal(self.name, self.n_packed(), self.n))


def check_unpacked(packed: BinaryIO, name: str, n_packed: int) -> None:
    """Raise OutOfMemoryError where a file unpacks to too much, as far as it can be seen at once.

    It says so at its end and its first bytes do; or it is small, and all of it does. Others are
    counted as they are read.

    packed  the file, or its bytes in memory
    """
    if n_packed * BOUND <= FEW:
        return
    packed.seek(-SIZE_BYTES, io.SEEK_END)
    said = int.from_bytes(packed.read(SIZE_BYTES), "little")
    if MOST_TIMES * n_packed < said <= BOUND * n_packed:
        n, used = _unpacked(packed, FEW)
        if n > MOST_TIMES * used:
            raise OutOfMemoryError(refusal(name, n_packed, said))
    if n_packed <= TRIED:
        n, _ = _unpacked(packed, max(FEW, MOST_TIMES * n_packed))
        if n > max(FEW, MOST_TIMES * n_packed):
            raise OutOfMemoryError(refusal(name, n_packed, n))


def _unpacked(packed: BinaryIO, most: int) -> tuple[int, int]:
    """Return how many bytes a file unpacks to, and of how many; no more than just above `most`."""
    packed.seek(0)
    n, buffer = 0, bytearray(PIECE)
    with contextlib.suppress(EOFError, zlib.error, gzip.BadGzipFile):  # whoever reads it says so
        stream = gzip.GzipFile(fileobj=packed)
        while n <= most and (piece := stream.readinto(buffer)):
            n += piece
    return n, packed.tell()


def refusal(name: str, n_packed: int, n: int) -> str:
    """Return the sentence for a file that unpacks to too much."""
    path = shlex.quote(name)
    how = f"first: gunzip -k {path}"
    if name == "<stdin>":
        how = "by gunzip before mlp reads it"
    elif not name.lower().endswith(".gz"):
        how = f"first, into a file of another name: gunzip < {path} > FILE"
    return (
        f"{name}: {in_bytes(n_packed)} unpack to {in_bytes(n)} or more, over {MOST_TIMES} times as "
        f"much, as files do that are made to fill the memory; a sound one has to be unpacked {how}"
    )
