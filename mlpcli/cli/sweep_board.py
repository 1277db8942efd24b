"""What `mlp sweep` prints: its progress, the leaderboard, the importances, what failed."""

from __future__ import annotations

import json
import shlex
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mlpcli.cli.console import format_number, print_json, print_note, print_raw, print_result, table
from mlpcli.cli.progress import (
    SECONDS_BETWEEN_LINES,
    NoProgress,
    ThrottledLines,
    progress_kind,
)
from mlpcli.cli.progress_bar import LinePart, bar_part, progress_bar, time_left_part
from mlpcli.errors import counted
from mlpcli.spec.faults import shown
from mlpcli.sweep.board import Row, leaderboard, parameter_importances
from mlpcli.sweep.search import Event, Started, Waiting
from mlpcli.sweep.study import Result, Study

MOST_ROWS = 10  # of the leaderboard, and of the failed trials
LONG = 40  # characters of a parameter's value


class PlainSweepProgress(NoProgress):
    """Lines on how many trials are finished, at most one a second."""

    def __init__(self, study: Study) -> None:
        self.study, self.lines = study, ThrottledLines()

    def show(self, event: Event) -> None:
        line = self.line(event)
        self.lines.show(lambda: line)

    def line(self, event: Event) -> str:
        """Return an event in a line."""
        so_far = f"{self.study.n_finished}/{self.study.n_trials} finished"
        line = ", ".join(filter(None, [self.now(event), so_far]))
        return "; ".join(filter(None, [line, self.best()]))

    def now(self, event: Event) -> str:
        """Return what is done at the moment; empty where a trial has just finished."""
        if isinstance(event, Started):
            return f"{counted(len(event.numbers), 'trial')} under way"
        return "other processes train what is left" if isinstance(event, Waiting) else ""

    def best(self) -> str:
        """Return the best value so far; empty where there is none."""
        best = self.study.best()
        if best is None:
            return ""
        return f"best {self.study.sweep.metric} {format_number(best.value)} (trial {best.number})"

    def close(self) -> None:
        self.lines.close()


class RichSweepProgress(PlainSweepProgress):
    """A bar over the trials. It has no thread of its own: processes are forked beside it."""

    def __init__(self, study: Study) -> None:
        super().__init__(study)
        self.last = 0.0
        self.bar = progress_bar(self.parts, auto_refresh=False)
        self.task = self.bar.add_task("", total=study.n_trials, best="", now="")
        self.bar.start()

    def parts(self, fields: dict[str, Any]) -> list[LinePart]:
        """Return the line; the number of trials is the last thing to be cut."""
        return [
            LinePart(f"trials {self.study.n_finished}/{self.study.n_trials}", 0),
            bar_part(2),
            LinePart(fields["best"], 3),
            LinePart(fields["now"], 4),
            time_left_part(1),
        ]

    def show(self, event: Event) -> None:
        if isinstance(event, Result) or time.monotonic() - self.last > SECONDS_BETWEEN_LINES:
            self.last = time.monotonic()
            done = self.study.n_finished
            self.bar.update(self.task, completed=done, best=self.best(), now=self.now(event))
            self.bar.refresh()

    def close(self) -> None:
        self.bar.stop()


def sweep_progress(wanted: str, study: Study) -> NoProgress:
    """Return the progress of a sweep, of this kind: auto, rich, plain or none."""
    kind = progress_kind(wanted)
    if kind == "rich":
        return RichSweepProgress(study)
    return PlainSweepProgress(study) if kind == "plain" else NoProgress()


def print_board(study: Study, *, json: bool, quiet: bool, command: str) -> None:
    """Print the best trials, what mattered, and what failed; quietly the study's path alone.

    command  that comes to this study again
    """
    if quiet and not json:
        print_raw(str(study.path))
        return
    rows, importances = leaderboard(study), parameter_importances(study)
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
        print_json(document)
        return
    complete = [row for row in rows if row.state == "complete"]
    if complete:
        _print_table(study, complete)
    if importances is not None:
        shares = ", ".join(f"{key} {share:.2f}" for key, share in importances.items())
        print_result(f"\nimportance (PED-ANOVA, the best quarter): {shares}")
    failed = [row for row in rows if row.state == "failed"]
    for row in failed[:MOST_ROWS]:
        print_result(f"trial {row.trial} failed: {row.reason}")
    if len(failed) > MOST_ROWS:
        print_result(f"{len(failed) - MOST_ROWS} more trials failed: they are in --json")
    counts = [f"{states.count(s)} {s}" for s in ("complete", "pruned", "failed")]
    print_note(f"{', '.join(counts)} of {study.n_trials} trials, in {study.path}")
    if complete:
        print_note(f"to train the winner: {_to_train(command)}")


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
        print_result(f"… and {len(complete) - len(best)} more complete trials")


def _cell(value: Any) -> Any:
    if isinstance(value, list | dict):
        text = json.dumps(value, ensure_ascii=False)
        return text if len(text) <= LONG else text[: LONG - 1] + "…"
    return value if isinstance(value, str | float | int) else shown(value)
