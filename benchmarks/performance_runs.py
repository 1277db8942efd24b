"""How benchmarks/performance.py measures: processes in turns on one core, and their ratios."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from performance_settings import ROOT

CHILD = Path(__file__).resolve().parent / "performance_child.py"
LIBRARIES = ("OPENBLAS", "OMP", "MKL", "BLIS", "VECLIB", "NUMEXPR")
XLA_ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
OURS = "mlp"
CORES = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()


class MeasurementError(Exception):
    """Something could not be measured; the message says what, and why."""


@dataclass(frozen=True)
class Run:
    """One process.

    table, row  what it is a measurement of
    turn        runs with the same number ran one after the other: their ratios are what counts
    figures     seconds (of the whole process), cpu_seconds, peak (bytes), and those of the work
    """

    table: str
    row: str
    engine: str
    turn: int
    figures: dict[str, float]


@dataclass(frozen=True)
class Spread:
    """Median and quartiles."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Return median and quartiles, those of the values themselves, not of what they may be of."""
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, low, high)


def values(runs: Sequence[Run], table: str, row: str, engine: str, figure: str) -> list[float]:
    """Return one figure of all runs of one engine."""
    here = [run for run in runs if (run.table, run.row, run.engine) == (table, row, engine)]
    return [run.figures[figure] for run in here if figure in run.figures]


def ratios(runs: Sequence[Run], table: str, row: str, engine: str, figure: str) -> list[float]:
    """Return theirs / ours, turn by turn: above 1, mlp takes less."""
    here = [run for run in runs if (run.table, run.row) == (table, row)]
    ours = {run.turn: run.figures[figure] for run in here if run.engine == OURS}
    return [
        run.figures[figure] / ours[run.turn]
        for run in here
        if run.engine == engine and figure in run.figures and run.turn in ours
    ]


# --- one process ------------------------------------------------------------------------------


def environment(checkout: Path | None = None, *, all_cores: bool = False) -> dict[str, str]:
    """Return the environment of every process: one thread, and nothing that sets BLAS's kernel.

    checkout   the tree whose mlpcli it imports
    all_cores  as many threads as there are cores, for XLA as many as it takes by itself; ours are
               its own, and BLAS has one
    """
    drop = ("OPENBLAS_", "PYTHONDONTWRITEBYTECODE")  # which would compile mlp anew each time
    kept = {name: value for name, value in os.environ.items() if not name.startswith(drop)}
    threads = str(len(CORES)) if all_cores and checkout is None else "1"
    kept |= {f"{library}_NUM_THREADS": threads for library in LIBRARIES}
    kept |= {"XLA_FLAGS": "" if all_cores else XLA_ONE_THREAD, "JAX_PLATFORMS": "cpu"}
    return kept | {"PYTHONPATH": str(checkout)} if checkout else kept


def pin() -> None:
    """Keep this process and those it starts on one core, where the system can."""
    if CORES:
        os.sched_setaffinity(0, {min(CORES)})


def run(
    command: Sequence[str], checkout: Path | None = None, *, all_cores: bool = False
) -> tuple[str, dict[str, float]]:
    """Run one process; return what it prints, its seconds, and its memory at the peak.

    The peak is never below what this process has: Linux counts the one that starts another with
    it. So nothing large is imported here, NumPy least of all.
    Raises MeasurementError where it fails.
    """
    variables = environment(checkout, all_cores=all_cores)
    with tempfile.TemporaryFile() as errors:
        begun, before = time.perf_counter(), os.sched_getaffinity(0) if CORES else set()
        if all_cores and CORES:  # the process that is started inherits them
            os.sched_setaffinity(0, CORES)
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, env=variables, cwd="/"
        )
        if all_cores and CORES:
            os.sched_setaffinity(0, before)
        assert process.stdout is not None
        with process.stdout as stream:
            said = stream.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            end = errors.read().decode(errors="replace").strip()[-2000:]
            raise MeasurementError(f"{' '.join(command[:4])}: {process.returncode}: {end}")
    unit = 1 if sys.platform == "darwin" else 1024
    figures = {
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak": float(usage.ru_maxrss * unit),
    }
    return said, figures


def work(
    python: str, name: str, *, all_cores: bool = False, **about: Any
) -> tuple[dict[str, Any], dict[str, float]]:
    """Do one piece of work of performance_child.py with this Python; return what it says."""
    command = [python, str(CHILD), name, json.dumps(about)]
    checkout = ROOT if python == sys.executable else None
    said, figures = run(command, checkout, all_cores=all_cores)
    return json.loads(said.splitlines()[-1]), figures


# --- in turns ---------------------------------------------------------------------------------


def in_turns(peers: Sequence[str], rounds: int) -> Iterator[tuple[int, str]]:
    """Yield (turn, engine): in each turn ours runs between two others, or beside one.

    >>> list(in_turns(["a", "b", "c"], 1))
    [(0, 'a'), (0, 'mlp'), (0, 'b'), (1, 'c'), (1, 'mlp')]
    >>> list(in_turns([], 2))
    [(0, 'mlp'), (1, 'mlp')]
    """
    pairs = [peers[k : k + 2] for k in range(0, len(peers), 2)] or [[]]
    for turn in range(rounds * len(pairs)):
        pair = pairs[turn % len(pairs)]
        yield from ((turn, engine) for engine in (*pair[:1], OURS, *pair[1:]))


def measure(
    table: str,
    row: str,
    peers: Sequence[str],
    rounds: int,
    once: Callable[[str], dict[str, float]],
) -> list[Run]:
    """Measure one row of a table: `once` runs one engine, and returns its figures."""
    print(f"{table}: {row}", file=sys.stderr, flush=True)
    return [Run(table, row, e, turn, once(e)) for turn, e in in_turns(peers, rounds)]


def check_losses(runs: Sequence[Run], tolerances: dict[str, float]) -> None:
    """Check that every engine's last loss is ours, within its share of it.

    Raises MeasurementError where one is not: then it trained something else.
    """
    for one in runs:
        ours = values(runs, one.table, one.row, OURS, "loss")[0]
        allowed = tolerances.get(one.engine, 1e-9) * abs(ours)
        if not abs(one.figures["loss"] - ours) <= allowed:
            raise MeasurementError(
                f"{one.table}: {one.row}: after the last epoch the loss of {one.engine} is "
                f"{one.figures['loss']:g}, mlp's {ours:g}: not the same training"
            )


# --- the machine ------------------------------------------------------------------------------


def machine() -> dict[str, Any]:
    """Return the processor, how many cores there are, and how busy they were."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text("utf-8").splitlines()
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        model = names[0] if names else model
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "model": model,
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "load": load,
    }
