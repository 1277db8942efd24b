"""An ensemble: replicas of one spec, trained as lanes of a few stacks; their mean, epoch by epoch.

    bootstrap  each replica has n rows drawn with replacement from the n training rows
    kfold      each replica is trained on all training rows but one fold
    seeds      the replicas differ in what is random alone

Validation rows, where there are some, are the same for all replicas and stop each of them. Rows
that a replica is not trained on choose nothing: what they say of it is honest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from mlpcli.data.dataset import Dataset
from mlpcli.nn.arrays import Array
from mlpcli.nn.network import Network
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.spec.members import build
from mlpcli.spec.schema import Spec
from mlpcli.training.early_stopping import EarlyStopping
from mlpcli.training.figures import columns_of
from mlpcli.training.follower import Ended, early_stopping_of, is_watched, monitor_of
from mlpcli.training.lanes import fit_lanes
from mlpcli.training.loop import EpochEnded, Event, StackMaker
from mlpcli.training.plan import plan
from mlpcli.training.processes import StackEnded, StackEvent, run_stacks
from mlpcli.training.replicas import replicas_of
from mlpcli.training.stack import Advanced, LanesEnded, Stack
from mlpcli.training.trainer import never

REASONS = ("interrupted", "diverged", "finished", "patience")  # the first that any replica has


@dataclass(frozen=True)
class ReplicasEnded:
    """Some replicas have done an epoch: their rows of replicas.csv, in the order of `replicas`."""

    epoch: int
    replicas: list[int]
    rows: list[dict[str, float]]


class Ensemble:
    """The training of an ensemble.

    network  the stack of what the replicas have learned, those that diverged left out: replica
             `kept[k]` is lane k. Where all diverged it has all of them, as they last were
    ended    how each replica's training ended
    stack    what makes the stacks, as for `Training`
    Raises DataError, with the spec's key, where the spec does not fit the rows or the memory.
    """

    def __init__(self, spec: Spec, dataset: Dataset, stack: StackMaker = Stack) -> None:
        self.spec, self.dataset, self.stack = spec, dataset, stack
        self.encoding = dataset.encoding
        self.lanes = replicas_of(spec, dataset)
        self.fitted = fit_lanes(self.lanes, dataset)
        self.plan = plan(self.fitted, dataset)
        self.architecture = self.fitted[0].architecture
        self.optimizer = build(OPTIMIZERS, spec.training.optimizer)
        self.columns = columns_of(spec, dataset)
        self.ended: list[Ended | None] = [None] * len(self.lanes)
        self.kept: list[int] = []
        self.network: Network | None = None
        self._history = _History(self.columns, len(self.lanes))
        self._done = [0.0] * len(self.plan.stacks)  # epochs of each stack

    @property
    def has_validation(self) -> bool:
        """Whether there are validation rows."""
        return "validation" in self.dataset.parts

    @property
    def is_watched(self) -> bool:
        """Whether the monitored figure exists: those of validation need validation rows."""
        return is_watched(self.spec, has_validation=self.has_validation)

    def run(self, stop: Callable[[], bool] = never) -> Iterator[Event | ReplicasEnded]:
        """Train; yield what happens as it happens, the means of an epoch once all have done it.

        stop  asked after each step; once true, training ends there
        """
        begun = time.perf_counter()
        stacks, vectors = self.plan.stacks, {}
        best = early_stopping_of(self.spec, has_validation=self.has_validation)

        def make(number: int) -> Stack:
            return self.stack(self.dataset, [self.lanes[lane] for lane in stacks[number]])

        for number, event in run_stacks(make, len(stacks), self.plan.processes, stop):
            if isinstance(event, StackEnded):
                for lane, ended, vector in zip(
                    stacks[number], event.ended, event.vectors, strict=True
                ):
                    self.ended[lane], vectors[lane] = ended, vector
                    self._history.end(lane, ended, has_validation=self.has_validation)
            yield from self._passed_on(number, event)
            for epoch, row in self._history.completed():
                figure = row[monitor_of(self.spec)] if self.is_watched else -float(epoch)
                improved = best.improved(epoch, figure, np.empty(0))
                yield EpochEnded(epoch, row, improved, best.best_epoch)
        yield self._end(vectors, best, time.perf_counter() - begun)

    def _passed_on(self, number: int, event: StackEvent) -> Iterator[Event | ReplicasEnded]:
        """Yield what a stack's event is for the ensemble."""
        epochs = self.spec.training.epochs
        if isinstance(event, Advanced):
            self._done[number] = event.epoch - 1 + event.rows / event.n_rows
            yield self._advanced(event.n_rows)
        elif isinstance(event, LanesEnded):
            replicas = [self.plan.stacks[number][lane] for lane in event.lanes]
            self._history.add(event.epoch, replicas, event.rows)
            yield ReplicasEnded(event.epoch, replicas, event.rows)
        else:
            self._done[number] = epochs

    def _advanced(self, n_rows: int) -> Advanced:
        """Return how far the whole is, as an epoch and rows of it."""
        sizes = [len(stack) for stack in self.plan.stacks]
        done = float(np.average(self._done, weights=sizes))
        epoch = min(int(done), self.spec.training.epochs - 1)
        return Advanced(epoch + 1, int((done - epoch) * n_rows), n_rows, len(self.lanes))

    def _end(self, vectors: dict[int, Array], best: EarlyStopping, seconds: float) -> Ended:
        """Put what the replicas have learned into the network; return how it ended."""
        ended = [one for one in self.ended if one is not None]
        sound = [r for r, one in enumerate(ended) if one.reason != "diverged"]
        self.kept = sound or list(range(len(ended)))
        stack = np.stack([vectors[r] for r in self.kept])
        self.network = Network(self.architecture, stack)
        reason = next(reason for reason in REASONS if any(e.reason == reason for e in ended))
        epochs = max(one.epochs for one in ended)
        last = max(one.last_epoch for one in ended)
        cause = next((one.cause for one in ended if one.cause), "")
        return Ended(reason, epochs, best.best_epoch, seconds, last, cause)


