"""Progress of a training: a bar on a terminal, plain lines elsewhere. All on standard error."""

from __future__ import annotations

import sys
import time
from typing import IO, Any, Protocol, cast

from mlpcli.cli.console import figure, forget, note, on_terminal
from mlpcli.training.events import EpochEnded, Event
from mlpcli.training.events import Progress as RowsDone

SECONDS_BETWEEN_LINES = 1.0


class ProgressDisplay(Protocol):
    """Shows events as they come."""

    def show(self, event: Event) -> None:
        """Show one event."""

    def close(self) -> None:
        """Leave the terminal as it was."""


def progress_for(kind: str, n_epochs: int, columns: list[str]) -> ProgressDisplay:
    """Return the progress of this kind: auto, rich, plain or none."""
    if kind == "auto":
        kind = "rich" if on_terminal(sys.stderr) else "plain"
    if kind == "rich" and sys.stderr is not None:
        return RichProgress(n_epochs, columns)
    return PlainProgress(n_epochs, columns) if kind == "plain" else NoProgress()


class NoProgress:
    """Shows nothing."""

    def show(self, event: Event) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Do nothing."""


def _text(row: dict[str, float], columns: list[str]) -> str:
    """Return metrics of an epoch in a line."""
    return "  ".join(f"{name} {figure(float(row[name]))}" for name in columns)


class PlainProgress:
    """One line an epoch, at most one a second; the first and the last are always shown."""

    def __init__(self, n_epochs: int, columns: list[str]) -> None:
        self.n_epochs = n_epochs
        self.columns = [c for c in columns if c not in ("epoch", "learning_rate", "seconds")]
        self.last = self.last_of_lanes = 0.0
        self.held: EpochEnded | None = None
        self.epoch = 0

    def show(self, event: Event) -> None:
        """Print the line of an epoch, or hold it back."""
        if not isinstance(event, EpochEnded):
            return
        if event.mean is None:
            if event.epoch > self.epoch + 1:
                self._show_lanes(event)
            return
        self.epoch, self.held = event.epoch, event
        now = time.monotonic()
        if now - self.last >= SECONDS_BETWEEN_LINES:
            self.close()
            self.last = now

    def _show_lanes(self, event: EpochEnded) -> None:
        """Print how far the replicas are that do not wait for the others, whose turn will come."""
        now = time.monotonic()
        if now - self.last_of_lanes >= SECONDS_BETWEEN_LINES:
            first, last = min(event.lanes), max(event.lanes)
            which = f"replica {first}" if first == last else f"replicas {first} to {last}"
            note(f"{which}: epoch {event.epoch}/{self.n_epochs}")
            self.last_of_lanes = now

    def close(self) -> None:
        """Print the last line, if it was held back."""
        if self.held is not None and self.held.mean is not None:
            text = _text(self.held.mean, self.columns)
            epoch, best = f"{self.held.epoch}/{self.n_epochs}", self.held.best_epoch
            note(f"epoch {epoch}  {text}  best epoch {best}")
        self.held = None


class _Unbreakable:
    """A stream that does not mind when nobody can read it any more: a training goes on."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Write what can be written."""
        try:
            self.stream.write(text)
        except OSError:
            forget(self.stream)
        return len(text)

    def flush(self) -> None:
        """Flush what can be flushed."""
        try:
            self.stream.flush()
        except OSError:
            forget(self.stream)


class RichProgress:
    """A bar over the epochs, with the loss, the validation figure, rows/s and the best epoch."""

    def __init__(self, n_epochs: int, columns: list[str]) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self.columns = ["train_loss", *(c for c in columns if c.startswith("val_"))][:3]
        self.done = 0.0  # epochs; the stacks of an ensemble may be ahead of its last complete one
        self.bar: Any = Progress(
            TextColumn("epoch {task.fields[epoch]}/{task.fields[n_epochs]}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[figures]}"),
            TextColumn("{task.fields[speed]}", style="dim"),
            TimeRemainingColumn(),
            console=Console(file=cast("IO[str]", _Unbreakable(sys.stderr))),
            transient=True,
        )
        self.task = self.bar.add_task(
            "", total=n_epochs, epoch=0, n_epochs=n_epochs, figures="", speed=""
        )
        self.begun = time.monotonic()
        self.bar.start()

    def show(self, event: Event) -> None:
        """Move the bar."""
        if isinstance(event, RowsDone):
            self.done = event.epoch - 1 + event.rows / event.n_rows
            rows = self.done * event.n_rows * event.lanes
            speed = rows / max(time.monotonic() - self.begun, 1e-9)
            self.bar.update(self.task, completed=self.done, speed=f"{speed:,.0f} rows/s")
        elif isinstance(event, EpochEnded) and event.mean is not None:
            self.done = max(self.done, event.epoch)
            self.bar.update(
                self.task,
                completed=self.done,
                epoch=event.epoch,
                figures=f"{_text(event.mean, self.columns)}  best {event.best_epoch}",
            )

    def close(self) -> None:
        """Take the bar away."""
        self.bar.stop()
