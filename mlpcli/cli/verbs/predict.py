"""mlp predict RUN FILE."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mlpcli.cli.command import verb
from mlpcli.cli.console import print_json, print_note, print_raw
from mlpcli.cli.options import Debug, Json, Quiet, Run, refuse_overwriting
from mlpcli.cli.signals import raised


@verb
def predict(
    run: Run,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The data; - is CSV on stdin.")],
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Write the CSV here.")
    ] = None,
    interval: Annotated[
        float | None, typer.Option(metavar="LEVEL", help="Of an ensemble: low and high, as 0.9.")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Predict the target of every row of a file, as CSV.

    For classes with their probabilities, for the losses quantile and gaussian_nll with every
    quantile or the standard deviation. Columns are found by name; the target's need not be there.
    An ensemble's predictions are averaged. With --interval 0.9, _low and _high hold the middle 90 %
    of its networks' predictions; where rows were held out from them (bootstrap, kfold),
    observation_low and observation_high hold about 90 % of new observations, and prediction_set
    the classes that about 90 % of them have.

    \b
    Examples:
      mlp predict runs/penguins-20261123-101500 new.csv -o predictions.csv
      head -3 data/iris.csv | mlp predict model.safetensors -
      mlp predict ensemble.safetensors new.csv --interval 0.9
    """
    from mlpcli.cli.describe import interruption_notes, note_on_changes, note_replaced
    from mlpcli.data.readers import read_table
    from mlpcli.runs.directory import find_model
    from mlpcli.runs.evaluate import crossing_line
    from mlpcli.runs.evaluate import predict as predict_table
    from mlpcli.runs.model_file import load_model

    path = find_model(run)
    if output == "-":
        output = None
    refuse_overwriting(output, {file: "the data", str(path): "the model"})
    model = load_model(path)
    note_on_changes(path, model)
    for note in interruption_notes(model):
        if not quiet and not json:
            print_note(note)
    table = read_table(file, model.encoding.reading(targets=False))
    columns, replaced = predict_table(model, table, interval)
    if not quiet and not json:
        for guess in table.guesses:
            print_note(guess.text)
        note_replaced(model.encoding.inputs, table.name, replaced)
        crossed = crossing_line(model, columns)
        if crossed:
            print_note(crossed)
    # As many digits as the network's numbers have: more would be noise.
    digits = "%.9g" if model.network.dtype == "float32" else "%.17g"
    document = {"model": str(path), "data": table.name, "rows": len(table)}
    _write(columns, digits, document if json else None, output, quiet=quiet)


def _write(
    columns: dict[str, Any],
    digits: str,
    document: dict[str, Any] | None,
    output: str | None,
    *,
    quiet: bool,
) -> None:
    """Write the predictions to a file, into a JSON document, or as CSV to standard output."""
    from mlpcli.cli.csv_text import csv_text
    from mlpcli.runs.files import write_whole

    if output is not None:
        content = csv_text(columns.items(), digits).encode()
        with raised():
            write_whole(Path(output), content)
    if document is not None:
        print_json({**document, "predictions": _records(columns, digits)})
    elif output is None:
        print_raw(csv_text(columns.items(), digits).removesuffix("\n"))
    elif not quiet:
        print_note(f"{len(next(iter(columns.values()))):,} predictions in {output}")


def _records(columns: dict[str, Any], digits: str) -> list[dict[str, Any]]:
    """Return a document for each row; floats rounded to `digits`."""
    import numpy as np

    cells = [np.asarray(column).tolist() for column in columns.values()]
    return [
        {
            name: float(digits % value) if isinstance(value, float) else value
            for name, value in zip(columns, row, strict=True)
        }
        for row in zip(*cells, strict=True)
    ]
