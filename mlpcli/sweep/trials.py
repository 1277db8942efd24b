"""Trials under way: their networks, in as few stacks as their shapes allow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlpcli.data.dataset import Dataset, Part
from mlpcli.machine import cores
from mlpcli.nn.evaluation import Evaluation
from mlpcli.nn.network import Network
from mlpcli.sweep.study import Told
from mlpcli.training.assemble import loss_target, outcome
from mlpcli.training.cost import memory_of
from mlpcli.training.follower import Ended, monitor_of
from mlpcli.training.lanes import Fitted, Lane, fit_lanes
from mlpcli.training.metrics import METRICS
from mlpcli.training.plan import even_runs, memory_for
from mlpcli.training.stack import LanesEnded, Stack
from mlpcli.training.stack_size import best_lanes


@dataclass
class Trial:
    """A trial under way: its networks, and what each of them has come to.

    figure   what decides: loss, or a metric's name
    figures  of the lanes that have ended, and
    epochs   how many those trained
    latest   the monitored figure of each lane after its last epoch
    rungs    its mean where trials were compared, by the epoch
    """

    number: int
    lanes: list[Lane]
    dataset: Dataset
    figure: str
    figures: dict[int, float] = field(default_factory=dict)
    epochs: dict[int, int] = field(default_factory=dict)
    latest: dict[int, float] = field(default_factory=dict)
    rungs: dict[int, float] = field(default_factory=dict)
    reason: str = ""
    is_pruned: bool = False

    @property
    def is_over(self) -> bool:
        """Whether every network has ended."""
        return len(self.epochs) == len(self.lanes)

    def stand(self, rung: int) -> bool:
        """Take note of where it stands at a rung; False where that is no finite number."""
        figure = float(np.mean([self.latest.get(r, np.nan) for r in range(len(self.lanes))]))
        if np.isfinite(figure):
            self.rungs[rung] = figure
        return rung in self.rungs

    def end(self, r: int, ended: Ended, fitted: Fitted, vector: Any) -> None:
        """Take note of how a lane has ended, and score what it learned."""
        self.epochs[r] = ended.epochs
        each = "" if len(self.lanes) == 1 else f"network {r + 1} of {len(self.lanes)} "
        if ended.reason == "diverged":
            reason = f"{each}diverged in epoch {ended.last_epoch}: {ended.cause} is not finite"
            self.reason = self.reason or reason
        elif ended.reason != "pruned":
            lane = self.lanes[r]
            train = self.dataset.parts["train"]
            held_out = lane.held_out
            part = self.dataset.parts["validation"] if held_out is None else train.take(held_out)
            self.figures[r] = score(self.figure, fitted, vector, self.dataset, part)
            if not np.isfinite(self.figures[r]):
                self.reason = self.reason or f"{each}has no finite {self.figure} on its rows"

    def told(self) -> Told:
        """Return what came of it."""
        epochs = [self.epochs[r] for r in sorted(self.epochs)]
        if self.reason:
            return Told(self.number, "failed", [], self.reason, self.rungs, epochs)
        if self.is_pruned:
            return Told(self.number, "pruned", [], "", self.rungs, epochs)
        figures = [self.figures[r] for r in range(len(self.lanes))]
        return Told(self.number, "complete", figures, "", self.rungs, epochs)


def score(figure: str, fitted: Fitted, vector: Any, dataset: Dataset, part: Part) -> float:
    """Return the loss or one metric of a network on the rows of a part, without dropout."""
    architecture, encoding = fitted.architecture, dataset.encoding
    network = Network(architecture, vector)
    y_hat = np.empty((len(part), architecture.n_outputs))  # metrics are in float64
    with np.errstate(all="ignore"):
        if figure == "loss":
            target = loss_target(encoding, part.y, network.dtype)
            return float(Evaluation(network).loss(part.X, target, y_hat, part.weight))
        Evaluation(network).predict(part.X, y_hat)
        seen = outcome(architecture, encoding, part.labels, y_hat)
        return float(METRICS[figure]().value(seen))


class TrialStack:
    """A stack of lanes of several trials, trained as far as it is asked to."""

    def __init__(self, members: Sequence[tuple[Trial, int]], stop: Callable[[], bool]) -> None:
        self.members = members
        lanes = [trial.lanes[r] for trial, r in members]
        self.stack = Stack(members[0][0].dataset, lanes)
        self.monitors = [monitor_of(lane.spec) for lane in lanes]
        self.events: Iterator[Any] = self.stack.run(stop)
        self.waited_for = set(range(len(lanes)))

    def advance(self, until: int | None) -> None:
        """Train to the end of this epoch; None: to the end."""
        for event in self.events:
            if isinstance(event, LanesEnded):
                if until is not None:  # nobody asks otherwise
                    for k, row in zip(event.lanes, event.rows, strict=True):
                        trial, r = self.members[k]
                        trial.latest[r] = row[self.monitors[k]]
                if event.epoch == until:
                    break
        for k in sorted(self.waited_for):
            ended = self.stack.ended[k]
            if ended is not None and ended.reason != "interrupted":
                self.waited_for.remove(k)
                trial, r = self.members[k]
                trial.end(r, ended, self.stack.fitted[k], self.stack.vectors[k])

    def drop_pruned(self) -> None:
        """Take the lanes of pruned trials out."""
        for k in self.waited_for:
            if self.members[k][0].is_pruned:
                self.stack.drop(k)


def stacked(trials: Sequence[Trial], stop: Callable[[], bool]) -> list[TrialStack]:
    """Return the trials' networks in stacks: those of one shape together, in the order they came.

    Raises DataError where an augmentation does not apply to the rows.
    """
    groups: dict[Any, list[tuple[Trial, int]]] = {}
    most: dict[Any, int] = {}  # lanes in a stack
    for trial in trials:
        shapes: dict[int | None, Any] = {}  # by the number of rows: folds may differ by one
        for r, lane in enumerate(trial.lanes):
            n_rows = None if lane.rows is None else len(lane.rows)
            if n_rows not in shapes:
                fitted = fit_lanes([lane], trial.dataset)[0]
                shapes[n_rows] = (id(trial.dataset), fitted.shape)
                if shapes[n_rows] not in most:
                    most[shapes[n_rows]] = _most_lanes(fitted, trial.dataset)
            groups.setdefault(shapes[n_rows], []).append((trial, r))
    stacks = []
    for shape, members in groups.items():
        each = even_runs(members, -(-len(members) // most[shape]))
        stacks += [TrialStack(run, stop) for run in each]
    return stacks


def _most_lanes(fitted: Fitted, dataset: Dataset) -> int:
    """Return how many lanes like this one a stack has at most: as many as pay, and as fit."""
    spec = fitted.lane.spec
    batch = min(spec.training.batch_size, fitted.n_rows)
    each = memory_of(spec, fitted.architecture, dataset, batch).of_each
    room = memory_for(spec) // cores() // each
    return max(1, min(room, best_lanes(fitted.architecture, batch, spec.runtime.dtype)))
