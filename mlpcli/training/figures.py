"""The figures of an epoch: losses and metrics of training and validation rows, for all lanes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.dataset import Dataset
from mlpcli.nn.arrays import weighted_mean
from mlpcli.nn.evaluation import Evaluation
from mlpcli.nn.network import Network
from mlpcli.spec.schema import Spec
from mlpcli.training.assemble import epoch_metrics, labels_of_mixed, loss_target, outcome
from mlpcli.training.lanes import Fitted
from mlpcli.training.metrics import Metric
from mlpcli.training.trainer import Trainer


def targets_of(dataset: Dataset, dtype: Any) -> dict[str, Array]:
    """Return each part's targets as the loss takes them, by the part's name."""
    return {
        name: loss_target(dataset.encoding, part.y, dtype) for name, part in dataset.parts.items()
    }


def columns_of(spec: Spec, dataset: Dataset) -> list[str]:
    """Return the columns of metrics.csv."""
    metrics = epoch_metrics(spec, dataset.encoding.task)
    names = ["loss", *(metric.name for metric in metrics)]
    parts = ["train"] + ["val"] * ("validation" in dataset.parts)
    figures = [f"{part}_{name}" for part in parts for name in names]
    return ["epoch", *figures, "learning_rate", "seconds"]


def keeps_outputs(spec: Spec, dataset: Dataset) -> bool:
    """Whether a trainer has to keep what it predicts, for the metrics of training rows."""
    is_full = spec.training.train_loss == "full"
    return not is_full and bool(epoch_metrics(spec, dataset.encoding.task))


class Figures:
    """What an epoch's figures are computed with, for one network or a stack of them.

    model    the network to evaluate: the trained one, or the running mean of its numbers
    fitted   its lanes
    targets  of each part, as `targets_of` returns them
    """

    def __init__(
        self, model: Network, fitted: Sequence[Fitted], dataset: Dataset, targets: dict[str, Array]
    ) -> None:
        self.model, self.dataset, self.targets = model, dataset, targets
        self.architecture, self.encoding = model.architecture, dataset.encoding
        spec = fitted[0].lane.spec
        self.is_full = spec.training.train_loss == "full"
        self.metrics: list[Metric] = epoch_metrics(spec, self.encoding.task)
        self.evaluation = Evaluation(model)
        self.has_validation = "validation" in dataset.parts
        rows = [each.lane.rows for each in fitted]
        # Of the training part, where the lanes have rows of their own.
        self.rows: Array | None = None
        if rows[0] is not None:
            self.rows = np.stack(rows) if model.lane_shape else rows[0]  # type: ignore[arg-type]
        self.outputs: dict[str, Array] = {}

    def of_epoch(self, trainer: Trainer) -> dict[str, Array]:
        """Return the epoch's losses and metrics (...,), in the order of the columns."""
        with np.errstate(all="ignore"):
            if self.is_full:
                figures = self._of_training_rows()
            else:
                figures = {"train_loss": trainer.loss}
                if trainer.outputs is not None:
                    y_hat = self._room("train", trainer.n_rows)
                    self.architecture.loss.predict(trainer.outputs, y_hat)
                    figures |= self._metrics("train", self._labels(trainer), y_hat)
            if self.has_validation:
                figures |= self._of_part("validation", "val")
        return figures

    def _room(self, name: str, n_rows: int) -> Array:
        """Return the array for a part's predictions, made once; metrics are in float64."""
        if name not in self.outputs:
            shape = (*self.model.lane_shape, n_rows, self.architecture.n_outputs)
            self.outputs[name] = np.empty(shape)
        return self.outputs[name]

    def _labels(self, trainer: Trainer) -> Array:
        """Return what the epoch's rows are labelled, in its order: mixed rows by the mixture.

        That a mixed row comes from one row does not say that most of it does.
        """
        if trainer.loader.targets is not None:
            return labels_of_mixed(self.encoding, trainer.loader.targets)
        return self.dataset.parts["train"].labels[trainer.loader.rows()]

    def _of_training_rows(self) -> dict[str, Array]:
        """Return the figures of a full pass; of lanes with rows of their own, of those."""
        if self.rows is None:
            return self._of_part("train", "train")
        part, target = self.dataset.parts["train"], self.targets["train"]
        y_hat = self.evaluation.predict(part.X, self._room("train", len(part)))
        losses = np.take_along_axis(self.evaluation.row_losses(part.X, target), self.rows, -1)
        loss = weighted_mean(losses, None if part.weight is None else part.weight[self.rows])
        y_hat = np.take_along_axis(y_hat, self.rows[..., np.newaxis], -2)
        return {"train_loss": loss, **self._metrics("train", part.labels[self.rows], y_hat)}

    def _of_part(self, name: str, prefix: str) -> dict[str, Array]:
        part = self.dataset.parts[name]
        y_hat = self._room(name, len(part))
        loss = self.evaluation.loss(part.X, self.targets[name], y_hat, part.weight)
        return {f"{prefix}_loss": loss, **self._metrics(prefix, part.labels, y_hat)}

    def _metrics(self, prefix: str, labels: Array, y_hat: Array) -> dict[str, Array]:
        seen = outcome(self.architecture, self.encoding, labels, y_hat)
        return {f"{prefix}_{metric.name}": metric.values(seen) for metric in self.metrics}
