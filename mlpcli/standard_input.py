"""Standard input, which may be closed."""

from __future__ import annotations

import sys
from typing import BinaryIO

from mlpcli.errors import UsageError


def read_standard_input(what: str, limit: int = -1) -> bytes:
    """Return the bytes of standard input, at most `limit` of them.

    what  names the content, for the message where it is closed
    """
    return open_standard_input(what).read(limit)


def open_standard_input(what: str) -> BinaryIO:
    """Return standard input as a stream of bytes, to be read once.

    what  as `read_standard_input` has it
    """
    if sys.stdin is None:
        raise UsageError(f"-: standard input is closed, so there is no {what} to read")
    return sys.stdin.buffer
