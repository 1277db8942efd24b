"""An epoch in which a training diverged, trained again with every number looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.dataset import Dataset
from mlpcli.nn.arrays import copy_of
from mlpcli.nn.evaluation import Evaluation
from mlpcli.nn.network import Network
from mlpcli.spec.schema import Spec
from mlpcli.training.build import batch_size_of, loss_target
from mlpcli.training.curvature import BatchGradient, largest_curvature, stability_limit
from mlpcli.training.events import EpochEnded
from mlpcli.training.step_watch import GROWTH, Moment, Place, StepWatch
from mlpcli.training.trainer import Trainer, never
from mlpcli.training.training import Training

Stop = Callable[[], bool]
SAMPLE = 256  # rows that the loss of the initial network is taken from
WATCHED_STEPS = 6  # at least, before the one in which a number is no longer finite


class Replay(Training):
    """One lane trained again, its last steps looked at.

    watch       of the steps of the last epochs
    losses      of the epochs that it completed: their means, or where larger of their last
                batches; behind that of the very first batch
    initial     the numbers of the network before training
    """

    watch: StepWatch | None = None
    initial: Array

    def go_on_from(self, training: Training, lane: int, epoch: int) -> None:
        """Begin where a training last kept a lane's state before an epoch; else at the start."""
        epochs = training.reductions.epochs.get(lane, [])
        kept = training.recent.of_lane(lane, epoch - 1 - self.epochs_before)
        if epochs:
            kept = training.reductions.of_lane(lane)
        if kept is not None and kept.epoch < epoch:
            self.saved[0] = replace(kept, lanes=[0])
        self.reductions.epochs[0] = epochs

    @property
    def epochs_before(self) -> int:
        """How many epochs have WATCHED_STEPS steps."""
        n_train = len(self.dataset.parts["train"])
        n_steps = -(-self.prepared[0].n_rows // batch_size_of(self.spec, n_train))
        return -(-WATCHED_STEPS // n_steps)

    def train(self, epoch: int, stop: Stop, *, until_growth: bool = False) -> StepWatch | None:
        """Train up to the end of an epoch, or the first number in it that is not finite.

        Return the watch over it and, where it has few steps, some epochs before; None where it
        was not reached. The network is left as the last step has left it.

        until_growth  end behind the first epoch in which the loss has grown, all steps watched
        """
        self.watched = 1 if until_growth else max(1, epoch - self.epochs_before)
        self.losses: dict[int, float] = {}

        def over() -> bool:
            return stop() or (self.watch is not None and self.watch.place is not None)

        for event in self.run_stack([0], over, never, stop):
            if isinstance(event, EpochEnded):
                self._record_loss(event)
                if event.epoch == epoch or (until_growth and self.first_growth(0)):
                    return self.watch
                self._watch_from(event.epoch)
        reached = self.states[0].last_epoch == epoch and not stop()
        return self.watch if reached else None

    def _record_loss(self, event: EpochEnded) -> None:
        (first,), (last,) = self.current.batch_losses()
        if not self.losses:
            self.losses[event.epoch - 1] = first
        self.losses[event.epoch] = max(event.rows[0]["train_loss"], last)

    def _watch_from(self, epoch: int) -> None:
        """Look at the steps after an epoch, where it is late enough."""
        if self.watch is None and epoch >= self.watched - 1:
            self.watch = StepWatch(self.current, epoch)

    def _begin(self, vectors: Array | None) -> Trainer:
        self.initial = copy_of(self.network.vector)
        self.current = super()._begin(vectors)
        self._watch_from(self.saved[0].epoch if 0 in self.saved else 0)
        return self.current

    def first_growth(self, last: int) -> int:
        """Return the first epoch whose loss was GROWTH times an earlier one's, or the last."""
        least = np.inf
        for epoch, loss in self.losses.items():
            if not loss <= GROWTH * least:
                return epoch
            least = min(least, loss)
        return last

    @property
    def has_grown_before(self) -> bool:
        """Whether the loss had grown already where it began."""
        if self.watch is None or not self.watch.norms:
            return False
        known = [*self.losses.values(), self.watch.norms[0].loss]
        rows = self.dataset.parts["train"].take(
            np.arange(min(SAMPLE, len(self.dataset.parts["train"])))
        )
        network = Network(self.architecture, self.initial)
        target = loss_target(self.encoding, rows.y, network.dtype)
        return not known[0] <= GROWTH * np.mean(Evaluation(network).row_losses(rows.X, target))

    def bad_rows(self, part: str) -> Array:
        """Return the rows of a part whose loss is not finite, by the model as it is now."""
        rows = self.dataset.parts[part]
        target = loss_target(self.encoding, rows.y, self.model.dtype)
        losses = Evaluation(self.model).row_losses(rows.X, target)
        return np.flatnonzero(~np.isfinite(losses))


@dataclass
class Evidence:
    """What is known of a divergence.

    place     the first number that was not finite
    part      that its row is in: train, or validation
    bad_rows  of the part, where an evaluation found it; else those of the step's batch

    watch     the steps in which the loss began to grow
    replay    that came to them
    stop      once true, curvatures are no longer looked for
    """

    place: Place
    part: str
    bad_rows: Array
    watch: StepWatch
    replay: Replay
    stop: Stop = never
    _curvatures: dict[Any, float] = field(default_factory=dict)

    @property
    def spec(self) -> Spec:
        return self.replay.spec

    @property
    def dataset(self) -> Dataset:
        return self.replay.dataset

    @property
    def trainer(self) -> Trainer:
        return self.watch.trainer

    @property
    def limit(self) -> float | None:
        """The c of λ h < c, where steps along a curvature h do not grow."""
        return stability_limit(self.replay.optimizer)

    @cached_property
    def moment(self) -> Moment:
        """The step at which it began: the batch of the largest curvature, where λ is against it."""
        calm, grown = self.watch.calm, self.watch.grown
        if calm is None:
            raise ValueError("no step was taken")
        if grown is None or self.limit is None:
            return grown or calm
        return max((grown, calm), key=lambda each: np.nan_to_num(self.curvature(each)))

    def curvature(self, moment: Moment, without: int | None = None) -> float:
        """Return the largest curvature of a step's batch, of all its rows or without one."""
        key = moment.norms.epoch, moment.norms.step, without
        if key not in self._curvatures:
            rows = None if without is None else np.arange(moment.X.shape[-2]) != without
            gradient = BatchGradient(self.trainer, moment, rows)
            self._curvatures[key] = largest_curvature(gradient, self.stop)
        return self._curvatures[key]

    def gradient_share(self, row: int) -> float:
        """Return ‖g‖ of the batch without a row as a part of ‖g‖ with it."""
        rows = np.arange(self.moment.X.shape[-2]) != row
        norms = []
        with np.errstate(all="ignore"):
            for which in (rows, None):
                gradient = BatchGradient(self.trainer, self.moment, which)
                norms.append(float(np.linalg.norm(gradient(gradient.theta))))
        return norms[0] / norms[1] if norms[1] else 1.0

    def where(self, row: int, column: str) -> str:
        """Return FILE:LINE:COLUMN of a cell, given its row in the part."""
        tables = self.dataset.tables
        table = tables.get(self.part) or tables["data"]
        return table.locate(int(self.dataset.parts[self.part].rows[row]), column)
