"""The trials of a sweep in a table."""

from __future__ import annotations

from mlpcli.errors import counted
from mlpcli.report.blocks import Block, Section, Table, Text
from mlpcli.report.settings import cell
from mlpcli.report.study.reported_study import ReportedStudy
from mlpcli.sweep.board import Row

MOST_ROWS = 200  # of the table: more are no longer read, and the page is to stay small
MOST_FAILED = 10


def trials(study: ReportedStudy) -> Section:
    """Return the leaderboard, sortable, and why trials failed."""
    failed = [row for row in study.rows if row.state == "failed"]
    blocks: list[Block] = [trials_table(study)]
    blocks += [Text(f"Trial {row.trial} failed: {row.reason}") for row in failed[:MOST_FAILED]]
    if len(failed) > MOST_FAILED:
        more = counted(len(failed) - MOST_FAILED, "more trial")
        blocks.append(Text(f"{more} failed: mlp sweep SPEC --json has their reasons."))
    return Section("trials", "Trials", blocks)


def trials_table(study: ReportedStudy, most: int = MOST_ROWS) -> Table:
    """Return the trials, best first, with their figures, settings and epochs."""
    with_error = any(row.error is not None for row in study.rows)
    rows = study.rows[:most]
    left = len(study.rows) - len(rows)
    caption = f"{counted(len(study.rows), 'trial')}, the best first"
    caption += f": the first {most:,} of them." if left else "."
    header = ["rank", "trial", study.metric, *["± SE"] * with_error]
    header += [*(study.short[key] for key in study.keys), "epochs", "state"]
    cells = [_cells(study, k, row, with_error=with_error) for k, row in enumerate(rows, 1)]
    return Table(caption, header, cells, sortable=True)


def _cells(study: ReportedStudy, rank: int, row: Row, *, with_error: bool) -> list[object]:
    settings = [cell(row.parameters[key]) for key in study.keys]
    place = rank if row.state == "complete" else None
    error = [row.error] * with_error
    return [
        place,
        row.trial,
        row.value,
        *error,
        *settings,
        max(row.epochs, default=None),
        row.state,
    ]
