"""What benchmarks/ensembles.py makes of its runs: ratios, differences, coverage, the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from ensembles_runs import KINDS, LEVEL, MANY, ONE, REPLICAS, SHAPES, SPECS, THREADS
from performance_runs import Run, Spread, spread, values

from mlpcli.training.intervals import Interval, t_interval
from mlpcli.training.spread import interval_within

MOST = 4.0  # times the cost of one network
LEAST = {"4-16-3": 8.0, "64-128-10": 2.0}  # times the steps per second, of one process
NAMES = {"loss": "loss", "accuracy": "accuracy", "r2": "R²"}
COVERED = {
    "prediction": "`prediction_low` to `_high`, how far networks disagree",
    "observation": "`observation_low` to `_high`, where an observation falls",
    "set": "`prediction_set`",
}


def ratios(runs: Sequence[Run], table: str, row: str, over: str, under: str, figure: str) -> Any:
    """Return over / under of each turn."""
    pairs = (values(runs, table, row, engine, figure) for engine in (over, under))
    return [a / b for a, b in zip(*pairs, strict=True)]


def differences(runs: Sequence[Run], name: str, kind: str, figure: str) -> list[float]:
    """Return a figure of an ensemble less that of one network, seed by seed."""
    pairs = (values(runs, "test", name, engine, figure) for engine in (kind, ONE))
    return [a - b for a, b in zip(*pairs, strict=True)]


# --- verdicts ---------------------------------------------------------------------------------


def change(interval: Interval, *, greater: bool) -> str:
    """Return what an interval of a difference shows.

    greater  whether more of the figure is better
    """
    if interval.low <= 0 <= interval.high:
        return "no difference shown"
    return "better" if (interval.low > 0) == greater else "worse"


def goals(runs: Sequence[Run]) -> Iterator[tuple[str, str, str, str]]:
    """Yield each goal: what it bounds, the bound, what was measured, and the verdict."""
    for table, words in (("process", "`mlp train`, whole"), ("training", "training alone")):
        for name in SPECS:
            for threads in THREADS:
                found = ratios(runs, table, f"{name}, {threads}", KINDS[0], ONE, "seconds")
                what = f"{name}: bootstrap of {REPLICAS} / one network, {words}, {_on(threads)}"
                met = spread(found).median <= MOST
                yield what, f"≤ {MOST:g}", _spread(spread(found)), _word(met)
    for name in SPECS:
        interval = t_interval(np.array(differences(runs, name, KINDS[0], "loss")))
        verdict = change(interval, greater=False)
        words = {"better": "met: improves", "worse": "**not met**: worse"}
        word = words.get(verdict, verdict)  # that it holds is not shown by showing nothing
        yield f"{name}: test loss, bootstrap − one network", "≤ 0", _interval(interval), word
    for shape in SHAPES:
        for threads in THREADS:
            least = LEAST[shape.name] * threads
            found = ratios(runs, "replicas", shape.name, "in turn", str(threads), "seconds")
            what = f"{shape.name}: steps/s, {MANY} replicas / one by one, {_processes(threads)}"
            met = spread(found).median >= least
            yield what, f"≥ {least:g}", _spread(spread(found)), _word(met)


def _word(met: bool) -> str:  # noqa: FBT001
    return "met" if met else "**not met**"


def _on(threads: int) -> str:
    return f"`runtime.threads: {threads}`"


def _processes(n: int) -> str:
    return "one process" if n == 1 else "two processes"


# --- tables -----------------------------------------------------------------------------------


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _spread(found: Spread) -> str:
    return f"{_number(found.median)} ({_number(found.low)} to {_number(found.high)})"


def _interval(found: Interval) -> str:
    return f"{found.estimate:+.4f} ({found.low:+.4f} to {found.high:+.4f})".replace("-", "−")


def _share(found: Interval) -> str:
    return f"{found.estimate:.3f} ({found.low:.3f} to {found.high:.3f})"


def goal_table(runs: Sequence[Run]) -> Iterator[str]:
    """Yield the lines of the table of goals."""
    yield from ("| | goal | measured | |", "| --- | --- | --- | --- |")
    for row in goals(runs):
        yield f"| {' | '.join(row)} |"


def cost_table(runs: Sequence[Run]) -> Iterator[str]:
    """Yield the lines of the table of what ensembles cost."""
    heads = ("", "one, s", "ensemble, s", "ensemble / one", "in seconds of the cores", "processes")
    yield f"| {' | '.join(heads)} |"
    yield "|" + " --- |" * len(heads)
    for table, words in (("process", "`mlp train`"), ("training", "training")):
        for name in SPECS:
            for threads in THREADS:
                for kind in KINDS:
                    row = f"{name}, {threads}"
                    if not values(runs, table, row, kind, "seconds"):
                        continue
                    cells = [f"{words}, {name}, {kind}, {_on(threads)}"]
                    for engine in (ONE, kind):
                        took = spread(values(runs, table, row, engine, "seconds"))
                        cells.append(_number(took.median))
                    cells += [
                        _spread(spread(ratios(runs, table, row, kind, ONE, figure)))
                        for figure in ("seconds", "cpu_seconds")
                    ]
                    used = values(runs, table, row, kind, "processes")
                    cells.append(_number(spread(used).median) if used else "")
                    yield f"| {' | '.join(cells)} |"


def epoch_table(runs: Sequence[Run]) -> Iterator[str]:
    """Yield the lines of the table of how many epochs were trained."""
    heads = ("", "epochs of one", "of the longest replica", "longest / one", "of all / one")
    yield f"| {' | '.join((*heads, 'training, s, ensemble / one'))} |"
    yield "|" + " --- |" * 6
    for name in SPECS:
        for kind in KINDS:
            row = f"{name}, 1"
            cells = [f"{name}, {kind}"]
            cells += [
                _number(spread(values(runs, "training", row, engine, "epochs")).median)
                for engine in (ONE, kind)
            ]
            cells += [
                _spread(spread(ratios(runs, "training", row, kind, ONE, figure)))
                for figure in ("epochs", "all_epochs", "seconds")
            ]
            yield f"| {' | '.join(cells)} |"


def test_table(runs: Sequence[Run]) -> Iterator[str]:
    """Yield the lines of the table of test figures over all seeds."""
    yield "| | one | ensemble | ensemble − one, 95 % | | seeds with gain, loss |"
    yield "|" + " --- |" * 6
    for name, figures in SPECS.items():
        for figure in figures:
            for kind in KINDS:
                means = [np.mean(values(runs, "test", name, e, figure)) for e in (ONE, kind)]
                found = differences(runs, name, kind, figure)
                interval = t_interval(np.array(found))
                sign = -1 if figure == "loss" else 1
                better, worse = sum(sign * d > 0 for d in found), sum(sign * d < 0 for d in found)
                cells = [f"{name}, {kind}: {NAMES[figure]}", *(f"{mean:.4f}" for mean in means)]
                cells += [_interval(interval), change(interval, greater=figure != "loss")]
                yield f"| {' | '.join((*cells, f'{better}, {worse}'))} |"


def seed_table(runs: Sequence[Run]) -> Iterator[str]:
    """Yield the lines of the table of test figures, seed by seed."""
    heads = [f"{name}: {NAMES[f]}" for name, figures in SPECS.items() for f in figures]
    heads = [cell for head in heads for cell in (f"{head}, one", KINDS[0], "−")]
    yield f"| seed | {' | '.join(heads)} |"
    yield "|" + " --- |" * (1 + len(heads))
    columns: list[Sequence[float]] = []
    for name, figures in SPECS.items():
        for figure in figures:
            columns += [values(runs, "test", name, e, figure) for e in (ONE, KINDS[0])]
            columns.append(differences(runs, name, KINDS[0], figure))
    for seed, row in enumerate(zip(*columns, strict=True)):
        cells = [f"{v:+.4f}" if k % 3 == 2 else f"{v:.4f}" for k, v in enumerate(row)]
        yield f"| {seed} | {' | '.join(cells)} |".replace("-", "−")


def coverage_table(runs: Sequence[Run]) -> Iterator[str]:
    """Yield the lines of the table of what the intervals hold."""
    yield f"| `--interval {LEVEL:g}` | test rows | held, mean over seeds, 95 % | least | size |"
    yield "|" + " --- |" * 5
    for name in SPECS:
        for kind in KINDS:
            for figure, words in COVERED.items():
                found = values(runs, "test", name, kind, figure)
                if not found:
                    continue
                size = np.mean(
                    values(runs, "test", name, kind, f"{figure}_width")
                    or values(runs, "test", name, kind, f"{figure}_size")
                )
                of = "classes" if figure == "set" else "wide"
                rows = sum(values(runs, "test", name, kind, "rows"))
                share = _share(interval_within(np.array(found), 0.0, 1.0))
                cells = [f"{name}, {kind}: {words}", f"{rows:,.0f}", share, f"{min(found):.3f}"]
                yield f"| {' | '.join((*cells, f'{_number(float(size))} {of}'))} |"


def replica_table(runs: Sequence[Run]) -> Iterator[str]:
    """Yield the lines of the table of many replicas."""
    heads = ("", "stacks", "steps/s one by one", "steps/s", "ratio", "best turn", "of the cores'")
    yield f"| {' | '.join(heads)} |"
    yield "|" + " --- |" * len(heads)
    for shape in SHAPES:
        steps = values(runs, "replicas", shape.name, "1", "steps")[0]
        for threads in THREADS:
            cells = [f"{shape.name}, batch {shape.batch}, {_processes(threads)}"]
            of = str(threads)
            stacks = values(runs, "replicas", shape.name, of, "stacks")[0]
            cells.append(_number(stacks))
            for engine in ("in turn", of):
                took = spread(values(runs, "replicas", shape.name, engine, "seconds"))
                cells.append(_number(steps / took.median))
            found = ratios(runs, "replicas", shape.name, "in turn", of, "seconds")
            cells += [_spread(spread(found)), _number(max(found))]
            cpu = ratios(runs, "replicas", shape.name, "in turn", of, "cpu_seconds")
            cells.append(_spread(spread([threads * ratio for ratio in cpu])))
            yield f"| {' | '.join(cells)} |"


# --- the page ---------------------------------------------------------------------------------


def page(stored: dict[str, Any]) -> str:
    """Return the whole of docs/ensembles.md."""
    runs = [Run(**one) for one in stored["runs"]]
    seeds = len(values(runs, "test", next(iter(SPECS)), ONE, "loss"))
    machine = stored["machine"]
    facts = FACTS.format(
        replicas=REPLICAS,
        many=MANY,
        seeds=seeds,
        last=seeds - 1,
        turns=len(values(runs, "replicas", SHAPES[0].name, "1", "seconds")),
        model=machine["model"],
        cores=machine["cores"],
        load=machine["load"],
        numpy=stored["numpy"],
    )
    lines = [facts, "## Goals", "", *goal_table(runs), "", READING]
    for title, table in TABLES.items():
        lines += [f"## {title}", "", *table(runs), ""]
    return "\n".join(lines).rstrip() + "\n"


TABLES = {
    "Cost": cost_table,
    "Epochs": epoch_table,
    "Test figures": test_table,
    "Test figures, seed by seed": seed_table,
    "Coverage": coverage_table,
    "Many replicas": replica_table,
}
FACTS = """\
# What ensembles cost and gain

