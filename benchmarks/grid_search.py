"""A grid of 24 settings x 5 folds: `mlp sweep` beside scikit-learn's GridSearchCV.

python benchmarks/grid_search.py [--runs 5] [--jobs 2] [--data iris digits] [--json FILE]

Whole processes, from the command to its end, in turns; the ratio is the median of the rounds'. The
same nets on both sides: 64 relu units, Glorot's weights, SGD with momentum 0.9, batches of 32,
50 epochs without early stopping, the same α in the same unit (scikit-learn divides it by the
batch), inputs standardized over all rows. Folds are stratified and drawn by each for itself, so
mean scores agree to within their error: their differences over the error of the difference, from
the scores of the folds, are printed too.
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
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TARGET = {"iris": "species", "digits": "digit"}
RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.2)
L2 = (1e-5, 1e-4, 1e-3, 1e-2)
UNITS, EPOCHS, BATCH, FOLDS, MOMENTUM = 64, 50, 32, 5, 0.9


def spec_of(name: str) -> dict:
    optimizer = {"name": "sgd", "learning_rate": 0.1, "momentum": MOMENTUM}
    return {
        "data": {
            "path": str(ROOT / "data" / f"{name}.csv"),
            "target": TARGET[name],
            "split": {"validation": 0, "test": 0},
            "scale": "standard",
        },
        "model": {
            "layers": [{"units": UNITS, "activation": "relu", "initializer": "glorot_uniform"}],
            "output_initializer": "glorot_uniform",
        },
        "training": {
            "epochs": EPOCHS,
            "batch_size": BATCH,
            "optimizer": optimizer,
            "early_stopping": None,
            "metrics": [],
        },
        "sweep": {
            "method": "grid",
            "metric": "accuracy",
            "folds": FOLDS,
            "parameters": {
                "training.optimizer.learning_rate": {"values": list(RATES)},
                "regularization.l2": {"values": list(L2)},
            },
        },
    }


def ours(name: str, jobs: int, folder: Path) -> tuple[float, list[list[float]]]:
    """Return the seconds, and the score of each fold of each setting, in the grid's order."""
    (folder / "spec.yaml").write_text(json.dumps(spec_of(name)))
    (folder / "study.log").unlink(missing_ok=True)
    words = [sys.executable, "-m", "mlpcli", "sweep", "spec.yaml", "--storage", "study.log"]
    seconds, out = timed([*words, "--jobs", str(jobs), "--json"], folder)
    board = sorted(json.loads(out)["leaderboard"], key=lambda row: row["trial"])
    return seconds, [row["figures"] for row in board]


def theirs(name: str, jobs: int, folder: Path) -> tuple[float, list[list[float]]]:
    """The same of scikit-learn."""
    seconds, out = timed([sys.executable, __file__, "--peer", name, "--jobs", str(jobs)], folder)
    return seconds, json.loads(out)


def timed(words: list[str], folder: Path) -> tuple[float, str]:
    one = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
    paths = {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    begun = time.perf_counter()
    done = subprocess.run(
        words, cwd=folder, env=os.environ | one | paths, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - begun
    if done.returncode:
        sys.exit(done.stderr)
    return seconds, done.stdout


def peer(name: str, jobs: int) -> None:
    """Search with scikit-learn; print the score of each fold of each setting."""
    import csv

    import numpy as np
    from sklearn.model_selection import GridSearchCV, StratifiedKFold
    from sklearn.neural_network import MLPClassifier
    from sklearn.preprocessing import StandardScaler

    with (ROOT / "data" / f"{name}.csv").open() as file:
        rows = list(csv.DictReader(file))
    y = np.array([row.pop(TARGET[name]) for row in rows])
    X = np.array([[float(value) for value in row.values()] for row in rows], np.float32)
    X = StandardScaler().fit_transform(X)
    network = MLPClassifier(
        (UNITS,),
        solver="sgd",
        momentum=MOMENTUM,
        nesterovs_momentum=False,
        batch_size=BATCH,
        max_iter=EPOCHS,
        tol=0.0,
        n_iter_no_change=EPOCHS,
        random_state=0,
    )
    grid = {"learning_rate_init": list(RATES), "alpha": [BATCH * l2 for l2 in L2]}
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    search = GridSearchCV(network, grid, cv=folds, n_jobs=jobs, refit=False).fit(X, y)
    found = search.cv_results_
    by_setting = {
        (p["learning_rate_init"], p["alpha"]): [
            float(found[f"split{k}_test_score"][i]) for k in range(FOLDS)
        ]
        for i, p in enumerate(found["params"])
    }
    print(json.dumps([by_setting[rate, BATCH * l2] for rate in RATES for l2 in L2]))


def agreement(a: list[list[float]], b: list[list[float]]) -> list[dict[str, float]]:
    """Return of each setting both mean scores, and their difference over its error."""
    found = []
    for one, other in zip(a, b, strict=True):
        means = statistics.fmean(one), statistics.fmean(other)
        error = math.sqrt((statistics.variance(one) + statistics.variance(other)) / FOLDS)
        difference = means[0] - means[1]
        z = difference / error if error else 0.0 if not difference else math.inf
        found.append({"ours": means[0], "theirs": means[1], "z": z})
    return found


def compare(name: str, jobs: int, rounds: int) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        sides = {"ours": ours, "theirs": theirs}
        seconds: dict[str, list[float]] = {side: [] for side in sides}
        scores = {}
        for round_ in range(rounds + 1):  # the first warms the file cache, and is not counted
            for side, run in sides.items():
                took, scores[side] = run(name, jobs, Path(folder))
                if round_:
                    seconds[side].append(took)
    ratios = [b / a for a, b in zip(seconds["ours"], seconds["theirs"], strict=True)]
    medians = {side: statistics.median(each) for side, each in seconds.items()}
    found = agreement(scores["ours"], scores["theirs"])
    print(f"\n{name}: {len(found)} settings x {FOLDS} folds, {jobs} processes, {rounds} rounds")
    print(f"  mlp sweep     {medians['ours']:7.2f} s")
    print(f"  GridSearchCV  {medians['theirs']:7.2f} s")
    spread = f"{min(ratios):.1f} to {max(ratios):.1f}"
    print(f"  ratio         {statistics.median(ratios):7.1f}   ({spread})")
    print("  learning_rate       l2     mlp  sklearn   difference / its error")
    for (rate, l2), each in zip([(r, w) for r in RATES for w in L2], found, strict=True):
        print(f"  {rate:13g} {l2:8g} {each['ours']:7.4f} {each['theirs']:8.4f} {each['z']:+12.2f}")
    within = sum(abs(each["z"]) <= 2 for each in found)
    mean = statistics.fmean(each["ours"] - each["theirs"] for each in found)
    print(f"  {within} of {len(found)} within 2 errors; mean difference {mean:+.4f}")
    return {
        "data": name,
        "jobs": jobs,
        "seconds": seconds,
        "ratio": statistics.median(ratios),
        "scores": found,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5, help="rounds that count")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--data", nargs="+", default=list(TARGET), choices=list(TARGET))
    parser.add_argument("--json", metavar="FILE", help="store what was measured")
    parser.add_argument("--peer", choices=list(TARGET), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        peer(arguments.peer, arguments.jobs)
        return
    found = [compare(name, arguments.jobs, arguments.runs) for name in arguments.data]
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