class _History:
    """The rows of all replicas, and the means of the epochs that all have done.

    A replica that has ended counts on as what it has become: with the row of its best epoch, or of
    its last where the last weights are the ones kept.
    """

    def __init__(self, columns: list[str], n_replicas: int) -> None:
        self.columns, self.n_replicas = columns, n_replicas
        self.epochs: list[Array] = []  # of each, (replicas, columns); NaN where it is not known
        self.known: list[int] = []  # of each epoch, how many replicas have done it or have ended
        self.final: dict[int, Array] = {}
        self.told = 0
        self.last = 0  # epoch that any replica has done

    def add(self, epoch: int, replicas: list[int], rows: list[dict[str, float]]) -> None:
        """Take the rows of some replicas' epoch."""
        self._grow(epoch)
        self.last = max(self.last, epoch)
        for replica, row in zip(replicas, rows, strict=True):
            self.epochs[epoch - 1][replica] = [row[name] for name in self.columns]
        self.known[epoch - 1] += len(replicas)

    def _grow(self, epoch: int) -> None:
        while len(self.epochs) < epoch:
            figures = np.full((self.n_replicas, len(self.columns)), np.nan)
            for replica, row in self.final.items():
                figures[replica] = row
            self.epochs.append(figures)
            self.known.append(len(self.final))

    def end(self, replica: int, ended: Ended, *, has_validation: bool) -> None:
        """Take note that a replica has ended."""
        kept = ended.best_epoch if has_validation else ended.epochs
        row = np.full(len(self.columns), np.nan)
        if kept:
            row = self.epochs[kept - 1][replica].copy()
        row[self.columns.index("seconds")] = 0.0
        self.final[replica] = row
        for epoch in range(ended.epochs, len(self.epochs)):
            self.epochs[epoch][replica] = row
            self.known[epoch] += 1

    def completed(self) -> Iterator[tuple[int, dict[str, float]]]:
        """Yield each epoch that all replicas have now done, with the means of their rows."""
        while self.told < self.last and self.known[self.told] == self.n_replicas:
            figures = self.epochs[self.told]
            with np.errstate(all="ignore"):
                # From the first replica's row on: where all say the same, that is the mean.
                mean = figures[0] + np.mean(figures - figures[0], axis=0)
            means = dict(zip(self.columns, mean.tolist(), strict=True))
            self.told += 1
            means["seconds"] *= self.n_replicas
            yield self.told, {**means, "epoch": self.told}
