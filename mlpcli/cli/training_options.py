"""The options of `mlp train`, beside those that other verbs share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import typer

RunDir = Annotated[
    str | None, typer.Option(metavar="DIR", help="Where the run goes; new or empty.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace the run in --run-dir.")]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume", help="Go on with the run in --run-dir, or begin it; or name a run for SPEC."
    ),
]
Extend = Annotated[
    int | None, typer.Option(min=1, metavar="EPOCHS", help="With --resume: epochs in all.")
]
StopAfter = Annotated[
    str | None,
    typer.Option(
        metavar="TIME", help="Stop so long after the process began, as 55m; exit code 75."
    ),
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
    bool, typer.Option("--find-lr", help="Try many learning rates shortly; write nothing.")
]
ProgressKind = Annotated[
    Literal["auto", "rich", "plain", "none"], typer.Option(help="How progress is shown.")
]
Profile = Annotated[bool, typer.Option("--profile", help="Say where the time went, in a table.")]


def with_divergence(overrides: Sequence[str] | None, on_divergence: str | None) -> list[str]:
    """Return the overrides of a command, --on-divergence among them."""
    more = [] if on_divergence is None else [f"training.on_divergence={on_divergence}"]
    return [*(overrides or ()), *more]
