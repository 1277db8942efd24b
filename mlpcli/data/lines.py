"""The lines of a text file, none of them read beyond the longest that a table may have."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import BinaryIO

from mlpcli.errors import DataError
from mlpcli.machine import in_bytes

LONGEST = 1 << 25  # bytes: a million numbers with all their digits


def read_line(stream: BinaryIO) -> bytes:
    """Return the next line with its end, of one that is too long the first LONGEST bytes."""
    return stream.readline(LONGEST)


def lines_of(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the lines as `read_line` returns them."""
    return iter(partial(stream.readline, LONGEST), b"")


def check_length(name: str, line: bytes, number: int) -> None:
    """Raise DataError where a line is longer than a table's may be.

    name    of the file, for messages
    number  of the line
    """
    if len(line) >= LONGEST and not line.endswith(b"\n"):
        most = in_bytes(LONGEST)
        raise DataError(f"{name}:{number}: the line is longer than {most}: no table has such rows")
