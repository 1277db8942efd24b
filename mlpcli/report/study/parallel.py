"""The trials of a sweep as lines across an axis for each key, and one for the figure."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from mlpcli.errors import counted
from mlpcli.report.blocks import Chart, Section
from mlpcli.report.drawing import GRID, INK, MUTED, SERIES, SURFACE, WIDTH, draw, figure
from mlpcli.report.numbers import number
from mlpcli.report.settings import setting
from mlpcli.report.study.axes import Scale, figure_scale, key_scale
from mlpcli.report.study.reported_study import ReportedStudy
from mlpcli.report.study.trials import trials_table
from mlpcli.sweep.board import Row

MOST_LINES = 150
MOST_ROWS = 50  # of the table
MOST_AXES = 10
MOST_RANGES = 5  # keys in a sentence
MOST_NAMED = 6  # settings of a key in a sentence
AXIS_HEIGHT = 74  # CSS pixels from one axis to the next


def parallel(study: ReportedStudy) -> Section | None:
    """Return the parallel coordinates of the complete trials; None with fewer than two.

    The axes lie below each other, the figure's last, so that they are as wide on a phone.
    """
    rows = study.complete[:MOST_LINES]
    if len(rows) < 2:  # noqa: PLR2004
        return None
    keys = study.keys[:MOST_AXES]
    scales = {key: key_scale(study.sweep.parameters[key]) for key in keys}
    last = figure_scale(study.values)
    with figure(WIDTH, AXIS_HEIGHT * (len(keys) + 1) + 10) as (canvas, axes):
        for k, (name, scale) in enumerate([*scales.items(), (study.metric, last)]):
            _draw_axis(axes, -k, study.short.get(name, name), scale)
        lines = [
            [*(scales[key].position(row.parameters[key]) for key in keys), last.position(row.value)]
            for row in rows
        ]
        _draw_lines(axes, lines[study.n_best :], color=MUTED, alpha=0.35, linewidth=0.9, zorder=2)
        best = {"color": SERIES[0], "alpha": 0.75, "linewidth": 1.3, "zorder": 3}
        _draw_lines(axes, lines[1 : study.n_best], **best)
        _draw_lines(axes, lines[:1], color=INK, linewidth=2.2, zorder=3.5)
        axes.set(xlim=(-0.04, 1.04), ylim=(-len(keys) - 0.5, 0.5))
        axes.set_axis_off()
        svg = draw(canvas)
    shown = trials_table(study, MOST_ROWS)
    title = "Settings and figure of each trial"
    return Section("parallel", "Settings", [Chart(title, _description(study, keys), svg, shown)])


def _draw_axis(axes: Any, y: float, name: str, scale: Scale) -> None:
    axes.plot([0, 1], [y, y], color=GRID, linewidth=1.2, zorder=1)
    behind = {"facecolor": SURFACE, "edgecolor": "none", "alpha": 0.8, "pad": 1}
    axes.text(0, y + 0.1, name, fontsize=11.5, fontweight="bold", zorder=4, bbox=behind)
    axes.plot(scale.ticks, [y] * len(scale.ticks), "|", color=MUTED, markersize=5, zorder=1)
    for tick, text in zip(scale.ticks, scale.names, strict=True):
        side = "left" if tick < 0.02 else "right" if tick > 0.98 else "center"  # noqa: PLR2004
        axes.text(
            tick, y - 0.13, text, color=MUTED, fontsize=11, ha=side, va="top", zorder=4, bbox=behind
        )


def _draw_lines(axes: Any, lines: list[list[float]], **style: Any) -> None:
    """Draw lines as one path with gaps, which takes a tenth of the bytes of many."""
    across = [x for line in lines for x in (*line, math.nan)]
    down = [-k for line in lines for k in range(len(line) + 1)]
    axes.plot(across, down, **style)


def _description(study: ReportedStudy, keys: list[str]) -> str:
    best = study.complete[: study.n_best]
    ranges = [f"{study.short[key]} {_range(best, key)}" for key in keys[:MOST_RANGES]]
    left = len(study.keys) - len(keys)
    more = f" Left out: {counted(left, 'key')} that mattered least." if left else ""
    n = len(study.complete)
    cut = f" Drawn are the best {MOST_LINES} of {n:,}." if n > MOST_LINES else ""
    return (
        "Each line is a trial: the thickest the best, in colour the best quarter. Their settings: "
        f"{'; '.join(ranges)}.{cut}{more}"
    )


def _range(rows: list[Row], key: str) -> str:
    """Return which settings of a key these trials have."""
    values = [row.parameters[key] for row in rows]
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        low, high = min(values), max(values)
        return number(low) if low == high else f"{number(low)} to {number(high)}"
    counts = Counter(map(setting, values))
    return ", ".join(f"{text} ({n})" for text, n in counts.most_common(MOST_NAMED))
