"""mlp predict RUN FILE."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlpcli.cli.command import verb
from mlpcli.cli.console import print_note, print_piece
from mlpcli.cli.options import Debug, Json, Quiet, Run, refuse_overwriting
from mlpcli.cli.output import is_unread
from mlpcli.cli.signals import raised

if TYPE_CHECKING:
    from mlpcli.data.blocks import TableStream
    from mlpcli.runs.model_file import Model
    from mlpcli.runs.prediction_files import TextOutput
    from mlpcli.runs.prediction_stream import PredictionStream


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
    from mlpcli.cli.describe import interruption_notes, note_on_changes
    from mlpcli.data.blocks import StreamOptions
    from mlpcli.data.streaming import open_stream
    from mlpcli.runs.directory import find_model
    from mlpcli.runs.model_file import load_model
    from mlpcli.runs.prediction_stream import PredictionStream

    path = find_model(run)
    if output == "-":
        output = None
    refuse_overwriting(output, {file: "the data", str(path): "the model"})
    model = load_model(path)
    note_on_changes(path, model)
    noted = not quiet and not json
    for note in interruption_notes(model):
        if noted:
            print_note(note)
    with open_stream(file, model.encoding.reading(targets=False), StreamOptions()) as stream:
        predictions = PredictionStream(model, stream, interval)
        with _opened(output) as write:
            outputs = _outputs(predictions, write, output, {"model": str(path)}, json=json)
            _run(predictions, outputs)
        if noted:
            _note(model, stream, predictions)
            if output is not None:
                print_note(f"{predictions.n_rows:,} predictions in {output}")


@contextlib.contextmanager
def _opened(output: str | None) -> Iterator[Callable[[bytes], None]]:
    """Yield what writes the pieces of the output, a file that appears when it is whole."""
    from mlpcli.runs.files import writing_whole

    if output is None:
        yield print_piece
        return
    with raised(), writing_whole(Path(output)) as write:
        yield write


def _outputs(
    predictions: PredictionStream,
    write: Callable[[bytes], None],
    output: str | None,
    document: dict[str, Any],
    *,
    json: bool,
) -> list[TextOutput]:
    """Return what is to be written: to a file, and as one JSON document to standard output."""
    from mlpcli.runs.prediction_files import CsvOutput, JsonOutput

    names = [*predictions.stream.kept, *predictions.names]
    single = predictions.model.network.dtype == "float32"
    outputs: list[TextOutput] = []
    if output is not None or not json:
        outputs.append(CsvOutput(write, names, single=single))
    if json:
        document = {**document, "data": predictions.stream.name}
        outputs.append(JsonOutput(print_piece, names, document, single=single))
    return outputs


def _run(predictions: PredictionStream, outputs: list[TextOutput]) -> None:
    """Predict and write, until nobody reads any more."""
    begun = False
    for predicted in predictions:
        for each in outputs:
            if not begun:
                each.begin()
            each.rows(predicted)
        begun = True
        if is_unread():
            return
    for each in outputs:
        if not begun:
            each.begin()
        each.end({"rows": predictions.n_rows})


def _note(model: Model, stream: TableStream, predictions: PredictionStream) -> None:
    """Print what was found in the file."""
    from mlpcli.cli.describe import note_replaced
    from mlpcli.runs.evaluate import crossing_sentence

    for guess in stream.guesses:
        print_note(guess.text)
    note_replaced(model.encoding.inputs, stream.name, predictions.replaced)
    crossed = crossing_sentence(*predictions.crossed)
    if crossed:
        print_note(crossed)
