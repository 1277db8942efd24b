"""The trials of a sweep in a table."""

from __future__ import annotations

from mlpcli.errors import counted, listing
from mlpcli.report.blocks import Block, Section, Table, Text
from mlpcli.report.settings import cell
from mlpcli.report.study.reported_study import ReportedStudy
from mlpcli.sweep.board import Row

MOST_ROWS = 100  # of the table: more are no longer read, and the page is to stay small
MOST_REASONS = 10


def trials(study: ReportedStudy) -> Section:
    """Return the leaderboard, sortable, and why trials failed."""
    blocks: list[Block] = [trials_table(study)]
    for reason, numbers in list(_failures(study).items())[:MOST_REASONS]:
        which = f"{'Trial' if len(numbers) == 1 else 'Trials'} {listing(numbers)}"
        blocks.append(Text(f"{which} failed: {reason}"))
    return Section("trials", "Trials", blocks)


def _failures(study: ReportedStudy) -> dict[str, list[int]]:
    """Return the trials that failed, by the reason."""
    found: dict[str, list[int]] = {}
    for row in study.rows:
        if row.state == "failed":
            found.setdefault(row.reason, []).append(row.trial)
    return found


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
