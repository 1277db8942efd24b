"""The cells of some rows of a run's data, as they are written in the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mlpcli.array_types import Array
from mlpcli.data.readers import read_table
from mlpcli.data.source import is_pipe
from mlpcli.data.table import plain_text
from mlpcli.errors import MlpError
from mlpcli.runs.model_file import Model


@dataclass(frozen=True)
class FileCells:
    """Cells of some rows.

    places  where each row stands: its line in a text file, else its number, counted from 0
    unit    what the places count: line, or row
    cells   each row's values as text; empty where there is none
    """

    places: list[int]
    unit: str
    cells: list[list[str]]


def file_cells(
    model: Model, data: str | None, part: str, rows: Array, columns: Sequence[str]
) -> FileCells | None:
    """Return the cells of rows of a part; None where the file cannot be read a second time.

    data     the file that was evaluated; None: the model's own
    rows     (k,) numbers of rows in the file, as in `Part.rows`
    columns  their names
    """
    files = model.spec.data.split.files
    path = data or model.spec.data.path
    if data is None and files is not None:
        path = files.model_dump()[part]
    if path is None or path == "-" or is_pipe(path):
        return None
    # As text and with no value that means "missing": each cell is what the file says.
    read = replace(model.encoding.reading(targets=True), text=tuple(columns), missing=())
    if data is None:
        own = model.spec.data
        read = replace(read, delimiter=own.delimiter, decimal=own.decimal, encoding=own.encoding)
    try:
        table = read_table(path, read)
    except MlpError:  # it has changed, or gone, since it was evaluated
        return None
    if len(table) <= int(rows.max(initial=-1)):
        return None
    chosen = [table.column(name) for name in columns]
    cells = [[_text(column.cell(row)) for column in chosen] for row in map(int, rows)]
    places, unit = list(map(int, rows)), "row"
    found = [table.locate(row, columns[0]).removeprefix(f"{table.name}:") for row in places]
    lines = [place.partition(":")[0] for place in found]
    if all(line.isdecimal() for line in lines):
        places, unit = list(map(int, lines)), "line"
    return FileCells(places, unit, cells)


def _text(value: object) -> str:
    return "" if value is None else plain_text(value)
