#!/usr/bin/env python3
"""This checkout of mlp beside another, by processor time.

Usage::

    python benchmarks/against.py CHECKOUT                   # steps, lanes, whole `mlp train`
    python benchmarks/against.py CHECKOUT --python PYTHON   # of its environment; default: this one
    python benchmarks/against.py CHECKOUT --only lanes iris --rounds 21

In each round one process of either checkout runs right after the other's, in alternating order, on
one core. Shown is other / this, median and quartiles of the rounds: above 1, this one is quicker.
Each checkout is measured by its own benchmarks/performance_child.py.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from performance_runs import MeasurementError, pin, run, spread, work
from performance_settings import LANE_SHAPES, LANES, RECIPES, ROOT, SEED, SHAPES, row_of

ROUNDS = 9
Checkout = tuple[Path, str]  # and the Python of its environment
Seconds = Callable[[Checkout], float]


def child(checkout: Checkout, name: str, **about: Any) -> dict[str, Any]:
    """Do one piece of work of a checkout's own performance_child.py."""
    root, python = checkout
    script = root / "benchmarks" / "performance_child.py"
    said, _ = run([python, str(script), name, json.dumps(about)], root)
    return dict(json.loads(said.splitlines()[-1]))


def step(path: str, recipe: dict[str, Any], steps: int, checkout: Checkout) -> float:
    """Return the seconds of a step: the median of a training's epochs but the first."""
    said = child(checkout, "train", engine="mlp", path=path, recipe=recipe)
    return statistics.median(said["cpu"][1:]) / steps


def lanes(about: dict[str, Any], checkout: Checkout) -> float:
    """Return the seconds of a step of a stack."""
    said = child(checkout, "stacked_steps", lanes=[LANES], rounds=3, **about)
    return 1e-6 * statistics.median(said[str(LANES)])


def train(name: str, folder: str, checkout: Checkout) -> float:
    """Return the seconds of `mlp train configs/NAME.yaml`, from start to end."""
    root, python = checkout
    command = [python, "-m", "mlpcli", "train", str(root / "configs" / f"{name}.yaml")]
    command += ["--quiet", "--run-dir", f"{folder}/run", "--force"]
    return run(command, root)[1]["cpu_seconds"]


def measurements(folder: str) -> Iterator[tuple[str, Seconds]]:
    """Yield the name of each measurement, and what returns its seconds for one checkout."""
    for recipe in RECIPES:
        for shape in SHAPES:
            path = f"{folder}/{shape.name}.npz"
            if not Path(path).exists():
                about = {"widths": shape.widths, "rows": shape.rows, "epochs": shape.epochs}
                work(sys.executable, "prepare", path=path, seed=SEED, **about)
            about = asdict(recipe) | {"batch": shape.batch, "epochs": shape.epochs, "seed": SEED}
            yield row_of(shape, recipe), partial(step, path, about, shape.steps)
    for shape in LANE_SHAPES:
        about = {"widths": shape.widths, "batch": shape.batch, "steps": shape.steps}
        yield f"{shape.name} sgd, {LANES} lanes", partial(lanes, about)
    for name in ("iris", "digits"):
        yield f"mlp train {name}", partial(train, name, folder)


def main() -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("checkout", type=Path, help="of the other mlp")
    parser.add_argument("--python", default=sys.executable, help="of its environment")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"default: {ROUNDS}")
    parser.add_argument("--only", nargs="+", default=[""], metavar="TEXT", help="in a row's name")
    asked = parser.parse_args()
    this, other = (ROOT, sys.executable), (asked.checkout.resolve(), asked.python)
    if this == other:
        parser.error("the other checkout is this one")
    pin()
    print("| | this, µs | other, µs | other / this, median (quartiles) |")
    print("| --- | --- | --- | --- |")
    try:
        with tempfile.TemporaryDirectory() as folder:
            for row, seconds in measurements(folder):
                if not any(text in row for text in asked.only):
                    continue
                pairs = []
                for turn in range(1 + asked.rounds):
                    one = {c: seconds(c) for c in ((this, other) if turn % 2 else (other, this))}
                    pairs.append((one[this], one[other]))
                pairs = pairs[1:]  # the first fills the file cache
                ratio = spread([theirs / ours for ours, theirs in pairs])
                ours, theirs = (1e6 * statistics.median(each) for each in zip(*pairs, strict=True))
                shown = f"{ratio.median:.3f} ({ratio.low:.3f} to {ratio.high:.3f})"
                print(f"| {row} | {ours:.5g} | {theirs:.5g} | {shown} |", flush=True)
    except MeasurementError as error:
        print(f"against.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
