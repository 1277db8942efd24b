"""Who may write into a study, and whose trials are still under way.

One file beside the study's holds both as locks on single bytes (POSIX record locks), which the
kernel takes away from a process that ends, however it ends. So a killed sweep blocks no other, and
that its number is free again shows that it is gone; a process number could be another's by now.
"""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

from mlpcli.errors import FileError

WRITING = 0  # the byte that whoever writes has locked; the others are processes'
GONE = (errno.EACCES, errno.EAGAIN)


class Locks:
    """The locks of one process on the study in the file `path`; `with` takes the one on writing.

    number  of this process, drawn at random: the byte that it has locked while it lives
    """

    def __init__(self, path: Path) -> None:
        self.path, self.depth = path, 0
        self.number = 1 + int.from_bytes(os.urandom(7), "little")
        try:
            # Never closed before the process ends: that would give up every lock it has.
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            self.file = os.open(f"{path}.lock", flags, 0o666)
            fcntl.lockf(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, self.number)
        except OSError as error:
            why = error.strerror
            if error.errno == errno.ELOOP:
                why = "is a link; remove it, if no other program is at work on the study"
            raise FileError(f"{path}.lock: {why}") from None

    def acquire(self) -> bool:
        """Wait until no other process writes; may be nested."""
        if self.depth == 0:
            fcntl.lockf(self.file, fcntl.LOCK_EX, 1, WRITING)
        self.depth += 1
        return True

    def release(self) -> None:
        """Let others write."""
        self.depth -= 1
        if self.depth == 0:
            fcntl.lockf(self.file, fcntl.LOCK_UN, 1, WRITING)

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def lives(self, number: int) -> bool:
        """Whether the process with this number is still there."""
        if number == self.number:
            return True
        try:
            fcntl.lockf(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
        except OSError as error:
            if error.errno in GONE:
                return True
            raise
        fcntl.lockf(self.file, fcntl.LOCK_UN, 1, number)
        return False
