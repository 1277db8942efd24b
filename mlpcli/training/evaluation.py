"""Predictions, losses and metrics of some rows: after each epoch, of a trained model, of a trial.

Dropout and noise are off. All metrics are computed here, from the predictions of a network, of each
network of a stack, of a stack's average, or from given predictions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.dataset import Dataset, Encoding, Part
from mlpcli.data.targets import RegressionTarget
from mlpcli.memory import FEWER, require
from mlpcli.nn.arrays import weighted_mean
from mlpcli.nn.calibration import at_temperature
from mlpcli.nn.ensemble_mean import EnsembleMean
from mlpcli.nn.evaluation import Evaluation, losses_of
from mlpcli.nn.losses import Quantile
from mlpcli.nn.network import Architecture, Network
from mlpcli.spec.schema import Spec
from mlpcli.training.build import epoch_metrics, loss_target
from mlpcli.training.lanes import Lane, PreparedLane
from mlpcli.training.metrics import Metric, Outcome, applicable
from mlpcli.training.trainer import Trainer


def outcome(architecture: Architecture, encoding: Encoding, labels: Array, y_hat: Array) -> Outcome:
    """Return labels and predictions as metrics see them, regression in the target's unit."""
    loss, target = architecture.loss, encoding.target
    probability = architecture.output_activation.is_probability
    if not isinstance(target, RegressionTarget):
        return Outcome(encoding.task, labels, y_hat, probability, loss.threshold)
    score = target.decode(loss.central(y_hat))
    if not isinstance(loss, Quantile):
        return Outcome(encoding.task, labels, score, probability)
    quantiles = target.decode(loss.by_level(y_hat))
    return Outcome(encoding.task, labels, score, levels=loss.levels, quantiles=quantiles)


class PartMetrics:
    """Loss and metrics of a network, or of each one of a stack, on the rows of a part.

    rows  (m,) or (R, m) of the part, one row a lane; None: all

    y_hat    (..., all rows, n_outputs) float64: the last predictions
    outcome  the metrics were last computed from
    """

    outcome: Outcome

    def __init__(
        self,
        network: Network,
        encoding: Encoding,
        part: Part,
        metrics: Sequence[Metric],
        rows: Array | None = None,
    ) -> None:
        self.architecture, self.encoding = network.architecture, encoding
        self.part, self.metrics, self.rows = part, metrics, rows
        self.evaluation = Evaluation(network)
        self.target = loss_target(encoding, part.y, network.dtype)
        self.y_hat = np.empty((*network.lane_shape, len(part), self.architecture.n_outputs))

    def compute(self) -> dict[str, Array]:
        """Return loss and metrics, (...,) each."""
        part, rows = self.part, self.rows
        labels, y_hat = part.labels, self.y_hat
        with np.errstate(all="ignore"):
            if rows is None:
                loss = self.evaluation.loss(part.X, self.target, y_hat, part.weight)
            else:
                self.evaluation.predict(part.X, y_hat)
                losses = self.evaluation.row_losses(part.X, self.target)
                weight = None if part.weight is None else part.weight[rows]
                loss = weighted_mean(np.take_along_axis(losses, rows, -1), weight)
                y_hat = np.take_along_axis(y_hat, rows[..., np.newaxis], -2)
                labels = labels[rows]
            self.outcome = outcome(self.architecture, self.encoding, labels, y_hat)
            return {"loss": loss, **{m.name: m.values(self.outcome) for m in self.metrics}}


