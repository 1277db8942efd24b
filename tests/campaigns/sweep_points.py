"""Fail or kill a small sweep at every call that changes the disk; run it again; compare the trials.

    python tests/campaigns/sweep_points.py [--sample N] [--seed 0]

As crash_points.py does it with a training: each call is killed before, half written and killed,
refused for want of room or with EIO. Exit code 1 where the same command does not then come to the
trials of an undisturbed sweep, each once, read by Optuna itself, or where anything printed a
traceback or had another exit code than 0 or 6.
"""

import argparse
import json
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import forked
from crash_points import KINDS, Calls
from killed_sweeps import trials_in

SPEC = {
    "data": {"path": str(forked.DATA / "iris.csv"), "target": "species"},
    "training": {"epochs": 4},
    "sweep": {
        "method": "random",
        "trials": 4,
        "pruning": {"min_epochs": 1, "factor": 2},
        "parameters": {
            "training.optimizer.learning_rate": {"log_uniform": [0.001, 0.1]},
            "regularization.l2": {"values": [0.0, 0.01]},
        },
    },
}


def sweep(folder, calls):
    """Run the sweep in a folder; return its exit code and what it complained of."""
    log = folder / "log.txt"
    words = ["sweep", "spec.yaml", "-q", "--jobs", "1", "--storage", "study.log"]
    code = forked.run(words, folder, log, calls.install)
    return code, forked.complaints(log)


def prepared(folder):
    folder.mkdir()
    (folder / "spec.yaml").write_text(json.dumps(SPEC), "utf-8")
    return folder


def problem(folder, whole, at, kind):
    """Disturb a sweep at a call, run it again; return what is wrong, or nothing."""
    code, complaints = sweep(folder, Calls(at, kind))
    allowed = (-signal.SIGKILL,) if kind in ("killed", "half") else (0, 6)
    if complaints or code not in allowed:
        return f"disturbed: exit code {code}, {complaints}"
    code, complaints = sweep(folder, Calls())
    if complaints or code:
        return f"again: exit code {code}, {complaints}"
    found = trials_in(folder / "study.log")
    return "" if found == whole else f"other trials: {found}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sample", type=int, default=0, help="so many points; 0: all")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    begun, n_wrong = time.monotonic(), 0
    with tempfile.TemporaryDirectory() as name:
        first = prepared(Path(name) / "whole")
        code, complaints = sweep(first, Calls(log=first / "calls.txt"))
        if code or complaints:
            sys.exit(f"undisturbed: exit code {code}, {complaints}")
        calls = [line.split(" ")[0] for line in (first / "calls.txt").read_text().splitlines()]
        whole = trials_in(first / "study.log")
        chosen = [
            (at, kind)
            for at, call in enumerate(calls, 1)
            for kind in KINDS
            if kind != "half" or call == "write"
        ]
        if arguments.sample:
            chosen = random.Random(arguments.seed).sample(chosen, arguments.sample)
        for at, kind in chosen:
            found = problem(prepared(Path(name) / f"{at}-{kind}"), whole, at, kind)
            if found:
                n_wrong += 1
                print(f"WRONG {calls[at - 1]} {at} {kind}: {found}", flush=True)
    n, seconds = len(chosen), time.monotonic() - begun
    print(
        f"{n - n_wrong} of {n} points of {len(calls)} calls gave the same trials; {seconds:.0f} s"
    )
    return 1 if n_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
