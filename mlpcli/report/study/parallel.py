"""The trials of a sweep as lines across an axis for each key, and one for the figure."""

from __future__ import annotations

from collections import Counter
from typing import Any

from mlpcli.report.blocks import Chart, Section
from mlpcli.report.drawing import GRID, INK, MUTED, SERIES, SURFACE, WIDTH, draw, figure
from mlpcli.report.numbers import number
from mlpcli.report.settings import setting
from mlpcli.report.study.axes import Scale, figure_scale, key_scale
from mlpcli.report.study.reported_study import ReportedStudy
from mlpcli.report.study.trials import trials_table
from mlpcli.sweep.board import Row

MOST_LINES = 200
MOST_AXES = 10
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
        for row in reversed(rows):  # the best on top
            across = [scales[key].position(row.parameters[key]) for key in keys]
            _draw_line(axes, [*across, last.position(row.value)], study.complete.index(row), study)
        axes.set(xlim=(-0.04, 1.04), ylim=(-len(keys) - 0.5, 0.5))
        axes.set_axis_off()
        svg = draw(canvas)
    shown = trials_table(study, MOST_LINES)
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


def _draw_line(axes: Any, across: list[float], rank: int, study: ReportedStudy) -> None:
    color, alpha, width, level = MUTED, 0.25, 1.0, 2.0
    if rank == 0:
        color, alpha, width, level = INK, 1.0, 2.2, 3.5
    elif rank < study.n_best:
        color, alpha, width, level = SERIES[0], 0.75, 1.4, 3.0
    down = [-float(k) for k in range(len(across))]
    axes.plot(across, down, color=color, alpha=alpha, linewidth=width, zorder=level)


def _description(study: ReportedStudy, keys: list[str]) -> str:
    best = study.complete[: study.n_best]
    ranges = "; ".join(f"{study.short[key]} {_range(best, key)}" for key in keys)
    left = len(study.keys) - len(keys)
    more = f" The {left} least important keys are left out." if left else ""
    cut = f" Of {len(study.complete):,} trials the best {MOST_LINES}." * (
        len(study.complete) > MOST_LINES
    )
    return (
        "Each line is a trial: the thickest the best, in colour the best quarter. Their settings: "
        f"{ranges}.{cut}{more}"
    )


def _range(rows: list[Row], key: str) -> str:
    """Return which settings of a key these trials have."""
    values = [row.parameters[key] for row in rows]
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        low, high = min(values), max(values)
        return number(low) if low == high else f"{number(low)} to {number(high)}"
    counts = Counter(map(setting, values))
    return ", ".join(f"{text} ({n})" for text, n in counts.most_common(MOST_NAMED))