class EpochMetrics:
    """Losses and metrics of the training and validation rows after an epoch, for all lanes.

    model     the network to evaluate: the trained one, or the moving average of its weights
    prepared  its lanes
    """

    def __init__(self, model: Network, prepared: Sequence[PreparedLane], dataset: Dataset) -> None:
        self.model, self.dataset = model, dataset
        spec, encoding = prepared[0].lane.spec, dataset.encoding
        self.metrics = epoch_metrics(spec, encoding.task)
        self.parts: dict[str, PartMetrics] = {}
        if spec.training.train_loss == "full":
            rows: Any = [each.lane.rows for each in prepared]
            rows = None if rows[0] is None else np.stack(rows) if model.lane_shape else rows[0]
            train = dataset.parts["train"]
            self.parts["train"] = PartMetrics(model, encoding, train, self.metrics, rows)
        if "validation" in dataset.parts:
            validation = dataset.parts["validation"]
            self.parts["val"] = PartMetrics(model, encoding, validation, self.metrics)
        self._y_hat: Array | None = None

    def stop_when(self, stop: Callable[[], bool]) -> None:
        """Let `compute` raise StoppedError once this is true; it is asked now and then."""
        for part in self.parts.values():
            part.evaluation.stop = stop

    def compute(self, trainer: Trainer) -> dict[str, Array]:
        """Return the epoch's losses and metrics (...,), in the order of the columns."""
        found = {} if "train" in self.parts else self._running(trainer)
        for prefix, part in self.parts.items():
            found |= {f"{prefix}_{name}": values for name, values in part.compute().items()}
        return found

    def _running(self, trainer: Trainer) -> dict[str, Array]:
        """Return loss and metrics of the training rows as their batches saw them."""
        with np.errstate(all="ignore"):
            found = {"train_loss": trainer.loss}
            if trainer.outputs is not None:
                if self._y_hat is None:
                    self._y_hat = np.empty(trainer.outputs.shape)  # metrics are in float64
                architecture, encoding = self.model.architecture, self.dataset.encoding
                if architecture.members is None:
                    architecture.loss.predict(trainer.outputs, self._y_hat)
                else:
                    self._y_hat[...] = trainer.outputs
                seen = outcome(architecture, encoding, self._labels(trainer), self._y_hat)
                found |= {f"train_{metric.name}": metric.values(seen) for metric in self.metrics}
        return found

    def _labels(self, trainer: Trainer) -> Array:
        """Return labels in the epoch's order; a mixed row has the label of the larger share."""
        encoding, mixed = self.dataset.encoding, trainer.loader.targets
        if mixed is None:
            return self.dataset.parts["train"].labels[trainer.loader.rows()]
        if encoding.task == "regression":
            return encoding.target.decode(mixed)
        if encoding.task == "multiclass":
            return np.argmax(mixed, axis=-1)
        larger = (mixed > 0.5).astype(np.intp)  # noqa: PLR2004
        return larger[..., 0] if encoding.task == "binary" else larger


@dataclass(frozen=True)
class Scores:
    """A model's loss and metrics on one part.

    confusion  (classes, classes), true class down; None where the task has no single class
    outcome    the metrics were computed from
    """

    rows: int
    metrics: dict[str, float]
    confusion: Array | None
    outcome: Outcome


def predict(network: Network, X: Array, temperature: float = 1.0) -> Array:
    """Return ŷ (rows, n_outputs) in float64; of a stack the average of its predictions.

    temperature  T of the model; ŷ of a stack is averaged first
    """
    return Predictor(network, temperature).predict(X)


class Predictor:
    """Predicts rows, a call for each group of them, with arrays that are made once.

    block  rows that are predicted at once: groups of a multiple of it have the bits of all rows
    """

    def __init__(self, network: Network, temperature: float = 1.0) -> None:
        self.architecture, self.temperature = network.architecture, temperature
        self.one = EnsembleMean(network) if network.lane_shape else Evaluation(network)
        one = self.one
        self.block = one.evaluation.block if isinstance(one, EnsembleMean) else one.block

    def predict(self, X: Array) -> Array:
        """Return what the function `predict` returns."""
        shape = len(X), self.architecture.n_outputs
        require(prod(shape) * 8, f"predictions of {shape[0]:,} × {shape[1]:,} outputs", FEWER)
        y_hat = np.empty(shape)
        with np.errstate(all="ignore"):
            self.one.predict(X, y_hat)
            return at_temperature(self.architecture.loss, y_hat, self.temperature)


def evaluate(network: Network, encoding: Encoding, part: Part, temperature: float = 1.0) -> Scores:
    """Return the loss and every metric that applies, all of the ŷ that `predict` returns."""
    y_hat = predict(network, part.X, temperature)
    return evaluate_predictions(network.architecture, encoding, part, y_hat)


def evaluate_predictions(
    architecture: Architecture, encoding: Encoding, part: Part, y_hat: Array
) -> Scores:
    """Return loss and metrics of given predictions ŷ (rows, n_outputs)."""
    probability = architecture.output_activation.is_probability
    metrics = applicable(encoding.task, loss=architecture.loss.name, probability=probability)
    found, seen = _metrics_of_predictions(architecture, encoding, part, y_hat, metrics)
    confusion = seen.confusion if encoding.task in ("binary", "multiclass") else None
    plain = {name: float(value) for name, value in found.items()}
    return Scores(len(seen.target), plain, confusion, seen)


