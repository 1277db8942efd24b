"""How sure an ensemble is of its predictions, as columns beside them.

_low, _high                     quantiles over the replicas: how far they disagree, which says
                                what other training rows or seeds would have changed
observation_low, _high          where a new observation falls: the prediction and quantiles of
                                the errors on rows held out from the replicas that predict them
prediction_set                  the classes that a new observation may have, by the same errors
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.targets import ClassTarget, RegressionTarget
from mlpcli.errors import UsageError
from mlpcli.nn.ensemble_mean import EnsembleMean
from mlpcli.runs.model_file import Model


def check_interval(model: Model, level: float | None) -> None:
    """Raise UsageError where an interval is asked for that the model cannot give."""
    if level is None:
        return
    if level <= 0 or not 0.5 + level / 2 < 1:  # the last number below 1 has no quantile
        raise UsageError(f"--interval {level!r}: a share between 0 and 1, such as 0.9")
    if model.ensemble is None and model.network.architecture.members is None:
        raise UsageError("--interval: the model is one network; train it with an `ensemble`")


def interval_columns(model: Model, X: Array, y_hat: Array, level: float) -> dict[str, Any]:
    """Return the columns for predictions ŷ (rows, n_outputs) of the rows X.

    level  the share of the replicas, and of the observations, that an interval is to hold
    Raises UsageError where the model says no more of a row than its class.
    """
    target, network = model.encoding.target, model.network
    is_probability = network.architecture.output_activation.is_probability
    if not isinstance(target, RegressionTarget) and not is_probability:
        name = network.architecture.loss.name
        raise UsageError(f"--interval: what {name} predicts is no probability, so it has none")
    tails = (0.5 - level / 2, 0.5 + level / 2)
    with np.errstate(all="ignore"):
        low, high = EnsembleMean(network).quantiles(X, tails)
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
    intervals: ŷ and quantiles of the out-of-bag errors.
    """
    target, loss = model.encoding.target, model.network.architecture.loss
    assert isinstance(target, RegressionTarget)
    decoded = [target.decode(loss.central(each)) for each in (y_hat, low, high)]
    errors = _quantiles(model, tails)
    columns: dict[str, Any] = {}
    for k, name in enumerate(target.names):
        end = "" if len(target.names) == 1 else f"_{name}"
        columns |= _pairs([(f"prediction{end}", decoded[1][:, k], decoded[2][:, k])])
        if errors is not None:
            below, above = (decoded[0][:, k] + errors[tail, k] for tail in (0, 1))
            if loss.refused(np.array([[-1.0]])).any():  # a count, an amount: none is below 0
                below, above = np.maximum(below, 0.0), np.maximum(above, 0.0)
            columns |= _pairs([(f"observation{end}", below, above)])
    return columns


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
    errors = _quantiles(model, (level,))
    if errors is not None:
        inside = 1 - y_hat <= errors[0, 0]
        inside[np.arange(len(y_hat)), np.argmax(y_hat, axis=1)] = True
        labels = [str(label) for label in target.classes]
        columns["prediction_set"] = [
            "|".join(label for label, here in zip(labels, row, strict=True) if here)
            for row in inside.tolist()
        ]
    return columns


def _quantiles(model: Model, levels: tuple[float, ...]) -> Array | None:
    """Return quantiles (levels, targets) of the held-out errors; None where there are none."""
    if model.ensemble is None:  # members that share weights are trained on all rows
        return None
    errors = np.array(model.ensemble.errors)
    if errors.size == 0:
        return None
    at = np.linspace(0.0, 1.0, len(errors))
    return np.stack([np.interp(levels, at, column) for column in errors.T], axis=1)
