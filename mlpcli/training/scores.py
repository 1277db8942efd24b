"""The figures of a trained network, or of a stack of them that predict together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.dataset import Encoding, Part
from mlpcli.nn.arrays import weighted_mean
from mlpcli.nn.ensemble_mean import EnsembleMean, losses_of
from mlpcli.nn.evaluation import Evaluation
from mlpcli.nn.network import Architecture, Network
from mlpcli.training.assemble import loss_target, outcome
from mlpcli.training.metrics import Outcome, applicable


@dataclass(frozen=True)
class Scores:
    """A finished evaluation of one part; `seen` is what the metrics were computed from."""

    rows: int
    figures: dict[str, float]
    confusion: Any
    seen: Outcome


def score(network: Network, encoding: Encoding, part: Part) -> Scores:
    """Return the loss and every metric that applies, without dropout, and the confusion matrix.

    Of a stack of networks the figures are of their averaged predictions.
    """
    architecture = network.architecture
    y_hat = np.empty((len(part), architecture.n_outputs))  # metrics are in float64
    if network.lane_shape:
        with np.errstate(all="ignore"):
            EnsembleMean(network).predict(part.X, y_hat)
        return score_of(architecture, encoding, part, y_hat)
    target = loss_target(encoding, part.y, network.dtype)
    with np.errstate(all="ignore"):
        loss = float(Evaluation(network).loss(part.X, target, y_hat, part.weight))
    return _scores(architecture, encoding, part, y_hat, loss)


def score_of(architecture: Architecture, encoding: Encoding, part: Part, y_hat: Array) -> Scores:
    """Return the same of predictions ŷ (rows, n_outputs), wherever they come from."""
    target = loss_target(encoding, part.y, np.float64)
    losses = losses_of(architecture.loss, y_hat, target)
    with np.errstate(all="ignore"):
        loss = float(weighted_mean(losses, part.weight))
    return _scores(architecture, encoding, part, y_hat, loss)


def row_losses(network: Network, encoding: Encoding, part: Part) -> Array:
    """Return the loss of each row (rows,), unweighted: the mean that `score` gives is theirs."""
    architecture = network.architecture
    if network.lane_shape:
        y_hat = EnsembleMean(network).predict(part.X, np.empty((len(part), architecture.n_outputs)))
        target = loss_target(encoding, part.y, np.float64)
        return losses_of(architecture.loss, y_hat, target)
    target = loss_target(encoding, part.y, network.dtype)
    return Evaluation(network).row_losses(part.X, target)


def _scores(
    architecture: Architecture, encoding: Encoding, part: Part, y_hat: Array, loss: float
) -> Scores:
    with np.errstate(all="ignore"):
        seen = outcome(architecture, encoding, part.labels, y_hat)
        name = architecture.loss.name
        metrics = applicable(encoding.task, loss=name, probability=seen.probability)
        figures = {"loss": loss, **{metric.name: metric.value(seen) for metric in metrics}}
    confusion = seen.confusion if encoding.task in ("binary", "multiclass") else None
    return Scores(len(part), figures, confusion, seen)
