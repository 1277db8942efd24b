"""Loss, metrics and learning rate over the epochs, with the best epoch and the end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.errors import counted
from mlpcli.plain import format_number
from mlpcli.report.blocks import Block, Chart, Section, Table, Text
from mlpcli.report.drawing import INK, MUTED, SERIES, draw, figure, log_scale
from mlpcli.report.reported_run import ReportedRun
from mlpcli.report.words import capital, metric_name, span
from mlpcli.training.metrics import greater_is_better

PARTS = {"train": "training rows", "val": "validation rows"}
COLOURS = {"train": SERIES[1], "val": SERIES[0]}
MOST_POINTS = 400  # of a curve: as many pixels as there are
MOST_ROWS = 60  # of the table below a chart
WIDE = 30.0  # highest over lowest loss: beyond, the scale is logarithmic
BAND = (0.1, 0.9)  # quantiles of the replicas


@dataclass(frozen=True)
class Curve:
    """One column of metrics.csv.

    values  (epochs,)
    low, high  (epochs,) quantiles over the replicas; None: there are none
    """

    part: str
    values: Array
    low: Array | None = None
    high: Array | None = None


def curves(run: ReportedRun) -> Section | None:
    """Return the section of the curves; None where the run has no history, as a model file has."""
    if not run.history:
        return None
    epochs = np.array([row["epoch"] for row in run.history])
    blocks: list[Block] = [Text(_ending(run))]
    for name in _figures(run):
        found = [_curve(run, part, name) for part in PARTS if f"{part}_{name}" in run.history[0]]
        blocks.append(_chart(run, name, epochs, found))
    rates = np.array([row["learning_rate"] for row in run.history])
    if len(set(rates.tolist())) > 1:
        blocks.append(_rate_chart(run, epochs, rates))
    else:
        blocks.append(Text(f"The learning rate λ is {rates[0]:g} in every epoch."))
    return Section("curves", "Training", blocks)


def _figures(run: ReportedRun) -> list[str]:
    """Return the figures that are columns of metrics.csv, loss first."""
    columns = [name.partition("_") for name in run.history[0]]
    return list(dict.fromkeys(name for part, _, name in columns if part in PARTS))


def _ending(run: ReportedRun) -> str:
    training = run.model.training
    if run.replicas:
        return _ending_of_replicas(run)
    best, n = training.get("best_epoch"), counted(len(run.history), "epoch")
    stopping = run.model.spec.training.early_stopping
    if "val_loss" not in run.history[0]:
        return f"Training ended after {n}. Without validation rows the model is that of the last."
    if training.get("reason") == "patience" and stopping is not None:
        patience = counted(int(stopping.patience or 0), "epoch")
        return (
            f"The best epoch by {stopping.monitor} is {best}; training stopped after {n}, when "
            f"{patience} had brought no better one. The model is that of the best epoch."
        )
    monitor = "val_loss" if stopping is None else stopping.monitor
    return f"Training ended after {n}. The model is that of the best by {monitor}, epoch {best}."


def _ending_of_replicas(run: ReportedRun) -> str:
    best, n = run.best_epochs, counted(len(run.history), "epoch")
    if not best or "val_loss" not in run.history[0]:
        return f"Training ended after {n}; each curve is the mean of the replicas'."
    return (
        f"Training ended after {n}. Each of the {counted(len(best), 'replica')} is that of its own "
        f"best epoch ({span(best)}); each curve is the mean of theirs."
    )


def _curve(run: ReportedRun, part: str, name: str) -> Curve:
    column = f"{part}_{name}"
    values = np.array([row[column] for row in run.history])
    if not run.replicas or column not in run.replicas[0]:
        return Curve(part, values)
    by_epoch: dict[float, dict[float, float]] = {}
    for row in run.replicas:  # of an epoch that was done again, the last
        by_epoch.setdefault(row["epoch"], {})[row["replica"]] = row[column]
    each = [list(by_epoch.get(row["epoch"], {0: math.nan}).values()) for row in run.history]
    low, high = (np.array([_quantile(some, q) for some in each]) for q in BAND)
    return Curve(part, values, low, high)


def _quantile(values: Sequence[float], q: float) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return float(np.quantile(finite, q)) if finite else math.nan


def thinned(n: int, most: int, kept: Sequence[int] = ()) -> Array:
    """Return at most `most` of n positions, evenly, and the kept ones, ascending."""
    even = np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(int))
    return np.union1d(even, [k for k in kept if 0 <= k < n]).astype(int)


def _best(run: ReportedRun) -> int | None:
    """Return the position of the best epoch, whose weights the model has.

    None where it has the last one's, or each replica its own.
    """
    if run.replicas:
        return None
    best = run.model.training.get("best_epoch")
    found = [k for k, row in enumerate(run.history) if row["epoch"] == best]
    return found[-1] if found and "val_loss" in run.history[0] else None


def _chart(run: ReportedRun, name: str, epochs: Array, found: list[Curve]) -> Chart:
    best = _best(run)
    shown = thinned(len(epochs), MOST_POINTS, () if best is None else (best,))
    return Chart(
        capital(metric_name(name)),
        _described(name, epochs, found, best),
        _drawn(name, epochs, found, shown, best),
        _table(name, epochs, found, best),
    )


def _described(name: str, epochs: Array, found: list[Curve], best: int | None) -> str:
    parts = []
    for curve in found:
        values = curve.values[np.isfinite(curve.values)]
        if not len(values):
            continue
        line = f"{PARTS[curve.part]} from {format_number(float(values[0]))}"
        line += f" to {format_number(float(values[-1]))}"
        if curve.part == "val" or len(found) == 1:
            up = name != "loss" and greater_is_better(name)
            k = int(np.nanargmax(curve.values) if up else np.nanargmin(curve.values))
            word = "highest" if up else "lowest"
            line += f", {word} {format_number(float(curve.values[k]))} in epoch {epochs[k]:.0f}"
        parts.append(line)
    text = "; ".join(parts)
    text = text[:1].upper() + text[1:] + "."
    if any(curve.low is not None for curve in found):
        text += " The bands hold the middle 80 % of the replicas."
    return text + ("" if best is None else f" The line marks the best epoch, {epochs[best]:.0f}.")


def _is_log(name: str, found: list[Curve]) -> bool:
    values = np.concatenate([curve.values for curve in found])
    values = values[np.isfinite(values)]
    return (
        name == "loss"
        and len(values) > 1
        and bool(values.min() > 0)
        and bool(values.max() > WIDE * values.min())
    )


def _drawn(name: str, epochs: Array, found: list[Curve], shown: Array, best: int | None) -> str:
    with figure() as (canvas, axes):
        for curve in found:
            colour, x = COLOURS[curve.part], epochs[shown]
            if curve.low is not None and curve.high is not None:
                axes.fill_between(x, curve.low[shown], curve.high[shown], color=colour, alpha=0.18)
            marker = "o" if len(x) == 1 else None
            axes.plot(x, curve.values[shown], color=colour, label=PARTS[curve.part], marker=marker)
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.margins(x=0.02)
        if _is_log(name, found):
            log_scale(axes, "y")
        if best is not None:
            _mark_best(axes, epochs[best], found[-1].values[best])
        axes.legend(loc="best")
        return draw(canvas)


def _mark_best(axes: Any, epoch: float, value: float) -> None:
    axes.axvline(epoch, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    if math.isfinite(value):
        axes.plot([epoch], [value], "o", color=INK, markersize=5, zorder=5)


def _table(name: str, epochs: Array, found: list[Curve], best: int | None) -> Table:
    rows = thinned(len(epochs), MOST_ROWS, () if best is None else (best,))
    header, columns = ["epoch"], [epochs.astype(int)]
    for curve in found:
        header.append(PARTS[curve.part])
        columns.append(curve.values)
        if curve.low is not None and curve.high is not None:
            header += ["10 % of replicas", "90 %"]
            columns += [curve.low, curve.high]
    some = "" if len(rows) == len(epochs) else f", {len(rows)} of {len(epochs)} epochs"
    cells = [[column[k].item() for column in columns] for k in rows]
    return Table(f"{name} by epoch{some}", header, cells)


def _rate_chart(run: ReportedRun, epochs: Array, rates: Array) -> Chart:
    shown = thinned(len(epochs), MOST_POINTS)
    with figure() as (canvas, axes):
        axes.plot(epochs[shown], rates[shown], color=SERIES[3])
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        if rates.min() > 0 and rates.max() > WIDE * np.median(rates):
            log_scale(axes, "y")
        svg = draw(canvas)
    rows = thinned(len(epochs), MOST_ROWS)
    schedule: Any = run.model.spec.training.schedule
    first, last, most = (format_number(float(x)) for x in (rates[0], rates[-1], rates.max()))
    return Chart(
        "Learning rate λ",
        f"Schedule {schedule.name}: from {first} to {last}, greatest {most}.",
        svg,
        Table("λ by epoch", ["epoch", "λ"], [[int(epochs[k]), float(rates[k])] for k in rows]),
    )
