"""Whole processes, from the command to its end, beside the same work done by others.

python benchmarks/whole_process.py [--runs 15] [--json]

Each pair runs in turns, A B A B …, on one core, BLAS on one thread; the figure is the median of the
pairs' ratios, which holds when the machine's speed drifts. Needs scikit-learn (extra `test`).

    help    mlp --help                       | python -c "import typer"
    iris    mlp train configs/iris.yaml      | scikit-learn: the same net, file, batches and epochs
    digits  mlp train configs/digits.yaml    | the same
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
EPOCHS = 50

SCIKIT_LEARN = """
import sys, warnings, pickle
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import MinMaxScaler, StandardScaler
warnings.simplefilter("ignore", ConvergenceWarning)
path, target, layers, activation, batch, epochs, scaler, out = sys.argv[1:]
table = pd.read_csv(path)
X, y = table.drop(columns=target), table[target]
X, X_test, y, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)
X_val, X_test, y_val, y_test = train_test_split(X_test, y_test, test_size=0.5, random_state=0)
scale = {"standard": StandardScaler, "minmax": MinMaxScaler}[scaler]().fit(X)
X, X_val, X_test = (scale.transform(part).astype("float32") for part in (X, X_val, X_test))
net = MLPClassifier(tuple(map(int, layers.split(","))), activation=activation, solver="sgd",
                    batch_size=int(batch), learning_rate_init=0.1, momentum=0.9,
                    nesterovs_momentum=False, max_iter=int(epochs), tol=0.0,
                    n_iter_no_change=10**6, random_state=0).fit(X, y)
pickle.dump((scale, net), open(out, "wb"))
print(net.score(X, y), net.score(X_val, y_val), net.score(X_test, y_test))
"""


def pairs(folder: str) -> dict[str, tuple[list[str], list[str]]]:
    """Return the two commands of each pair, ours first."""
    python, mlp = sys.executable, [sys.executable, "-m", "mlpcli"]
    never = "training.early_stopping=null"

    def train(name: str, *extra: str) -> list[str]:
        spec = str(ROOT / "configs" / f"{name}.yaml")
        sets = [f"training.epochs={EPOCHS}", never, *extra]
        flags = [flag for each in sets for flag in ("--set", each)]
        return [*mlp, "train", spec, "--run-dir", f"{folder}/{name}", "--force", *flags]

    def peer(name: str, *arguments: str) -> list[str]:
        data = str(ROOT / "data" / f"{name}.csv")
        return [python, "-c", SCIKIT_LEARN, data, *arguments, f"{folder}/{name}.pickle"]

    iris = ["data.scale=standard", "training.batch_size=16"]
    iris += ["model.layers=[{units: 16, activation: tanh}]"]
    digits = ["data.scale=minmax", "training.batch_size=32", "regularization.l2=0"]
    digits += ["model.layers=[{units: 128, activation: relu}, {units: 64, activation: relu}]"]
    sgd = ["training.optimizer={name: sgd, learning_rate: 0.1, momentum: 0.9}"]
    return {
        "help": ([*mlp, "--help"], [python, "-c", "import typer"]),
        "iris": (
            train("iris", *iris, *sgd),
            peer("iris", "species", "16", "tanh", "16", str(EPOCHS), "standard"),
        ),
        "digits": (
            train("digits", *digits, *sgd),
            peer("digits", "digit", "128,64", "relu", "32", str(EPOCHS), "minmax"),
        ),
    }


def seconds(command: list[str]) -> float:
    """Return the wall-clock time of one run; raises where it fails."""
    keep = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    one = {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "MKL")}
    begun = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=keep | one, cwd="/")
    return time.perf_counter() - begun


def compare(ours: list[str], theirs: list[str], runs: int) -> dict[str, float]:
    """Return medians, and the median, lowest and highest of the pairs' ratios theirs/ours."""
    seconds(ours), seconds(theirs)  # warm the file cache
    times = [(seconds(ours), seconds(theirs)) for _ in range(runs)]
    ratios = sorted(b / a for a, b in times)
    return {
        "ours": statistics.median(a for a, _ in times),
        "theirs": statistics.median(b for _, b in times),
        "ratio": statistics.median(ratios),
        "lowest": ratios[0],
        "highest": ratios[-1],
    }


def main() -> None:
    """Run every pair and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        found = {name: compare(*both, arguments.runs) for name, both in pairs(folder).items()}
    if arguments.json:
        print(json.dumps(found, indent=1))
        return
    print("| pair | mlp | other | other / mlp, median (lowest to highest) |")
    print("| --- | --- | --- | --- |")
    for name, f in found.items():
        ratio = f"{f['ratio']:.2f} ({f['lowest']:.2f} to {f['highest']:.2f})"
        print(f"| {name} | {f['ours']:.3f} s | {f['theirs']:.3f} s | {ratio} |")


if __name__ == "__main__":
    main()
