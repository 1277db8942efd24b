"""`mlp train --profile`: the parts of a run, timed; without it they are as they are."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, replace
from typing import Any

from mlpcli.data.dataset import Dataset
from mlpcli.spec.load import LoadedSpec
from mlpcli.spec.schema import Spec
from mlpcli.training.build import load_dataset
from mlpcli.training.training import Training


class Unprofiled:
    """A run as it is."""

    def load(self, loaded: LoadedSpec) -> Dataset:
        """Read and encode the data."""
        return load_dataset(loaded)

    def build(self, spec: Spec, dataset: Dataset) -> Training:
        """Make the training."""
        return Training(spec, dataset)

    def record(self, make: Callable[[], Any]) -> Any:
        """Make the recorder of the files."""
        return make()

    def show(self, make: Callable[[], Any]) -> Any:
        """Make the display of the progress."""
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
        from mlpcli.runs import ensemble_result, recorder
        from mlpcli.training import profile

        self.profile = profile
        self.clock = profile.Clock(time.perf_counter() - process_age())
        self.processes = 1
        self.patches = ExitStack()
        for module, names, row in (
            (dataset, ("read_table",), profile.LOAD),
            (recorder, ("evaluate", "baseline"), profile.METRICS),
            (ensemble_result, ("ensemble_result",), profile.METRICS),
        ):
            self.patches.enter_context(self.clock.wrapped(module, *names, row=row))
        self.clock.enter(self.clock.entry(profile.OTHER))

    def load(self, loaded: LoadedSpec) -> Dataset:
        """Read, and encode, which is all of loading but the reading."""
        with self.clock.row(self.profile.ENCODE):
            return super().load(loaded)

    def build(self, spec: Spec, dataset: Dataset) -> Training:
        """Make the training, all of it in this process: a clock sees no other."""
        training = self.profile.ProfiledTraining(self.clock, spec, dataset)
        if training.plan is not None:
            self.processes = training.plan.processes
            training.plan = replace(training.plan, processes=1)
        return training

    def record(self, make: Callable[[], Any]) -> Any:
        """Make the recorder of the files."""
        with self.clock.row(self.profile.FILES):
            recorder = make()
        self.clock.wrap(recorder, "record", self.profile.FILES)
        return recorder

    def show(self, make: Callable[[], Any]) -> Any:
        """Make the display of the progress."""
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
