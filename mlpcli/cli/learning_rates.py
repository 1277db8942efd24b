"""What `mlp train --find-lr` prints."""

from __future__ import annotations

from dataclasses import asdict

from mlpcli.cli.console import (
    format_number,
    print_error,
    print_json,
    print_note,
    print_result,
    table,
)
from mlpcli.cli.describe import network_line
from mlpcli.cli.signals import StopRequest
from mlpcli.training.find_rate import Found, find_rate
from mlpcli.training.training import Training


def find_and_print(training: Training, stop: StopRequest, *, json: bool, quiet: bool) -> int | None:
    """Try the learning rates, say what they reached; return the exit code."""
    if not quiet and not json:
        print_note(network_line(training.architecture))
    found = find_rate(training, stop)
    if found is None:
        print_error("interrupted before the learning rates could be compared; nothing was written")
        return 128 + stop.signal
    if json:
        print_json(asdict(found))
    elif quiet and found.suggested is not None:
        print_result(f"{found.suggested:g}")
    elif not quiet:
        _print(found, training)
    if found.suggested is None:
        print_error("every learning rate diverged: look at the data with mlp check")
        return 4
    return None


def _print(found: Found, training: Training) -> None:
    rows = []
    for each in found.candidates:
        losses = [each.train_loss] + ([] if each.val_loss is None else [each.val_loss])
        shown = [format_number(loss) if loss < float("inf") else "diverged" for loss in losses]
        mark = "<" if each.learning_rate == found.suggested else ""
        rows.append([f"{each.learning_rate:g}", *shown, mark])
    header = ["learning_rate", "train_loss", *["val_loss"] * training.has_validation, ""]
    table(header, rows)
    untrained = format_number(found.untrained)
    print_result(f"\nafter {found.steps} steps each; untrained the loss is {untrained}")
    if found.suggested is not None:
        print_result(f"would take: --set training.optimizer.learning_rate={found.suggested:g}")
    print_note(f"the spec has {training.optimizer.learning_rate:g}; its schedule took no part")
