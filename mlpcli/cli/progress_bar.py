"""A progress bar in one line of a terminal, whatever its width: what matters least goes first."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, cast

from mlpcli.cli.console import width_of
from mlpcli.cli.output import redirect_to_null

if TYPE_CHECKING:
    from rich.table import Table

LEAST_BAR, MOST_BAR = 8, 24  # cells
GAP = 2  # cells between two parts


@dataclass(frozen=True)
class LinePart:
    """A part of a progress line, left to right.

    rank   the lower, the more it matters; 0 is always there, and cut where there is no room
    least  cells that it needs; 0: all of its text
    most   cells that it may take
    """

    text: str
    rank: int
    least: int = 0
    most: int = 0

    @property
    def width(self) -> int:
        """The cells that it needs."""
        return self.least or width_of(self.text)


def fitting(parts: Sequence[LinePart], width: int) -> list[tuple[LinePart, int]]:
    """Return the parts that a line of so many cells has room for, each with its width.

    A part that has no room is left out; what is left over goes to those that may take more.

    >>> parts = [LinePart("epoch 7/9", 0), LinePart("loss 0.25", 1), LinePart("3 rows/s", 2)]
    >>> [part.text for part, _ in fitting(parts, 25)]
    ['epoch 7/9', 'loss 0.25']
    """
    kept: list[LinePart] = []
    for part in sorted(parts, key=lambda part: part.rank):
        if part.width and (part.rank == 0 or _width([*kept, part]) <= width):
            kept.append(part)
    spare = max(0, width - _width(kept))
    sized = []
    for part in [part for part in parts if part in kept]:
        more = max(0, min(spare, part.most - part.width))
        spare -= more
        sized.append((part, min(width, part.width + more)))
    return sized


def _width(parts: Sequence[LinePart]) -> int:
    return sum(part.width for part in parts) + GAP * (len(parts) - 1)


class _Unbreakable:
    """A stream that ignores errors in writing, so that training goes on after a pipe is closed."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        try:
            self.stream.write(text)
        except OSError:
            redirect_to_null(self.stream)
        return len(text)

    def flush(self) -> None:
        try:
            self.stream.flush()
        except OSError:
            redirect_to_null(self.stream)


BAR, TIME_LEFT = "bar", "time left"  # stand for what Rich draws


def progress_bar(
    parts: Callable[[dict[str, Any]], list[LinePart]], *, auto_refresh: bool = True
) -> Any:
    """Return a Rich progress bar on standard error that is taken away at its end.

    parts  makes the line of a task's fields; the texts BAR and TIME_LEFT become what they name
    """
    from rich.console import Console
    from rich.progress import Progress, Task, TimeRemainingColumn
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    left = TimeRemainingColumn()

    class OneLine(Progress):
        def make_tasks_table(self, tasks: Any) -> Table:
            grid = Table.grid(padding=(0, GAP, 0, 0), pad_edge=False)
            if not tasks:
                return grid
            task: Task = tasks[0]
            sized = fitting(parts(task.fields), self.console.width)
            cells: list[Any] = []
            for part, width in sized:
                grid.add_column(no_wrap=True, width=width)
                if part.text == BAR:
                    done = min(task.completed, task.total or 0.0)
                    cells.append(ProgressBar(total=task.total or 1.0, completed=done, width=width))
                elif part.text == TIME_LEFT:
                    cells.append(left.render(task))
                else:
                    cells.append(Text(part.text, overflow="ellipsis"))
            grid.add_row(*cells)
            return grid

    return OneLine(
        console=Console(file=cast("IO[str]", _Unbreakable(sys.stderr))),
        transient=True,
        auto_refresh=auto_refresh,
    )


def bar_part(rank: int) -> LinePart:
    """Return the bar."""
    return LinePart(BAR, rank, LEAST_BAR, MOST_BAR)


def time_left_part(rank: int) -> LinePart:
    """Return the time left, as in 0:00:12."""
    return LinePart(TIME_LEFT, rank, 7)
