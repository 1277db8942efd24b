"""Causes of divergence in the rows: a target or an input far beyond all others."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlpcli.data.targets import RegressionTarget
from mlpcli.training.divergence_evidence import Evidence
from mlpcli.training.divergence_finding import (
    LEARNING_RATE,
    Advice,
    Finding,
    lower_rates,
    rounded_down,
)

LEAST_ROWS = 3  # of training, for the deviation of the others
MOST_ROWS = 100_000  # that mean and deviation of the inputs are taken from
FAR_OUT = 10.0  # standard deviations: a normal distribution has none in 10^22 rows
EXTREME_TARGET = 100.0  # times the typical target
MATTERS = 0.1  # of the gradient is left without a row that explains it


def extreme_target(evidence: Evidence) -> Finding | None:
    """A target far beyond the others that is most of the gradient, or whose loss overflows."""
    target = evidence.dataset.encoding.target
    if not isinstance(target, RegressionTarget):
        return None
    rows, part = _rows(evidence), evidence.dataset.parts[evidence.part]
    y = np.abs(part.y.reshape(len(part), -1)[rows].astype(np.float64))
    d, j = np.unravel_index(int(np.argmax(y)), y.shape)
    others = np.abs(evidence.dataset.parts["train"].y.astype(np.float64))
    typical = max(float(np.median(others)), 1e-300)
    if y[d, j] < EXTREME_TARGET * max(typical, 1.0) or not _matters(evidence, int(d)):
        return None
    name, row = target.names[int(j)], int(rows[d])
    label = float(part.labels.reshape(len(part), -1)[row, j])
    why = (
        f"{evidence.where(row, name)}: {name}: the target {label:g} is {y[d, j]:.3g} as the loss "
        f"sees it, {y[d, j] / typical:.2g} times a usual one: correct it, or leave out the row"
    )
    numbers = {"row": row, "column": name, "value": label, "scaled": float(y[d, j])}
    advice = []
    if evidence.spec.data.scale_target in ("none", "mean") and evidence.part == "train":
        advice.append(Advice({"data.scale_target": "standard"}))
    loss = evidence.replay.architecture.loss.name
    if loss == "mse":
        advice.append(Advice({"model.loss": "huber"}, "grows with the error, not its square"))
    return Finding("extreme_target", why, numbers, advice or lower_rates(evidence))


def far_input(evidence: Evidence) -> Finding | None:
    """A number far out in a row without which the step would have been stable."""
    inputs, rows = evidence.dataset.encoding.inputs, _rows(evidence)
    columns = np.flatnonzero(inputs.numeric)
    if not len(columns) or len(evidence.dataset.parts["train"]) < LEAST_ROWS:
        return None
    part, train = evidence.dataset.parts[evidence.part], evidence.dataset.parts["train"]
    raw = inputs.raw(part.X[rows])[:, columns]
    fitted = inputs.raw(train.X[:MOST_ROWS])[:, columns]
    d, f, deviations = _furthest(raw, fitted)
    if not deviations >= FAR_OUT or not _destabilizes(evidence, d):
        return None
    name, row = inputs.feature_names[columns[f]], int(rows[d])
    column = inputs.names[inputs.column_numbers[columns[f]]]
    why = (
        f"{evidence.where(row, column)}: {column}: the value {raw[d, f]:g} lies {deviations:.3g} "
        "standard deviations of the other rows from their mean: correct it, or leave out the row"
    )
    numbers = {"row": row, "column": column, "value": float(raw[d, f]), "deviations": deviations}
    numbers |= {"input": name}
    squashed = inputs.scaling.width[columns[f]] != 0
    scale = {} if squashed else {"data.scale": "asinh"}
    advice = [Advice(scale, "keeps values far out near the others")] if scale else []
    if scale and evidence.part == "train":
        advice = [_squashed(evidence, d)]
    return Finding("far_input", why, numbers, [*advice, *lower_rates(evidence)])


def _furthest(raw: Any, fitted: Any) -> tuple[int, int, float]:
    """Return row, column and distance of the value furthest out, in deviations of the other rows.

    raw     (n, columns) of the rows to look at
    fitted  (rows, columns) of the training rows, which is overwritten
    """
    # Without each column's furthest value: with it no value lies beyond √n deviations.
    distance = np.abs(fitted - np.median(fitted, axis=0))
    fitted[np.argmax(distance, axis=0), np.arange(fitted.shape[1])] = np.nan
    with np.errstate(all="ignore"):
        mean, deviation = np.nanmean(fitted, axis=0), np.nanstd(fitted, axis=0)
        floor = 1e-12 * np.abs(mean) + 1e-300  # of a column with one value
        deviations = np.abs(raw - mean) / np.maximum(deviation, floor)
    d, f = np.unravel_index(int(np.nanargmax(deviations)), deviations.shape)
    return int(d), int(f), float(deviations[d, f])


def _squashed(evidence: Evidence, d: int) -> Advice:
    """Return the advice to squash inputs, with a smaller rate where that alone is not enough."""
    settings: dict[str, Any] = {"data.scale": "asinh"}
    limit, rate = evidence.limit, evidence.moment.norms.learning_rate
    if limit is not None:
        x = evidence.moment.X[d].astype(np.float64)
        rest = evidence.curvature(evidence.moment, d)
        size, squashed = 1 + x @ x, 1 + np.sum((3 * np.arcsinh(x / 3)) ** 2)
        expected = rest + (evidence.curvature(evidence.moment) - rest) * squashed / size
        if rate * expected > 0.8 * limit:
            settings[LEARNING_RATE] = rounded_down(limit / (2 * expected))
    return Advice(settings, "keeps values far out near the others")


def _rows(evidence: Evidence) -> Any:
    """Return the rows of the part to look at: those of the batch in which it began, or the bad."""
    return evidence.moment.rows if evidence.part == "train" else evidence.bad_rows


def _matters(evidence: Evidence, d: int) -> bool:
    """Whether most of the gradient is a row's; in an evaluation its loss is not finite anyway."""
    return evidence.part != "train" or evidence.gradient_share(d) < MATTERS


def _destabilizes(evidence: Evidence, d: int) -> bool:
    """Whether λ is stable without a row of the batch, and is not with it."""
    limit, moment = evidence.limit, evidence.moment
    if evidence.part != "train" or limit is None:
        return _matters(evidence, d)
    rate = moment.norms.learning_rate
    return rate * evidence.curvature(moment) > limit >= rate * evidence.curvature(moment, d)
