"""The document of an evaluation: what `mlp eval --json` prints and a report shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlpcli.data.dataset import Part
from mlpcli.data.targets import RegressionTarget
from mlpcli.errors import counted
from mlpcli.runs.model_file import Model
from mlpcli.runs.prediction_intervals import coverage
from mlpcli.training.evaluation import Scores
from mlpcli.training.intervals import share_interval
from mlpcli.training.metrics import Outcome
from mlpcli.training.metrics.calibration import reliability
from mlpcli.training.metrics.classes import held_above_0

LOG_LOSSES = ("binary_cross_entropy", "cross_entropy")  # the loss is log_loss, but for weights
FEW_ROWS = 200  # a part with fewer has half as many bins
MANY_BINS, FEW_BINS = 10, 5


def reliability_rows(seen: Outcome) -> list[dict[str, Any]] | None:
    """Return a document for each bin that has rows; None of a task or model that has none.

    low, high   of the bin
    predicted   its rows' mean probability
    observed    the share of them that came true, with its 95 % interval (Wilson)
    """
    if seen.task not in ("binary", "multiclass") or not seen.probability:
        return None
    bins = reliability(seen, MANY_BINS if len(seen.target) >= FEW_ROWS else FEW_BINS)
    return [
        {
            "low": each.low,
            "high": each.high,
            "rows": each.rows,
            "predicted": each.predicted,
            "observed": each.hits / each.rows,
            "interval": [found.low, found.high],
        }
        for each in bins
        for found in (share_interval(each.hits, each.rows),)
    ]


def evaluation_document(
    model: Model, parts: Mapping[str, Part], results: Mapping[str, Scores]
) -> dict[str, Any]:
    """Return task, scores, reliability, coverage and confusion of the parts evaluated, by name."""
    return {
        "task": model.encoding.task,
        "target": list(model.encoding.target.names),
        "classes": getattr(model.encoding.target, "classes", None),
        "temperature": model.temperature,
        "scores": {name: {"rows": found.rows, **found.metrics} for name, found in results.items()},
        "loss_note": _loss_note(model, parts, results),
        "reliability": {name: reliability_rows(found.outcome) for name, found in results.items()},
        # Of training rows it would say nothing: most replicas have seen each of them.
        "coverage": {
            name: coverage(model, found.outcome)
            for name, found in results.items()
            if name != "train"
        },
        "confusion": {
            name: None if found.confusion is None else found.confusion.tolist()
            for name, found in results.items()
        },
    }


def _loss_note(
    model: Model, parts: Mapping[str, Part], results: Mapping[str, Scores]
) -> str | None:
    """Return why the loss is no metric beside it; None where it is one."""
    seen = [found.outcome for found in results.values() if "log_loss" in found.metrics]
    weighted = any(part.weight is not None for part in parts.values())
    return loss_note(model, weighted=weighted, held=sum(map(held_above_0, seen)))


def loss_note(model: Model, *, weighted: bool, held: int = 0) -> str | None:
    """Return what the loss is where it is no metric beside it, in a line; else None.

    weighted  whether the rows evaluated have weights
    held      in how many rows log_loss takes a probability for a greater one
    """
    loss, target = model.network.architecture.loss, model.encoding.target
    parts = []
    if isinstance(target, RegressionTarget):
        is_scaled = any(target.shift) or set(target.scale) != {1.0}
        which = "scaled " * is_scaled + "target"
        if target.log_offset is not None:
            which = "target's standardized logarithm"
        parts.append(f"{loss.name} of the {which}")
    elif loss.name not in LOG_LOSSES:
        parts.append(loss.name)
    parts += ["of smoothed labels"] * loss.smooths + ["rows as they are weighted"] * weighted
    if not parts and held:
        return f"in {counted(held, 'row')} log_loss takes p below 2.2e-16 for that, loss as it is"
    if not parts:
        return None
    rest = "in the target's own unit" if target.task == "regression" else "of the labels"
    return f"loss: {', '.join(parts)}; other figures: {rest}{', all rows alike' * weighted}"
