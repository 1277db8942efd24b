"""mlp explain SPEC|RUN."""

from __future__ import annotations

from typing import Annotated

import typer

from mlpcli.cli.command import verb
from mlpcli.cli.console import print_sentence
from mlpcli.cli.options import Debug, Overrides, Quiet, Seed


@verb
def explain(
    source: Annotated[
        str, typer.Argument(metavar="SPEC|RUN", help="A spec, a run directory or a model file.")
    ],
    overrides: Overrides = None,
    seed: Seed = None,
    step: Annotated[
        int | None, typer.Option(min=1, metavar="K", help="The step, from 1 on.")
    ] = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Explain one step of training, number by number, as the lecture computes it."""
    from mlpcli.report.explain.explain import Shown, explain_step
    from mlpcli.report.explain.source import open_step
    from mlpcli.report.explain.text import text_lines

    opened = open_step(source, step, overrides=overrides or (), seed=seed)
    for text, hang in text_lines(explain_step(opened, Shown())):
        print_sentence(text, hang)
