"""The cells of some rows of a run's data, as they are written in the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mlpcli.array_types import Array
from mlpcli.data.readers import read_table
from mlpcli.data.source import is_pipe
from mlpcli.data.table import Table, plain_text
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
    numbers = list(map(int, rows))
    lines = _lines(table, columns[0], numbers)
    if lines is None:
        return FileCells(numbers, "row", cells)
    return FileCells(lines, "line", cells)


def _lines(table: Table, column: str, rows: Sequence[int]) -> list[int] | None:
    """Return the lines of rows; None of a file that has no lines."""

    def line(row: int) -> int:
        place = table.locate(row, column).removeprefix(f"{table.name}:")
        return int(place.partition(":")[0])

    try:
        first, last = line(0), line(max(rows))
        # Each row takes a line at least: then none before the last takes more. To look for one
        # is to read the file up to it: 1 s of 300,000 rows.
        if last - first == max(rows):
            return [first + row for row in rows]
        return [line(row) for row in rows]
    except ValueError:
        return None


def _text(value: object) -> str:
    return "" if value is None else plain_text(value)
