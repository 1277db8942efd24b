"""The tables of benchmarks/performance.py, its goals, and docs/performance.md."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from performance_runs import OURS, Run, Spread, ratios, spread, values
from performance_settings import (
    FLOOR,
    GOALS,
    LANES,
    MLP,
    PEERS,
    RECIPES,
    SHAPES,
    TABLES,
    TITLES,
    Engine,
    Goal,
    Recipe,
    Shape,
    row_of,
)

MISSING = "not installed"
PREDICTIONS = Path(__file__).resolve().parent / "predict.json"
PREDICTED = {"mixed": "8 numbers and 2 categories", "numbers": "8 numbers"}


def runs_of(document: dict[str, Any]) -> list[Run]:
    """Return the runs of a JSON document."""
    return [Run(**run) for run in document["runs"]]


def rows_of(runs: Sequence[Run], table: str) -> list[str]:
    """Return the rows of a table, in the order in which they were measured."""
    return list(dict.fromkeys(run.row for run in runs if run.table == table))


# --- goals ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """A goal beside what was measured; `found` is None where nothing was."""

    goal: Goal
    found: Spread | None

    @property
    def word(self) -> str:
        """`met`, `not met`, or `not measured`: by the median."""
        if self.found is None:
            return "not measured"
        return "met" if self.goal.is_met(self.found.median) else "**not met**"


def judge(runs: Sequence[Run]) -> list[Verdict]:
    """Hold every goal against its measurements."""
    return [Verdict(goal, measured(goal, runs)) for goal in GOALS.values()]


def measured(goal: Goal, runs: Sequence[Run]) -> Spread | None:
    """Return the figure that a goal is a bound on."""
    found: list[float] = []
    if goal.table in ("steps", "lanes"):
        found = ratios(runs, goal.table, goal.row, goal.peer, "step")
    elif goal.table == "cores":
        found = ratios(runs, "cores", goal.row, goal.peer, "step_by_the_clock")
    elif goal.table == "floor":
        found = values(runs, "steps", goal.row, FLOOR.name, "share")
    elif goal.table == "process":
        peers = [peer.name for peer in PEERS] if goal.peer == "fastest" else [goal.peer]
        every = [ratios(runs, "process", goal.row, peer, "seconds") for peer in peers]
        found = min((each for each in every if each), key=lambda r: spread(r).median, default=[])
    elif goal.table == "files":
        figure = {"seconds": "wall", "peak": "growth_bytes"}[goal.row]
        for row in rows_of(runs, "files"):
            found = ratios(runs, "files", row, "pandas", figure)
    elif goal.table == "fixed":
        found = values(runs, "fixed", "iris", OURS, "beside")
    if goal.at_most and goal.peer:  # a bound on ours / theirs
        found = [1 / ratio for ratio in found]
    return spread(found) if found else None


WORDS = {
    ("process", "iris"): "whole process, iris, 50 epochs: quickest peer / mlp",
    ("process", "digits"): "whole process, digits, 50 epochs: quickest peer / mlp",
    ("process", "help"): '`mlp --help` / `python -c "import typer"`',
    ("files", "seconds"): "CSV loaded, encoded and split / bare `pandas.read_csv`: seconds",
    ("files", "peak"): "the same: memory at the peak beyond that before the call",
    ("fixed", "microseconds"): "one epoch's fixed cost, µs",
}


def words_of(goal: Goal) -> str:
    """Return what a goal is a bound on."""
    if (goal.table, goal.row) in WORDS:
        return WORDS[goal.table, goal.row]
    name, recipe = goal.row.split()
    title = next(each.title for each in RECIPES if each.name == recipe)
    peer = TITLES[goal.peer]
    what = {
        "floor": "bare products / step",
        "steps": f"steps/s, mlp / {peer}",
        "lanes": f"steps/s of {LANES} lanes, mlp / {peer}'s `vmap`",
        "cores": f"steps/s on all cores, mlp / {peer}",
    }
    return f"{name}, {title}: {what[goal.table]}"


def goal_table(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Yield the lines of the table of goals."""
    yield from ("| | goal | median (quartiles) | |", "| --- | --- | --- | --- |")
    for each in verdicts:
        found = "" if each.found is None else _spread(each.found)
        yield f"| {words_of(each.goal)} | {each.goal} | {found} | {each.word} |"


