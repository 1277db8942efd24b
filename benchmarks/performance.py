#!/usr/bin/env python3
"""mlp's speed and memory beside scikit-learn's, PyTorch's and JAX's, and what is to be reached.

Usage::

    python benchmarks/performance.py --peers PYTHON  # all; writes docs/performance.md and the JSON
    python benchmarks/performance.py --rounds 9      # of every measurement; at least 5
    python benchmarks/performance.py --only lanes    # some tables, the others stay as stored
    python benchmarks/performance.py --quick         # two shapes, a minute; writes nothing
    python benchmarks/performance.py --json          # print one JSON document, with every run
    python benchmarks/performance.py --page          # the page anew from the JSON; measures nothing

mlp runs with the Python that runs this script, the others with the Python of --peers, by default
the same (`pip install -e '.[bench]'`). One that is not installed is left out, and nothing written.

Every measurement is a process of its own; all run one after the other, mlp always next to those
it is compared with, and on one core, but for the table `cores`. Exit status: 0, whether goals are
met or not; 2 where something could not be measured, or an engine came to another loss.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
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
    FLOOR,
    JAX,
    LANES,
    PAGE,
    PEERS,
    QUICK,
    RECIPES,
    SEED,
    SGD,
    SHAPES,
    STORED,
    TABLES,
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
    laps of the floor are an epoch of mlp's and its own in turns; their ratio is `share`. The loss
    is the mean of the lanes'.
    """
    cpu, wall, found = said["cpu"], said["wall"], {"loss": statistics.fmean(said["losses"])}
    if engine == FLOOR.name:
        pairs = zip(cpu[2::2], cpu[3::2], strict=True)
        found["share"] = statistics.median(bare / whole for whole, bare in pairs)
        cpu, wall = cpu[1::2], wall[1::2]
    found["step"] = statistics.median(cpu[1:]) / steps
    found["step_by_the_clock"] = statistics.median(wall[1:]) / steps
    return found


def measure_training(
    table: str,
    shape: Shape,
    recipe: Recipe,
    python: str,
    engines: Sequence[Engine],
    rounds: int,
    lanes: int = 0,
) -> list[Run]:
    """Measure one training with mlp and the engines that have what it needs.

    table  steps; lanes, of a stack of so many networks; or cores, where all have all cores
    """
    engines = [engine for engine in engines if engine.dropout or recipe.keep_prob == 1]
    names = [engine.name for engine in engines]
    about = {key: value for key, value in asdict(recipe).items() if key not in ("name", "title")}
    about |= {"batch": shape.batch, "epochs": shape.epochs, "seed": SEED}
    row = row_of(shape, recipe)
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/data.npz"
        _prepare(path, shape, shape.rows, lanes)

        def train(engine: str, about: dict[str, Any]) -> tuple[dict[str, Any], dict[str, float]]:
            own = engine in (OURS, FLOOR.name)
            one, all_cores = sys.executable if own else python, table == "cores"
            if own and all_cores:
                about = about | {"threads": machine()["cores"]}
            return work(one, "train", all_cores=all_cores, engine=engine, path=path, recipe=about)

        def once(engine: str) -> dict[str, float]:
            said, figures = train(engine, about)
            return figures | step_figures(engine, said, shape.steps)

        if recipe.keep_prob < 1 or lanes:  # two epochs without masks, which everyone draws alone
            plain = about | {"keep_prob": 1.0, "epochs": 2}
            losses = {name: train(name, plain)[0]["losses"] for name in (OURS, *names)}
            check_lanes(row, losses, engines)
        runs = measure(table, row, names, rounds, once)
    check_losses(runs, {e.name: recipe.tolerance + e.tolerance for e in engines})
    return runs


def check_lanes(row: str, losses: dict[str, list[float]], engines: Sequence[Engine]) -> None:
    """Check that every lane has come to our loss with every engine. Raises MeasurementError."""
    for k in range(len(losses[OURS])):
        table = f"without dropout, lane {k}"
        runs = [Run(table, row, name, 0, {"loss": each[k]}) for name, each in losses.items()]
        check_losses(runs, {e.name: WITHOUT_DROPOUT + e.tolerance for e in engines})


def _prepare(path: str, shape: Shape, rows: int, lanes: int = 0) -> None:
    about = {"widths": list(shape.widths), "rows": rows, "epochs": shape.epochs, "lanes": lanes}
    work(sys.executable, "prepare", path=path, seed=SEED, **about)


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
    extent: Extent, python: str, rounds: int, only: Sequence[str] = (), stored: Any = None
) -> dict[str, Any]:
    """Measure everything, or only some tables; return the JSON document.

    stored  a document of before, from which the other tables are then taken as they are
    """
    peers, versions = installed_peers(python)
    names = [peer.name for peer in peers]
    here = {
        "steps": (extent.shapes, RECIPES, [*peers, FLOOR], 0),
        "lanes": (extent.lane_shapes, RECIPES, [e for e in peers if e is JAX], LANES),
        "cores": (extent.core_shapes, (SGD,), [e for e in peers if e.name in TABLES["cores"]], 0),
    }
    others: dict[str, Callable[[], list[Run]]] = {
        "process": lambda: measure_processes(python, names, rounds) if extent.whole else [],
        "evaluation": lambda: measure_evaluation(python, peers, extent.evaluated_rows, rounds),
        "files": lambda: measure_files(extent.csv_rows, rounds),
        "fixed": lambda: measure_fixed(extent.fixed_epochs, rounds),
    }
    runs: list[Run] = []
    for table in only or ("steps", *TABLES):
        if table in here:
            shapes, recipes, engines, lanes = here[table]
            for shape in shapes:
                for recipe in recipes:
                    runs += measure_training(table, shape, recipe, python, engines, rounds, lanes)
        else:
            runs += others[table]()
    about = {"machine": machine(), "versions": versions, "rounds": rounds, "peers": names}
    if only:
        runs += [Run(**one) for one in stored["runs"] if one["table"] not in only]
        about |= {"measured": list(only), "earlier": stored["machine"]}
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
    what = "measure these tables, keep the others as stored"
    parser.add_argument("--only", nargs="+", choices=("steps", *TABLES), default=(), help=what)
    parser.add_argument("--quick", action="store_true", help="two shapes; writes nothing")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--page", action="store_true", help="write the page from the stored JSON")
    arguments = parser.parse_args()
    if arguments.page:
        PAGE.write_text(page(json.loads(STORED.read_text("utf-8"))), encoding="utf-8")
        return 0
    extent = QUICK if arguments.quick else WHOLE
    stored = json.loads(STORED.read_text("utf-8")) if arguments.only else None
    pin()
    try:
        rounds = arguments.rounds or extent.rounds
        document = measure_all(extent, arguments.peers, rounds, arguments.only, stored)
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
