"""What benchmarks/scaling.py makes of its runs: fitted lines, plots, the page."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from performance_runs import Run, Spread, spread
from scaling_settings import (
    BATCH,
    BY_PARAMETERS,
    BY_ROWS,
    CASES,
    FEATURES,
    REFERENCE_ROWS,
    ROWS,
    STEPS,
    THREADS,
    WIDTHS,
    WITHIN,
)
from scaling_threads import threads_section
from svg_plot import Axis, Series, plot

MB = 1e6
ITEM = 4  # bytes of a float32


@dataclass(frozen=True)
class Line:
    """y = fixed + slope x, and the largest share by which a point is off it."""

    fixed: float
    slope: float
    off: float

    def at(self, x: float) -> float:
        """Return y."""
        return self.fixed + self.slope * x


def fitted(points: Sequence[tuple[float, float]]) -> Line:
    """Return the line with the least Σ ((a + b x − y) / y)²: small and large count the same.

    >>> fitted([(1, 3), (2, 5), (10, 21)])
    Line(fixed=1.0, slope=2.0, off=0.0)
    """
    w = [1 / y**2 for _, y in points]
    total = sum(w)
    mean_x = sum(wk * x for wk, (x, _) in zip(w, points, strict=True)) / total
    mean_y = sum(wk * y for wk, (_, y) in zip(w, points, strict=True)) / total
    both = sum(wk * (x - mean_x) * (y - mean_y) for wk, (x, y) in zip(w, points, strict=True))
    slope = both / sum(wk * (x - mean_x) ** 2 for wk, (x, _) in zip(w, points, strict=True))
    fixed = mean_y - slope * mean_x
    off = max(abs(fixed + slope * x - y) / y for x, y in points)
    return Line(*(float(f"{value:.12g}") for value in (fixed, slope)), float(f"{off:.6f}"))


def text(*pieces: str) -> str:
    """Return a paragraph of the page."""
    return textwrap.fill(" ".join(pieces), 100, break_long_words=False, break_on_hyphens=False)


def runs_of(document: dict[str, Any]) -> list[Run]:
    """Return the stored runs."""
    return [Run(**each) for each in document["runs"]]


def median(runs: Sequence[Run], figure: str) -> float:
    """Return the median of one figure of some runs."""
    return spread([run.figures[figure] for run in runs]).median


def by_x(runs: Sequence[Run], table: str, series: str = "") -> dict[int, list[Run]]:
    """Return the runs of a table, and of one of its series, by where they stand."""
    found: dict[int, list[Run]] = {}
    for run in runs:
        if run.table == table and run.engine == series:
            found.setdefault(int(run.row), []).append(run)
    return dict(sorted(found.items()))


# --- rows -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rate:
    """Rows per second at one number of rows.

    relative  to the rate at REFERENCE_ROWS, round by round
    shuffle   share of an epoch that its permutation takes alone; `gather` the same of its rows
    beside    rows per second of the rest
    """

    rows: int
    rate: float
    relative: Spread
    shuffle: float
    gather: float
    beside: float


def rates(runs: Sequence[Run]) -> list[Rate]:
    """Return the rate of every number of rows."""
    cases = by_x(runs, ROWS)
    reference = {run.turn: REFERENCE_ROWS / run.figures["epoch"] for run in cases[REFERENCE_ROWS]}
    found = []
    for rows, each in cases.items():
        relative = [rows / run.figures["epoch"] / reference[run.turn] for run in each]
        shuffle = spread([run.figures["shuffle"] / run.figures["epoch"] for run in each]).median
        gather = spread([run.figures["gather"] / run.figures["epoch"] for run in each]).median
        rate = rows / median(each, "epoch")
        beside = rate / (1 - shuffle - gather)
        found.append(Rate(rows, rate, spread(relative), shuffle, gather, beside))
    return found


def rows_section(found: Sequence[Rate]) -> Iterator[str]:
    """Yield the lines of the page about rows."""
    off = [each for each in found if abs(each.relative.median - 1) > WITHIN]
    low = min(each.relative.median for each in found)
    high = max(each.relative.median for each in found)
    outside = ": outside are " + ", ".join(f"{e.rows:,}" for e in off) + " rows" if off else ""
    yield from ("", "## Rows", "", "![Rows per second by rows](scaling-rows.svg)", "")
    yield text(
        f"From {found[0].rows:,} to {found[-1].rows:,} rows the rows per second are {low:.2f} to",
        f"{high:.2f} times those of {REFERENCE_ROWS:,} rows. The goal,",
        f"within {100 * WITHIN:.0f} %, is {'**not met**' if off else 'met'}{outside}.",
    )
    yield ""
    yield text(
        "What depends on the number of rows is the shuffling and the gathering: `np.take` of the",
        "rows in an epoch's order meets the cache less and less, and so would a permutation by",
        "exchanges, which many rows are therefore sorted for (decision 24). `shuffle` and `gather`",
        "are what these two take alone, of an epoch; `beside` is the rate of all the rest.",
    )
    yield ""
    of = f"of that at {REFERENCE_ROWS:,} (quartiles)"
    yield f"| rows | rows/s | {of} | shuffle | gather | beside, rows/s |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for each in found:
        r = each.relative
        yield (
            f"| {each.rows:,} | {each.rate:,.0f} | {r.median:.3f} ({r.low:.3f} to {r.high:.3f}) "
            f"| {100 * each.shuffle:.1f} % | {100 * each.gather:.1f} % | {each.beside:,.0f} |"
        )


def rows_plot(found: Sequence[Rate]) -> str:
    """Return the plot of rows per second."""
    reference = next(each.rate for each in found if each.rows == REFERENCE_ROWS)
    x = Axis("training rows", found[0].rows / 1.5, found[-1].rows * 1.5, log=True)
    y = Axis("million rows/s", 0, 1.5 * max(each.beside for each in found) / MB)
    ends = (x.low, x.high)
    return plot(
        f"Rows per second, {'-'.join(map(str, WIDTHS))}",
        x,
        y,
        [
            Series("an epoch", [(e.rows, e.rate / MB) for e in found], "both"),
            Series(
                "without shuffle and gather", [(e.rows, e.beside / MB) for e in found], "both", 2
            ),
            Series(f"± {100 * WITHIN:.0f} % of {REFERENCE_ROWS:,} rows", [], "dashed", 1),
            *(
                Series("", [(end, reference * factor / MB) for end in ends], "dashed", 1)
                for factor in (1 - WITHIN, 1 + WITHIN)
            ),
        ],
    )


# --- steps ------------------------------------------------------------------------------------


def step_points(runs: Sequence[Run]) -> dict[int, tuple[float, float]]:
    """Return (multiply-adds, seconds) of a step, by the width of the hidden layers."""
    found = {}
    for width, each in by_x(runs, STEPS).items():
        seconds = spread([run.figures["epoch"] / run.figures["steps"] for run in each]).median
        found[width] = (median(each, "multiply_adds"), seconds)
    return found


def steps_section(points: dict[int, tuple[float, float]]) -> Iterator[str]:
    """Yield the lines of the page about steps."""
    line = fitted(list(points.values()))
    yield from ("", "## Steps", "", "![Time by multiply-adds](scaling-steps.svg)", "")
    yield text(
        f"Two hidden layers of relu, of the same width, {WIDTHS[0]} inputs, batches of {BATCH}.",
        "Fitted, small and large counting the same: a step takes",
        f"{1e6 * line.fixed:.1f} µs and {1e12 * line.slope:.1f} µs for each million multiply-adds",
        f"({1e-9 / line.slope:.1f} · 10⁹ a second); the widths are at most",
        f"{100 * line.off:.0f} % off that line.",
    )
    yield ""
    yield "| width | multiply-adds a step | µs a step | fitted | measured / fitted |"
    yield "| --- | --- | --- | --- | --- |"
    for width, (work, seconds) in points.items():
        fit = line.at(work)
        yield (
            f"| {width} | {work:,.0f} | {1e6 * seconds:,.2f} | {1e6 * fit:,.2f} "
            f"| {seconds / fit:.2f} |"
        )


def steps_plot(points: dict[int, tuple[float, float]]) -> str:
    """Return the plot of the seconds of a step."""
    line, places = fitted(list(points.values())), list(points.values())
    x = Axis("multiply-adds a step", places[0][0] / 1.6, places[-1][0] * 1.6, log=True)
    y = Axis("µs a step", 1e6 * line.fixed / 3, 2e6 * places[-1][1], log=True)
    steps = [x.low * (x.high / x.low) ** (k / 60) for k in range(61)]
    fit = f"{1e6 * line.fixed:.1f} µs + multiply-adds / ({1e-9 / line.slope:.1f} · 10⁹ a second)"
    return plot(
        "Time of a step, batches of 64",
        x,
        y,
        [
            Series("measured", [(work, 1e6 * seconds) for work, seconds in places]),
            Series(fit, [(work, 1e6 * line.at(work)) for work in steps], "dashed", 1),
        ],
    )


# --- memory -----------------------------------------------------------------------------------


def growth(runs: Sequence[Run], table: str, series: str, x: str) -> list[tuple[float, ...]]:
    """Return (x, measured bytes, estimated bytes), x the rows of the data or a figure."""
    found = []
    for where, each in by_x(runs, table, series).items():
        at = float(where) if x == "rows" else median(each, x)
        found.append((at, median(each, "growth"), median(each, "estimate")))
    return found


def rows_memory(runs: Sequence[Run]) -> tuple[list[tuple[float, ...]], Line, Line]:
    """Return the memory by training rows, the line through it, and that of the estimate."""
    found = growth(runs, BY_ROWS, "sgd", "rows")
    return found, fitted([(p[0], p[1]) for p in found]), fitted([(p[0], p[2]) for p in found])


def rows_memory_section(runs: Sequence[Run]) -> Iterator[str]:
    """Yield the lines of the page about memory by rows."""
    found, line, estimate = rows_memory(runs)
    inputs = 1.1 * FEATURES * ITEM
    yield from ("", "## Memory by rows", "", "![Memory by rows](scaling-memory-rows.svg)", "")
    yield text(
        f"{FEATURES} features, a network of 16 units, one output; beside the training rows a",
        f"tenth as many validation rows. A training row takes {line.slope:.0f} bytes: {inputs:.0f}",
        "are inputs in float32, its own and a tenth of a validation row's. The other",
        f"{line.slope - inputs:.0f} are the same for any number of inputs: its number and label,",
        "its target as it was and as the loss takes it, its place in the epoch's order, its loss,",
        "its prediction, and what the metrics make of these. The points are at most",
        f"{100 * line.off:.1f} % off the line. `mlp check` estimates",
        f"{estimate.slope:.0f} bytes a row.",
    )
    yield ""
    yield "| training rows | data, MB | measured, MB | `mlp check`, MB | measured / estimated |"
    yield "| --- | --- | --- | --- | --- |"
    cases = by_x(runs, BY_ROWS, "sgd")
    for (rows, measured, estimated), each in zip(found, cases.values(), strict=True):
        data = median(each, "data") / MB
        yield (
            f"| {rows:,.0f} | {data:,.1f} | {measured / MB:,.1f} "
            f"| {estimated / MB:,.1f} | {measured / estimated:.2f} |"
        )


def parameters_memory_section(runs: Sequence[Run]) -> Iterator[str]:
    """Yield the lines of the page about memory by parameters."""
    lines = {name: memory_line(runs, name) for name in ("sgd", "adam")}
    estimates = {name: memory_line(runs, name, 2) for name in lines}
    vectors = {name: line.slope / ITEM for name, line in lines.items()}
    off = max(line.off for line in lines.values())
    yield from ("", "## Memory by parameters", "")
    yield from ("![Memory by parameters](scaling-memory-parameters.svg)", "")
    yield text(
        f"Two hidden layers of the same width, 4,096 training rows of {WIDTHS[0]} features,",
        f"batches of 32. A parameter takes {lines['sgd'].slope:.1f} bytes with sgd,",
        f"{vectors['sgd']:.1f} float32 numbers, and {lines['adam'].slope:.1f} with adam,",
        f"{vectors['adam']:.1f}: itself, its gradient, its best value so far, what the optimizer",
        "carries, and twice the model while it is written. `mlp check` estimates",
        f"{estimates['sgd'].slope:.1f} and {estimates['adam'].slope:.1f}. The points are at most",
        f"{100 * off:.0f} % off the lines.",
    )
    yield ""
    yield "| parameters | optimizer | measured, MB | `mlp check`, MB | measured / estimated |"
    yield "| --- | --- | --- | --- | --- |"
    for name in lines:
        for parameters, measured, estimated in growth(runs, BY_PARAMETERS, name, "parameters"):
            yield (
                f"| {parameters:,.0f} | {name} | {measured / MB:,.1f} | {estimated / MB:,.1f} "
                f"| {measured / estimated:.2f} |"
            )


def memory_line(runs: Sequence[Run], optimizer: str, place: int = 1) -> Line:
    """Return the line through the memory by parameters; place 2: through its estimate."""
    found = growth(runs, BY_PARAMETERS, optimizer, "parameters")
    return fitted([(point[0], point[place]) for point in found])


def memory_plot(title: str, x_title: str, each: dict[str, list[tuple[float, ...]]]) -> str:
    """Return a plot of memory: points measured, a line fitted, the estimate dashed."""
    points = [point for found in each.values() for point in found]
    x = Axis(x_title, 0, 1.08 * max(point[0] for point in points) / MB)
    y = Axis("MB", 0, 1.25 * max(max(point[1:]) for point in points) / MB)
    series = []
    for k, (name, found) in enumerate(each.items()):
        line = fitted([(point[0], point[1]) for point in found])
        fit = f"{name}: {line.fixed / MB:.1f} MB + {line.slope:.1f} bytes each"
        ends = [(end, line.at(end * MB) / MB) for end in (0.0, x.high / 1.04)]
        series.append(Series(fit, [(p[0] / MB, p[1] / MB) for p in found], "points", k))
        series.append(Series("", ends, "line", k))
        series.append(Series("", [(p[0] / MB, p[2] / MB) for p in found], "dashed", 2))
    dashed = Series("dashed: the estimate of mlp check", [], "dashed", 2)
    return plot(title, x, y, [*series, dashed])


# --- the whole --------------------------------------------------------------------------------


HEAD = """# How cost grows with the work