# --- tables -----------------------------------------------------------------------------------


def _number(value: float) -> str:
    """Return three digits, and all those before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _spread(found: Spread) -> str:
    return f"{_number(found.median)} ({_number(found.low)} to {_number(found.high)})"


def _median(runs: Sequence[Run], table: str, row: str, engine: str, figure: str) -> float:
    return spread(values(runs, table, row, engine, figure)).median


def _ratio(runs: Sequence[Run], table: str, row: str, engine: str, figure: str) -> str:
    if engine == OURS:
        return "1"
    return _spread(spread(ratios(runs, table, row, engine, figure)))


def step_table(runs: Sequence[Run], recipe: Recipe, shapes: Sequence[Shape]) -> Iterator[str]:
    """Yield the lines of one recipe's table."""
    heads = ("network, batch", "", "steps/s", "mlp / its", "process, s", "its / mlp", "peak, MB")
    yield f"| {' | '.join((*heads, 'its / mlp', 'loss'))} |"
    yield "|" + " --- |" * 9
    for shape in shapes:
        for engine in (MLP, *PEERS, FLOOR):
            first = f"{shape.name}, {shape.batch}" if engine is MLP else ""
            cells = _step_cells(runs, row_of(shape, recipe), engine, recipe)
            yield f"| {first} | {engine.title} | {' | '.join(cells)} |"


def _step_cells(runs: Sequence[Run], row: str, engine: Engine, recipe: Recipe) -> list[str]:
    if not values(runs, "steps", row, engine.name, "step"):
        without = not engine.dropout and recipe.keep_prob < 1
        return ["" if without else MISSING, *[""] * 6]
    steps = _number(1 / _median(runs, "steps", row, engine.name, "step"))
    if engine is FLOOR:
        share = spread(values(runs, "steps", row, engine.name, "share"))
        return [steps, _spread(share), *[""] * 5]
    cells = [steps, _ratio(runs, "steps", row, engine.name, "step")]
    for figure, unit in (("seconds", 1), ("peak", 1e6)):
        cells.append(_number(_median(runs, "steps", row, engine.name, figure) / unit))
        cells.append(_ratio(runs, "steps", row, engine.name, figure))
    return [*cells, f"{_median(runs, 'steps', row, engine.name, 'loss'):.5g}"]


def ratio_table(
    runs: Sequence[Run], table: str, figures: dict[str, tuple[str, float]]
) -> Iterator[str]:
    """Yield the lines of a table of whole commands, each figure with its ratio.

    figures  name → heading, and what it is divided by
    """
    heads = [head for name, _ in figures.values() for head in (name, "its / mlp")]
    yield f"| | | {' | '.join(heads)} |"
    yield "| --- | --- |" + " --- |" * len(heads)
    for row in rows_of(runs, table):
        here = dict.fromkeys(r.engine for r in runs if (r.table, r.row) == (table, row))
        for engine in (OURS, *(TABLES[table] if row != "help" else ["typer"])):
            cells = []
            for figure, (_, unit) in figures.items():
                if values(runs, table, row, engine, figure):
                    cells.append(_number(_median(runs, table, row, engine, figure) / unit))
                    cells.append(_ratio(runs, table, row, engine, figure))
                else:
                    cells += [MISSING if engine not in here else "", ""]
            title = TITLES.get(engine, engine)
            yield f"| {row if engine == OURS else ''} | {title} | {' | '.join(cells)} |"


