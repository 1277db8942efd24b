"""mlp eval RUN."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mlpcli.cli.command import verb
from mlpcli.cli.console import print_json, print_note, print_result, table
from mlpcli.cli.options import Debug, Json, Quiet, Run

if TYPE_CHECKING:
    from mlpcli.data.dataset import Part
    from mlpcli.runs.model_file import Model
    from mlpcli.training.evaluation import Scores

MAX_CONFUSION = 25  # classes; a larger matrix is for --json


@verb
def eval(  # noqa: A001  the verb's name
    run: Run,
    data: Annotated[
        str | None, typer.Option(metavar="FILE", help="The data; by default the run's own.")
    ] = None,
    split: Annotated[
        Literal["train", "validation", "test"] | None, typer.Option(help="Evaluate this part only.")
    ] = None,
    interval: Annotated[
        float | None,
        typer.Option(metavar="LEVEL", help="For an ensemble: the spread of its networks, as 0.9."),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Evaluate a run: its metrics on each part of the data.

    And for classes a confusion matrix. A file with the bytes of the training data is split as it
    was in training; all rows of any other file are evaluated as one part. An ensemble is evaluated
    by its averaged predictions; with --interval 0.9 also its networks one by one: the mean of each
    figure, its standard error, and a 90 % interval within the figure's range.

    \b
    Examples:
      mlp eval runs/digits-20261123-101500 --split test
      mlp eval model.safetensors --data digits.csv --json
    """
    from mlpcli.cli.describe import interruption_notes, note_on_changes
    from mlpcli.data.advice import new_data
    from mlpcli.runs.directory import find_model
    from mlpcli.runs.evaluate import load_parts
    from mlpcli.runs.evaluation_document import evaluation_document
    from mlpcli.runs.model_file import load_model
    from mlpcli.runs.prediction_intervals import check_interval
    from mlpcli.training.evaluation import evaluate

    path = find_model(run)
    model = load_model(path)
    unfinished = note_on_changes(path, model)
    check_interval(model, interval)
    with nullcontext() if data is None else new_data():
        parts, replaced, notes = load_parts(model, data, split)
    notes = [*interruption_notes(model), *notes]
    if not quiet and not json:
        for note in notes:
            print_note(note)
        _print_notes(model, parts, replaced, data)
    results = {
        name: evaluate(model.network, model.encoding, part, model.temperature)
        for name, part in parts.items()
    }
    spreads = {} if interval is None else _spreads(model, parts, interval)
    document = evaluation_document(model, parts, results)
    if json:
        more = {"spread": spreads} if spreads else {}
        print_json({"model": str(path), **document, **more, "notes": [*unfinished, *notes]})
    else:
        _print(model, results, document, spreads)


def _print_notes(
    model: Model, parts: dict[str, Part], replaced: dict[str, dict[str, int]], data: str | None
) -> None:
    from mlpcli.cli.describe import note_replaced

    for file, counts in replaced.items():
        note_replaced(model.encoding.inputs, file, counts)
    if data is not None and "all" in parts:
        problem = "not, byte for byte, a file the model was trained on"
        print_note(f"{data}: {problem}: all its rows are scored")
    weights = model.encoding.weights
    if weights is not None and any(part.weight is None for part in parts.values()):
        problem = f"has no column {weights.column!r} of sample weights, as training had"
        print_note(f"{next(iter(replaced))}: {problem}: the loss is not weighted")


def _spreads(model: Model, parts: dict[str, Part], level: float) -> dict[str, Any]:
    from mlpcli.training.evaluation import evaluate_each
    from mlpcli.training.spread import spread

    network, encoding, spec = model.network, model.encoding, model.spec
    loss = network.architecture.loss
    return {
        name: spread(evaluate_each(network, encoding, spec, part), level, loss=loss)
        for name, part in parts.items()
    }


def _print(
    model: Model, results: dict[str, Scores], document: dict[str, Any], spreads: dict[str, Any]
) -> None:
    """Print the tables: figures of all parts, then what the last part shows of probabilities."""
    from mlpcli.cli.describe import print_scores, print_spread
    from mlpcli.cli.reliability import print_coverage, print_reliability

    print_scores(document["scores"])
    if model.temperature != 1:
        print_result(f"at temperature {model.temperature:.3g}, fitted on the validation rows")
    if document["loss_note"] is not None:
        print_result(document["loss_note"])
    if spreads:
        print_spread(spreads)
    if any(document["coverage"].values()):
        print_coverage(model, document["coverage"])
    last = list(results)[-1]  # the test rows where there are some
    if document["reliability"][last] is not None:
        print_reliability(model, last, document["reliability"][last])
    _print_confusion(model, results)


def _print_confusion(model: Model, results: dict[str, Scores]) -> None:
    """Print the confusion matrix of the last part: the test rows where there are some."""
    from mlpcli.data.targets import ClassTarget

    target = model.encoding.target
    name, scores = list(results.items())[-1]
    if not isinstance(target, ClassTarget) or scores.confusion is None:
        return
    if len(target.classes) > MAX_CONFUSION:
        print_note(f"{len(target.classes)} classes: the confusion matrix is in --json")
        return
    classes = [str(label) for label in target.classes]
    rows = [[c, *counts] for c, counts in zip(classes, scores.confusion.tolist(), strict=True)]
    print_result(f"\nconfusion matrix, {name} rows: true class down, predicted class across")
    table(["", *classes], rows)
