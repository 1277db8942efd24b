"""Whether intervals and quantiles of new observations hold as many of them as they promise."""

from __future__ import annotations

import numpy as np

from mlpcli.report.blocks import Block, Chart, Section, Table, Text
from mlpcli.report.drawing import MUTED, SERIES, draw, figure, label
from mlpcli.report.numbers import percent
from mlpcli.report.reported_run import ReportedRun
from mlpcli.training.intervals import share_interval
from mlpcli.training.metrics import Outcome

MOST_DRAWN = 12  # intervals


def intervals(run: ReportedRun) -> Section | None:
    """Return the coverage of the judged rows; None of a model that predicts no intervals."""
    blocks: list[Block] = []
    found = run.document["coverage"].get(run.judged)
    if found:
        blocks.append(_coverage(found, run.judged, is_sets="classes" in found[0]))
        if "classes" in found[0]:
            text = "A prediction set is the classes that a new row may have"
        else:
            text = "An interval is where a new observation falls"
        why = "by the errors on rows held out from the networks that predict them"
        blocks.append(Text(f"{text}, {why} (mlp predict --interval)."))
    seen = run.scores[run.judged].outcome
    if seen.quantiles is not None:
        blocks.append(_quantiles(seen, run.model.encoding.target.names, run.judged))
    return Section("intervals", "Prediction intervals", blocks) if blocks else None


def _coverage(found: list[dict[str, float]], part: str, *, is_sets: bool) -> Chart:
    header = ["target", "level", "rows", "inside", "share inside", "low", "high"]
    rows: list[list[object]] = [
        [*(each[key] for key in ("target", "level", "rows", "inside", "share", "low", "high"))]
        for each in found
    ]
    if is_sets:
        header.append("classes in a set")
        rows = [[*row, each["classes"]] for row, each in zip(rows, found, strict=True)]
    parts = [
        f"the {percent(each['level'])} {'sets' if is_sets else 'intervals'} of {each['target']} "
        f"hold {percent(each['share'])} of {each['rows']:,} rows "
        f"(interval of that share {percent(each['low'])} to {percent(each['high'])})"
        for each in found[:2]
    ]
    text = "; ".join(parts)
    names = [f"{label(str(each['target']))}, {percent(each['level'])}" for each in found]
    ends = [
        (each["level"], each["share"], each["low"], each["high"], name)
        for each, name in zip(found[:MOST_DRAWN], names, strict=False)
    ]
    what = "prediction sets" if is_sets else "prediction intervals"
    caption = f"How many {part} rows the {what} hold, with the 95 % interval of the share (Wilson)."
    title = f"Rows that the {what} hold, {part} rows"
    table = Table(caption, header, rows)
    return Chart(title, text[0].upper() + text[1:] + ".", _drawn(ends), table)


def _quantiles(seen: Outcome, names: tuple[str, ...], part: str) -> Chart:
    """Return which share of the rows lies below each predicted quantile."""
    assert seen.quantiles is not None
    rows: list[list[object]] = []
    ends, hits = [], 0
    for k, name in enumerate(names):
        for q, level in enumerate(seen.levels):
            below = int(np.sum(seen.target[:, k] <= seen.quantiles[:, q, k]))
            found = share_interval(below, len(seen.target))
            hits += found.low <= level <= found.high
            rows.append([name, level, len(seen.target), below, found.estimate])
            rows[-1] += [found.low, found.high]
            what = f"{label(name)}, {percent(level)}"
            ends.append((level, found.estimate, found.low, found.high, what))
    text = (
        f"A quantile of level q has a share q of the rows below it: the 95 % intervals of {hits} "
        f"of {len(rows)} shares hold their level."
    )
    header = ["target", "level", "rows", "below", "share below", "low", "high"]
    caption = f"How many {part} rows lie below each quantile, with the share's 95 % interval."
    table = Table(caption, header, rows)
    return Chart(f"Rows below each quantile, {part} rows", text, _drawn(ends[:MOST_DRAWN]), table)


def _drawn(ends: list[tuple[float, float, float, float, str]]) -> str:
    """Draw shares with their intervals, one below the other, and a mark at the level of each."""
    n = len(ends)
    with figure(420, 70 + 34 * n) as (canvas, axes):
        for k, (level, share, low, high, _) in enumerate(ends):
            reach = [[share - low], [high - share]]
            axes.errorbar(share, k, xerr=reach, fmt="o", color=SERIES[0], capsize=3, markersize=6)
            axes.plot([level, level], [k - 0.32, k + 0.32], color=MUTED, linewidth=2.5)
        axes.set_yticks(range(n), [each[-1] for each in ends])
        axes.set(ylim=(n - 0.4, -0.6), xlabel="share of the rows; the bar is the level promised")
        axes.grid(visible=False, axis="y")
        return draw(canvas)
