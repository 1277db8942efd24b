"""What the replicas of an ensemble reach one by one, and on the rows they were not trained on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.dataset import Dataset, Encoding, Part
from mlpcli.nn.arrays import weighted_mean
from mlpcli.nn.ensemble_mean import EnsembleMean, losses_of
from mlpcli.nn.evaluation import Evaluation
from mlpcli.nn.network import Network
from mlpcli.spec.schema import Spec
from mlpcli.training.assemble import epoch_metrics, loss_target, outcome
from mlpcli.training.intervals import LEVEL, Interval, corrected_t_interval, t_interval
from mlpcli.training.lanes import Lane
from mlpcli.training.scores import Scores, score_of

Figures = dict[str, Array]  # each (R,), one number a replica
NAN = math.nan


@dataclass(frozen=True)
class HeldOut:
    """Rows of the training part, each judged by the replicas that were not trained on it.

    rows    (m,) those that any replica left out, numbered within the part
    y_hat   (m, n_outputs) the averaged prediction of the replicas that left them out
    scores  of these predictions
    each    the figures of each replica on all rows that it left out
    """

    rows: Array
    y_hat: Array
    scores: Scores
    each: Figures


def figures_of_each(network: Network, encoding: Encoding, spec: Spec, part: Part) -> Figures:
    """Return loss and metrics of each replica by itself, on one part."""
    return _figures(network, encoding, spec, part, [slice(None)] * network.lane_shape[0])


def _figures(
    network: Network, encoding: Encoding, spec: Spec, part: Part, rows: Sequence[Any]
) -> Figures:
    """Return the figures of each replica on its own rows of a part."""
    architecture = network.architecture
    target = loss_target(encoding, part.y, np.float64)
    metrics = epoch_metrics(spec, encoding.task)
    y_hat = np.empty((len(part), architecture.n_outputs))
    found: dict[str, list[float]] = {name: [] for name in ("loss", *(m.name for m in metrics))}
    with np.errstate(all="ignore"):
        # One by one: the predictions of all networks side by side may not fit into the memory.
        for vector, own in zip(network.vector, rows, strict=True):
            predicted = Evaluation(Network(architecture, vector)).predict(part.X, y_hat)[own]
            if not len(predicted):  # a sample that has drawn every row leaves none out
                for values in found.values():
                    values.append(math.nan)
                continue
            losses = losses_of(architecture.loss, predicted, target[own])
            weight = None if part.weight is None else part.weight[own]
            found["loss"].append(float(weighted_mean(losses, weight)))
            seen = outcome(architecture, encoding, part.labels[own], predicted)
            for metric in metrics:
                found[metric.name].append(metric.value(seen))
    return {name: np.array(values) for name, values in found.items()}


def held_out(
    network: Network, dataset: Dataset, spec: Spec, lanes: Sequence[Lane]
) -> HeldOut | None:
    """Return what the replicas say of the training rows that they were not trained on.

    That is the out-of-bag estimate of a bootstrap, the out-of-fold one of k folds; None where all
    replicas are trained on all rows.

    lanes  of the network's replicas
    Source: Breiman, Out-of-bag estimation, 1996.
    """
    left_out = [lane.held_out for lane in lanes if lane.held_out is not None]
    part = dataset.parts["train"]
    apart = np.zeros((len(lanes), len(part)), bool)
    for mask, rows in zip(apart, left_out, strict=False):
        mask[rows] = True
    judged = np.flatnonzero(apart.any(axis=0))
    if not len(judged):
        return None
    part, apart = part.take(judged), apart[:, judged]
    averaged = EnsembleMean(network)
    together = np.empty((len(part), network.architecture.n_outputs))
    with np.errstate(all="ignore"):
        for some, y_hat in averaged.each(part.X):
            share = apart[:, some] / apart[:, some].sum(axis=0)
            together[some] = averaged.loss.average(y_hat, share[..., np.newaxis])
    scores = score_of(network.architecture, dataset.encoding, part, together)
    own = [np.flatnonzero(mask) for mask in apart]
    each = _figures(network, dataset.encoding, spec, part, own)
    return HeldOut(judged, together, scores, each)


def spread(figures: Figures, level: float = LEVEL, resampled: float | None = None) -> Any:
    """Return mean, standard error and interval of each figure over the replicas, as plain data.

    resampled  rows held out of each replica for each row it is trained on, where the figures are
               of those: the replicas' rows overlap, and the corrected resampled t allows for it.
               None: the figures are of the same rows for all, and replicas are independent
    """
    return dict(_spread(figures, level, resampled))


def _spread(
    figures: Figures, level: float, resampled: float | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, values in figures.items():
        n = len(values)
        with np.errstate(all="ignore"):  # of figures as large as their type holds
            if n < 2 or not np.isfinite(values).all():  # noqa: PLR2004
                found, error = Interval(float(np.mean(values)), NAN, NAN, "none", level), NAN
            elif resampled is None:
                # t, however skewed the figures look: of so few the skewness says nothing, and
                # BCa's interval of five holds the mean of a normal distribution in 80 % of samples.
                found = t_interval(values, level)
                error = float(np.std(values, ddof=1)) / math.sqrt(n)
            else:
                found = corrected_t_interval(values, 1, resampled, level)
                error = float(np.std(values, ddof=1)) * math.sqrt(1 / n + resampled)
        plain = asdict(found)
        yield name, {"mean": plain.pop("estimate"), "standard_error": error, **plain}
