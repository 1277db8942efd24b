"""The options of `mlp train`, beside those that other verbs share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import typer

RunDir = Annotated[
    str | None, typer.Option(metavar="DIR", help="The run directory; it must be new or empty.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace the run in --run-dir.")]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Resume the run in --run-dir, or begin it; or give a run directory as SPEC.",
    ),
]
Extend = Annotated[
    int | None,
    typer.Option(min=1, metavar="EPOCHS", help="With --resume: the new total of epochs."),
]
StopAfter = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Stop this long after the start, such as 55m; exit code 75."),
]
RequeueCode = Annotated[
    int, typer.Option(min=1, max=255, metavar="N", help="Exit code of --stop-after.")
]
OnDivergence = Annotated[
    Literal["stop", "reduce-lr"] | None,
    typer.Option(
        help="Stop, or go back to the last epoch's end with half the learning rate: "
        "training.on_divergence."
    ),
]
FindLr = Annotated[
    bool,
    typer.Option("--find-lr", help="Try many learning rates for a few steps each; write nothing."),
]
ProgressKind = Annotated[
    Literal["auto", "rich", "plain", "none"], typer.Option(help="How progress is shown.")
]
Profile = Annotated[
    bool, typer.Option("--profile", help="Print where the time went; with --json as `profile`.")
]


def with_divergence(overrides: Sequence[str] | None, on_divergence: str | None) -> list[str]:
    """Return the overrides of a command, --on-divergence among them."""
    more = [] if on_divergence is None else [f"training.on_divergence={on_divergence}"]
    return [*(overrides or ()), *more]
