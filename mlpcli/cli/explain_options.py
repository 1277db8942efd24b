"""The options of `mlp explain`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlpcli.cli.completion import complete_spec_or_run
from mlpcli.errors import UsageError

ALL = "all"
ENDINGS = (".md", ".html", ".txt")

Source = Annotated[
    str,
    typer.Argument(
        metavar="SPEC|RUN",
        help="A spec, a run directory or a model file.",
        autocompletion=complete_spec_or_run,
    ),
]
Step = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="K",
        help="The step of the training, from 1. Default: of a spec the first; of a run one more, "
        "from its trained parameters.",
    ),
]
Rows = Annotated[
    str, typer.Option(metavar="N", help="The first rows of the step's batch alone, or all.")
]
Units = Annotated[int, typer.Option(min=1, metavar="N", help="Show so many units of each layer.")]
Digits = Annotated[int, typer.Option(min=2, max=17, metavar="N", help="Significant digits.")]
Weight = Annotated[
    str | None,
    typer.Option(metavar="LAYER[i,j]", help="Follow one weight, such as hidden.1[2,3], alone."),
]
Weights = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Begin with the parameters of a JSON file, by name."),
]
Data = Annotated[
    str | None, typer.Option(metavar="FILE", help="Other data than the spec's or the run's.")
]
Fractions = Annotated[bool, typer.Option("--fractions", help="Show rational numbers as fractions.")]
Quiz = Annotated[
    bool, typer.Option("--quiz", help="Leave values out, and read answers, a line each.")
]
Blanks = Annotated[
    int, typer.Option(min=1, metavar="N", help="How many values --quiz leaves out, by the seed.")
]
Output = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write a .md, .html or .txt file."),
]
Force = Annotated[bool, typer.Option("--force", help="Replace any file that is there.")]


def parse_rows(text: str) -> int | None:
    """Return --rows: how many, or None for all. Raises UsageError."""
    if text == ALL:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > len(str(10**9)) or int(text) < 1:
        raise UsageError(f"--rows {text}: is neither a whole number from 1 on nor `{ALL}`")
    return int(text)


def check_output(output: str | None) -> None:
    """Check the ending of --output, and that what writes it is there. Raises UsageError."""
    if output is None:
        return
    if not output.endswith(ENDINGS):
        raise UsageError(f"--output {output}: its ending is none of {', '.join(ENDINGS)}")
    if output.endswith(".html"):
        from importlib.util import find_spec

        if find_spec("jinja2") is None:
            raise UsageError("an .html file needs Jinja2: pip install 'mlpcli[report]'")
