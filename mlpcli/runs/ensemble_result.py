"""What a run writes down of its ensemble: of each replica, of their spread, of held-out rows."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.targets import RegressionTarget
from mlpcli.runs.model_file import EnsembleModel
from mlpcli.training.assemble import outcome
from mlpcli.training.ensemble import Ensemble
from mlpcli.training.ensemble_scores import HeldOut, figures_of_each, held_out, spread

N_ERRORS = 400  # quantiles of the held-out errors in a model file, and one more


def ensemble_result(training: Ensemble) -> tuple[dict[str, Any], EnsembleModel]:
    """Return the manifest's document of an ensemble, and what its model file says."""
    network, encoding, spec = training.network, training.encoding, training.spec
    assert network is not None
    assert spec.ensemble is not None
    kept = [training.lanes[r] for r in training.kept]
    each = {
        name: figures_of_each(network, encoding, spec, part)
        for name, part in training.dataset.parts.items()
    }
    judged = held_out(network, training.dataset, spec, kept)
    replicas = []
    for r, (lane, ended) in enumerate(zip(training.lanes, training.ended, strict=True)):
        assert ended is not None
        document = {"replica": r, "seed": lane.seed, **asdict(ended), "kept": r in training.kept}
        if r in training.kept:
            k = training.kept.index(r)
            document["scores"] = {
                name: {figure: float(values[k]) for figure, values in figures.items()}
                for name, figures in each.items()
            }
        replicas.append(document)
    result: dict[str, Any] = {
        "kind": spec.ensemble.kind,
        "replicas": replicas,
        "spread": {name: spread(figures) for name, figures in each.items()},
        "held_out": None,
    }
    errors: list[list[float]] = []
    if judged is not None:
        result["held_out"] = _held_out(training, judged)
        levels = np.linspace(0.0, 1.0, min(N_ERRORS, len(judged.rows)) + 1)
        found = _errors(training, judged)
        if len(found) and np.isfinite(found).all():  # of a network far off they may be infinite
            errors = np.quantile(found, levels, axis=0).tolist()
    return result, EnsembleModel([lane.seed for lane in kept], errors)


def _held_out(training: Ensemble, judged: HeldOut) -> dict[str, Any]:
    """Return the figures of the held-out rows, of all replicas together and of each by itself."""
    # Rows that a sample has several times, or that augmentation makes, are no rows more: what the
    # correction estimates is how much of two replicas' rows is the same.
    n_rows = len(training.dataset.parts["train"])
    lanes = [training.lanes[replica] for replica in training.kept]
    left = np.mean([len(lane.held_out) for lane in lanes if lane.held_out is not None])
    return {
        "rows": len(judged.rows),
        **judged.scores.figures,
        "spread": spread(judged.each, resampled=float(left / (n_rows - left))),
    }


def _errors(training: Ensemble, judged: HeldOut) -> Array:
    """Return the errors (m, targets) of the held-out rows, as `EnsembleModel.errors` has them."""
    encoding, part = training.encoding, training.dataset.parts["train"].take(judged.rows)
    seen = outcome(training.architecture, encoding, part.labels, judged.y_hat)
    if isinstance(encoding.target, RegressionTarget):
        return np.asarray(part.labels - seen.score)
    if not seen.probability or encoding.task == "multilabel":
        return np.empty((0, 1))
    chance = seen.score
    if encoding.task == "binary":
        chance = np.hstack([1 - chance, chance])
    return np.asarray(1 - chance[np.arange(len(chance)), part.labels])[:, np.newaxis]
