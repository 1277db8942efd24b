"""mlp explain SPEC|RUN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mlpcli.cli.command import verb
from mlpcli.cli.console import print_json, print_note, print_sentence
from mlpcli.cli.options import Debug, Json, Overrides, Quiet, Seed, refuse_overwriting
from mlpcli.errors import UsageError

if TYPE_CHECKING:
    from mlpcli.report.explain.explanation import Explanation

ALL = "all"
ENDINGS = (".md", ".html", ".txt")


@verb
def explain(
    source: Annotated[
        str, typer.Argument(metavar="SPEC|RUN", help="A spec, a run directory or a model file.")
    ],
    step: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="K",
            help="The step of the training, from 1. Default: of a spec the first; of a run one "
            "more, from its trained parameters.",
        ),
    ] = None,
    rows: Annotated[
        str, typer.Option(metavar="N", help="The first rows of its batch alone, or all of it.")
    ] = "3",
    units: Annotated[
        int, typer.Option(min=1, metavar="N", help="Show so many units of each layer.")
    ] = 4,
    weights: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Begin with the parameters in a JSON file, by name."),
    ] = None,
    data: Annotated[
        str | None, typer.Option(metavar="FILE", help="Other data than the spec's or the run's.")
    ] = None,
    digits: Annotated[
        int, typer.Option(min=2, max=17, metavar="N", help="Significant digits.")
    ] = 6,
    overrides: Overrides = None,
    seed: Seed = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write a .md, .html or .txt file."),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Explain one step of training, number by number, as the lecture computes it.

    \b
    Examples:
      mlp explain configs/worked_example.yaml --weights configs/worked_example.json
      mlp explain configs/iris.yaml --rows 2 --step 10 -o step.md
    """
    from mlpcli.report.explain.explain import Shown, explain_step
    from mlpcli.report.explain.source import open_step

    _check_output(output, source)
    shown = Shown(rows=_rows(rows), units=units, digits=digits)
    opened = open_step(
        source, step, overrides=overrides or (), seed=seed, data=data, weights=weights
    )
    found = explain_step(opened, shown)
    if json:
        print_json(found.document)
    if output is not None:
        _write(output, found, quiet=quiet or json)
    elif not json:
        _print(found)


def _rows(text: str) -> int | None:
    if text == ALL:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"--rows {text}: is neither a whole number from 1 on nor `{ALL}`")
    return int(text)


def _check_output(output: str | None, source: str) -> None:
    refuse_overwriting(output, {source: "what is explained"})
    if output is not None and not output.endswith(ENDINGS):
        raise UsageError(f"--output {output}: the file's ending must be {', '.join(ENDINGS)}")


def _print(found: Explanation) -> None:
    from mlpcli.report.explain.text import text_lines

    for text, hang in text_lines(found):
        print_sentence(text, hang)


def _write(output: str, found: Explanation, *, quiet: bool) -> None:
    from pathlib import Path

    from mlpcli.report.explain.markdown import markdown
    from mlpcli.report.explain.text import text_lines
    from mlpcli.runs.files import write_whole

    if output.endswith(".md"):
        content = markdown(found)
    else:
        content = "".join(f"{text}\n" for text, _ in text_lines(found))
    write_whole(Path(output), content.encode())
    if not quiet:
        print_note(f"written: {output}")
