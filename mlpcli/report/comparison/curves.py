"""The losses and metrics of several runs by the epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mlpcli.report.blocks import Block, Chart, Section, Table, Text
from mlpcli.report.comparison.compared_runs import ComparedRuns
from mlpcli.report.drawing import MUTED, SERIES, SURFACE, draw, figure, label, log_scale
from mlpcli.report.numbers import number

LOG_FROM = 10.0  # the ratio of the largest to the smallest figure from which their scale is a log
MOST_POINTS = 300  # of a curve: a chart is hardly wider than that
MOST_EPOCHS = 50  # rows of a table
MOST_COLOURS = 6  # runs in colour, the best ones
DASHES = ["-", "--", "-.", ":"]

Curves = dict[str, list[float]]  # by the run, the best first


def curves(runs: ComparedRuns) -> Section | None:
    """Return the charts of the loss and of the metric compared by, of the runs that have epochs."""
    histories = runs.histories
    charts = [chart for column in _columns(runs) for chart in _charts(runs, column)]
    if not charts:
        return None
    blocks: list[Block] = [*charts]
    if not runs.have_one_loss:
        problem = "The runs have different losses: only the shapes of these curves compare."
        blocks.append(Text(problem))
    left = [runs.name(run) for run in runs.ranked if run.run not in histories]
    if left:
        blocks.append(Text(f"Without a record of epochs, as a model file is: {', '.join(left)}."))
    return Section("curves", "Training", blocks)


def _columns(runs: ComparedRuns) -> list[str]:
    """Return the columns to draw: of validation rows, where all the runs have some."""
    watched = all("val_loss" in rows[0] for rows in runs.histories.values())
    part = "val" if watched else "train"
    return [f"{part}_loss", *([f"{part}_{runs.metric}"] if runs.metric != "loss" else [])]


def _charts(runs: ComparedRuns, column: str) -> list[Chart]:
    """Return the chart of a column, or none where no run has it."""
    found: Curves = {
        run: [row.get(column, math.nan) for row in rows] for run, rows in runs.histories.items()
    }
    found = {run: values for run, values in found.items() if any(map(math.isfinite, values))}
    if not found:
        return []
    with figure(height=300) as (canvas, axes):
        for k, (run, values) in reversed(list(enumerate(found.items()))):
            _draw_curve(axes, k, label(runs.names[run]), values, _best_epoch(runs, run))
        axes.set(xlabel="epoch", ylabel=column)
        finite = [x for values in found.values() for x in values if math.isfinite(x)]
        if min(finite) > 0 and max(finite) >= LOG_FROM * min(finite):
            log_scale(axes, "y")
        handles, names = axes.get_legend_handles_labels()
        shown = handles[::-1][:MOST_COLOURS], names[::-1][:MOST_COLOURS]
        canvas.legend(*shown, loc="outside lower center", ncols=3)
        svg = draw(canvas)
    table = _table(runs, column, found)
    return [Chart(f"{column} by epoch", _description(runs, column, found), svg, table)]


def _draw_curve(axes: Any, k: int, name: str, values: Sequence[float], best: int | None) -> None:
    is_coloured = k < MOST_COLOURS
    color = SERIES[k] if is_coloured else MUTED
    dashes = DASHES[k % len(DASHES)] if is_coloured else "-"
    kept = thinned(len(values), MOST_POINTS, best)
    epochs, drawn = [epoch + 1 for epoch in kept], [values[epoch] for epoch in kept]
    axes.plot(epochs, drawn, dashes, color=color, alpha=1 if is_coloured else 0.5, label=name)
    if best is not None and 0 < best <= len(values):
        at = [best], [values[best - 1]]
        axes.plot(*at, "o", color=color, markersize=7, markeredgecolor=SURFACE, zorder=4)


def thinned(n: int, most: int, also: int | None = None) -> list[int]:
    """Return about so many indices of n at most, evenly, with the last, and one epoch besides.

    >>> thinned(10, 4, also=6)
    [0, 3, 5, 6, 9]
    """
    kept = {*range(0, n, math.ceil(n / most)), n - 1}
    if also is not None and 0 < also <= n:
        kept.add(also - 1)
    return sorted(kept)


def _best_epoch(runs: ComparedRuns, name: str) -> int | None:
    best = next(run for run in runs.ranked if run.run == name).model.training.get("best_epoch")
    return best if isinstance(best, int) else None


def _table(runs: ComparedRuns, column: str, found: Curves) -> Table:
    n_epochs = max(map(len, found.values()))
    kept = thinned(n_epochs, MOST_EPOCHS)
    some = f", {len(kept)} of {n_epochs} epochs" if len(kept) < n_epochs else ""
    rows: list[list[object]] = [
        [k + 1, *(values[k] if k < len(values) else None for values in found.values())]
        for k in kept
    ]
    header = ["epoch", *(runs.names[run] for run in found)]
    return Table(f"{column} of each run by the epoch{some}.", header, rows)


def _description(runs: ComparedRuns, column: str, found: Curves) -> str:
    ends = []
    for run, values in list(found.items())[:MOST_COLOURS]:
        best = _best_epoch(runs, run)
        if best is None or not 0 < best <= len(values):
            ends.append(f"{runs.names[run]} {number(values[-1])} after {len(values)} epochs")
        else:
            at = f"in its best epoch, {best} of {len(values)}"
            ends.append(f"{runs.names[run]} {number(values[best - 1])} {at}")
    return f"{column}: {'; '.join(ends)}. Dots mark the best epochs, whose weights the models are."
