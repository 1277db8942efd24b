#!/usr/bin/env python3
"""mlp's speed and memory beside scikit-learn's, PyTorch's and JAX's, and what is to be reached.

Usage::

    python benchmarks/performance.py --peers PYTHON  # all; writes docs/performance.md and the JSON
    python benchmarks/performance.py --rounds 9      # of every measurement; at least 5
    python benchmarks/performance.py --steps         # the steps alone, the rest stays as stored
    python benchmarks/performance.py --others        # all but the steps
    python benchmarks/performance.py --quick         # two shapes, a minute; writes nothing
    python benchmarks/performance.py --json          # print one JSON document, with every run
    python benchmarks/performance.py --page          # the page anew from the JSON; measures nothing

mlp runs with the Python that runs this script, the others with the Python of --peers, by default
the same (`pip install -e '.[bench]'`). One that is not installed is left out, and nothing written.

Every measurement is a process of its own; all run on one core, one after the other, mlp always
next to those it is compared with. Exit status: 0, whether goals are met or not; 2 where something
could not be measured, or an engine came to another loss.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from performance_page import page, tables
from performance_runs import (
    OURS,
    MeasurementError,
    Run,
    check_losses,
    machine,
    measure,
    pin,
    work,
)
from performance_settings import (
    FLOORS,
    PAGE,
    PEERS,
    QUICK,
    RECIPES,
    SEED,
    SHAPES,
    STORED,
    WHOLE,
    WITHOUT_DROPOUT,
    Engine,
    Extent,
    Recipe,
    Shape,
    row_of,
)
from whole_process import measure_processes

EXIT_IMPOSSIBLE = 2
EVALUATED = SHAPES[2]


def installed_peers(python: str) -> tuple[list[Engine], dict[str, Any]]:
    """Return the peers that this Python has, and the versions of everything that counts."""
    ours, _ = work(sys.executable, "versions", modules=["numpy", "pandas"])
    modules = ["numpy", *(peer.module for peer in PEERS)]
    theirs, _ = work(python, "versions", modules=modules)
    return [peer for peer in PEERS if theirs[peer.module]], {"ours": ours, "peers": theirs}


def step_figures(engine: str, said: dict[str, Any], steps: int) -> dict[str, float]:
    """Return the seconds of a step from those of the epochs, the median without the first.

    In seconds of the core (`step`), which other jobs do not lengthen, and by the clock. The
    laps of a floor are an epoch of mlp's and its own in turns; their ratio is `share`.
    """
    cpu, wall, found = said["cpu"], said["wall"], {"loss": said["loss"]}
    if engine in [floor.name for floor in FLOORS]:
        pairs = zip(cpu[2::2], cpu[3::2], strict=True)
        found["share"] = statistics.median(bare / whole for whole, bare in pairs)
        cpu, wall = cpu[1::2], wall[1::2]
    found["step"] = statistics.median(cpu[1:]) / steps
    found["step_by_the_clock"] = statistics.median(wall[1:]) / steps
    return found


def measure_steps(
    shape: Shape, recipe: Recipe, python: str, peers: Sequence[Engine], rounds: int
) -> list[Run]:
    """Measure one training with every engine that has what it needs."""
    names = [peer.name for peer in peers if peer.dropout or recipe.keep_prob == 1]
    floors = [floor.name for floor in FLOORS]
    about = {key: value for key, value in asdict(recipe).items() if key not in ("name", "title")}
    about |= {"batch": shape.batch, "epochs": shape.epochs, "seed": SEED}
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/data.npz"
        _prepare(path, shape, shape.rows)

        def once(engine: str) -> dict[str, float]:
            own = engine in (OURS, *floors)
            one = sys.executable if own else python
            said, figures = work(one, "train", engine=engine, path=path, recipe=about)
            return figures | step_figures(engine, said, shape.steps)

        if recipe.keep_prob < 1:
            check_without_dropout(row_of(shape, recipe), path, about, python, names)
        runs = measure("steps", row_of(shape, recipe), [*names, *floors], rounds, once)
    check_losses(runs, {peer.name: recipe.tolerance + peer.tolerance for peer in peers})
    return runs


def check_without_dropout(
    row: str, path: str, about: dict[str, Any], python: str, peers: Sequence[str]
) -> None:
    """Check that every peer's optimizer and L2 are ours, where no masks differ: two epochs each."""
    recipe, runs = about | {"keep_prob": 1.0, "epochs": 2}, []
    for engine in (OURS, *peers):
        one = sys.executable if engine == OURS else python
        said, _ = work(one, "train", engine=engine, path=path, recipe=recipe)
        runs.append(Run("without dropout", row, engine, 0, {"loss": said["loss"]}))
    check_losses(runs, dict.fromkeys(peers, WITHOUT_DROPOUT))


def _prepare(path: str, shape: Shape, rows: int) -> None:
    widths, epochs = list(shape.widths), shape.epochs
    work(sys.executable, "prepare", path=path, widths=widths, rows=rows, epochs=epochs, seed=SEED)


