"""The ensemble's part of a run's result and model file: replicas, their spread, held-out rows."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.targets import RegressionTarget
from mlpcli.runs.model_file import EnsembleModel
from mlpcli.training.evaluation import HeldOut, evaluate_each, evaluate_held_out
from mlpcli.training.spread import spread
from mlpcli.training.training import Training

N_ERRORS = 400  # quantiles of the held-out errors in a model file, and one more


def ensemble_result(
    training: Training, temperature: float = 1.0, *, scores: bool = True
) -> tuple[dict[str, Any], EnsembleModel]:
    """Return the manifest's document of an ensemble, and its part of the model file.

    temperature  T of the model: held-out rows are predicted as it will predict others
    scores       whether to evaluate the replicas
    """
    network, encoding, spec = training.network, training.encoding, training.spec
    assert spec.replicated is not None
    kept = [training.lanes[r] for r in training.kept]
    each = {
        name: evaluate_each(network, encoding, spec, part)
        for name, part in training.dataset.parts.items()
        if scores
    }
    loss, replicas = network.architecture.loss, []
    for r, (lane, ended) in enumerate(zip(training.lanes, training.ended, strict=True)):
        assert ended is not None
        document = {"replica": r, "seed": lane.seed, **asdict(ended), "kept": r in training.kept}
        if r in training.kept:
            k = training.kept.index(r)
            document["scores"] = {
                name: {metric: float(values[k]) for metric, values in metrics.items()}
                for name, metrics in each.items()
            }
        replicas.append(document)
    result: dict[str, Any] = {
        "kind": spec.replicated.kind,
        "replicas": replicas,
        "spread": {name: spread(metrics, loss=loss) for name, metrics in each.items()},
        "held_out": None,
    }
    errors: list[list[float]] = []
    held_out: HeldOut | None = None
    if scores:
        held_out = evaluate_held_out(network, training.dataset, spec, kept, temperature)
    if held_out is not None:
        # Rows that a sample has several times, or that augmentation makes, are no rows more: the
        # correction estimates how much of two replicas' rows is the same.
        n_in = np.mean([len(np.unique(lane.rows)) for lane in kept if lane.rows is not None])
        n_out = np.mean([len(lane.held_out) for lane in kept if lane.held_out is not None])
        result["held_out"] = {
            "rows": len(held_out.rows),
            **held_out.scores.metrics,
            "spread": spread(
                held_out.each,
                resampled=float(n_out / n_in),
                loss=loss,
                rows=len(held_out.rows),
            ),
        }
        found = _errors(training, held_out)
        if len(found) and np.isfinite(found).all():  # of a network far off they may be infinite
            levels = np.linspace(0.0, 1.0, min(N_ERRORS, len(held_out.rows)) + 1)
            errors = np.quantile(found, levels, axis=0).tolist()
    return result, EnsembleModel([lane.seed for lane in kept], errors)


def _errors(training: Training, held_out: HeldOut) -> Array:
    """Return the errors (m, targets) of the held-out rows, as `EnsembleModel.errors` has them."""
    seen, task = held_out.scores.outcome, training.encoding.task
    target = training.encoding.target
    if isinstance(target, RegressionTarget):
        return np.asarray(target.error(seen.target, seen.score))
    if not seen.probability or task == "multilabel":
        return np.empty((0, 1))
    chance = np.hstack([1 - seen.score, seen.score]) if task == "binary" else seen.score
    return np.asarray(1 - chance[np.arange(len(chance)), seen.target])[:, np.newaxis]