```sh
python benchmarks/ensembles.py    # writes this page and benchmarks/ensembles.json
```

`--replicas` measures the last table alone, `--trainings` the others; `--page` writes this page
from the JSON.

Measured on a shared, busy machine: {model}, {cores} cores (load {load:.1f}
at the end, of which 1 or 2 are this script), NumPy {numpy}. Quote the ratios, not the seconds.

- **one** is `configs/penguins.yaml` or `configs/diabetes.yaml` as shipped; **bootstrap**, **kfold**
  and **seeds** are the same with `ensemble: {{kind: …, replicas: {replicas}}}`. The {seeds} seeds
  are 0 to {last}. A seed decides the split, and what is random in the one network and in the first
  replica. Early stopping is as shipped: each replica stops by itself.
- **Cost**: with each seed one network and the ensemble are trained by turns, once by `mlp train`,
  from the command to its end, and once alone in one process: from the spec and its data to the
  numbers, without start-up, reading, files and scores. Shown are the medians of the seeds, and
  median (quartiles) of the ratios seed by seed. Seconds of the cores are those of all processes
  together. A bootstrap runs right after the one network, the other kinds after it.
- **Test figures**: of the averaged predictions of all replicas on the test rows, which are the
  same for all. Differences are by seed; their 95 % intervals are of paired t. *better* and *worse*
  are those that do not hold 0. Splits of different seeds share rows, so for new data the intervals
  are too narrow.
