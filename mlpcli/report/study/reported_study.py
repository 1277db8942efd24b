"""A sweep read for a report: its trials, best first, and the importances of its keys."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mlpcli.errors import RunError
from mlpcli.report.numbers import number
from mlpcli.report.settings import short_keys
from mlpcli.spec.sweep import SweepSpec
from mlpcli.sweep.board import QUANTILE, Row, leaderboard, parameter_importances
from mlpcli.sweep.stored_study import StoredStudy, load_study


@dataclass(frozen=True)
class ReportedStudy:
    """A study, as `mlp sweep --json` shows it.

    name  as the user named it
    rows  its trials: the complete ones, best first, then the others by number
    """

    name: str
    stored: StoredStudy
    rows: list[Row]
    importances: dict[str, float] | None

    @property
    def sweep(self) -> SweepSpec:
        """The spec's section."""
        return self.stored.sweep

    @property
    def metric(self) -> str:
        """What trials are compared by."""
        return self.sweep.metric

    @property
    def maximizes(self) -> bool:
        """Whether a greater figure is better."""
        return self.stored.direction == "maximize"

    @cached_property
    def complete(self) -> list[Row]:
        """The trials that came to a figure, best first."""
        return [row for row in self.rows if row.state == "complete"]

    @cached_property
    def values(self) -> list[float]:
        """The figures of the complete trials, best first."""
        return [row.value for row in self.complete if row.value is not None]

    @property
    def n_best(self) -> int:
        """How many of them are the best quarter, which charts show in colour; at least one."""
        return max(1, round(QUANTILE * len(self.complete)))

    @cached_property
    def short(self) -> dict[str, str]:
        """Each key searched, by its last parts."""
        return short_keys(list(self.sweep.parameters))

    @cached_property
    def keys(self) -> list[str]:
        """The keys searched, the most important first where that is known."""
        shares = self.importances or {}
        return sorted(self.sweep.parameters, key=lambda key: -shares.get(key, 0.0))

    @property
    def over(self) -> str:
        """What a trial's figure is a mean of."""
        n = self.sweep.n_lanes
        return f"{n} {'folds' if self.sweep.folds else 'seeds'}" if n > 1 else "one training"

    def figure(self, row: Row) -> str:
        """Return a trial's figure, with its standard error where there is one."""
        return number(row.value) + ("" if row.error is None else f" ± {number(row.error)}")


def load_reported_study(name: str, path: Path) -> ReportedStudy:
    """Read a study. Raises RunError where it is damaged, or none of its trials has begun."""
    stored = load_study(path)
    rows = leaderboard(stored)
    if not rows:
        raise RunError(f"{path}: no trial of this sweep has begun yet")
    return ReportedStudy(name, stored, rows, parameter_importances(stored))