def measure_evaluation(python: str, peers: Sequence[Engine], rows: int, rounds: int) -> list[Run]:
    """Measure predictions for many rows in memory: `rows` passes, their median."""
    about = {"batch": EVALUATED.batch, "epochs": 3, "seed": SEED, "keep_prob": 1.0, "momentum": 0.0}
    about |= {"optimizer": "sgd", "learning_rate": 0.1, "l2": 0.0}
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/data.npz"
        _prepare(path, Shape(EVALUATED.widths, EVALUATED.batch, 1, 1), rows)

        def once(engine: str) -> dict[str, float]:
            one = sys.executable if engine == OURS else python
            said, figures = work(one, "evaluate", engine=engine, path=path, recipe=about)
            return figures | {"loss": said["loss"], "step": statistics.median(said["cpu"][1:])}

        row = f"{rows:,} rows through {EVALUATED.name}"
        runs = measure("evaluation", row, [peer.name for peer in peers], rounds, once)
    check_losses(runs, {peer.name: 1e-3 for peer in peers})
    return runs


def measure_files(rows: int, rounds: int) -> list[Run]:
    """Measure reading a CSV file, beside pandas' bare reading of it."""
    with tempfile.TemporaryDirectory() as folder:
        size = work(sys.executable, "write_csv", folder=folder, rows=rows)[0]["bytes"]

        def once(engine: str) -> dict[str, float]:
            name = "spec_load" if engine == OURS else "read_csv"
            said, figures = work(sys.executable, name, folder=folder)
            return figures | {key: value for key, value in said.items() if value is not None}

        once("pandas")  # warm the file cache
        row = f"{rows:,} × 20, {size / 1e6:.0f} MB"
        return measure("files", row, ["pandas"], rounds, once)


def measure_fixed(epochs: int, rounds: int) -> list[Run]:
    """Measure what an epoch costs beside its steps."""

    def once(_engine: str) -> dict[str, float]:
        with tempfile.TemporaryDirectory() as folder:
            said, figures = work(sys.executable, "fixed_cost", folder=folder, epochs=epochs)
        return figures | said

    return measure("fixed", "iris", [], rounds, once)


def measure_all(
    extent: Extent, python: str, rounds: int, *, part: str = "", stored: Any = None
) -> dict[str, Any]:
    """Measure everything; return the JSON document.

    part    steps, or others, which are all but the steps; empty: everything
    stored  a document of before, from which the rest is then taken as it is
    """
    peers, versions = installed_peers(python)
    names = [peer.name for peer in peers]
    runs: list[Run] = []
    if part != "others":
        for shape in extent.shapes:
            for recipe in RECIPES:
                runs += measure_steps(shape, recipe, python, peers, rounds)
    if part != "steps":
        runs += measure_processes(python, names, rounds) if extent.whole else []
        runs += measure_evaluation(python, peers, extent.evaluated_rows, rounds)
        runs += measure_files(extent.csv_rows, rounds)
        runs += measure_fixed(extent.fixed_epochs, rounds)
    if part:
        runs += [
            Run(**one) for one in stored["runs"] if (one["table"] == "steps") != (part == "steps")
        ]
    about = {"machine": machine(), "versions": versions, "rounds": rounds, "peers": names}
    if part:
        about["measured"], about["earlier"] = part, stored["machine"]
    return about | {"runs": [asdict(run) for run in runs]}


def as_json(document: dict[str, Any]) -> str:
    """Return the document, one run a line."""
    about = {key: value for key, value in document.items() if key != "runs"}
    runs = ",\n".join(json.dumps(run) for run in document["runs"])
    return f'{json.dumps(about, indent=1)[:-2]},\n "runs": [\n{runs}\n]}}\n'


def round_count(text: str) -> int:
    """Return a number of rounds of which there are quartiles. Raises ValueError otherwise."""
    number = int(text)
    if number < WHOLE.rounds:
        raise ValueError(text)
    return number


def main() -> int:
    """Measure, write or print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    what = "of scikit-learn, PyTorch and JAX; default: this one"
    parser.add_argument("--peers", default=sys.executable, metavar="PYTHON", help=what)
    parser.add_argument("--rounds", type=round_count, metavar="N", help="default: 5, the fewest")
    parser.add_argument("--steps", action="store_true", help="steps alone, the rest as stored")
    parser.add_argument("--others", action="store_true", help="all but the steps, which stay")
    parser.add_argument("--quick", action="store_true", help="two shapes; writes nothing")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--page", action="store_true", help="write the page from the stored JSON")
    arguments = parser.parse_args()
    if arguments.page:
        PAGE.write_text(page(json.loads(STORED.read_text("utf-8"))), encoding="utf-8")
        return 0
    extent = QUICK if arguments.quick else WHOLE
    part = "steps" if arguments.steps else "others" if arguments.others else ""
    stored = json.loads(STORED.read_text("utf-8")) if part else None
    pin()
    try:
        rounds = arguments.rounds or extent.rounds
        document = measure_all(extent, arguments.peers, rounds, part=part, stored=stored)
    except (MeasurementError, OSError) as error:
        print(f"performance.py: {error}", file=sys.stderr)
        return EXIT_IMPOSSIBLE
    if extent.whole and len(document["peers"]) == len(PEERS):
        STORED.write_text(as_json(document), encoding="utf-8")
        PAGE.write_text(page(document), encoding="utf-8")
    print(as_json(document) if arguments.json else "\n".join(tables(document)).rstrip())
    return 0


if __name__ == "__main__":
    sys.exit(main())