- **Coverage** is on the same test rows, with the columns of `mlp predict --interval 0.9`. Splits
  share rows here too. The 95 % intervals of a share held are Wilson's with the variance over the
  seeds. Width is in the target's own unit; `seeds` hold no rows out, so they know nothing of
  observations.
- **Many replicas**: {many} networks of one shape, kind `seeds`, momentum, without early stopping
  and L2, as an ensemble and one by one with the same seeds: the whole training of each, from the
  spec to the numbers, epochs' figures included. {turns} turns: an ensemble in one process, one by
  one, an ensemble in two processes. Two processes want two quiet cores, which this machine seldom
  has: so beside median (quartiles) there is the best turn, and the ratio of the seconds of the
  cores, times two for two processes, which is what two quiet cores would come to at most.
"""
# Written by hand from the figures below: to be read again when they change.
READING = """\
## Reading

- **The command costs little more, the training more than four times.** `mlp train` with 20 replicas
  takes 1.2 to 1.3 times one network's time, because starting, reading and importing take most of
  both. The training alone takes five to six times one network's on one core, not four. Twenty
  networks train some twenty times as many epochs, and the ensemble ends with its slowest replica,
  at 1.5 to 1.9 times the epochs of one.
- **Two processes do not pay for so little work.** A bootstrap on diabetes takes longer with two
  than with one: its two halves take half as many seconds of the cores again, and are over before
  the second process has paid for its start. Penguins stay in one.
- **Diabetes gain, penguins are not shown to.** On diabetes every kind has a lower test loss and a
  higher R², the bootstrap on nine of ten seeds. On penguins no difference of the loss
  is shown, which is not to say that it holds: the interval reaches 17 % of it to either side. Two
  seeds of ten have one test row more right, and none fewer. There is little left to gain.
- **`prediction_low` to `_high` is not where observations fall.** It says how far networks disagree,
  and holds 16 to 22 % of them at 90 %. `observation_low` to `_high`, from errors on held-out rows,
  holds 90 to 91 %, though a single seed's test rows may come down to 83 %.
- **The prediction sets of penguins say nothing of 90 %.** A set is never empty, and here each has
  one class: what they hold is the accuracy, 99 %.
- **64 replicas** of 4-16-3 train ten times as fast as one by one, above the goal; of 64-128-10 the
  ensemble is faster, but not twice. With both cores neither is twice as fast again. By seconds of
  the cores 4-16-3 would just come to its goal of 16 with two quiet cores, and by the clock it did
  in its best turn alone: its halves take more than half of the whole, as each step and each epoch
  costs something whatever its width. 64-128-10 would come to 3, not to its goal of 4.
"""
