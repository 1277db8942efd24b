"""Run the real command on hostile files and specs: each is refused, or done, within bounds.

    python tests/campaigns/limits.py [--only WORD] [--every N] [--seconds 5] [--mib 1024]

Prints for each case the exit code, the seconds of processor time, the most memory that it held, and
what it said.
Exit code 1 where a case shows a traceback, dies of a signal, ends with another code than its own,
or takes more time or memory than its bound. `hostile_*.py` make the files, none above 0.6 GB.
"""

import argparse
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import hostile_packed  # noqa: F401  each adds its cases
import hostile_places  # noqa: F401
import hostile_predict  # noqa: F401
import hostile_specs  # noqa: F401
import hostile_text  # noqa: F401
from hostile import CASES

ROOT = Path(__file__).parents[2]
PAGE = resource.getpagesize()
GRACE = 3  # times its bounds, after which a case is ended
PATIENCE = 300  # seconds of any other kind


@dataclass(frozen=True)
class Outcome:
    code: int
    seconds: float
    mib: float
    said: str
    out: str
    cut: bool


def held(pid):
    """Return the bytes that a process holds, and its seconds of processor time."""
    folder = Path(f"/proc/{pid}")
    pages = int((folder / "statm").read_text().split()[1])
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    return pages * PAGE, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def watch(pid, most_bytes, most_seconds, done, killed):
    """Kill a process, which is ours, where it takes far too much."""
    end = time.monotonic() + PATIENCE
    while not done.wait(0.02):
        try:
            n_bytes, seconds = held(pid)
        except (OSError, IndexError, ValueError):
            continue
        if n_bytes > most_bytes or seconds > most_seconds or time.monotonic() > end:
            killed.append(pid)
            os.kill(pid, signal.SIGKILL)
            return


def run(case, folder, bounds):
    words = case.make(folder)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with (folder / "err").open("wb") as err, (folder / "out").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlpcli", *words],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=environment,
        )
        done, killed = threading.Event(), []
        most = (
            GRACE * (case.mib or bounds.mib) * (1 << 20),
            GRACE * (case.seconds or bounds.seconds),
        )
        watcher = threading.Thread(target=watch, args=(process.pid, *most, done, killed))
        watcher.start()
        if case.during is not None:
            case.during(process, folder)
        _, status, used = os.wait4(process.pid, 0)
        done.set()
        watcher.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    said = (folder / "err").read_text("utf-8", "replace")
    return Outcome(
        process.returncode,
        used.ru_utime + used.ru_stime,
        used.ru_maxrss / 1024,
        said,
        (folder / "out").read_text("utf-8", "replace")[:1000],
        bool(killed),
    )


def faults(case, outcome, bounds):
    """Return what a case broke."""
    found = []
    if outcome.cut:
        found.append("ended by the campaign")
    elif outcome.code not in case.codes:
        found.append(f"exit {outcome.code}, not {' or '.join(map(str, case.codes))}")
    if "Traceback" in outcome.said or "Warning" in outcome.said:
        found.append("a traceback or a warning")
    if outcome.code and len(outcome.said) > 20_000 and not outcome.cut:
        found.append(f"a message of {len(outcome.said):,} characters")
    if case.says not in outcome.said:
        found.append(f"does not say {case.says!r}")
    if outcome.seconds > (case.seconds or bounds.seconds):
        found.append("too long")
    if outcome.mib > (case.mib or bounds.mib):
        found.append("too much memory")
    return found


def chosen(bounds):
    if bounds.every:
        return [case for case in CASES if case.is_cheap][:: bounds.every]
    return [case for case in CASES if bounds.only in case.name]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="cases with this in their name")
    parser.add_argument("--every", type=int, default=0, help="one in so many of the cheap cases")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--mib", type=float, default=1024.0)
    bounds = parser.parse_args()
    broken = n = 0
    print(f"{'case':<44} {'exit':>4} {'s':>6} {'MiB':>6}  what it says")
    for case in chosen(bounds):
        with tempfile.TemporaryDirectory() as name:
            outcome = run(case, Path(name), bounds)
            said = outcome.said.replace(name + "/", "")
        found = faults(case, outcome, bounds)
        n, broken = n + 1, broken + bool(found)
        lines = [line for line in said.splitlines() if line.strip()]
        last = (lines[-1] if outcome.code else "done") if lines or not outcome.code else "nothing"
        print(
            f"{case.name:<44} {outcome.code:>4} {outcome.seconds:>6.1f} {outcome.mib:>6.0f}  "
            f"{last[:200]}{'  BROKEN: ' + ', '.join(found) if found else ''}",
            flush=True,
        )
    print(f"{n - broken} of {n} cases within their bounds")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
