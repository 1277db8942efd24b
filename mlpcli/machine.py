"""Free memory, cores, and the age of this process."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")
STAT = Path("/proc/self/stat")
UNKNOWN = 1 << 30  # bytes taken to be free where the system does not say


def free_memory() -> int:
    """Return how many bytes can be allocated without swapping, in the system and its container."""
    found = [_available(), _left_in_cgroup()]
    return min((each for each in found if each is not None), default=UNKNOWN)


def _available() -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in MEMINFO.read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # not on every system
        return None


def _left_in_cgroup() -> int | None:
    """Return the limit of the container (cgroup, version 2) less what it uses."""
    try:
        limit = (CGROUP / "memory.max").read_text("ascii").strip()
        used = int((CGROUP / "memory.current").read_text("ascii"))
        return None if limit == "max" else max(0, int(limit) - used)
    except (OSError, ValueError):
        return None


def in_bytes(n: int) -> str:
    """Return a number of bytes in the largest unit in which it is 1 or more.

    >>> [in_bytes(n) for n in (900, 3072, 5 << 20, 3 << 29)]
    ['900 bytes', '3.0 KiB', '5.0 MiB', '1.5 GiB']
    """
    if n < 1024:  # noqa: PLR2004
        return f"{n} byte{'s' * (n != 1)}"
    # What would be rounded to 1,024.0 is 1.0 of the next unit.
    power = next((k for k in (1, 2, 3) if round(n / 1024**k, 1) < 1024), 4)  # noqa: PLR2004
    return f"{n / 1024**power:,.1f} {('KiB', 'MiB', 'GiB', 'TiB')[power - 1]}"


def cores() -> int:
    """Return how many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def process_age() -> float:
    """Return how many seconds ago this process began, at least its processor time.

    On Linux to a hundredth of a second; elsewhere it is the processor time.
    """
    computed = time.process_time()
    try:
        # The name before may have spaces in it; the 22nd field is the beginning, in ticks.
        ticks = int(STAT.read_text("utf-8", "replace").rpartition(")")[2].split()[19])
        began = ticks / os.sysconf("SC_CLK_TCK")
        return max(computed, time.clock_gettime(time.CLOCK_BOOTTIME) - began)
    except (OSError, ValueError, IndexError, AttributeError):
        return computed
