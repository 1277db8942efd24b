"""Trials under way: their networks, in as few stacks as their shapes allow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlpcli.data.dataset import Dataset, Part
from mlpcli.machine import cores
from mlpcli.nn.network import Network
from mlpcli.sweep.study import Result
from mlpcli.training.build import batch_size_of
from mlpcli.training.cost import memory_of
from mlpcli.training.evaluation import PartMetrics
from mlpcli.training.events import Ended, EpochEnded, LanesEnded
from mlpcli.training.lane_state import monitor_of
from mlpcli.training.lanes import Lane, PreparedLane, prepare_lanes
from mlpcli.training.metrics import METRICS
from mlpcli.training.plan import best_lanes, even_runs, memory_for
from mlpcli.training.training import Training


@dataclass
class Trial:
    """A trial under way: its networks, and how far each of them is.

    metric   that decides: loss, or a metric's name
    values   of it, of the lanes that have ended, and
    epochs   how many those trained
    latest   the monitored metric of each lane after its last epoch
    rungs    its mean where trials were compared, by the epoch
    """

    number: int
    lanes: list[Lane]
    dataset: Dataset
    metric: str
    values: dict[int, float] = field(default_factory=dict)
    epochs: dict[int, int] = field(default_factory=dict)
    latest: dict[int, float] = field(default_factory=dict)
    rungs: dict[int, float] = field(default_factory=dict)
    reason: str = ""
    is_pruned: bool = False

    @property
    def is_over(self) -> bool:
        """Whether every network has ended."""
        return len(self.epochs) == len(self.lanes)

    def reach(self, rung: int) -> bool:
        """Record the mean of the monitored metric at a rung; False where it is not finite."""
        value = float(np.mean([self.latest.get(r, np.nan) for r in range(len(self.lanes))]))
        if np.isfinite(value):
            self.rungs[rung] = value
        return rung in self.rungs

    def end_lane(self, r: int, ended: Ended, network: Network) -> None:
        """Record how a lane has ended, and evaluate its network."""
        self.epochs[r] = ended.epochs
        each = "" if len(self.lanes) == 1 else f"network {r + 1} of {len(self.lanes)} "
        if ended.reason == "diverged":
            reason = f"{each}diverged in epoch {ended.last_epoch}: {ended.cause} is not finite"
            self.reason = self.reason or reason
        elif ended.reason != "pruned":
            self.values[r] = self._evaluate(network, self.lanes[r])
            if not np.isfinite(self.values[r]):
                self.reason = self.reason or f"{each}has no finite {self.metric} on its rows"

    def _evaluate(self, network: Network, lane: Lane) -> float:
        """Return the loss or metric on the rows held out from a lane, or the validation rows."""
        parts = self.dataset.parts
        held_out = lane.held_out
        part: Part = parts["validation"] if held_out is None else parts["train"].take(held_out)
        metrics = () if self.metric == "loss" else (METRICS[self.metric](),)
        found = PartMetrics(network, self.dataset.encoding, part, metrics).compute()
        return float(found[self.metric])

    def result(self) -> Result:
        """Return the result of a trial that is over."""
        epochs = [self.epochs[r] for r in sorted(self.epochs)]
        if self.reason:
            return Result(self.number, "failed", [], self.reason, self.rungs, epochs)
        if self.is_pruned:
            return Result(self.number, "pruned", [], "", self.rungs, epochs)
        values = [self.values[r] for r in range(len(self.lanes))]
        return Result(self.number, "complete", values, "", self.rungs, epochs)


class TrialStack:
    """Lanes of several trials in one stack, trained as far as it is asked to."""

    def __init__(self, members: Sequence[tuple[Trial, int]], stop: Callable[[], bool]) -> None:
        self.members = members
        lanes = [trial.lanes[r] for trial, r in members]
        self.training = Training(lanes[0].spec, members[0][0].dataset, lanes)
        self.monitors = [monitor_of(lane.spec) for lane in lanes]
        self.events = self.training.run_stack(range(len(lanes)), stop, give_up=stop)

    def advance(self, until: int | None) -> None:
        """Train to the end of this epoch; None: to the end."""
        for event in self.events:
            if isinstance(event, LanesEnded):
                self._end_lanes(event)
            elif isinstance(event, EpochEnded):
                for k, row in zip(event.lanes, event.rows, strict=True):
                    trial, r = self.members[k]
                    trial.latest[r] = row.get(self.monitors[k], np.nan)
                if event.epoch == until:
                    return

    def _end_lanes(self, event: LanesEnded) -> None:
        for k, ended, vector in zip(event.lanes, event.ended, event.vectors, strict=True):
            if ended.reason != "interrupted":
                trial, r = self.members[k]
                architecture = self.training.prepared[k].architecture
                trial.end_lane(r, ended, Network(architecture, vector))

    def drop_pruned(self) -> None:
        """Let the lanes of pruned trials end."""
        for k in self.training.active:
            if self.members[k][0].is_pruned:
                self.training.drop(k)


def stack_trials(trials: Sequence[Trial], stop: Callable[[], bool]) -> list[TrialStack]:
    """Return the trials' networks in stacks: those of one shape together, in the order they came.

    Raises DataError where an augmentation does not apply to the rows.
    """
    groups: dict[Any, list[tuple[Trial, int]]] = {}
    capacity: dict[Any, int] = {}  # lanes in a stack
    for trial in trials:
        shapes: dict[int | None, Any] = {}  # by the number of rows: folds may differ by one
        for r, lane in enumerate(trial.lanes):
            n_rows = None if lane.rows is None else len(lane.rows)
            if n_rows not in shapes:
                prepared = prepare_lanes([lane], trial.dataset)[0]
                shapes[n_rows] = (id(trial.dataset), prepared.shape)
                if shapes[n_rows] not in capacity:
                    capacity[shapes[n_rows]] = _capacity(prepared, trial.dataset)
            groups.setdefault(shapes[n_rows], []).append((trial, r))
    stacks = []
    for shape, members in groups.items():
        runs = even_runs(members, -(-len(members) // capacity[shape]))
        stacks += [TrialStack(run, stop) for run in runs]
    return stacks


def _capacity(prepared: PreparedLane, dataset: Dataset) -> int:
    """Return how many lanes like this one a stack has at most: as many as pay, and as fit."""
    spec = prepared.lane.spec
    batch = min(batch_size_of(spec, len(dataset.parts["train"])), prepared.n_rows)
    each = memory_of(spec, prepared.architecture, dataset, batch).per_network
    fitting = memory_for(spec) // cores() // each
    return max(1, min(fitting, best_lanes(prepared.architecture, batch, spec.runtime.dtype)))
