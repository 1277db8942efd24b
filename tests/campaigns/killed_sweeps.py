"""Kill a sweep at random, again and again, and compare what it ends with with one that was not.

    python tests/campaigns/killed_sweeps.py [--kills 20] [--seed 0] [--trials 40] [--methods …]

For each method: a sweep that nobody disturbs; then one that is stopped so many times, at random
moments, and continued: two times of three by SIGKILL, else by one of the six signals that end it
in good order, with exit code 128 + signal and within 5 s of a quiet machine. After every second
SIGKILL a part of a line is written behind the study, as by a process killed while it writes. Every
third time a second process helps and only the first is killed; every fifth time it is one of the
processes that train. Exit code 1 where the second sweep does not have every trial once, or one of
its figures has other bits. The study is read by Optuna itself.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import load_study

DATA = Path(__file__).parents[2] / "data"
START_SECONDS = 1.5
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU")
LONGEST = 60  # seconds that a signal may take on a machine that is busy
PRUNING = {"min_epochs": 4, "factor": 2}


def spec_of(method, trials):
    """Return a spec whose sweep takes some seconds: several shapes, folds, some that diverge."""
    on_grid = method.startswith("grid")
    rate = {"values": [1e-3, 1e-2, 0.1, 0.5, 1e6]} if on_grid else {"log_uniform": [1e-3, 1e4]}
    sweep = {
        "method": method.partition("-")[0],
        "trials": trials,
        "metric": "accuracy",
        "pruning": PRUNING if method.endswith("pruned") else None,
        "parameters": {
            "training.optimizer.learning_rate": rate,
            "regularization.l2": {"values": [1e-5, 1e-3]},
            "model.layers[0].units": {"int": [8, 32, 8]},
        },
    }
    return {
        "data": {"path": str(DATA / "digits.csv"), "target": "digit"},
        "model": {"layers": [{"units": 16}]},
        "training": {"epochs": 12, "batch_size": 64, "optimizer": "sgd"},
        "sweep": sweep | ({"seeds": 2} if method.endswith("pruned") else {"folds": 2}),
    }


def start(folder):
    words = [sys.executable, "-m", "mlpcli", "sweep", "spec.yaml", "--jobs", "2", "-q", "--json"]
    environment = os.environ | {"PYTHONPATH": str(DATA.parent)}
    with (folder / "out.json").open("w") as out:
        return subprocess.Popen(words, cwd=folder, stdout=out, env=environment)


def children(pid):
    with contextlib.suppress(OSError):
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def finish(process):
    if process.wait() not in (0, -signal.SIGKILL):
        sys.exit(f"exit code {process.returncode}")


def study_of(folder):
    return folder / "runs" / "spec-sweep" / "study.log"


def size_of(path):
    return path.stat().st_size if path.exists() else 0


def wait_for_growth(path, process):
    before = size_of(path)
    while process.poll() is None and size_of(path) == before:
        time.sleep(0.01)


def trials_of(folder):
    return trials_in(study_of(folder)) if size_of(study_of(folder)) else []


def trials_in(path):
    """Return what a study's file holds, as Optuna itself reads it."""
    backend = JournalFileBackend(str(path))
    study = load_study(study_name="mlp", storage=JournalStorage(backend))
    return [
        (t.number, t.state.name, t.value, t.params, t.user_attrs.get("result"))
        for t in study.get_trials()
    ]


def kill(folder, how_often, rng, seconds):
    """Begin the sweep and kill it, so many times; return how many times it was at work."""
    killed = 0
    for time_round in range(how_often):
        helped = time_round % 3 == 2
        processes = [start(folder) for _ in range(1 + helped)]
        if time_round % 4 == 3:  # any time, also while it begins
            time.sleep(rng.uniform(0, 2))
        else:
            wait_for_growth(study_of(folder), processes[0])
            time.sleep(rng.uniform(0, seconds))
        victim, below = processes[0].pid, children(processes[0].pid)
        if time_round % 5 == 4 and below:
            os.kill(rng.choice(below), signal.SIGKILL)
            time.sleep(rng.uniform(0, 0.5))
        killed += processes[0].poll() is None
        number = signal.SIGKILL if rng.random() < 2 / 3 else signal.Signals[rng.choice(SIGNALS)]
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, number)
        check_end(processes[0], number)
        if number == signal.SIGKILL and len(processes) == 1 and rng.random() < 0.5:
            tear(study_of(folder), rng)
        for process in processes[::-1]:
            if process is not processes[0]:
                time.sleep(rng.uniform(0, 1))
                process.kill()
            process.wait()
    return killed


def check_end(process, number):
    """Wait for the end of a process that has got a signal."""
    code = process.wait(LONGEST)
    if code not in (0, -number, *([128 + number] if number != signal.SIGKILL else [])):
        sys.exit(f"exit code {code} after {signal.Signals(number).name}")


def tear(path, rng):
    """Write a part of a line behind a study, as a process does that is killed while it writes."""
    if size_of(path):
        lines = path.read_bytes().splitlines()
        with path.open("ab") as file:
            file.write(lines[-1][: rng.randrange(1, len(lines[-1]))])


def compare(method, arguments, rng):
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / "whole", Path(name) / "killed"]
        for folder in folders:
            folder.mkdir()
            (folder / "spec.yaml").write_text(json.dumps(spec_of(method, arguments.trials)))
        begun = time.monotonic()
        finish(start(folders[0]))
        seconds = time.monotonic() - begun
        # So soon after it has begun its work that there is something left for every kill.
        at_work = max(0.5, seconds - START_SECONDS)
        killed = kill(folders[1], arguments.kills, rng, arguments.share * at_work)
        before = len([t for t in trials_of(folders[1]) if t[1] != "RUNNING"])
        finish(start(folders[1]))
        whole, other = map(trials_of, folders)
        states = [t[1] for t in whole]
        told = {s.lower(): states.count(s) for s in ("COMPLETE", "PRUNED", "FAIL")}
        best = max(t[2] for t in whole if t[2] is not None)
        most = 40 if method == "grid" else arguments.trials  # settings of the grid
        same = (
            whole == other and len(whole) == min(arguments.trials, most) and "RUNNING" not in states
        )
        print(
            f"{'same' if same else 'DIFFERENT'}  {method}: {len(other)} trials {told}, best "
            f"{best:.6f}; {killed} of {arguments.kills} kills while it ran, {before} trials "
            f"finished before the last start; undisturbed it takes {seconds:.1f} s",
            flush=True,
        )
        for one, two in zip(whole, other, strict=False):
            if one != two:
                print(f"  {one}\n  {two}")
        return same


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=float, default=0.3, help="latest kill, of its working time")
    methods = ["grid", "random", "tpe", "random-pruned", "tpe-pruned"]
    parser.add_argument("--methods", nargs="*", default=methods, choices=methods)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    for name in SIGNALS:  # a shell's background jobs ignore some, and so would the sweeps
        if signal.getsignal(signal.Signals[name]) is signal.SIG_IGN:
            signal.signal(signal.Signals[name], signal.SIG_DFL)
    same = [compare(method, arguments, rng) for method in arguments.methods]
    print(f"{sum(same)} of {len(same)} sweeps ended as if they had never been killed")
    return 0 if all(same) else 1


if __name__ == "__main__":
    sys.exit(main())
