"""mlp explain SPEC|RUN."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpcli.cli import explain_options as options
from mlpcli.cli.command import verb
from mlpcli.cli.console import print_json, print_note, print_sentence
from mlpcli.cli.explain_files import check_place
from mlpcli.cli.options import Debug, Json, Overrides, Quiet, Seed, refuse_overwriting
from mlpcli.errors import UsageError

if TYPE_CHECKING:
    from mlpcli.report.explain.explanation import Explanation


@verb
def explain(
    source: options.Source,
    step: options.Step = None,
    rows: options.Rows = "3",
    units: options.Units = 4,
    weight: options.Weight = None,
    fractions: options.Fractions = False,
    quiz: options.Quiz = False,
    blanks: options.Blanks = 10,
    digits: options.Digits = 6,
    weights: options.Weights = None,
    data: options.Data = None,
    overrides: Overrides = None,
    seed: Seed = None,
    output: options.Output = None,
    force: options.Force = False,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int | None:
    """Explain one step of training, number by number.

    As the lecture computes it. The step is the trainer's own, in float64, on the first rows of its
    batch alone. Each line has a formula, its numbers and its value; each formula its section of
    docs/maths.md and the function that computes it; each gradient the central difference beside it.
    With --quiz some values are left out, and answers are read from standard input, a line each.

    \b
    Examples:
      mlp explain runs/iris --rows 1 --weight hidden.1[1,1]
      mlp explain configs/iris.yaml --rows 2 --step 10 -o step.md
    """
    from mlpcli.report.explain.explain import Shown, explain_step
    from mlpcli.report.explain.source import open_step

    options.check_output(output)
    refuse_overwriting(output, {source: "what is explained"})
    check_place(output, force=force)
    shown = Shown(options.parse_rows(rows), units, digits, fractions=fractions, weight=weight)
    if quiz and (output is not None or "-" in (source, data)):
        raise UsageError("--quiz reads answers from standard input, and writes no --output")
    opened = open_step(
        source, step, overrides=overrides or (), seed=seed, data=data, weights=weights
    )
    found = explain_step(opened, shown)
    if quiz:
        from mlpcli.cli.quiz import ask

        return None if ask(found, blanks, opened.spec.seed, digits=digits, json=json) else 1
    if json:
        print_json(found.document)
    if output is not None:
        _write(output, found, quiet=quiet or json)
    elif not json:
        _print(found)
    return None


def _print(found: Explanation) -> None:
    from mlpcli.report.explain.text import text_lines

    for text, hang in text_lines(found):
        print_sentence(text, hang)


def _write(output: str, found: Explanation, *, quiet: bool) -> None:
    from pathlib import Path

    from mlpcli.cli.explain_files import content_of
    from mlpcli.runs.files import write_whole

    write_whole(Path(output), content_of(output, found))
    if not quiet:
        print_note(f"written: {output}")
