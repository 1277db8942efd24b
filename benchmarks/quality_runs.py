"""Run the tools of benchmarks/quality.py, one process at a time, and append what they say."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
# One thread, and the kernels that each library chooses itself.
THREADS = {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "MKL", "LIGHTGBM")}
UNSET = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


@dataclass(frozen=True)
class Process:
    """What one process came to.

    cpu_seconds  of processor, its children's included; memory_mb is the largest of all of them
    """

    status: int
    output: str
    errors: str
    cpu_seconds: float
    seconds: float
    memory_mb: float


def run(command: Sequence[str], most_cpu_seconds: int, *, python_path: str = "") -> Process:
    """Run a command to its end, or until it has had so many seconds of the processor."""
    environment = {k: v for k, v in os.environ.items() if k not in UNSET} | THREADS
    environment.pop("PYTHONPATH", None)
    if python_path:
        environment["PYTHONPATH"] = python_path

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (most_cpu_seconds, most_cpu_seconds + 5))

    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=out, stderr=err, env=environment, preexec_fn=limit
        )
        _, wait_status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(wait_status)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read())
    cpu = usage.ru_utime + usage.ru_stime
    return Process(process.returncode, *texts, cpu, seconds, usage.ru_maxrss / 1024)


class Log:
    """Runs, one line of JSON each, so that what was interrupted goes on where it stopped."""

    def __init__(self, path: Path) -> None:
        self.path = path
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        self.runs: dict[tuple[str, int, str], dict[str, Any]] = {}
        for line in lines:
            self._keep(json.loads(line))

    def _keep(self, one: dict[str, Any]) -> None:
        self.runs[one["table"], one["split"], one["tool"]] = one  # the last one counts

    def append(self, one: dict[str, Any]) -> None:
        """Write one run."""
        self._keep(one)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(one) + "\n")


def run_peer(
    python: str, folder: Path, table: str, split: int, tool: str, most_cpu_seconds: int
) -> dict[str, Any]:
    """Run one peer; status is `done`, `stopped` (too long) or `failed`."""
    script = str(HERE / "quality_peer.py")
    command = [python, script, str(folder), table, str(split), tool]
    process = run(command, most_cpu_seconds)
    found: dict[str, Any] = {"table": table, "split": split, "tool": tool, "status": "done"}
    found |= {key: round(getattr(process, key), 3) for key in ("cpu_seconds", "seconds")}
    found["memory_mb"] = round(process.memory_mb)
    if process.status < 0 and process.cpu_seconds >= most_cpu_seconds - 1:
        return found | {"status": "stopped"}
    if process.status:
        return found | {"status": "failed", "why": process.errors[-500:]}
    return found | json.loads(process.output)


def campaign(
    log: Log, wanted: Iterable[tuple[str, int, str]], measure: Any, *, again: bool = False
) -> None:
    """Measure what is not in the log yet, or, with `again`, all."""
    for table, split, tool in wanted:
        if (table, split, tool) in log.runs and not again:
            continue
        found = measure(table, split, tool)
        log.append(found)
        loss = f"{found['loss']:.5g}" if "loss" in found else found["status"]
        print(f"{table} {split} {tool}: {loss}, {found['cpu_seconds']:.1f} s", file=sys.stderr)
