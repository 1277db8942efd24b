"""mlp eval RUN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mlpcli.cli.command import verb
from mlpcli.cli.options import Debug, Json, Quiet, Run

if TYPE_CHECKING:
    from mlpcli.runs.model_file import Model
    from mlpcli.training.loop import Scores

MAX_CONFUSION = 25  # classes; a larger matrix is for --json


@verb
def eval(  # noqa: A001  the verb's name
    run: Run,
    data: Annotated[
        str | None, typer.Option(metavar="FILE", help="The data; by default the run's own.")
    ] = None,
    split: Annotated[
        Literal["train", "validation", "test"] | None, typer.Option(help="One part only.")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Evaluate a run: a table of its metrics on each part of the data, and a confusion matrix.

    A file with the bytes of the training data is split as it was in training; all rows of any
    other file are evaluated as one part.

    Examples:
      mlp eval runs/digits-20261123-101500 --split test

      mlp eval model.safetensors --data digits.csv --json
    """
    from mlpcli.cli.console import note, say_json
    from mlpcli.cli.describe import print_scores, replaced_line
    from mlpcli.runs.directory import find_model
    from mlpcli.runs.evaluate import parts_of
    from mlpcli.runs.model_file import load_model
    from mlpcli.training.loop import score

    path = find_model(run)
    model = load_model(path)
    parts, replaced = parts_of(model, data, split)
    columns = {column.name: column for column in model.encoding.inputs.columns}
    if not quiet:
        for file, counts in replaced.items():
            for name, n in counts.items():
                note(replaced_line(file, columns[name], n))
    results = {name: score(model.network, model.encoding, part) for name, part in parts.items()}
    scores = {name: {"rows": r.rows, **r.figures} for name, r in results.items()}
    if json:
        classes = getattr(model.encoding.target, "classes", None)
        confusion = {
            name: None if r.confusion is None else r.confusion.tolist()
            for name, r in results.items()
        }
        say_json(
            {
                "model": str(path),
                "task": model.encoding.task,
                "target": list(model.encoding.target.names),
                "classes": classes,
                "scores": scores,
                "confusion": confusion,
            }
        )
        return
    print_scores(scores)
    _print_confusion(model, results)


def _print_confusion(model: Model, results: dict[str, Scores]) -> None:
    """Print the confusion matrix of the last part: the test rows where there are some."""
    from mlpcli.cli.console import note, say, table
    from mlpcli.data.targets import ClassTarget

    target = model.encoding.target
    name, scores = list(results.items())[-1]
    if not isinstance(target, ClassTarget) or scores.confusion is None:
        return
    if len(target.classes) > MAX_CONFUSION:
        note(f"{len(target.classes)} classes: the confusion matrix is in --json")
        return
    classes = [str(label) for label in target.classes]
    rows = [[c, *counts] for c, counts in zip(classes, scores.confusion.tolist(), strict=True)]
    say(f"\nconfusion matrix, {name} rows: true class down, predicted class across")
    table(["", *classes], rows)
