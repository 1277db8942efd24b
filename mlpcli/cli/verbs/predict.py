"""mlp predict RUN FILE."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mlpcli.cli.command import verb
from mlpcli.cli.console import print_note, print_piece
from mlpcli.cli.options import Debug, Json, Quiet, Run, refuse_overwriting
from mlpcli.cli.output import OutputError, is_unread
from mlpcli.cli.signals import raised
from mlpcli.errors import DataError, MlpError, UsageError

if TYPE_CHECKING:
    from mlpcli.data.blocks import TableStream
    from mlpcli.runs.model_file import Model
    from mlpcli.runs.prediction_files import JsonOutput, Output
    from mlpcli.runs.prediction_stream import PredictionStream


File = Annotated[str | None, typer.Argument(metavar="[FILE]", help="The data; - is CSV on stdin.")]
OutputFile = Annotated[
    str | None,
    typer.Option(
        "--output", "-o", metavar="FILE", help="Write here: .csv, .tsv, .jsonl or .parquet."
    ),
]
Keep = Annotated[
    str | None, typer.Option(metavar="COLUMNS|all", help="Columns of FILE to carry along.")
]
Split = Annotated[
    Literal["train", "validation", "test"] | None,
    typer.Option(
        help="One part: of the run's own data (FILE may be left out), or as its split column says."
    ),
]
Interval = Annotated[
    float | None, typer.Option(metavar="LEVEL", help="Of an ensemble: low and high, as 0.9.")
]
OnBadRow = Annotated[
    Literal["fail", "skip", "blank"],
    typer.Option(
        help="A row that cannot be read: stop, leave it out, or predict nothing. Broken quotes "
        "end the file in any case."
    ),
]


@verb
def predict(
    run: Run,
    file: File = None,
    output: OutputFile = None,
    keep: Keep = None,
    split: Split = None,
    interval: Interval = None,
    on_bad_row: OnBadRow = "fail",
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

    A file of any length is predicted in the same memory, as its rows come: csv, tsv, jsonl, parquet
    and npz, packed by gzip or not. How it is written is found from its first 2 MiB. Columns that
    are missing are named before a row is read. At a row that cannot be read, the rows before it
    are out, and the exit code is 3; --output appears only when it is whole.

    \b
    Examples:
      mlp predict runs/penguins-20261123-101500 new.csv -o predictions.csv
      head -3 data/iris.csv | mlp predict model.safetensors -
      mlp predict ensemble.safetensors new.csv --interval 0.9
      mlp predict runs/penguins-20261123-101500 --split test --keep species
      zcat log.csv.gz | mlp predict model.safetensors - --on-bad-row skip
    """
    from mlpcli.cli.describe import interruption_notes, note_on_changes
    from mlpcli.data.advice import new_data
    from mlpcli.runs.directory import find_model
    from mlpcli.runs.model_file import load_model
    from mlpcli.runs.prediction_files import JsonOutput
    from mlpcli.runs.prediction_stream import PredictionStream

    path = find_model(run)
    if file is None and split is None:
        raise UsageError("FILE is missing: name the data, or --split test for the run's own")
    if output == "-":
        output = None
    refuse_overwriting(output, {file or "-": "the data", str(path): "the model"})
    model = load_model(path)
    note_on_changes(path, model)
    noted = not quiet and not json
    for note in interruption_notes(model):
        if noted:
            print_note(note)
    with new_data(), _stream(model, file, split, keep, output) as stream:
        predictions = PredictionStream(model, stream, interval, on_bad_row)
        document = None
        if json:
            before = {"model": str(path), "data": stream.name}
            document = JsonOutput(print_piece, predictions, before)
        with _closed(predictions, document), _opened(output) as write:
            _run(predictions, _file(predictions, write, output, json=json), document)
        if not json:  # the document has them
            _note_bad_rows(stream, predictions, quiet=quiet)
        if noted:
            are_typed = output is not None and output.lower().endswith((".jsonl", ".parquet"))
            _note(model, stream, predictions, are_typed=are_typed)
            if output is not None:
                print_note(f"{predictions.n_rows:,} predictions in {output}")


