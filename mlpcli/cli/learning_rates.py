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
from mlpcli.training.find_rate import CANDIDATES, SEEDS, STEPS, Found, find_rate
from mlpcli.training.rate_choice import Trial
from mlpcli.training.training import Training


def find_and_print(training: Training, stop: StopRequest, *, json: bool, quiet: bool) -> int | None:
    """Try the learning rates, say what they reached; return the exit code."""
    if not quiet and not json:
        print_note(network_line(training.architecture))
        print_note(f"{len(CANDIDATES)} rates, {SEEDS} seeds, {STEPS} steps each; the best longer")
    found = find_rate(training, stop)
    if found is None:
        print_error("interrupted before the learning rates could be compared; nothing was written")
        return stop.exit_code
    if json:
        print_json(asdict(found))
    elif quiet and found.verdict != "diverged":
        print_result(shown(found.spec_rate if found.suggested is None else found.suggested))
    elif not quiet:
        _print(found, training)
    if found.verdict == "diverged":
        print_error("every learning rate diverged: look at the data with mlp check")
        return 4
    return None


def shown(rate: float) -> str:
    """Return a rate as --set takes it.

    >>> shown(0.001), shown(1e-05)
    ('0.001', '1e-05')
    """
    return f"{rate:.12g}"


def _print(found: Found, training: Training) -> None:
    _print_candidates(found, training)
    if found.trials:
        print_result()
        _print_trials(found)
    spec_rate = shown(found.spec_rate)
    if found.suggested is not None:
        print_result(
            f"\nsuggested: --set training.optimizer.learning_rate={shown(found.suggested)}"
        )
    note = {
        "better": f"the spec has {spec_rate}",
        "kept": f"the spec has {spec_rate}; no other rate is shown to be better",
        "none": f"no rate found: none has a loss clearly below the untrained one on every seed; "
        f"keep the spec's, {spec_rate}, and look at the data with mlp check",
        "diverged": "",
    }[found.verdict]
    if note:
        print_note(note)


def _print_candidates(found: Found, training: Training) -> None:
    rows = []
    for each in found.candidates:
        losses = [each.train_loss] + ([] if each.val_loss is None else [each.val_loss])
        texts = [_loss(loss) for loss in [*losses, each.worst]]
        rows.append(
            [shown(each.learning_rate), *texts, "<" * (each.learning_rate == found.suggested)]
        )
    header = ["learning_rate", "train_loss", *["val_loss"] * training.has_validation, "worst", ""]
    table(header, rows)
    steps = f"means of {found.seeds} seeds after {found.steps} steps, and the worst loss"
    print_result(f"\n{steps}; untrained the loss is {format_number(found.untrained)}")
    if found.edge is not None:
        print_result(f"at {shown(found.edge)} and above training breaks or loses what it gained")


def _print_trials(found: Found) -> None:
    """Print the longer trials, the spec's rate first."""
    rows = [_row(trial, is_spec=k == 0, found=found) for k, trial in enumerate(found.trials)]
    table(["learning_rate", "held_out_loss", "lead", "±", ""], rows)
    print_result(
        "\nlonger trainings, each judged by the training rows that it was not given;"
        "\nlead: how far below the loss at the spec's rate, ± standard error"
    )


def _row(trial: Trial, *, is_spec: bool, found: Found) -> list[str]:
    lead, error = ("", "") if is_spec else map(format_number, (trial.lead, trial.error))
    mark = "< " * (trial.learning_rate == found.suggested) + "the spec's" * is_spec
    return [shown(trial.learning_rate), _loss(trial.loss), lead, error, mark]


def _loss(loss: float) -> str:
    return format_number(loss) if loss < float("inf") else "diverged"
