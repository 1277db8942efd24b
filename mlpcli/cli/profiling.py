"""`mlp train --profile`: a clock on the parts of a run, and the table of where the time went."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import asdict, replace
from typing import Any, Self

from mlpcli.cli import progress
from mlpcli.cli.console import format_number, print_result, table
from mlpcli.data import loading
from mlpcli.data.dataset import Dataset
from mlpcli.machine import process_age
from mlpcli.runs import ensemble_result, recorder
from mlpcli.spec.schema import Spec
from mlpcli.training import build, profile, training
from mlpcli.workers import SHARED, WorkerTimes


class Profiler:
    """Times the parts of a run, from the start of its process until the context is left.

    While it is entered, the functions and methods named here are timed, and trainings are made by
    `build`, so whoever calls them has to import them then.
    """

    def __init__(self) -> None:
        self.clock = profile.Clock(time.perf_counter() - process_age())
        self.processes = 1
        self.patches = ExitStack()

    def __enter__(self) -> Self:
        displays = [progress.PlainProgress, progress.RichProgress, progress.NoProgress]
        for owner, names, row in (
            (build, ("load_dataset",), profile.ENCODE),
            (loading, ("read_table",), profile.LOAD),
            (recorder, ("evaluate", "baseline", "calibrate"), profile.METRICS),
            (ensemble_result, ("ensemble_result",), profile.METRICS),
            (recorder.Recorder, ("__init__", "record"), profile.FILES),
            (progress, ("progress_for",), profile.PROGRESS),
            *((display, ("show", "close"), profile.PROGRESS) for display in displays),
        ):
            for name in names:
                self.patches.callback(setattr, owner, name, getattr(owner, name))
                self.clock.wrap(owner, name, row)
        plain = training.Training
        training.Training = self.build  # type: ignore[assignment,misc]
        self.patches.callback(setattr, training, "Training", plain)
        self.clock.enter(self.clock.entry(profile.OTHER))
        SHARED.times = WorkerTimes()
        self.patches.callback(setattr, SHARED, "times", None)
        return self

    def __exit__(self, *_: object) -> None:
        self.clock.stop()
        self.found = profile.profile_of(self.clock)
        self.patches.close()

    def build(self, spec: Spec, dataset: Dataset) -> training.Training:
        """Return a training whose parts are timed, all in this process: a clock sees no other."""
        found = profile.ProfiledTraining(self.clock, spec, dataset)
        if found.plan is not None:
            self.processes = found.plan.processes
            found.plan = replace(found.plan, processes=1)
        return found

    def document(self) -> dict[str, Any]:
        """Return the profile as plain data."""
        return {**asdict(self.found), "processes_without": self.processes}


def print_profile(document: dict[str, Any]) -> None:
    """Print a profile as a table."""
    rows = [
        [
            f"  {line['layer']}" if line["layer"] else line["row"],
            round(line["seconds"], 4),
            round(100 * line["share"], 1),
            line["calls"],
            line["microseconds_per_step"],
            line["multiply_adds_per_second"],
        ]
        for line in document["lines"]
        if line["calls"]
    ]
    whole = ["whole", round(document["seconds"], 4), 100.0, None, None, None]
    header = ["part", "seconds", "share, %", "calls", "µs a step", "multiply-adds/s"]
    table(header, [*rows, whole])
    calls, cost = document["clock_calls"], document["clock_seconds"]
    print_result(
        f"{document['steps']:,} steps; the clock took about {1e6 * cost:.2f} µs a call, "
        f"{calls * cost:.3g} s of these"
    )
    if document["threads"]:
        _print_threads(document)
    if document["processes_without"] > 1:
        print_result(f"in one process; without --profile in {document['processes_without']}")


def _print_threads(document: dict[str, Any]) -> None:
    n, runs, seconds = (
        len(document["threads"]),
        document["shared_runs"],
        format_number(document["shared_seconds"]),
    )
    threads = f"{n} thread{'s' * (n != 1)}"
    print_result(f"\nwork shared out among {threads}, {runs:,} times, {seconds} s in all")
    if document["alone_runs"]:
        times = f"{document['alone_runs']:,} times"
        print_result(f"{times} not shared out: others had the cores (docs/threads.md)")
    rows = [
        [each["thread"], each["busy"], each["waiting"], round(100 * each["waiting_share"], 1)]
        for each in document["threads"]
    ]
    table(["thread", "seconds busy", "seconds waiting", "waiting, %"], rows)