@contextlib.contextmanager
def _stream(
    model: Model, file: str | None, split: str | None, keep: str | None, output: str | None
) -> Iterator[TableStream]:
    """Open the rows that are to be predicted."""
    from mlpcli.data.blocks import StreamOptions
    from mlpcli.data.streaming import open_stream
    from mlpcli.runs.evaluate import own_reading
    from mlpcli.runs.prediction_parts import ColumnPartStream, PartStream, own_data

    columns = None if keep == "all" else next(csv.reader([keep or ""]), [])
    rows, reading = None, model.encoding.reading(targets=False)
    if split is not None:
        own = file is None
        file, rows = own_data(model, file, split)
        if own:
            refuse_overwriting(output, {file: "the data"})
            reading = own_reading(model, targets=False)
    assert file is not None
    optional = [rows] if isinstance(rows, str) else []
    with open_stream(file, reading, StreamOptions(columns, optional=optional)) as stream:
        if split is None or rows is None:
            yield stream
        elif isinstance(rows, str):
            yield ColumnPartStream(stream, rows, split)
        else:
            yield PartStream(stream, rows)


@contextlib.contextmanager
def _opened(output: str | None) -> Iterator[Callable[[bytes], None]]:
    """Yield what writes the pieces of the output, a file that appears when it is whole."""
    from mlpcli.runs.files import writing_whole

    if output is None:
        yield print_piece
        return
    with raised(), writing_whole(Path(output)) as write:
        yield write


def _file(
    predictions: PredictionStream,
    write: Callable[[bytes], None],
    output: str | None,
    *,
    json: bool,
) -> list[Output]:
    """Return what writes the file; without one, standard output, unless a document goes there."""
    from mlpcli.runs.prediction_files import CsvOutput, output_kind

    if output is not None:
        return [output_kind(output)(write, predictions)]
    return [] if json else [CsvOutput(write, predictions)]


def _run(
    predictions: PredictionStream, outputs: Sequence[Output], document: JsonOutput | None
) -> None:
    """Predict and write, until nobody reads any more; the document stays open.

    What has come until a row cannot be read is a whole file.
    """
    each_output = [*outputs, *([] if document is None else [document])]
    begun = False
    try:
        for predicted in predictions:
            for each in each_output:
                if not begun:
                    each.begin()
                each.rows(predicted)
            begun = True
            if is_unread():
                return
    except DataError:
        if begun:
            _end(predictions, outputs)
        raise
    _end(predictions, outputs)


@contextlib.contextmanager
def _closed(predictions: PredictionStream, document: JsonOutput | None) -> Iterator[None]:
    """Close a document that was begun, with the error where there is one.

    Only once the file beside it is there, or is not: its disk may be full.
    """
    try:
        yield
    except MlpError as error:
        if document is not None and document.is_begun and not isinstance(error, OutputError):
            # A file whose disk is full was given one group of rows more.
            _end(predictions, [document], {"rows": document.n_rows, "error": str(error)})
        raise
    if document is not None and not is_unread():
        _end(predictions, [document])


def _end(
    predictions: PredictionStream, outputs: Sequence[Output], more: Mapping[str, Any] | None = None
) -> None:
    bad, summary = predictions.bad, {"rows": predictions.n_rows}
    found: dict[str, Any] = {"bad_rows": {"count": bad.n, "first": bad.first}} if bad.n else {}
    for each in outputs:
        each.end({**summary, **found, **(more or {})})


def _note_bad_rows(stream: TableStream, predictions: PredictionStream, *, quiet: bool) -> None:
    """Say, even quietly, how many rows could not be read; else the first of them too."""
    bad = predictions.bad
    if not bad.n:
        return
    rows = "1 row could" if bad.n == 1 else f"{bad.n:,} rows could"
    what = "left out" if predictions.on_bad_row == "skip" else "without a prediction"
    if quiet:
        print_note(f"{stream.name}: {rows} not be read, {what}")
        return
    more = ", the first of them" if bad.n > len(bad.first) else ""
    print_note(f"{stream.name}: {rows} not be read, {what}{more}:")
    for problem in bad.first:
        print_note(f"  {problem}")


def _note(
    model: Model, stream: TableStream, predictions: PredictionStream, *, are_typed: bool
) -> None:
    """Print what was found in the file.

    are_typed  whether what is written tells numbers from texts
    """
    from mlpcli.cli.describe import note_replaced
    from mlpcli.data.advice import without_spec
    from mlpcli.data.table import quoted
    from mlpcli.runs.evaluate import crossing_sentence

    for name, example in stream.as_text.items() if are_typed else ():
        print_note(
            f"{stream.name}: {name}: --keep has it as text, as some of its values are no numbers: "
            f"{quoted(example)}"
        )
    for guess in stream.guesses:
        print_note(without_spec(guess.text))
    note_replaced(model.encoding.inputs, stream.name, predictions.replaced)
    crossed = crossing_sentence(*predictions.crossed)
    if crossed:
        print_note(crossed)
