"""Runs read for a report that sets them side by side, as `mlp compare` does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from mlpcli.report.settings import short_keys
from mlpcli.runs.compare import (
    Comparison,
    Contender,
    best_first,
    choose_metric,
    compare,
    differing_keys,
    have_one_loss,
    load_contender,
    of_one_question,
    same_rows,
)
from mlpcli.spec.yaml_reader import dotted
from mlpcli.training.metrics import greater_is_better


@dataclass(frozen=True)
class ComparedRuns:
    """Some runs, the metric that they are compared by, and what their rows show.

    runs         as they were named: the others are compared with the first, the base
    ranked       the best first
    comparisons  of each run but the base, in that order
    left_out     a sentence on each run of another task or target than the first one's
    """

    runs: list[Contender]
    ranked: list[Contender]
    metric: str
    comparisons: list[Comparison]
    left_out: list[str] = field(default_factory=list)

    @property
    def base(self) -> Contender:
        """The run that the others are compared with."""
        return self.runs[0]

    @property
    def best(self) -> Contender:
        """The run with the best figure."""
        return self.ranked[0]

    @cached_property
    def names(self) -> dict[str, str]:
        """Each run's name on the page: its directory's, where that tells it from the others."""
        named = {each.run: Path(each.run).name for each in self.runs}
        return named if len(set(named.values())) == len(named) else {run: run for run in named}

    def name(self, run: Contender) -> str:
        """Return a run's name on the page."""
        return self.names[run.run]

    def value(self, run: Contender) -> float:
        """Return a run's figure."""
        return run.scores.metrics[self.metric]

    @property
    def greater_is_better(self) -> bool:
        """Whether a greater figure is better."""
        return greater_is_better(self.metric)

    @cached_property
    def have_same_rows(self) -> bool:
        """Whether all of them are scored on the same rows."""
        return all(same_rows(run, self.base) for run in self.runs)

    @cached_property
    def have_one_loss(self) -> bool:
        """Whether the losses of all are one function."""
        return have_one_loss(self.runs)

    @cached_property
    def histories(self) -> dict[str, list[dict[str, float]]]:
        """The rows of metrics.csv of the runs that have some, by the run, the best first."""
        found = {run.run: run.history for run in self.ranked}
        return {run: rows for run, rows in found.items() if rows}

    @cached_property
    def differing(self) -> dict[str, list[Any]]:
        """The keys of the specs that differ, with the value of each run, the best first."""
        return {dotted(path): values for path, values in differing_keys(self.ranked).items()}

    @cached_property
    def short(self) -> dict[str, str]:
        """Those keys by their last parts."""
        return short_keys(list(self.differing))

    @property
    def rows_text(self) -> str:
        """Return which rows they are scored on, in words."""
        which = "" if self.base.split == "all" else f"{self.base.split} "
        rows = self.base.scores.rows
        if self.have_same_rows:
            return f"the same {rows:,} {which}row{'s' * (rows != 1)}"
        return f"their own {which}rows, which are not the same"


def compare_runs(
    names: Sequence[str], data: str | None = None, metric: str | None = None
) -> ComparedRuns:
    """Read runs, score them and compare each with the first.

    Runs of another task or target than the first one's are left out. Raises UsageError where they
    have no such metric in common, and what reading a run raises.
    """
    named = [load_contender(name, data, None) for name in dict.fromkeys(names)]
    runs, left_out = of_one_question(named)
    chosen = choose_metric(runs, metric)
    ranked = best_first(runs, chosen)
    found = [compare(run, runs[0], chosen) for run in ranked if run is not runs[0]]
    return ComparedRuns(runs, ranked, chosen, found, left_out)