def fixed_lines(runs: Sequence[Run]) -> Iterator[str]:
    """Yield what an epoch costs beside its steps."""
    beside, begin = (
        _spread(spread(values(runs, "fixed", "iris", OURS, figure)))
        for figure in ("beside", "begin")
    )
    yield "| of every epoch of `mlp train configs/iris.yaml` | µs, median (quartiles) |"
    yield "| --- | --- |"
    yield f"| validation rows, metrics, early stopping, metrics row, plain progress | {beside} |"
    yield f"| before its first step: shuffle and gather | {begin} |"


def tables(document: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of all tables, in Markdown."""
    runs = runs_of(document)
    measured_rows = set(rows_of(runs, "steps"))
    for recipe in RECIPES:
        shapes = [s for s in SHAPES if row_of(s, recipe) in measured_rows]
        yield from (f"## {recipe.title}", "", *step_table(runs, recipe, shapes), "")
    peak = {"peak": ("peak, MB", 1e6)}
    for table, title, figures in (
        ("lanes", f"{LANES} lanes beside `jax.vmap`", {"step": ("µs a step", 1e-6)}),
        ("cores", "All cores", {"step_by_the_clock": ("ms a step by the clock", 1e-3)}),
        ("process", "Whole commands", {"seconds": ("seconds", 1.0)} | peak),
        ("evaluation", "Evaluating", {"step": ("seconds", 1.0)} | peak),
        (
            "files",
            "Reading a CSV file",
            {"wall": ("seconds", 1.0), "growth_bytes": ("MB beyond those before", 1e6)} | peak,
        ),
    ):
        if rows_of(runs, table):
            yield from (f"## {title}", "", *ratio_table(runs, table, figures), "")
    yield from ("## One epoch's fixed cost", "", *fixed_lines(runs), "")


def prediction_lines() -> Iterator[str]:
    """Yield what benchmarks/predict.py has measured, in Markdown."""
    found = json.loads(PREDICTIONS.read_text("utf-8"))
    yield from (
        "## Predictions from a pipe",
        "",
        "```sh",
        "python benchmarks/predict.py",
        "```",
        "",
    )
    yield "`mlp predict RUN -` beside a script of scikit-learn's with the same weights that reads"
    yield "chunks of 100,000 rows; through 64-32-3, one round on a busy machine. The goal"
    yield from ("is 5 times, in at most 300 MiB: met with categories, 4.998 of numbers alone.", "")
    yield from ("| | | processor s | its / mlp | peak, MiB |", "| --- | --- | --- | --- | --- |")
    for table, result in found.items():
        first = f"{result['rows']:,} rows, {PREDICTED[table]}"
        ours = result["runs"][OURS][0]["processor"]
        for engine, (run,) in result["runs"].items():
            ratio = _number(run["processor"] / ours)
            cells = f"{run['processor']:.1f} | {ratio} | {run['mebibytes']:.0f}"
            yield f"| {first} | {engine} | {cells} |"
            first = ""
    yield ""


# --- the page ---------------------------------------------------------------------------------


def page(document: dict[str, Any]) -> str:
    """Return the whole of docs/performance.md."""
    verdicts = judge(runs_of(document))
    met = sum(each.word == "met" for each in verdicts)
    ours, theirs = document["versions"]["ours"], document["versions"]["peers"]
    machine, load = document["machine"], document["machine"]["load"]
    facts = FACTS.format(
        rounds=document["rounds"],
        lanes=LANES,
        model=machine["model"],
        architecture=machine["architecture"],
        cores=machine["cores"],
        load="" if load is None else f" (load {load:.1f} at the end, of which 1 is this script)",
        others=_earlier(document),
        python=ours["python"],
        numpy=ours["numpy"],
        blas=ours["blas"],
        pandas=ours["pandas"],
        peers=", ".join(f"{peer.title} {theirs[peer.module]}" for peer in PEERS),
        peers_numpy=theirs["numpy"],
    )
    lines = [HEAD, facts, "## Goals", "", f"{met} of {len(verdicts)} are met, by the median.", ""]
    lines += [*goal_table(verdicts), "", READING, *tables(document), *prediction_lines()]
    return "\n".join(lines).rstrip() + "\n"


def _earlier(document: dict[str, Any]) -> str:
    """Return a line that says what was measured in an earlier run; empty where nothing was."""
    if "measured" not in document:
        return ""
    now, before = ", ".join(document["measured"]), document["earlier"]
    return (
        f"\nMeasured then: {now}; the other tables in an earlier run, on {before['model']}\n"
        f"(load {before['load']:.1f}), perhaps of an earlier tree and with other versions: "
        "steps of\nsmall networks were up to a third quicker before decision 25."
    )


HEAD = """\
# Performance

```sh
pip install -e '.[bench]'
python benchmarks/performance.py    # writes this page and benchmarks/performance.json
```

`--peers PYTHON` runs the others with another Python, `--only TABLE ...` measures some tables and
keeps the others, `--quick` takes a minute and writes nothing, `--page` writes this page from the
JSON. `benchmarks/against.py` compares two checkouts of `mlp`.
"""
FACTS = """\
Measured on a shared, busy machine: {model}, {architecture}, {cores} cores{load}.{others}
Python {python}, NumPy {numpy} with {blas}, pandas {pandas};
{peers}, with NumPy {peers_numpy}. Quote the ratios, not the seconds.

- **Everything runs on one core**, every library with one thread, but for the table *All cores*;
  every measurement is a process of its own, {rounds} rounds. In each round an engine runs right
  before or after `mlp`, and the ratio is that of the two neighbours; shown are median and quartiles
  of the ratios. Above 1, `mlp` is ahead.
- **The training is the same**: float32, the same data, initial parameters, batches and epochs, and
  the same order of rows, which the others read from a file (`mlp` draws it in the time measured);
  scikit-learn shuffles by itself. `loss` is that of all training rows after the last epoch,
  computed from the weights by one function. Plain SGD must agree to 0.2 % (scikit-learn to 5.2 %);
  with dropout, where each engine draws its own masks, to 5 %, and without it, after two epochs, to
  0.2 %. Otherwise the script stops.
- **steps/s** counts processor time, which does not run while another job has the core, over whole
  epochs without metrics: the median of a process's epochs but the first. It includes shuffling and
  gathering the rows. JAX compiles before the first epoch; only `process` includes that. Hidden
  layers are relu. scikit-learn has no dropout, so its row is empty there.
- **process, s** is wall-clock time from start to end, imports included; **peak** is the largest
  resident memory.
- **bare products**: the matrix products of a step with the weights (h W, hᵀ δ, δ Wᵀ), of the same
  shapes and memory order, by the same BLAS, and nothing else. The ratio is their share of `mlp`'s
  step, measured in one process, epoch by epoch in turns.
- PyTorch: tensors in memory, no DataLoader, fused optimizer, a shuffled copy of the rows once an
  epoch. JAX: one jitted scan an epoch, which gathers each batch.
- **{lanes} lanes**: a stack of {lanes} networks that share the data, each with its own initial
  parameters and order of rows, trained by `mlp` as lanes and by JAX as `jax.vmap` of the same
  epoch. A step is one of all lanes. The loss of every lane must agree to 0.2 % after two epochs.
- **All cores**: each trains one network on all {cores} cores, `mlp` in as many shards as `auto`
  takes, timed by the clock. Below 1, `mlp` is behind.
- **Whole commands**: `mlp --help` beside `python -c "import typer"`; and `mlp train` for 50 epochs
  beside scripts that read the same file, train the same net with momentum and save it. `mlp`
  evaluates the validation rows after every epoch and every part at the end, the scripts each part
  once.
"""
READING = """\
Small single networks have no goal beside JAX: a step of `mlp` is some twenty calls of NumPy, which
take 0.3 to 1 µs each however small the arrays, and JAX compiles a whole epoch into one call. The
lanes of a stack share those calls. A step of a large network is mostly matrix products, which take
about the same time in every library; with Adam and dropout it also passes over parameters and
units, and JAX and PyTorch's fused optimizer need fewer passes.
"""
