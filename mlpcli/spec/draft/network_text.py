"""The network and its training in the text of a first spec."""

from __future__ import annotations

from collections.abc import Iterator

from mlpcli.spec.draft.draft import Draft
from mlpcli.spec.draft.layout import commented


def model_text(draft: Draft) -> Iterator[str]:
    """Yield the lines of the section `model`."""
    settings = draft.settings
    yield "model:"
    comment = "hidden layers; keep_prob below 1, such as 0.9: dropout"
    yield from commented("  layers:", comment)
    for units in settings.units:
        yield f"    - {{units: {units}, activation: relu, keep_prob: 1.0}}"
    if settings.embedding is None:
        comment = "of numbers, before the first layer: piecewise_linear, periodic"
        yield from commented("  embedding: null", comment)
    else:
        text = ", ".join(f"{key}: {value}" for key, value in settings.embedding.items())
        comment = "each number by the bins that tell the target apart; null: as it is"
        yield from commented(f"  embedding: {{{text}}}", comment)
    yield from commented("  loss: auto", _loss_comment(draft.task))


def _loss_comment(task: str) -> str:
    others = {
        "regression": "mse; or huber, quantile, gaussian_nll, …",
        "multiclass": "cross_entropy; or focal, …",
    }
    return others.get(task, "binary_cross_entropy; or focal, …")


def training_text(draft: Draft) -> Iterator[str]:
    """Yield the lines of the sections `training`, `regularization` and `ensemble`."""
    settings = draft.settings
    yield "training:"
    yield from commented("  epochs: 200", "passes over the training rows, at most")
    comment = f"rows in a step; auto, by their number: {draft.batch_size} here"
    yield from commented("  batch_size: auto", comment)
    line = f"  optimizer: {{name: adam, learning_rate: {settings.learning_rate:g}}}"
    yield from commented(line, "or sgd, adamw, …; find one: mlp train --find-lr")
    line = f"  early_stopping: {{monitor: val_loss, patience: {settings.patience}}}"
    yield from commented(line, "epochs without a better one")
    yield "regularization:"
    yield from commented("  l2: 0.0", "α of α/2 Σ‖W‖²; more, such as 1e-4, against overfitting")
    if settings.replicas > 1:
        line = f"ensemble: {{kind: seeds, replicas: {settings.replicas}}}"
        yield from commented(line, "that many networks, averaged; null: one network")
    else:
        yield from commented("ensemble: null", "or {kind: seeds, replicas: 4}: networks, averaged")
