"""The figures of a sweep's trials by the setting of each key."""

from __future__ import annotations

from typing import Any

from mlpcli.report.blocks import Block, Chart, Section, Table, Text
from mlpcli.report.drawing import INK, MUTED, SERIES, draw, figure, label, log_scale
from mlpcli.report.numbers import number
from mlpcli.report.settings import cell, setting
from mlpcli.report.study.axes import Scale, is_log, key_scale
from mlpcli.report.study.reported_study import ReportedStudy
from mlpcli.sweep.board import Row

MOST_KEYS = 8
MOST_POINTS = 200
MOST_ROWS = 25  # of a table


def slices(study: ReportedStudy) -> Section | None:
    """Return a chart for each key, the most important first; None with fewer than two trials."""
    if len(study.complete) < 2:  # noqa: PLR2004
        return None
    charts = [_slice(study, key) for key in study.keys[:MOST_KEYS]]
    blocks: list[Block] = [*charts]
    n, n_keys = len(study.complete), len(study.keys)
    if n > MOST_POINTS:
        blocks.append(Text(f"Drawn are the best {MOST_POINTS} of {n:,} complete trials."))
    if n_keys > MOST_KEYS:
        blocks.append(Text(f"Of {n_keys} keys these {MOST_KEYS} mattered most."))
    return Section("slices", f"{study.metric} by setting", blocks)


def _slice(study: ReportedStudy, key: str) -> Chart:
    parameter, rows = study.sweep.parameters[key], study.complete[:MOST_POINTS]
    scale = key_scale(parameter)
    with figure(height=220) as (canvas, axes):
        for some, color, size in (
            (rows[study.n_best :], MUTED, 4.0),
            (rows[1 : study.n_best], SERIES[0], 5.0),
            (rows[:1], INK, 6.5),
        ):
            across = [scale.position(row.parameters[key]) for row in some]
            values = [row.value for row in some]
            axes.plot(across, values, "o", color=color, markersize=size, alpha=0.8)
        _ticks(axes, scale)
        axes.set(xlim=(-0.05, 1.05), xlabel=label(study.short[key], 40), ylabel=study.metric)
        if is_log(study.values):
            log_scale(axes, "y")
        svg = draw(canvas)
    table = Table(
        f"{study.metric} by {key}: the best {min(MOST_ROWS, len(rows))} trials.",
        [study.short[key], study.metric, "trial"],
        [[cell(row.parameters[key]), row.value, row.trial] for row in rows[:MOST_ROWS]],
    )
    return Chart(f"{study.metric} by {key}", _description(study, key, rows), svg, table)


def _ticks(axes: Any, scale: Scale) -> None:
    axes.set_xticks(scale.ticks)
    axes.set_xticklabels(scale.names)


def _description(study: ReportedStudy, key: str, rows: list[Row]) -> str:
    parameter, best = study.sweep.parameters[key], study.complete[0]
    found = f"The best trial has {study.short[key]} {setting(best.parameters[key])}."
    if parameter.choice is None and parameter.values is None:
        return f"{found} The largest dot is that trial; in colour the best quarter."
    best_of: dict[str, float | None] = {}
    for row in rows:  # the best come first
        best_of.setdefault(setting(row.parameters[key]), row.value)
    each = ", ".join(f"{text} {number(value)}" for text, value in list(best_of.items())[:8])
    return f"{found} The best figure of each setting: {each}."
