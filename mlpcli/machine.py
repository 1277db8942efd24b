"""Free memory, cores, and the age of this process."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")
OWN_CGROUPS = Path("/proc/self/cgroup")
STAT = Path("/proc/self/stat")
STATM = Path("/proc/self/statm")
# (limit, used) of a control group of version 2, and of version 1.
CGROUP_FILES = (
    ("memory.max", "memory.current"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes"),
)
UNKNOWN = 1 << 30  # bytes taken to be free where the system does not say


def free_memory() -> int:
    """Return how many bytes can be allocated without swapping.

    The least that the system has, its control groups leave, and `ulimit -v` lets this process take.
    """
    return _least(_available())


def allocatable_memory() -> int:
    """Return how many bytes can be allocated: beside the free ones, swap space, which is slow."""
    available = _available()
    return _least(None if available is None else available + (_in_meminfo("SwapFree:") or 0))


def _least(in_system: int | None) -> int:
    found = [in_system, *_left_in_cgroups(), _left_to_process()]
    return min((each for each in found if each is not None), default=UNKNOWN)


def _in_meminfo(name: str) -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in MEMINFO.read_text("ascii").splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    return None


def _available() -> int | None:
    available = _in_meminfo("MemAvailable:")
    if available is not None:
        return available
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # not on every system
        return None


def _left_in_cgroups() -> list[int]:
    """Return what this process's control groups, and those around them, leave of their limits.

    What a group uses to keep files in memory is given back when something else needs it.
    """
    found = []
    for folder in _cgroups("memory"):
        for limit_file, used_file in CGROUP_FILES:
            with contextlib.suppress(OSError, ValueError):
                limit = int((folder / limit_file).read_text("ascii"))  # "max" is none
                used = int((folder / used_file).read_text("ascii")) - _kept_files(folder)
                found.append(max(0, limit - used))
    return found


def _cgroups(controller: str) -> list[Path]:
    """Return the folders of this process's control groups of a resource, up to the root."""
    folders = [CGROUP, CGROUP / controller]  # in a container its own
    with contextlib.suppress(OSError, ValueError):
        for line in OWN_CGROUPS.read_text("utf-8").splitlines():
            _, controllers, name = line.split(":", 2)
            is_of_it = not controllers or controller in controllers.split(",")
            if is_of_it and ".." not in name:
                path = CGROUP / controllers / name.lstrip("/")
                inner = [path, *path.parents]
                folders += inner[: len(path.parts) - len(CGROUP.parts)]
    return list(dict.fromkeys(folders))


def _kept_files(folder: Path) -> int:
    """Return the bytes of files that a control group holds, and can let go."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in (folder / "memory.stat").read_text("ascii").splitlines():
            if line.startswith(("inactive_file ", "total_inactive_file ")):
                return int(line.split()[1])
    return 0


def _left_to_process() -> int | None:
    """Return what the limit on this process's address space leaves; None where there is none."""
    try:
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit == resource.RLIM_INFINITY:
            return None
        used = int(STATM.read_text("ascii").split()[0]) * os.sysconf("SC_PAGE_SIZE")
        return max(0, limit - used)
    except (ImportError, OSError, ValueError, IndexError):  # not on every system
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
    """Return how many cores this process may really use.

    The least that its affinity allows, the quota of its control group pays for, and Slurm has
    given to its task (SLURM_CPUS_PER_TASK).
    """
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min([own or 1, *_quotas(), *_cores_of_task()]))


def _quotas() -> list[int]:
    """Return the whole cores that the quotas of this process's control groups pay for."""
    found = []
    # Bytes: every command comes here, and text would import a codec, which takes 0.2 ms.
    for folder in _cgroups("cpu"):
        with contextlib.suppress(OSError, ValueError):  # version 2; "max" is none
            quota, period = (folder / "cpu.max").read_bytes().split()
            found.append(int(quota) // int(period))
        with contextlib.suppress(OSError, ValueError):  # version 1; -1 is none
            quota, period = (
                (folder / f"cpu.cfs_{name}_us").read_bytes() for name in ("quota", "period")
            )
            found += [int(quota) // int(period)] * (int(quota) > 0)
    return found


def _cores_of_task() -> list[int]:
    with contextlib.suppress(ValueError):
        return [int(os.environ.get("SLURM_CPUS_PER_TASK", ""))]
    return []


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
