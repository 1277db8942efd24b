#!/usr/bin/env python3
"""Test figures of every spec in configs/, over several seeds, against the project's goals.

Usage::

    python benchmarks/accuracy.py              # five seeds, a table
    python benchmarks/accuracy.py --seeds 20
    python benchmarks/accuracy.py --json       # the same, with every single run

Each figure is one whole `mlp train SPEC --seed N --json`, in a process of its own, with the mlp
of this Python. A seed decides the split as well as the network. The regressions are held
against scikit-learn's LinearRegression on the same rows, which needs scikit-learn.

Exit status: 0 every goal is met, 1 one is not, 2 something could not be measured.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
EXIT_MISSED = 1
EXIT_IMPOSSIBLE = 2


@dataclass(frozen=True)
class Goal:
    """What one spec is to reach on test rows, in the mean over the seeds.

    at_least  the figure itself, or, where `over_linear`, how far it may differ from R² of the
              linear regression on the same rows
    """

    spec: str
    figure: str
    at_least: float
    over_linear: bool = False


GOALS = (
    Goal("iris", "accuracy", 0.93),
    Goal("digits", "accuracy", 0.97),
    Goal("breast_cancer", "accuracy", 0.95),
    Goal("penguins", "accuracy", 0.93),
    Goal("diabetes", "r2", -0.03, over_linear=True),
    Goal("lecture", "r2", -0.03, over_linear=True),
)


class MeasurementError(Exception):
    """A run could not be measured; the message says which, and why."""


@dataclass(frozen=True)
class Run:
    """One training: its figure on the test rows, and the linear regression's where it counts.

    linear       R² of the regression on the training rows, as many as the network's steps see
    linear_more  the same with the validation rows too, which it has no other use for
    """

    seed: int
    epochs: int
    value: float
    linear: float | None = None
    linear_more: float | None = None


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds and its standard error, which one seed does not have."""

    mean: float
    error: float | None

    def __str__(self) -> str:
        """`0.9712 ± 0.0031`."""
        return f"{self.mean:.4f}" + ("" if self.error is None else f" ± {self.error:.4f}")


def estimate(values: list[float]) -> Estimate:
    """Return mean and standard error, s / √n."""
    n = len(values)
    error = statistics.stdev(values) / math.sqrt(n) if n > 1 else None
    return Estimate(statistics.fmean(values), error)


# --- measuring --------------------------------------------------------------------------------


def measure(goal: Goal, seed: int) -> Run:
    """Train one spec with one seed, and return its figure on the test rows."""
    with tempfile.TemporaryDirectory() as folder:
        run_dir = Path(folder) / "run"
        result = train(goal.spec, seed, run_dir)
        linear = linear_r2(run_dir) if goal.over_linear else ()
    return Run(seed, result["epochs"], result["scores"]["test"][goal.figure], *linear)


