"""What `mlp train --find-lr` prints."""

from __future__ import annotations

from dataclasses import asdict

from mlpcli.cli.console import complain, figure, note, say, say_json, table
from mlpcli.cli.describe import network_line
from mlpcli.cli.signals import StopRequest
from mlpcli.training.find_rate import Found, find_rate
from mlpcli.training.training import Training


def find_and_print(training: Training, stop: StopRequest, *, json: bool, quiet: bool) -> int | None:
    """Try the learning rates, say what they reached; return the exit code."""
    if not quiet and not json:
        note(network_line(training.architecture))
    found = find_rate(training, stop)
    if found is None:
        complain("interrupted before the learning rates could be compared; nothing was written")
        return 128 + stop.signal
    if json:
        say_json(asdict(found))
    elif quiet and found.suggested is not None:
        say(f"{found.suggested:g}")
    elif not quiet:
        _print(found, training)
    if found.suggested is None:
        complain("every learning rate diverged: look at the data with mlp check")
        return 4
    return None


def _print(found: Found, training: Training) -> None:
    rows = []
    for each in found.candidates:
        losses = [each.train_loss] + ([] if each.val_loss is None else [each.val_loss])
        shown = [figure(loss) if loss < float("inf") else "diverged" for loss in losses]
        mark = "<" if each.learning_rate == found.suggested else ""
        rows.append([f"{each.learning_rate:g}", *shown, mark])
    header = ["learning_rate", "train_loss", *["val_loss"] * training.has_validation, ""]
    table(header, rows)
    say(f"\nafter {found.steps} steps each; untrained the loss is {figure(found.untrained)}")
    if found.suggested is not None:
        say(f"would take: --set training.optimizer.learning_rate={found.suggested:g}")
    note(f"the spec has {training.optimizer.learning_rate:g}; its schedule took no part")
