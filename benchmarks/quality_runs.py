"""Run the tools of benchmarks/quality.py, one process at a time, and append what they say."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quality_catalog import REGRESSION
from quality_settings import SPECS, spec_text

Measure = Callable[[str, int], dict[str, Any]]  # of a table and a split
HERE = Path(__file__).resolve().parent
# One thread, and the kernels that each library chooses itself.
THREADS = {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "MKL", "LIGHTGBM")}
UNSET = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "PYTHONPATH")


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


def environment() -> dict[str, str]:
    """Return the environment of every process."""
    return {k: v for k, v in os.environ.items() if k not in UNSET} | THREADS


def run(command: Sequence[str], most_cpu_seconds: int, *, python_path: str = "") -> Process:
    """Run a command to its end, or until it has had so many seconds of the processor."""
    variables = environment() | ({"PYTHONPATH": python_path} if python_path else {})

    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=err, env=variables)
        limits = (most_cpu_seconds, most_cpu_seconds + 5)
        resource.prlimit(process.pid, resource.RLIMIT_CPU, limits)
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
    """Runs, one line of JSON each, so that what was interrupted goes on where it stopped.

    stored  runs of before; those of the file are newer
    """

    def __init__(self, path: Path, stored: Iterable[dict[str, Any]] = ()) -> None:
        self.path = path
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        self.runs: dict[tuple[str, int, str], dict[str, Any]] = {}
        for one in (*stored, *map(json.loads, lines)):
            self._keep(one)

    def _keep(self, one: dict[str, Any]) -> None:
        self.runs[one["table"], one["split"], one["tool"]] = one  # the last one counts

    def has(self, key: tuple[str, int, str]) -> bool:
        """Return whether there is such a run, for mlp one of the spec as it is now."""
        return key in self.runs and is_current(self.runs[key])

    def append(self, one: dict[str, Any]) -> None:
        """Write one run."""
        self._keep(one)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(one) + "\n")


class Peer:
    """A process of quality_peer.py, which runs one tool on one split after the other."""

    def __init__(self, python: str, folder: Path, tool: str) -> None:
        command = [python, str(HERE / "quality_peer.py"), str(folder), tool]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command,
            stdin=pipe,
            stdout=pipe,
            stderr=subprocess.DEVNULL,
            env=environment(),
            text=True,
        )
        self.tool = tool

    def run(self, table: str, split: int, most_cpu_seconds: int) -> dict[str, Any]:
        """Return the run; its status is `done`, `stopped` (it took too long) or `failed`."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{table} {split} {most_cpu_seconds}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise OSError(f"{self.tool} on {table}: its process ended; is it installed?")
        return {"table": table, "split": split, "tool": self.tool} | json.loads(line)

    def close(self) -> None:
        """End it."""
        self.process.communicate()


def run_mlp(
    root: Path, folder: Path, table: str, split: int, tool: str, most_cpu_seconds: int
) -> dict[str, Any]:
    """Run `mlp train SPEC` and `mlp eval RUN --json`; its status is `done` or `exit CODE`.

    root  the tree whose mlpcli it is
    """
    about = json.loads((folder / f"{table}.json").read_text("utf-8"))
    path = folder / f"{table}.split{split}.csv"
    mlp = [sys.executable, "-m", "mlpcli"]
    with tempfile.TemporaryDirectory() as place:
        file, run_dir = Path(place) / "spec.yaml", str(Path(place) / "run")
        file.write_text(spec_text(SPECS[tool], path, about["target"], split), encoding="utf-8")
        train = [*mlp, "train", str(file), "--run-dir", run_dir, "-q"]
        processes = [run(train, most_cpu_seconds, python_path=str(root))]
        if processes[0].status == 0:
            eval_ = [*mlp, "eval", run_dir, "--json"]
            processes.append(run(eval_, most_cpu_seconds, python_path=str(root)))
    found = _entry(table, split, tool, processes)
    found |= {"version": f"mlp {version(root)}", "spec": SPECS[tool]}
    last = processes[-1]
    if last.status:
        return found | {"status": f"exit {last.status}", "why": last.errors[-500:]}
    said = json.loads(last.output)
    if said["task"] != about["task"]:
        return found | {"status": "failed", "why": f"took it for {said['task']}"}
    figure = "rmse" if about["task"] == REGRESSION else "log_loss"
    scores = said["scores"]
    return found | {
        "loss": scores["test"][figure],
        "validation_loss": scores["validation"][figure],
        "fit_cpu_seconds": found["cpu_seconds"],
        "test_rows": scores["test"]["rows"],
    }


def _entry(table: str, split: int, tool: str, processes: Sequence[Process]) -> dict[str, Any]:
    return {
        "table": table,
        "split": split,
        "tool": tool,
        "status": "done",
        "cpu_seconds": round(sum(one.cpu_seconds for one in processes), 3),
        "seconds": round(sum(one.seconds for one in processes), 3),
        "memory_mb": round(max(one.memory_mb for one in processes)),
    }


def version(root: Path) -> str:
    """Return the commit of a tree, with + where files of it were changed since."""
    git = ["git", "-C", str(root)]
    asked = [*git, "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(asked, check=True, capture_output=True, text=True)
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", "mlpcli"], check=False)
    return commit.stdout.strip() + "+" * changed.returncode


def is_current(one: dict[str, Any]) -> bool:
    """Return whether a run of mlp is of the spec as it is now; others always are."""
    return one.get("spec") == SPECS.get(one["tool"])


def campaign(log: Log, wanted: Iterable[tuple[str, int, str]], measure: Measure) -> None:
    """Measure all of them, and say so."""
    for table, split, tool in wanted:
        found = measure(table, split)
        log.append(found)
        loss = f"{found['loss']:.5g}" if "loss" in found else found["status"]
        print(f"{table} {split} {tool}: {loss}, {found['cpu_seconds']:.1f} s", file=sys.stderr)