def train(spec: str, seed: int, run_dir: Path) -> dict[str, Any]:
    """Return what `mlp train --json` prints. Raises MeasurementError where it fails."""
    words = ["train", f"configs/{spec}.yaml", "--seed", str(seed), "--json"]
    command = [sys.executable, "-m", "mlpcli", *words, "--run-dir", str(run_dir)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip() or "nothing on standard error"
        raise MeasurementError(f"mlp {' '.join(words)}: exit {done.returncode}: {said}")
    return json.loads(done.stdout)


def linear_r2(run_dir: Path) -> tuple[float, float]:
    """Return R² on a run's test rows of two linear regressions.

    The first is fitted to the training rows, the second to training and validation rows. Scaling
    the inputs, as mlp does, would not change it: least squares gives the same predictions.
    """
    from sklearn.linear_model import LinearRegression

    data = json.loads((run_dir / "manifest.json").read_text("utf-8"))["data"]
    X, y = read_numbers(ROOT / data["files"]["data"])
    test, validation = (set(data["split"]["indices"][part]) for part in ("test", "validation"))

    def r2_without(held_out: set[int]) -> float:
        fitted = sorted(set(range(len(y))) - held_out)
        model = LinearRegression().fit(X[fitted], y[fitted])
        return float(model.score(X[sorted(test)], y[sorted(test)]))

    return r2_without(test | validation), r2_without(test)


def read_numbers(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the inputs and the target, which is the last column, of a table of numbers."""
    table = np.loadtxt(path, delimiter=",", skiprows=1)
    return table[:, :-1], table[:, -1]


def measure_all(seeds: int) -> dict[Goal, list[Run]]:
    """Train every spec with the seeds 0, 1, …, one process on each core."""
    jobs = [(goal, seed) for goal in GOALS for seed in range(seeds)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = list(pool.map(measure, *zip(*jobs, strict=True)))
    return {goal: runs[k * seeds : (k + 1) * seeds] for k, goal in enumerate(GOALS)}


# --- judging and printing ---------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """One spec's figure over the seeds, beside its goal.

    linear, linear_more  the linear regressions' figures, as in Run
    difference           by how much the network is above `linear`, split by split
                         all three are None where the goal is a plain number
    """

    spec: str
    figure: str
    value: Estimate
    at_least: float
    met: bool
    runs: list[Run]
    linear: Estimate | None = None
    linear_more: Estimate | None = None
    difference: Estimate | None = None


def judge(goal: Goal, runs: list[Run]) -> Verdict:
    """Hold the mean against the goal."""
    value, floor = estimate([run.value for run in runs]), goal.at_least
    linear, more, difference = compare(runs) if goal.over_linear else (None, None, None)
    if linear is not None:
        floor += linear.mean
    met = value.mean >= floor
    return Verdict(goal.spec, goal.figure, value, floor, met, runs, linear, more, difference)


def compare(runs: list[Run]) -> tuple[Estimate, Estimate, Estimate]:
    """Return both linear regressions' figures, and the network's difference from the first."""
    ours, linear, more = np.array([(run.value, run.linear, run.linear_more) for run in runs]).T
    return estimate(linear.tolist()), estimate(more.tolist()), estimate((ours - linear).tolist())


def print_table(verdicts: list[Verdict], seeds: int) -> None:
    """Print one line a spec, and below them what the second linear regression reached."""
    print(f"test rows, mean ± standard error over {seeds} seed{'s' if seeds > 1 else ''}\n")
    print(f"{'spec':<15}{'figure':<10}{'mlp':<18}{'linear':<18}{'mlp - linear':<19}goal")
    for v in verdicts:
        linear, difference = v.linear or "", v.difference or ""
        goal = f">= {v.at_least:.4f}  {'met' if v.met else 'MISSED'}"
        columns = f"{v.value!s:<18}{linear!s:<18}{difference!s:<19}"
        print(f"{v.spec:<15}{v.figure:<10}{columns}{goal}")
    more = dict.fromkeys(str(v.linear_more) for v in verdicts if v.linear_more)
    print("\nlinear: scikit-learn's LinearRegression, fitted to the same training rows;")
    print(f"fitted to the validation rows too, it reaches {', '.join(more)}")


def positive(text: str) -> int:
    """Return a whole number from 1 on. Raises ValueError for anything else."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def main() -> int:
    """Measure, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=positive, default=5, metavar="N", help="default: 5")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    arguments = parser.parse_args()
    try:
        measured = measure_all(arguments.seeds)
    except (MeasurementError, ImportError) as error:
        print(f"accuracy.py: {error}", file=sys.stderr)
        return EXIT_IMPOSSIBLE
    verdicts = [judge(goal, runs) for goal, runs in measured.items()]
    if arguments.json:
        print(json.dumps([asdict(verdict) for verdict in verdicts], indent=1))
    else:
        print_table(verdicts, arguments.seeds)
    return 0 if all(verdict.met for verdict in verdicts) else EXIT_MISSED


if __name__ == "__main__":
    sys.exit(main())