```sh
python benchmarks/scaling.py    # writes this page, its plots and benchmarks/scaling.json
```

`--quick` takes a minute and writes nothing, `--page` writes page and plots from the JSON,
`--only threads` measures one table anew.

"""


def plots(document: dict[str, Any]) -> dict[str, str]:
    """Return every plot's SVG, by the name of its file."""
    runs = runs_of(document)
    by_parameters = {n: growth(runs, BY_PARAMETERS, n, "parameters") for n in ("sgd", "adam")}
    return {
        "scaling-rows.svg": rows_plot(rates(runs)),
        "scaling-steps.svg": steps_plot(step_points(runs)),
        "scaling-memory-rows.svg": memory_plot(
            "Memory by training rows",
            "million training rows",
            {f"{FEATURES} features": rows_memory(runs)[0]},
        ),
        "scaling-memory-parameters.svg": memory_plot(
            "Memory by parameters", "million parameters", by_parameters
        ),
    }


def page(document: dict[str, Any]) -> str:
    """Return the page."""
    runs, machine, versions = runs_of(document), document["machine"], document["versions"]
    load = "" if machine["load"] is None else f" (load {machine['load']:.1f} at the end)"
    measured = {(run.table, run.row) for run in runs}
    left = [case for case in CASES if (case.table, case.x) not in measured]
    missing = ", ".join(f"{case.table} {int(case.x):,}" for case in left)
    rounds = 1 + max(run.turn for run in runs)
    about = text(
        f"Measured on a shared, busy machine: {machine['model']}, {machine['architecture']},",
        f"{machine['cores']} cores{load}. Python {versions['python']}, NumPy {versions['numpy']}",
        f"with {versions['blas']}. Every measurement is a process of its own, on one core, BLAS on",
        f"one thread; shown are medians of {rounds} rounds. Made-up data in memory, float32, plain",
        "SGD with mse where nothing else is said. Seconds are the core's, which do not run while",
        "another job has it, of whole epochs without metrics, shuffling and gathering in them;",
        "those of an epoch are the median of a process's, but the first. Memory is what a",
        "process's peak grows by, from before there are data, through two epochs with metrics and",
        "validation, until the model is written: reading a file is not in it.",
        f"Left out for want of memory: {missing}." if missing else "",
    )
    head = HEAD + about
    sections = [rows_section(rates(runs)), steps_section(step_points(runs))]
    sections += [rows_memory_section(runs), parameters_memory_section(runs)]
    apart = document.get("apart", {}).get(THREADS, document)
    sections += [threads_section(runs, text, apart["machine"])]
    return "\n".join([head, *(line for section in sections for line in section), ""])
