"""`mlp train --profile`: the parts of a run, timed; without it they are as they are."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from mlpcli.data.dataset import Dataset
from mlpcli.spec.load import LoadedSpec
from mlpcli.training.assemble import load_dataset
from mlpcli.training.loop import StackMaker, Training
from mlpcli.training.stack import Stack

if TYPE_CHECKING:
    from mlpcli.training.ensemble import Ensemble


class Unprofiled:
    """A run as it is."""

    stack: StackMaker = Stack

    def load(self, loaded: LoadedSpec) -> Dataset:
        """Read and encode the data."""
        return load_dataset(loaded)

    def build(self, make: Callable[[], Training | Ensemble]) -> Training | Ensemble:
        """Make what trains."""
        return make()

    def record(self, make: Callable[[], Any]) -> Any:
        """Make what writes the files."""
        return make()

    def show(self, make: Callable[[], Any]) -> Any:
        """Make what shows the progress."""
        return make()

    def end(self) -> dict[str, Any] | None:
        """Return the profile as a document."""
        return None


class Profiled(Unprofiled):
    """A run with a clock, from the beginning of its process; `end` must be called."""

    def __init__(self) -> None:
        import time

        from mlpcli.data import dataset
        from mlpcli.machine import process_age
        from mlpcli.runs import ensemble_recorder, recorder
        from mlpcli.training import profile

        self.profile = profile
        self.clock = profile.Clock(time.perf_counter() - process_age())
        self.stack = partial(profile.ProfiledStack, self.clock)
        self.processes = 1
        self.patches = ExitStack()
        for module, names, row in (
            (dataset, ("read_table",), profile.LOAD),
            (recorder, ("score", "baseline"), profile.METRICS),
            (ensemble_recorder, ("ensemble_result",), profile.METRICS),
        ):
            self.patches.enter_context(self.clock.wrapped(module, *names, row=row))
        self.clock.enter(self.clock.entry(profile.OTHER))

    def load(self, loaded: LoadedSpec) -> Dataset:
        """Read, and encode, which is all of loading but the reading."""
        with self.clock.row(self.profile.ENCODE):
            return super().load(loaded)

    def build(self, make: Callable[[], Training | Ensemble]) -> Training | Ensemble:
        """Make what trains, all of it in this process: a clock sees no other."""
        with self.clock.row(self.profile.BEGIN):
            training = make()
        if not isinstance(training, Training):
            self.processes = training.plan.processes
            training.plan = replace(training.plan, processes=1)
        return training

    def record(self, make: Callable[[], Any]) -> Any:
        """Make what writes the files."""
        with self.clock.row(self.profile.FILES):
            recorder = make()
        self.clock.wrap(recorder, "take", self.profile.FILES)
        return recorder

    def show(self, make: Callable[[], Any]) -> Any:
        """Make what shows the progress."""
        with self.clock.row(self.profile.PROGRESS):
            shown = make()
        self.clock.wrap(shown, "show", self.profile.PROGRESS)
        self.clock.wrap(shown, "close", self.profile.PROGRESS)
        return shown

    def end(self) -> dict[str, Any] | None:
        """Stop the clock, and return the profile as a document."""
        self.clock.stop()
        self.patches.close()
        found = self.profile.profile_of(self.clock)
        return {**asdict(found), "processes_without": self.processes}


def print_profile(document: dict[str, Any]) -> None:
    """Print a profile as a table."""
    from mlpcli.cli.console import say, table

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
    say(
        f"{document['steps']:,} steps; the clock took about {1e6 * cost:.2f} µs a call, "
        f"{calls * cost:.3g} s of these"
    )
    if document["processes_without"] > 1:
        say(f"in one process; without --profile in {document['processes_without']}")
