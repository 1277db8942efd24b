"""One process of a benchmark: does one piece of work, prints one line of JSON.

python performance_child.py WORK JSON
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any


def prepare(path: str, **about: Any) -> dict[str, Any]:
    """Write what the engines are given."""
    from engines.mlp import prepare

    prepare(path, **about)
    return {}


def train(engine: str, path: str, recipe: dict[str, Any]) -> dict[str, Any]:
    """Train with one engine; return the seconds of every epoch, and each lane's last loss."""
    module = importlib.import_module(f"engines.{engine}")
    from engines.task import Task

    task = Task.load(path, recipe)
    losses = task.losses(module.train(task))
    return {"cpu": task.cpu, "wall": task.wall, "losses": losses}


def evaluate(engine: str, path: str, recipe: dict[str, Any]) -> dict[str, Any]:
    """Predict with one engine: seconds of every pass over the rows, and a sum to compare."""
    module = importlib.import_module(f"engines.{engine}")
    from engines.task import Task

    task = Task.load(path, recipe)
    out = module.evaluate(task)
    return {"cpu": task.cpu, "wall": task.wall, "loss": float(out.astype("float64").mean())}


def versions(modules: list[str]) -> dict[str, Any]:
    """Return the version of each module, None where it is not installed; and of NumPy's BLAS."""
    import platform
    from importlib.util import find_spec

    found: dict[str, Any] = {"python": platform.python_version(), "blas": None}
    for name in modules:
        there = find_spec(name) is not None
        found[name] = importlib.import_module(name).__version__ if there else None
    if found.get("numpy"):
        blas = importlib.import_module("numpy").show_config(mode="dicts")["Build Dependencies"]
        found["blas"] = f"{blas['blas']['name']} {blas['blas']['version']}"
    return found


def main() -> None:
    """Do it."""
    from performance_files import fixed_cost, read_csv, spec_load, write_csv
    from stacked_steps import stacked_steps

    works = (prepare, train, evaluate, versions, fixed_cost, read_csv, spec_load, write_csv)
    work = {each.__name__: each for each in (*works, stacked_steps)}[sys.argv[1]]
    print(json.dumps(work(**json.loads(sys.argv[2]))))


if __name__ == "__main__":
    main()