def _metrics_of_predictions(
    architecture: Architecture,
    encoding: Encoding,
    part: Part,
    y_hat: Array,
    metrics: Sequence[Metric],
) -> tuple[dict[str, Any], Outcome]:
    target = loss_target(encoding, part.y, np.float64)
    with np.errstate(all="ignore"):
        loss = weighted_mean(losses_of(architecture.loss, y_hat, target), part.weight)
        seen = outcome(architecture, encoding, part.labels, y_hat)
        return {"loss": loss, **{m.name: m.value(seen) for m in metrics}}, seen


def row_losses(network: Network, encoding: Encoding, part: Part, temperature: float = 1.0) -> Array:
    """Return the loss of each row (rows,), unweighted: the loss of `evaluate` is their mean."""
    y_hat = predict(network, part.X, temperature)
    target = loss_target(encoding, part.y, np.float64)
    return losses_of(network.architecture.loss, y_hat, target)


def evaluate_each(
    network: Network, encoding: Encoding, spec: Spec, part: Part, rows: Sequence[Array] = ()
) -> dict[str, Array]:
    """Return loss and epoch metrics of each network of a stack, or each member, alone, (R,) each.

    A temperature is of the stack's mean alone: these are the networks' own probabilities.

    rows  of the part, those of each network; none: all. A network without any has NaN
    """
    architecture, metrics = network.architecture, epoch_metrics(spec, encoding.task)
    found: dict[str, list[float]] = {name: [] for name in ("loss", *(m.name for m in metrics))}
    for r, y_hat in enumerate(_predictions_of_each(network, part.X)):
        predicted, chosen = (y_hat[rows[r]], part.take(rows[r])) if rows else (y_hat, part)
        values: dict[str, Any] = dict.fromkeys(found, math.nan)
        if len(predicted):
            values, _ = _metrics_of_predictions(architecture, encoding, chosen, predicted, metrics)
        for name, value in values.items():
            found[name].append(float(value))
    return {name: np.array(values) for name, values in found.items()}


def _predictions_of_each(network: Network, X: Array) -> Iterator[Array]:
    """Yield ŷ (rows, n_outputs) of each network of a stack, or of each member."""
    architecture = network.architecture
    if not network.lane_shape:
        k = prod(architecture.member_shape)
        with np.errstate(all="ignore"):
            yield from Evaluation(network).predict_each(
                X, np.empty((k, len(X), architecture.n_outputs))
            )
        return
    y_hat = np.empty((len(X), architecture.n_outputs))
    # One by one: the predictions of all networks side by side may not fit into the memory.
    for vector in network.vector:
        with np.errstate(all="ignore"):
            Evaluation(Network(architecture, vector)).predict(X, y_hat)
        yield y_hat


@dataclass(frozen=True)
class HeldOut:
    """Rows of the training part, each predicted by the replicas that were not trained on it.

    rows    (m,) those that any replica held out, numbered within the part
    y_hat   (m, n_outputs) the averaged prediction of the replicas that held them out
    scores  of these predictions
    each    (R,) loss and metrics of each replica on all rows that it held out
    """

    rows: Array
    y_hat: Array
    scores: Scores
    each: dict[str, Array]


def evaluate_held_out(
    network: Network,
    dataset: Dataset,
    spec: Spec,
    lanes: Sequence[Lane],
    temperature: float = 1.0,
) -> HeldOut | None:
    """Return the out-of-bag evaluation of a bootstrap, the out-of-fold one of k folds.

    None where all replicas are trained on all rows.

    lanes        of the network's replicas
    temperature  T of the model, for the averaged predictions
    Source: Breiman, Out-of-bag estimation, 1996.
    """
    part = dataset.parts["train"]
    is_out = np.zeros((len(lanes), len(part)), bool)
    for mask, lane in zip(is_out, lanes, strict=True):
        if lane.held_out is not None:
            mask[lane.held_out] = True
    rows = np.flatnonzero(is_out.any(axis=0))
    if not len(rows):
        return None
    part, is_out = part.take(rows), is_out[:, rows]
    averaged = EnsembleMean(network)
    y_hat = np.empty((len(part), network.architecture.n_outputs))
    with np.errstate(all="ignore"):
        for some, each in averaged.each(part.X):
            share = is_out[:, some] / is_out[:, some].sum(axis=0)
            y_hat[some] = averaged.loss.average(each, share[..., np.newaxis])
        y_hat = at_temperature(averaged.loss, y_hat, temperature)
    scores = evaluate_predictions(network.architecture, dataset.encoding, part, y_hat)
    rows_of_each = [np.flatnonzero(mask) for mask in is_out]
    return HeldOut(
        rows, y_hat, scores, evaluate_each(network, dataset.encoding, spec, part, rows_of_each)
    )
