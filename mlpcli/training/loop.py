"""The training loop: epochs, validation, early stopping. It yields events and prints nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpcli.data.dataset import Dataset, Part
from mlpcli.errors import DataError
from mlpcli.nn.arrays import Array
from mlpcli.nn.network import Architecture, Network, initial_vector, initialize
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.nn.passes import Evaluation
from mlpcli.nn.schedules import SCHEDULES
from mlpcli.spec.members import build
from mlpcli.spec.schema import Spec
from mlpcli.training.assemble import (
    build_architecture,
    epoch_metrics,
    labels_of_mixed,
    loss_target,
    outcome,
)
from mlpcli.training.augmented import build_augmenter
from mlpcli.training.descent import build_trainer
from mlpcli.training.early_stopping import EarlyStopping
from mlpcli.training.metrics import METRICS, Metric, Outcome, applicable
from mlpcli.training.trainer import Trainer, never


@dataclass(frozen=True)
class Advanced:
    """Some rows of an epoch are done."""

    epoch: int
    rows: int
    n_rows: int


@dataclass(frozen=True)
class EpochEnded:
    """An epoch is done: its row of metrics.csv, and whether it is the best so far."""

    epoch: int
    row: dict[str, float]
    improved: bool
    best_epoch: int


@dataclass(frozen=True)
class Ended:
    """Training is over.

    reason      finished, patience, interrupted or diverged
    epochs      how many were completed
    best_epoch  the epoch whose weights the network now has; 0 is the random beginning
    last_epoch  the one in which it ended: one more than epochs where that was not completed
    cause       what diverged, where that is the reason
    """

    reason: str
    epochs: int
    best_epoch: int
    seconds: float
    last_epoch: int = 0
    cause: str = ""


NOT_DEFINED = "monitor val_loss, or give every class rows in each part"

Event = Advanced | EpochEnded | Ended


class Training:
    """One training: the network, its data in the form the loss takes, and the loop.

    After `run`, `network` has the best epoch's weights where there are validation rows, else the
    last epoch's; where training diverged, those of the last epoch before.
    Raises DataError, with the spec's key, where an augmentation does not apply to the rows.
    """

    def __init__(self, spec: Spec, dataset: Dataset) -> None:
        self.spec, self.dataset = spec, dataset
        self.encoding = dataset.encoding
        self.architecture: Architecture = build_architecture(spec, dataset.encoding)
        self.network: Network = initialize(self.architecture, spec.seed, spec.runtime.dtype)
        self.metrics: list[Metric] = epoch_metrics(spec, dataset.encoding.task)
        self.model = self.network
        self.evaluation = Evaluation(self.model)
        self.targets = {
            name: loss_target(self.architecture, self.encoding, part.y, self.network.dtype)
            for name, part in dataset.parts.items()
        }
        self.outputs = {
            name: np.empty((len(part), self.architecture.n_outputs))  # metrics are in float64
            for name, part in dataset.parts.items()
        }
        self.optimizer = build(OPTIMIZERS, spec.training.optimizer)
        self.schedule = build(SCHEDULES, spec.training.schedule)
        self.stopping = self._early_stopping()
        self.augmenter = build_augmenter(spec, self.encoding, dataset.parts["train"])

    def _early_stopping(self) -> EarlyStopping:
        """Return what watches the monitored figure; without validation rows, the epoch's number.

        The latest epoch is then always the best, so that its weights are the ones kept.
        """
        wanted = self.spec.training.early_stopping
        self.monitor = wanted.monitor if wanted else "val_loss"
        if wanted is None or not self.is_watched:
            patience, min_delta = None, 0.0
        else:
            patience, min_delta = wanted.patience, wanted.min_delta
        name = self.monitor.partition("_")[2]
        greater = self.is_watched and name in METRICS and METRICS[name].greater_is_better
        return EarlyStopping(patience, min_delta, greater_is_better=greater)

    @property
    def is_watched(self) -> bool:
        """Whether the monitored figure exists: those of validation need validation rows."""
        return self.has_validation or self.monitor.startswith("train_")

    @property
    def has_validation(self) -> bool:
        """Whether there are validation rows."""
        return "validation" in self.dataset.parts

    @property
    def columns(self) -> list[str]:
        """The columns of metrics.csv."""
        names = ["loss", *(metric.name for metric in self.metrics)]
        parts = ["train"] + ["val"] * self.has_validation
        figures = [f"{part}_{name}" for part in parts for name in names]
        return ["epoch", *figures, "learning_rate", "seconds"]

    def run(self, stop: Callable[[], bool] = never) -> Iterator[Event]:
        """Train; yield what happens as it happens.

        stop  asked after each step; once true, training ends there
        """
        begun = time.perf_counter()
        trainer = self._begin()
        course = self.schedule.start(self.spec.training.epochs, trainer.feed.n_steps)
        reason, cause, epoch, last_epoch = "finished", "", 0, 0
        while epoch < self.spec.training.epochs and reason == "finished":
            started, last_epoch = time.perf_counter(), epoch + 1
            rates = self.optimizer.learning_rate * course.factors(epoch + 1)
            rate = float(np.ravel(rates)[-1])  # of the last step, where they differ
            for rows in trainer.epoch(epoch + 1, rates, stop):
                yield Advanced(epoch + 1, rows, trainer.n_rows)
            if not trainer.finite or not np.isfinite(self.network.vector).all():
                reason, cause = "diverged", "the training loss"
            elif trainer.rows_done < trainer.n_rows:
                reason = "interrupted"
            else:
                epoch += 1
                row = {"epoch": epoch, **self._figures(trainer), "learning_rate": rate}
                row["seconds"] = time.perf_counter() - started
                figure = row[self.monitor] if self.is_watched else float(-epoch)
                smaller = self.stopping.sign * figure if self.is_watched else row["train_loss"]
                course.observe(smaller)
                improved = self.stopping.improved(epoch, figure, self.model.vector)
                yield EpochEnded(epoch, row, improved, self.stopping.best_epoch)
                if not np.isfinite([row["train_loss"], row.get("val_loss", 0.0)]).all():
                    validation = np.isfinite(row["train_loss"])
                    reason = "diverged"
                    cause = "the validation loss" if validation else "the training loss"
                elif np.isnan(figure):
                    raise DataError(f"{self.monitor} is not defined on these rows; {NOT_DEFINED}")
                elif self.stopping.exhausted:
                    reason = "patience"
                elif trainer.stopped:
                    reason = "interrupted"
        best_epoch = self._restore(reason, epoch)
        seconds = time.perf_counter() - begun
        yield Ended(reason, epoch, best_epoch, seconds, last_epoch, cause)

    def _begin(self) -> Trainer:
        """Return the trainer of the network; say what is evaluated and kept."""
        running = bool(self.metrics) and self.spec.training.train_loss == "running"
        trainer = self.trainer(self.network, [self.spec.seed], keep_outputs=running)
        shape = (trainer.n_rows, self.architecture.n_outputs)  # augmentation may add rows
        if running and shape != self.outputs["train"].shape:
            self.outputs["train"] = np.empty(shape)
        average = trainer.update.average
        if average is not None:
            self.model = Network(self.architecture, average.average)
            self.evaluation = Evaluation(self.model)
        return trainer

    def _restore(self, reason: str, epoch: int) -> int:
        """Put the epoch's weights that are to be kept into the network; return that epoch.

        The best by the validation rows; without any, and interrupted before there was anything to
        compare, those that the last step left. Diverged, the last that were kept, or else the
        random beginning.
        """
        kept = self.stopping.vector
        if kept is None and reason == "diverged":
            with np.errstate(over="ignore"):  # where the beginning itself was too large
                self.network.vector[...] = initial_vector(self.architecture, self.spec.seed)
            return 0
        if kept is not None and (self.has_validation or reason == "diverged"):
            self.network.vector[...] = kept
            return self.stopping.best_epoch
        self.network.vector[...] = self.model.vector
        return epoch

    def trainer(
        self, network: Network, seeds: Sequence[int], *, keep_outputs: bool = False
    ) -> Trainer:
        """Return the trainer that the spec describes, of a network or a stack of them."""
        return build_trainer(
            self.spec, self.dataset, network, seeds, self.augmenter, keep_outputs=keep_outputs
        )

    def _figures(self, trainer: Trainer) -> dict[str, float]:
        """Return the epoch's losses and metrics, in the order of the columns."""
        with np.errstate(all="ignore"):
            if self.spec.training.train_loss == "full":
                figures = self._of_part("train", "train", self.metrics)
            else:
                figures = {"train_loss": float(trainer.loss)}
                if trainer.outputs is not None:
                    y_hat = self.outputs["train"]
                    self.architecture.loss.predict(trainer.outputs, y_hat)
                    labels = self._labels(trainer)
                    figures |= self._metrics("train", self.metrics, labels, y_hat)
            if self.has_validation:
                figures |= self._of_part("validation", "val", self.metrics)
        return figures

    def _labels(self, trainer: Trainer) -> Array:
        """Return what the epoch's rows are labelled, in its order: mixed rows by the mixture.

        That a mixed row comes from one row does not say that most of it does.
        """
        if trainer.feed.targets is not None:
            return labels_of_mixed(self.encoding, trainer.feed.targets)
        return self.dataset.parts["train"].labels[trainer.feed.rows()]

    def _of_part(self, name: str, prefix: str, metrics: list[Metric]) -> dict[str, float]:
        part, y_hat = self.dataset.parts[name], self.outputs[name]
        loss = self.evaluation.loss(part.X, self.targets[name], y_hat, part.weight)
        return {
            f"{prefix}_loss": float(loss),
            **self._metrics(prefix, metrics, part.labels, y_hat),
        }

    def _metrics(
        self, prefix: str, metrics: list[Metric], labels: Array, y_hat: Array
    ) -> dict[str, float]:
        seen = outcome(self.architecture, self.encoding, labels, y_hat)
        return {f"{prefix}_{metric.name}": metric.value(seen) for metric in metrics}


@dataclass(frozen=True)
class Scores:
    """A finished evaluation of one part; `seen` is what the metrics were computed from."""

    rows: int
    figures: dict[str, float]
    confusion: Any
    seen: Outcome


def score(network: Network, encoding: Any, part: Part) -> Scores:
    """Return the loss and every metric that applies, without dropout, and the confusion matrix."""
    architecture = network.architecture
    y_hat = np.empty((len(part), architecture.n_outputs))  # metrics are in float64
    target = loss_target(architecture, encoding, part.y, network.dtype)
    with np.errstate(all="ignore"):
        loss = float(Evaluation(network).loss(part.X, target, y_hat, part.weight))
        seen = outcome(architecture, encoding, part.labels, y_hat)
        loss_name = architecture.loss.name
        metrics = applicable(encoding.task, loss=loss_name, probability=seen.probability)
        figures = {"loss": loss, **{metric.name: metric.value(seen) for metric in metrics}}
    confusion = seen.confusion if encoding.task in ("binary", "multiclass") else None
    return Scores(len(part), figures, confusion, seen)
