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

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.dataset import Dataset
from mlpcli.nn.network import Network
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.spec.members import build
from mlpcli.spec.schema import Spec
from mlpcli.training.early_stopping import EarlyStopping
from mlpcli.training.figures import columns_of
from mlpcli.training.follower import Ended, early_stopping_of, is_watched, monitor_of
from mlpcli.training.lanes import fit_lanes
from mlpcli.training.loop import EpochEnded, Event, ReplicasEnded, StackMaker
from mlpcli.training.plan import plan
from mlpcli.training.processes import StackEnded, StackEvent, run_stacks
from mlpcli.training.replicas import replicas_of
from mlpcli.training.stack import Advanced, LanesEnded, Stack
from mlpcli.training.trainer import never

REASONS = ("interrupted", "diverged", "finished", "patience")  # the first that any replica has


class Ensemble:
    """The training of an ensemble.

    network  the stack of what the replicas have learned: replica `kept[k]` is lane k. Those that
             diverged are left out, and of an interrupted training those whose turn had not come;
             where that were all, it has all of them, as they last were
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
                    self._history.end(lane, ended)
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
            stack = self.plan.stacks[number]
            replicas = [stack[lane] for lane in event.lanes]
            self._history.add(replicas, event)
            for lane, ended in event.left.items():
                self._history.end(stack[lane], ended)
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
        begun = [r for r in sound if ended[r].epochs or ended[r].reason != "interrupted"]
        self.kept = begun or sound or list(range(len(ended)))
        stack = np.stack([vectors[r] for r in self.kept])
        self.network = Network(self.architecture, stack)
        reason = next(reason for reason in REASONS if any(e.reason == reason for e in ended))
        epochs = max(one.epochs for one in ended)
        last = max(one.last_epoch for one in ended)
        cause = next((one.cause for one in ended if one.cause), "")
        return Ended(reason, epochs, best.best_epoch, seconds, last, cause)


class _History:
    """The rows of the replicas until all have done an epoch, and then their means.

    A replica that has ended counts on as what it has become: with the row of the epoch whose
    numbers it has. One that is not part of the model any more does not.
    """

    def __init__(self, columns: list[str], n_replicas: int) -> None:
        self.columns, self.n_replicas = columns, n_replicas
        # By epoch: some replicas and their rows (replicas, columns).
        self.waiting: dict[int, list[tuple[list[int], Array]]] = {}
        self.ended: dict[int, int] = {}  # replica -> epochs that it did
        self.newest: dict[int, tuple[int, Array]] = {}  # replica -> epoch, row
        self.best: dict[int, tuple[int, Array]] = {}
        self.final: dict[int, Array] = {}
        self.told = 0

    def add(self, replicas: list[int], event: LanesEnded) -> None:
        """Take the rows of some replicas' epoch."""
        figures = np.array([[row[name] for name in self.columns] for row in event.rows])
        self.waiting.setdefault(event.epoch, []).append((replicas, figures))
        for replica, row, improved in zip(replicas, figures, event.improved, strict=True):
            self.newest[replica] = (event.epoch, row)
            if improved:
                self.best[replica] = (event.epoch, row)

    def end(self, replica: int, ended: Ended) -> None:
        """Take note that a replica has ended, if that is new."""
        if replica in self.ended:
            return
        self.ended[replica] = ended.epochs
        if ended.reason == "diverged":
            return
        for epoch, row in (self.newest.get(replica, (0, None)), self.best.get(replica, (0, None))):
            if epoch == ended.best_epoch and row is not None:
                self.final[replica] = row.copy()
                self.final[replica][self.columns.index("seconds")] = 0.0

    def completed(self) -> Iterator[tuple[int, dict[str, float]]]:
        """Yield each epoch that all replicas have now done, with the means of their rows."""
        seconds = self.columns.index("seconds")
        while self.told + 1 in self.waiting:
            epoch = self.told + 1
            gone = [replica for replica, epochs in self.ended.items() if epochs < epoch]
            found = self.waiting[epoch]
            if len(gone) + sum(len(replicas) for replicas, _ in found) < self.n_replicas:
                return
            rows = {replica: self.final[replica] for replica in gone if replica in self.final}
            for replicas, some in found:
                rows |= zip(replicas, some, strict=True)
            del self.waiting[epoch]
            self.told = epoch
            figures = np.stack([rows[replica] for replica in sorted(rows)])
            with np.errstate(all="ignore"):
                # From the first replica's row on: where all say the same, that is the mean.
                mean = figures[0] + np.mean(figures - figures[0], axis=0)
            means = dict(zip(self.columns, mean.tolist(), strict=True))
            yield epoch, {**means, "seconds": float(figures[:, seconds].sum()), "epoch": epoch}
