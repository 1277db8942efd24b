"""How sure an ensemble is of its predictions, as columns beside them.

_low, _high                     quantiles over the replicas: how far they disagree, which says
                                what other training rows or seeds would have changed
observation_low, _high          where a new observation falls: the prediction and quantiles of
                                the errors on rows held out from the replicas that predict them
prediction_set                  the classes that a new observation may have, by the same errors
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.targets import ClassTarget, RegressionTarget
from mlpcli.errors import UsageError
from mlpcli.nn.ensemble_mean import EnsembleMean
from mlpcli.runs.model_file import Model
from mlpcli.training.intervals import share_interval
from mlpcli.training.metrics import Outcome

COVERAGE_LEVELS = (0.9, 0.95)


def check_interval(model: Model, level: float | None) -> None:
    """Raise UsageError where an interval is asked for that the model cannot give."""
    if level is None:
        return
    if level <= 0 or not 0.5 + level / 2 < 1:  # the last number below 1 has no quantile
        raise UsageError(f"--interval {level!r}: a share between 0 and 1, such as 0.9")
    if model.ensemble is None and model.network.architecture.members is None:
        raise UsageError("--interval: the model is one network; train it with an `ensemble`")


def _n_errors(model: Model) -> int:
    """Return how many errors of held-out rows the model's quantiles tell apart; 0: it has none."""
    errors = None if model.ensemble is None else model.ensemble.errors
    return max(len(errors) - 1, 1) if errors else 0


def _largest(model: Model) -> float:
    """Return the largest level of an interval of new observations, n / (n + 1) of n errors.

    Beyond, the next error is as likely to be larger than all of them as the level leaves open.
    Source: Vovk, Gammerman and Shafer, 2005, Algorithmic Learning in a Random World.
    """
    n = _n_errors(model)
    return n / (n + 1) if n else 1.0


def interval_columns(model: Model, X: Array, y_hat: Array, level: float) -> dict[str, Any]:
    """Return the columns for predictions ŷ (rows, n_outputs) of the rows X.

    level  the share of the replicas, and of the observations, that an interval is to hold
    Raises UsageError where the model says no more of a row than its class, and where its held-out
    errors are too few for the level.
    """
    target, network = model.encoding.target, model.network
    is_probability = network.architecture.output_activation.is_probability
    if not isinstance(target, RegressionTarget) and not is_probability:
        name = network.architecture.loss.name
        raise UsageError(f"--interval: what {name} predicts is no probability, so it has none")
    if level > _largest(model):
        n = _n_errors(model)
        most = math.floor(1e4 * _largest(model)) / 1e4
        raise UsageError(
            f"--interval {level!r}: the model has the errors of {n:,} held-out rows, from which "
            f"the largest level that can be told is {most:g}, about {n:,} of {n + 1:,}"
        )
    tails = (0.5 - level / 2, 0.5 + level / 2)
    with np.errstate(all="ignore"):
        low, high = EnsembleMean(network).quantiles(X, tails, model.temperature)
    if isinstance(target, RegressionTarget):
        return _of_numbers(model, y_hat, low, high, tails)
    if isinstance(target, ClassTarget):
        return _of_classes(model, y_hat, low, high, level)
    ends = zip(target.names, low.T, high.T, strict=True)
    return _pairs((f"probability_{name}", below, above) for name, below, above in ends)


def _pairs(found: Any) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name, low, high in found:
        columns |= {f"{name}_low": low, f"{name}_high": high}
    return columns


def _of_numbers(
    model: Model, y_hat: Array, low: Array, high: Array, tails: tuple[float, float]
) -> dict[str, Any]:
    """Return low and high of each target in its own unit, of networks and of observations.

    Source of the latter: Zhang, Zimmerman, Nettleton and Nordman, 2020, Random forest prediction
    intervals: ŷ and quantiles of the out-of-bag errors; of a target's logarithm those of its
    logarithm, so that they grow with ŷ.
    """
    target, loss = model.encoding.target, model.network.architecture.loss
    assert isinstance(target, RegressionTarget)
    decoded = [target.decode(loss.central(each)) for each in (y_hat, low, high)]
    ends = _observation_ends(model, decoded[0], tails)
    columns: dict[str, Any] = {}
    for k, name in enumerate(target.names):
        end = "" if len(target.names) == 1 else f"_{name}"
        columns |= _pairs([(f"prediction{end}", decoded[1][:, k], decoded[2][:, k])])
        if ends is not None:
            columns |= _pairs([(f"observation{end}", ends[0][:, k], ends[1][:, k])])
    return columns


