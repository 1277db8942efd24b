"""The paired differences of runs on the same rows, with their intervals."""

from __future__ import annotations

from typing import Any

from mlpcli.report.blocks import Block, Chart, Section, Table, Text
from mlpcli.report.comparison.compared_runs import ComparedRuns
from mlpcli.report.drawing import (
    BAD,
    GOOD,
    INK,
    MUTED,
    SURFACE,
    WIDTH,
    draw,
    few_ticks,
    figure,
    label,
)
from mlpcli.report.numbers import number
from mlpcli.runs.compare import Comparison
from mlpcli.training.intervals import Interval

MOST_BARS = 40
FEW = 4  # differences in a sentence
LOOKS = {"better": (GOOD, "^"), "worse": (BAD, "v")}  # colour and mark; else a grey dot


def differences(runs: ComparedRuns) -> Section:
    """Return a forest plot of each run's difference to the base, and what is not compared."""
    paired = [each for each in runs.comparisons if each.interval is not None]
    blocks: list[Block] = [_chart(runs, paired)] if paired else []
    if len(paired) > 1:
        by_chance = (
            "Where nothing differs, 1 in 20 such intervals leaves out 0 by chance: of these "
            f"{len(paired)}, {0.05 * len(paired):.2g} on average."
        )
        blocks.append(Text(by_chance))
    for each in runs.comparisons:
        if each.interval is None:
            pair = f"{runs.name(each.run)} and {runs.name(runs.base)}"
            blocks.append(Text(f"{pair}: {each.verdict}."))
    if not runs.have_same_rows:
        advice = "Runs are compared on the same rows of the same file: --data FILE names one that "
        blocks.append(Text(f"{advice}no run has seen."))
    return Section("differences", "Is the difference shown?", blocks)


def signed(value: float) -> str:
    """Return a difference with its sign.

    >>> signed(0.02), signed(-0.5), signed(0.0)
    ('+0.02', '−0.5', '0')
    """
    sign = "+" if value > 0 else "−" if value < 0 else ""
    return sign + number(abs(value) if value else 0)


def interval_text(found: Interval) -> str:
    """Return a difference and its interval in words."""
    ends = f"{signed(found.low)} to {signed(found.high)}"
    return f"{signed(found.estimate)} ({100 * found.level:.0f} % interval {ends}, {found.method})"


def _chart(runs: ComparedRuns, paired: list[Comparison]) -> Chart:
    base, shown = runs.name(runs.base), paired[:MOST_BARS]
    with figure(WIDTH, 66 + 38 * len(shown)) as (canvas, axes):
        axes.axvline(0, color=INK, linewidth=1)
        for k, each in enumerate(shown):
            _draw_interval(axes, k, each)
        names = [label(runs.name(each.run), 20) for each in shown]
        axes.set(yticks=range(len(shown)), yticklabels=names, ylim=(len(shown) - 0.4, -0.7))
        axes.set_xlabel(f"{runs.metric}, run minus {label(base)}")
        axes.grid(visible=False, axis="y")
        few_ticks(axes)
        svg = draw(canvas)
    table = Table(
        f"{runs.metric} of each run minus that of {base}, on {runs.rows_text}.",
        ["run", "difference", "low", "high", "level", "method", "verdict"],
        [_cells(runs, each) for each in runs.comparisons],
    )
    return Chart(f"Difference to {base}", _description(runs, paired), svg, table)


def _draw_interval(axes: Any, k: int, each: Comparison) -> None:
    assert each.interval is not None
    color, mark = LOOKS.get(each.verdict, (MUTED, "o"))
    found = each.interval
    axes.plot([found.low, found.high], [k, k], color=color, linewidth=2)
    axes.plot([found.estimate], [k], mark, color=color, markersize=7)
    above = {"xytext": (0, 8), "textcoords": "offset points", "ha": "center", "fontsize": 11}
    # Its ground is the page's: the line at 0 ends beside the words.
    above["bbox"] = {"facecolor": SURFACE, "pad": 1.5, "linewidth": 0}
    axes.annotate(each.verdict, (found.estimate, k), color=INK, **above)


def _cells(runs: ComparedRuns, each: Comparison) -> list[object]:
    found = each.interval
    if found is None:
        return [runs.name(each.run), *[None] * 4, "", each.verdict]
    numbers = [found.estimate, found.low, found.high, found.level]
    return [runs.name(each.run), *numbers, found.method, each.verdict]


def _description(runs: ComparedRuns, paired: list[Comparison]) -> str:
    better = "greater" if runs.greater_is_better else "less"
    each = "; ".join(
        f"{runs.name(one.run)} {interval_text(one.interval)}: {one.verdict}"
        for one in paired[:FEW]
        if one.interval is not None
    )
    more = f"; {len(paired) - FEW} more in the table" if len(paired) > FEW else ""
    return (
        f"Run minus {runs.name(runs.base)} in {runs.metric} ({better} is better), on "
        f"{runs.rows_text}: {each}{more}. An interval that crosses 0 shows no difference."
    )
