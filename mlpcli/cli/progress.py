"""Progress of a training or a sweep: a bar on a terminal, plain lines elsewhere; on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from mlpcli.cli.console import format_number, on_terminal, print_note
from mlpcli.cli.progress_bar import LinePart, bar_part, progress_bar, time_left_part
from mlpcli.training.events import EpochEnded, Event, LanesAdvanced, RateReduced
from mlpcli.training.events import Progress as RowsDone

SECONDS_BETWEEN_LINES = 1.0


class NoProgress:
    """Shows nothing of the events."""

    def show(self, event: Any) -> None:
        """Show one event."""

    def note(self, text: str) -> None:
        """Print a line that stays."""
        print_note(text)

    def close(self) -> None:
        """Leave the terminal as it was."""


def progress_kind(wanted: str) -> str:
    """Return the kind of progress to show, rich, plain or none; auto is what the terminal can."""
    if wanted == "auto":
        wanted = "rich" if on_terminal(sys.stderr) else "plain"
    return "none" if wanted == "rich" and sys.stderr is None else wanted


def progress_for(wanted: str, n_epochs: int, columns: list[str]) -> NoProgress:
    """Return the progress of a training, of this kind: auto, rich, plain or none."""
    kind = progress_kind(wanted)
    if kind == "rich":
        return RichProgress(n_epochs, columns)
    return PlainProgress(n_epochs, columns) if kind == "plain" else NoProgress()


class ThrottledLines:
    """Prints at most one line a second; the first and the last are always printed."""

    def __init__(self) -> None:
        self.last = -SECONDS_BETWEEN_LINES
        self.held: Callable[[], str] | None = None

    def show(self, line: Callable[[], str]) -> None:
        """Print a line, or hold it back; it is made only if it is printed."""
        self.held, now = line, time.monotonic()
        if now - self.last >= SECONDS_BETWEEN_LINES:
            self.close()
            self.last = now

    def close(self) -> None:
        """Print the last line, if it was held back."""
        if self.held is not None:
            print_note(self.held())
        self.held = None


def _text(row: dict[str, float] | None, columns: list[str]) -> str:
    """Return metrics of an epoch in a line."""
    assert row is not None
    return "  ".join(f"{name} {format_number(float(row[name]))}" for name in columns)


def reduction_line(event: RateReduced) -> str:
    """Return where a training, or one of its networks, goes on after it diverged."""
    which = "" if event.n_lanes == 1 else f"replica {event.lane}: "
    where = f"the end of epoch {event.back_to}" if event.back_to else "the initial parameters"
    return (
        f"{which}{event.cause} in epoch {event.epoch}: back to "
        f"{where}, with the learning rate {event.learning_rate:g}"
    )


class PlainProgress(NoProgress):
    """One line an epoch, at most one a second."""

    def __init__(self, n_epochs: int, columns: list[str]) -> None:
        self.n_epochs = n_epochs
        self.columns = [c for c in columns if c not in ("epoch", "learning_rate", "seconds")]
        self.lines = ThrottledLines()
        self.last_of_lanes = 0.0
        self.epoch = 0

    def show(self, event: Event) -> None:
        if isinstance(event, EpochEnded) and event.mean is not None:
            self.epoch = event.epoch
            self.lines.show(lambda: self._line(event))
        elif isinstance(event, LanesAdvanced) and event.epoch > self.epoch + 1:
            self._show_lanes(event)

    def note(self, text: str) -> None:
        self.lines.close()
        print_note(text)

    def _line(self, event: EpochEnded) -> str:
        metrics = _text(event.mean, self.columns)
        return f"epoch {event.epoch}/{self.n_epochs}  {metrics}  best epoch {event.best_epoch}"

    def _show_lanes(self, event: LanesAdvanced) -> None:
        """Print how far the replicas are that do not wait for the others, whose turn will come."""
        now = time.monotonic()
        if now - self.last_of_lanes >= SECONDS_BETWEEN_LINES:
            first, last = min(event.lanes), max(event.lanes)
            which = f"replica {first}" if first == last else f"replicas {first} to {last}"
            print_note(f"{which}: epoch {event.epoch}/{self.n_epochs}")
            self.last_of_lanes = now

    def close(self) -> None:
        self.lines.close()


class RichProgress(NoProgress):
    """A bar over the epochs, with the loss, the validation metric, rows/s and the best epoch."""

    def __init__(self, n_epochs: int, columns: list[str]) -> None:
        self.columns = ["train_loss", *(c for c in columns if c.startswith("val_"))][:3]
        self.done = 0.0  # epochs; the stacks of an ensemble may be ahead of its last complete one
        self.done_before: float | None = None  # in earlier sessions of a training that goes on
        self.bar = progress_bar(self.parts)
        self.task = self.bar.add_task(
            "", total=n_epochs, epoch=0, n_epochs=n_epochs, metrics=[], best="", speed=""
        )
        self.begun = time.monotonic()
        self.bar.start()

    def parts(self, fields: dict[str, Any]) -> list[LinePart]:
        """Return the line: on a narrow terminal the epoch stays, and longest the watched loss."""
        ranks = [6, 2, 4] if len(self.columns) > 1 else [2]
        return [
            LinePart(f"epoch {fields['epoch']}/{fields['n_epochs']}", 0),
            bar_part(3),
            *map(LinePart, fields["metrics"], ranks),
            LinePart(fields["best"], 5),
            LinePart(fields["speed"], 7),
            time_left_part(1),
        ]

    def show(self, event: Event) -> None:
        if isinstance(event, RowsDone):
            self.done = event.epoch - 1 + event.rows / event.n_rows
            if self.done_before is None:
                self.done_before = self.done if event.epoch > 1 else 0.0
            rows = (self.done - self.done_before) * event.n_rows * event.lanes
            speed = rows / max(time.monotonic() - self.begun, 1e-9)
            self.bar.update(self.task, completed=self.done, speed=f"{speed:,.0f} rows/s")
        elif isinstance(event, EpochEnded) and event.mean is not None:
            self.done = max(self.done, event.epoch)
            self.bar.update(
                self.task,
                completed=self.done,
                epoch=event.epoch,
                metrics=[_text(event.mean, [name]) for name in self.columns],
                best=f"best {event.best_epoch}",
            )

    def note(self, text: str) -> None:
        self.bar.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        self.bar.stop()
