"""Arguments and options that verbs share, so that they read the same everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from mlpcli.cli.completion import complete_key, complete_run, complete_spec
from mlpcli.errors import UsageError

SpecPath = Annotated[
    str,
    typer.Argument(
        metavar="SPEC", help="The spec, a YAML file; - is stdin.", autocompletion=complete_spec
    ),
]
Run = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="A run directory or a model file.", autocompletion=complete_run
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a key, as in a.b[0].c=value; repeatable.",
        autocompletion=complete_key,
    ),
]
Seed = Annotated[int | None, typer.Option(metavar="N", help="Replace the spec's seed.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", help="No notes; where the exit code is the answer, nothing at all."
    ),
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def refuse_overwriting(output: str | None, kept: Mapping[str, str]) -> None:
    """Check that --output is no file that is read. UsageError where it is one.

    kept  files, each with what it is; `-` is none
    """
    if output is None or not Path(output).is_file():
        return
    for name, what in kept.items():
        if name != "-" and Path(name).exists() and Path(output).samefile(name):
            raise UsageError(f"--output {output}: that is {what}; choose another file")
