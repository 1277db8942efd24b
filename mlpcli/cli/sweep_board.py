"""What `mlp sweep` prints: its progress, the leaderboard, the importances, what failed."""

from __future__ import annotations

import shlex
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mlpcli.cli.console import figure, hand_over, note, on_terminal, say, say_json, table
from mlpcli.errors import counted
from mlpcli.spec.faults import shown
from mlpcli.sweep.board import Row, importances_of, rows_of
from mlpcli.sweep.search import Begun, Event, Waiting
from mlpcli.sweep.study import Result, Study

SECONDS_BETWEEN_LINES = 1.0
MOST_ROWS = 10  # of the leaderboard, and of the failed trials
LONG = 40  # characters of a parameter's value


class Progress:
    """Shows events as lines, at most one a second; the first and the last are always shown."""

    def __init__(self, study: Study) -> None:
        self.study, self.last, self.held = study, 0.0, ""

    def show(self, event: Event) -> None:
        """Print an event, or hold its line back."""
        line = self.line(event)
        now = time.monotonic()
        if now - self.last >= SECONDS_BETWEEN_LINES:
            note(line)
            self.last, self.held = now, ""
        else:
            self.held = line

    def line(self, event: Event) -> str:
        """Return an event and the state of the study in a line."""
        study, best, now = self.study, self.study.best(), ""
        if isinstance(event, Begun):
            now = f"{counted(len(event.numbers), 'trial')} under way, "
        elif isinstance(event, Waiting):
            now = "other processes train what is left, "
        state = f"{now}{study.n_finished}/{study.n_trials} finished"
        if best is None:
            return state
        return f"{state}; best {study.sweep.metric} {figure(best.value)} (trial {best.number})"

    def close(self) -> None:
        """Print the last line, if it was held back."""
        if self.held:
            note(self.held)


class Nothing(Progress):
    """Shows nothing."""

    def show(self, event: Event) -> None: ...


class Bar(Progress):
    """A bar over the trials. It has no thread of its own: processes are forked beside it."""

    def __init__(self, study: Study) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        super().__init__(study)
        self.bar: Any = Progress(
            TextColumn("trials"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[text]}"),
            TimeRemainingColumn(),
            console=Console(file=sys.stderr),
            transient=True,
            auto_refresh=False,
        )
        self.task = self.bar.add_task("", total=study.n_trials, text="")
        self.bar.start()

    def show(self, event: Event) -> None:
        if isinstance(event, Result) or time.monotonic() - self.last > SECONDS_BETWEEN_LINES:
            self.last = time.monotonic()
            self.bar.update(self.task, completed=self.study.n_finished, text=self.line(event))
            self.bar.refresh()

    def close(self) -> None:
        self.bar.stop()


def progress_of(kind: str, study: Study) -> Progress:
    """Return the progress of this kind: auto, rich, plain or none."""
    if kind == "auto":
        kind = "rich" if on_terminal(sys.stderr) else "plain"
    if kind == "rich" and sys.stderr is not None:
        return Bar(study)
    return Progress(study) if kind == "plain" else Nothing(study)


def print_board(study: Study, *, json: bool, quiet: bool, command: str) -> None:
    """Print the best trials, what mattered, and what failed; quietly the study's path alone.

    command  that comes to this study again
    """
    if quiet and not json:
        hand_over(str(study.path))
        return
    rows, importances = rows_of(study), importances_of(study)
    states = [row.state for row in rows]
    if json:
        document = {
            "study": str(study.path),
            "metric": study.sweep.metric,
            "direction": study.direction,
            "method": study.sweep.method,
            "trials": study.n_trials,
            "finished": len(states) - states.count("running"),
            **{state: states.count(state) for state in ("complete", "pruned", "failed")},
            "best": asdict(rows[0]) if rows and rows[0].state == "complete" else None,
            "importances": importances,
            "leaderboard": [asdict(row) for row in rows],
        }
        say_json(document)
        return
    complete = [row for row in rows if row.state == "complete"]
    if complete:
        _print_table(study, complete)
    if importances is not None:
        shares = ", ".join(f"{key} {share:.2f}" for key, share in importances.items())
        say(f"\nimportance (PED-ANOVA, the best quarter): {shares}")
    failed = [row for row in rows if row.state == "failed"]
    for row in failed[:MOST_ROWS]:
        say(f"trial {row.trial} failed: {row.reason}")
    if len(failed) > MOST_ROWS:
        say(f"{len(failed) - MOST_ROWS} more trials failed: they are in --json")
    counts = [f"{states.count(s)} {s}" for s in ("complete", "pruned", "failed")]
    note(f"{', '.join(counts)} of {study.n_trials} trials, in {study.path}")
    if complete:
        note(f"to train the winner: {_to_train(command)}")


def _to_train(command: str) -> str:
    """Return the command that trains the winner, to be pasted as it is."""
    words = shlex.split(command)
    spec, file = words[2], "best.yaml"
    if spec == "-":
        return f"{command} --best < SPEC > {file} && mlp train {file}, SPEC being the same spec"
    if Path(spec).resolve() == Path(file).resolve():  # the shell would empty it first
        file = "winner.yaml"
    return f"{command} --best > {file} && mlp train {file}"


def _print_table(study: Study, complete: list[Row]) -> None:
    best = complete[:MOST_ROWS]
    with_error = any(row.error is not None for row in best)
    header = ["trial", study.sweep.metric, *["± SE"] * with_error, *study.sweep.parameters]
    cells = [
        [row.trial, row.value, *[row.error] * with_error, *map(_cell, row.parameters.values())]
        for row in best
    ]
    table(header, cells)
    if len(complete) > len(best):
        say(f"… and {len(complete) - len(best)} more complete trials")


def _cell(value: Any) -> Any:
    import json

    if isinstance(value, list | dict):
        text = json.dumps(value, ensure_ascii=False)
        return text if len(text) <= LONG else text[: LONG - 1] + "…"
    return value if isinstance(value, str | float | int) else shown(value)
