"""Locks on files and directories, which the kernel takes away from a process however it ends.

They are `flock`'s, which belong to an open file: a forked child would keep its parent's after the
parent's death, so children close what is locked.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path
from typing import Protocol

LOCKS = Path("/proc/locks")
WAIT_SECONDS = 1.0  # at most, for readers that ask whether it is held, some microseconds each


class Open(Protocol):
    """Something that is open."""

    descriptor: int


_locked: set[Open] = set()


def lock(opened: Open) -> bool:
    """Lock what is open for this process, at once; False where another process has it.

    True as well on a file system without locks: there nothing is kept from anybody.
    """
    end = time.monotonic() + WAIT_SECONDS
    while not _flock(opened.descriptor, fcntl.LOCK_EX):
        # A shared lock is a reader's, and gone in a moment.
        if not _flock(opened.descriptor, fcntl.LOCK_SH) or time.monotonic() > end:
            return False
        _flock(opened.descriptor, fcntl.LOCK_UN)
        time.sleep(0.001)
    _locked.add(opened)
    return True


def unlock(opened: Open) -> None:
    """Forget what is locked, which is about to be closed."""
    _locked.discard(opened)


def is_locked(path: Path) -> bool | None:
    """Whether a process has locked a directory; None where the system cannot say that."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return False


def locker(descriptor: int) -> int | None:
    """Return the process that has locked what is open; None where the system does not say."""
    found = os.fstat(descriptor)
    place = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in LOCKS.read_text("ascii").splitlines():
            fields = line.split()
            if fields[1] == "FLOCK" and fields[3] == "WRITE" and fields[5] == place:
                return int(fields[4]) if int(fields[4]) > 0 else None  # of another namespace
    return None


def _flock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def _close_in_child() -> None:
    for opened in _locked:
        with contextlib.suppress(OSError):
            os.close(opened.descriptor)
        opened.descriptor = -1
    _locked.clear()


os.register_at_fork(after_in_child=_close_in_child)
