"""The figures of a sweep's trials in their order, and the best so far."""

from __future__ import annotations

from mlpcli.report.blocks import Chart, Section, Table
from mlpcli.report.drawing import INK, MUTED, SERIES, draw, figure, log_scale
from mlpcli.report.numbers import number
from mlpcli.report.study.axes import is_log
from mlpcli.report.study.reported_study import ReportedStudy
from mlpcli.sweep.board import Row

MOST_ROWS = 100  # of the table


def history(study: ReportedStudy) -> Section | None:
    """Return the chart of the figures by the trial's number; None with fewer than two."""
    rows = sorted(study.complete, key=lambda row: row.trial)
    if len(rows) < 2:  # noqa: PLR2004
        return None
    best = best_so_far(rows, maximizes=study.maximizes)
    numbers, values = [row.trial for row in rows], [row.value for row in rows]
    with figure(height=280) as (canvas, axes):
        axes.plot(numbers, values, "o", color=MUTED, markersize=3.5, alpha=0.7, label="trial")
        axes.step(numbers, best, where="post", color=SERIES[0], label="best so far")
        winner = study.complete[0]
        axes.plot([winner.trial], [winner.value], "o", color=INK, markersize=6, label="best")
        axes.set(xlabel="trial", ylabel=study.metric)
        if is_log(study.values):
            log_scale(axes, "y")
        canvas.legend(loc="outside lower center", ncols=3)
        svg = draw(canvas)
    table = _table(study, rows, best)
    chart = Chart(f"{study.metric} by trial", _description(study, rows, best), svg, table)
    return Section("history", "Progress of the search", [chart])


def _table(study: ReportedStudy, rows: list[Row], best: list[float]) -> Table:
    """Return the figures; of many trials those alone that were the best until then."""
    header, pairs = ["trial", study.metric, "best so far"], list(zip(rows, best, strict=True))
    if len(rows) <= MOST_ROWS:
        caption = "The figure of each complete trial in their order, and the best until then."
        return Table(caption, header, [[row.trial, row.value, so_far] for row, so_far in pairs])
    steps = [k for k in range(len(rows)) if k == 0 or best[k] != best[k - 1]]
    caption = f"Of {len(rows):,} complete trials those that were the best until then."
    return Table(caption, header, [[rows[k].trial, rows[k].value, best[k]] for k in steps])


def best_so_far(rows: list[Row], *, maximizes: bool) -> list[float]:
    """Return the best figure up to each of the complete trials."""
    found: list[float] = []
    for row in rows:
        assert row.value is not None
        before = found[-1:] or [row.value]
        found.append(max(row.value, *before) if maximizes else min(row.value, *before))
    return found


def _description(study: ReportedStudy, rows: list[Row], best: list[float]) -> str:
    winner = study.complete[0]
    last = max(k for k in range(len(best)) if k == 0 or best[k] != best[k - 1])
    since = len(rows) - 1 - last
    return (
        f"The first trial came to {number(rows[0].value)}, the best, trial {winner.trial}, to "
        f"{number(winner.value)}; the {since:,} complete trials after it were no better."
        if since
        else f"The first trial came to {number(rows[0].value)}; the last one, trial "
        f"{winner.trial}, is the best with {number(winner.value)}."
    )
