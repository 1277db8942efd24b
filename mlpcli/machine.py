"""What this machine has free: memory, and cores; and how long this process has been there."""

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
    """Return how many bytes can be taken without swapping: of the system, and of our container."""
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


def cores() -> int:
    """Return how many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def process_age() -> float:
    """Return how many seconds ago this process began; at least what it has computed since.

    Linux says it to a hundredth; elsewhere it is the seconds that the process had a core.
    """
    computed = time.process_time()
    try:
        # The name before may have spaces in it; the 22nd field is the beginning, in ticks.
        ticks = int(STAT.read_text("utf-8", "replace").rpartition(")")[2].split()[19])
        began = ticks / os.sysconf("SC_CLK_TCK")
        return max(computed, time.clock_gettime(time.CLOCK_BOOTTIME) - began)
    except (OSError, ValueError, IndexError, AttributeError):
        return computed