def _observation_ends(
    model: Model, score: Array, tails: tuple[float, float]
) -> tuple[Array, Array] | None:
    """Return low and high (rows, targets) of new observations; None where nothing was held out.

    score  (rows, targets) predictions in the target's own unit
    """
    errors = _quantiles(model, tails)
    if errors is None:
        return None
    target = model.encoding.target
    assert isinstance(target, RegressionTarget)
    low, high = target.add_error(score, errors[0]), target.add_error(score, errors[1])
    if model.network.architecture.loss.refused(np.array([[-1.0]])).any():
        return np.maximum(low, 0.0), np.maximum(high, 0.0)  # a count, an amount: none is below 0
    return low, high


def _of_classes(
    model: Model, y_hat: Array, low: Array, high: Array, level: float
) -> dict[str, Any]:
    """Return low and high of each class's probability, and the set of classes.

    Source of the set: Sadinle, Lei and Wasserman, 2019, Least ambiguous set-valued classifiers,
    with out-of-bag errors in place of a calibration sample. It is never empty.
    """
    target = model.encoding.target
    assert isinstance(target, ClassTarget)
    if target.task == "binary":
        y_hat = np.hstack([1 - y_hat, y_hat])
        low, high = np.hstack([1 - high, low]), np.hstack([1 - low, high])
    names = [f"probability_{label}" for label in target.classes]
    columns = _pairs(zip(names, low.T, high.T, strict=True))
    inside = _prediction_sets(model, y_hat, level)
    if inside is not None:
        labels = [str(label) for label in target.classes]
        columns["prediction_set"] = [
            "|".join(label for label, here in zip(labels, row, strict=True) if here)
            for row in inside.tolist()
        ]
    return columns


def _prediction_sets(model: Model, chances: Array, level: float) -> Array | None:
    """Return whether each class is in a row's set; None where nothing was held out.

    chances  (rows, classes) the classes' probabilities
    """
    errors = _quantiles(model, (level,))
    if errors is None:
        return None
    inside = np.asarray(1 - chances <= errors[0, 0])
    inside[np.arange(len(chances)), np.argmax(chances, axis=1)] = True
    return inside


def coverage(model: Model, seen: Outcome) -> list[dict[str, Any]]:
    """Return how many rows the intervals of observations, or the prediction sets, hold.

    As plain data, an entry for each target and level; none where the model holds no errors of
    held-out rows. That the share is near the level is said of rows that no replica has seen.

    seen  targets and predictions of the rows
    """
    if model.ensemble is None or not model.ensemble.errors:
        return []
    levels = [level for level in COVERAGE_LEVELS if level <= _largest(model)]
    return [one for level in levels for one in _coverage(model, seen, level)]


def _coverage(model: Model, seen: Outcome, level: float) -> Iterator[dict[str, Any]]:
    names = model.encoding.target.names
    if isinstance(model.encoding.target, RegressionTarget):
        ends = _observation_ends(model, seen.score, (0.5 - level / 2, 0.5 + level / 2))
        assert ends is not None
        held, sizes = (ends[0] <= seen.target) & (seen.target <= ends[1]), None
    else:
        chances = seen.score
        if seen.task == "binary":
            chances = np.hstack([1 - chances, chances])
        inside = _prediction_sets(model, chances, level)
        assert inside is not None
        held, sizes = inside[np.arange(len(inside)), seen.target][:, np.newaxis], inside.sum(axis=1)
    for name, column in zip(names, held.T, strict=True):
        hits, n = int(np.count_nonzero(column)), len(column)
        found = share_interval(hits, n)
        one = {"target": name, "level": level, "rows": n, "inside": hits}
        one |= {"share": found.estimate, "low": found.low, "high": found.high}
        yield one if sizes is None else {**one, "classes": float(np.mean(sizes))}


def _quantiles(model: Model, levels: tuple[float, ...]) -> Array | None:
    """Return quantiles (levels, targets) of the held-out errors; None where there are none."""
    if model.ensemble is None:  # members that share weights are trained on all rows
        return None
    errors = np.array(model.ensemble.errors)
    if errors.size == 0:
        return None
    at = np.linspace(0.0, 1.0, len(errors))
    return np.stack([np.interp(levels, at, column) for column in errors.T], axis=1)
