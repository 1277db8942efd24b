"""What benchmarks/quality.py makes of its runs: losses, ratios with intervals, ranks."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from quality_settings import CONSTANT, SPECS

from mlpcli.training.intervals import t_interval

DONE = "done"


@dataclass(frozen=True)
class Ratio:
    """A geometric mean over tables, with its 95 % interval; NaN where there are too few."""

    value: float
    low: float
    high: float
    tables: int


class Results:
    """The runs of a campaign.

    of[tool][table][split] is a run; tables is {name: about}
    """

    def __init__(self, stored: dict[str, Any]) -> None:
        self.tables: dict[str, dict[str, Any]] = stored["tables"]
        self.of: dict[str, dict[str, dict[int, dict[str, Any]]]] = {}
        for one in stored["runs"]:
            splits = self.of.setdefault(one["tool"], {}).setdefault(one["table"], {})
            splits[one["split"]] = one

    def names(self, *, held_back: bool | None = None) -> list[str]:
        """Return the tables' names; held_back, those that are or are not."""
        every = self.tables.items()
        return [name for name, a in every if held_back is None or a["held_back"] == held_back]

    def runs(self, tool: str) -> list[dict[str, Any]]:
        """Return all runs of a tool."""
        return [one for splits in self.of.get(tool, {}).values() for one in splits.values()]

    def figure(self, tool: str, table: str, figure: str = "loss") -> dict[int, float]:
        """Return {split: figure} of a table, of losses as they count.

        A loss above the constant prediction's counts as that: one table on which a tool comes to
        twenty times another's loss would else decide a mean over all. So does a run of mlp that
        failed: to leave it out would praise a spec for what it cannot train on. A peer's run that
        failed counts as not made.
        """
        runs = self.of.get(tool, {}).get(table, {})
        found = {split: one[figure] for split, one in runs.items() if one["status"] == DONE}
        if figure == "loss":
            for split, one in self.of.get(CONSTANT, {}).get(table, {}).items():
                if split in found:
                    found[split] = min(found[split], one["loss"])
                elif split in runs and tool in SPECS:
                    found[split] = one["loss"]
        return found

    def above_constant(self, tool: str) -> list[str]:
        """Return the tables where a run came to a higher loss than the constant prediction."""
        constants = self.of.get(CONSTANT, {})
        return [
            name
            for name, runs in self.of.get(tool, {}).items()
            if any(
                one.get("loss", 0) > constants[name][split]["loss"]
                for split, one in runs.items()
                if split in constants.get(name, {})
            )
        ]

    def ratios(
        self, tool: str, reference: str, names: Iterable[str], figure: str = "loss"
    ) -> dict[str, float]:
        """Return {table: exp of the mean over splits of log(tool's / reference's)}."""
        found = {}
        for name in names:
            ours, theirs = self.figure(tool, name, figure), self.figure(reference, name, figure)
            logs = [math.log(ours[k] / theirs[k]) for k in ours.keys() & theirs.keys()]
            if logs:
                found[name] = math.exp(statistics.fmean(logs))
        return found

    def ratio(self, tool: str, reference: str, names: Iterable[str], figure: str = "loss") -> Ratio:
        """Return the geometric mean over tables; its interval is of t on the tables' logs."""
        logs = np.log(list(self.ratios(tool, reference, names, figure).values()))
        if len(logs) < 2:
            return Ratio(math.nan, math.nan, math.nan, len(logs))
        if not logs.any():  # a tool beside itself
            return Ratio(1.0, 1.0, 1.0, len(logs))
        found = t_interval(logs)
        return Ratio(*(math.exp(v) for v in (found.estimate, found.low, found.high)), len(logs))

    def loss(self, tool: str, table: str) -> float:
        """Return the mean over splits of the losses of runs that were done, as they are."""
        runs = self.of.get(tool, {}).get(table, {}).values()
        found = [one["loss"] for one in runs if one["status"] == DONE]
        return statistics.fmean(found) if found else math.nan

    def ranks(self, tools: Sequence[str], names: Iterable[str]) -> tuple[dict[str, float], int]:
        """Return the mean rank of each tool, and over how many tables: those that all have.

        1 is the best; ranked by the mean log of the loss over the splits that all have; ties share
        the mean of their ranks.
        """
        sums, count = dict.fromkeys(tools, 0.0), 0
        for name in names:
            found = [self.figure(tool, name) for tool in tools]
            common = set.intersection(*(set(one) for one in found))
            if not common:
                continue
            count += 1
            levels = [statistics.fmean(math.log(one[k]) for k in sorted(common)) for one in found]
            for tool, level in zip(tools, levels, strict=True):
                below = sum(other < level for other in levels)
                sums[tool] += 1 + below + (sum(other == level for other in levels) - 1) / 2
        return {tool: total / max(count, 1) for tool, total in sums.items()}, count
