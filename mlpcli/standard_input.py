"""Standard input, which may be closed."""

from __future__ import annotations

import sys

from mlpcli.errors import UsageError


def read_standard_input(what: str, limit: int = -1) -> bytes:
    """Return the bytes of standard input, at most `limit` of them.

    what  names the content, for the message where it is closed
    """
    if sys.stdin is None:
        raise UsageError(f"-: standard input is closed, so there is no {what} to read")
    return sys.stdin.buffer.read(limit)
