"""Whole processes, from the command to its end, beside the same work done by others.

python benchmarks/whole_process.py [--runs 15] [--peers PYTHON] [--json]

Each pair runs in turns on one core, BLAS on one thread; the figure is the median of the pairs'
ratios, which holds when the machine's speed drifts. Part of benchmarks/performance.py.

    help    mlp --help                       | python -c "import typer"
    iris    mlp train configs/iris.yaml      | the same net, file, batches and epochs, in a script
    digits  mlp train configs/digits.yaml    | the same
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from performance_runs import OURS, MeasurementError, Run, measure, pin, ratios, run, spread, values
from performance_settings import ROOT

EPOCHS = 50
SCRIPT = Path(__file__).resolve().parent / "peer_script.py"
# Target, hidden layers, activation, batch and scale, as `peer_script.py` takes them.
FILES = {
    "iris": ("species", "16", "tanh", "16", str(EPOCHS), "standard"),
    "digits": ("digit", "128,64", "relu", "32", str(EPOCHS), "minmax"),
}


def commands(folder: str, python: str, peers: Sequence[str]) -> dict[str, dict[str, list[str]]]:
    """Return the commands of each row, by engine.

    python  of the peers
    """
    mlp = [sys.executable, "-m", "mlpcli"]

    def train(name: str, *extra: str) -> list[str]:
        spec = str(ROOT / "configs" / f"{name}.yaml")
        sets = [f"training.epochs={EPOCHS}", "training.early_stopping=null", *extra]
        flags = [flag for each in sets for flag in ("--set", each)]
        return [*mlp, "train", spec, "--run-dir", f"{folder}/{name}", "--force", *flags]

    def scripts(name: str) -> dict[str, list[str]]:
        data = str(ROOT / "data" / f"{name}.csv")
        words = (data, *FILES[name])
        return {e: [python, str(SCRIPT), e, *words, f"{folder}/{name}.{e}.npz"] for e in peers}

    iris = ["data.scale=standard", "training.batch_size=16"]
    iris += ["model.layers=[{units: 16, activation: tanh}]"]
    digits = ["data.scale=minmax", "training.batch_size=32", "regularization.l2=0"]
    layers = [f"{{units: {n}, activation: relu, initializer: he_uniform}}" for n in (128, 64)]
    digits += [f"model.layers=[{', '.join(layers)}]"]
    sgd = ["training.optimizer={name: sgd, learning_rate: 0.1, momentum: 0.9}"]
    return {
        "help": {OURS: [*mlp, "--help"], "typer": [sys.executable, "-c", "import typer"]},
        "iris": {OURS: train("iris", *iris, *sgd), **scripts("iris")},
        "digits": {OURS: train("digits", *digits, *sgd), **scripts("digits")},
    }


def measure_processes(python: str, peers: Sequence[str], rounds: int) -> list[Run]:
    """Run every command in turns, after one of each that is not counted."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for row, by_engine in commands(folder, python, peers).items():

            def once(engine: str, by: dict[str, list[str]] = by_engine) -> dict[str, float]:
                return run(by[engine], ROOT if by[engine][0] == sys.executable else None)[1]

            for engine in by_engine:
                once(engine)  # warm the file cache
            others = [engine for engine in by_engine if engine != OURS]
            found += measure("process", row, others, rounds, once)
    return found


def main() -> int:
    """Run every pair and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--peers", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    pin()
    try:
        from performance import installed_peers

        peers = [peer.name for peer in installed_peers(arguments.peers)[0]]
        runs = measure_processes(arguments.peers, peers, arguments.runs)
    except MeasurementError as error:
        print(f"whole_process.py: {error}", file=sys.stderr)
        return 2
    if arguments.json:
        print(json.dumps([asdict(one) for one in runs], indent=1))
        return 0
    print("| pair | mlp | other | other / mlp, median (quartiles) |")
    print("| --- | --- | --- | --- |")
    for row, engine in dict.fromkeys((one.row, one.engine) for one in runs if one.engine != OURS):
        ours, theirs = (spread(values(runs, "process", row, e, "seconds")) for e in (OURS, engine))
        found = spread(ratios(runs, "process", row, engine, "seconds"))
        ratio = f"{found.median:.2f} ({found.low:.2f} to {found.high:.2f})"
        print(f"| {row}, {engine} | {ours.median:.3f} s | {theirs.median:.3f} s | {ratio} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
