"""The rows of one part of a model's own data, to be predicted: train, validation or test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.blocks import Block, Problem, TableStream
from mlpcli.data.readers import kind_by_name, opening_errors
from mlpcli.data.source import Source, is_pipe
from mlpcli.data.splitting import NO_PART, PARTS, column_codes, no_part
from mlpcli.data.table import Table, absent
from mlpcli.errors import DataError, RunError, UsageError
from mlpcli.runs.evaluate import HINT, NoSuchPartError
from mlpcli.runs.model_file import Model


def own_data(model: Model, file: str | None, split: str) -> tuple[str, Array | str | None]:
    """Return the file that has a part's rows, and which of its rows they are; None: all.

    A text is the column that tells them, of another file than the model's own, as in `mlp eval`.

    file  that is given; None: the one the model was trained on
    Raises UsageError where there is no such part, DataError where the file has changed.
    """
    data, given = model.spec.data, file is not None
    files = data.split.files
    if file is None and files is not None:
        paths = files.model_dump(exclude_none=True)
        if split not in paths:
            raise _no_part(split, "the spec", list(paths))
        file, part = paths[split], split
    else:
        part = "data" if model.codes is not None else split
        file = data.path if file is None else file
    is_own = file is not None and file != "-" and not is_pipe(file) and _is_own(model, file, part)
    if file is not None and given and data.split.column is not None and not is_own:
        return file, data.split.column
    if file is None or file == "-" or is_pipe(file):
        raise UsageError(
            f"--split {split}: standard input or a pipe is not the file that the model was "
            "trained on; name that file"
        )
    if not is_own:
        problem = "not, byte for byte, the file the model was trained on, so it has no such part"
        if given:
            raise UsageError(
                f"--split {split}: {file} is {problem}; without --split all its rows are predicted"
            )
        raise DataError(
            f"{file}: the file has changed since the model was trained on it; to predict all rows "
            f"it has now, name it without --split"
        )
    if model.codes is None:
        return file, None
    rows = model.codes == PARTS.index(split)
    if not rows.any():
        there = [name for code, name in enumerate(PARTS) if (model.codes == code).any()]
        raise _no_part(split, file, there)
    return file, rows


def _no_part(split: str, name: str, parts: Sequence[str]) -> NoSuchPartError:
    return NoSuchPartError(f"--split {split}: {name} has no such part; it has: {', '.join(parts)}")


def _is_own(model: Model, path: str, part: str) -> bool:
    with opening_errors(path, hint=HINT.replace("with --data", "as FILE")):
        kind_by_name(path)
        return Source.of_file(path).sha256() == model.sha256.get(part)


class _ChosenStream(TableStream):
    """Some rows of another stream."""

    def __init__(self, stream: TableStream) -> None:
        super().__init__(stream.name)
        self.stream = stream
        self.columns, self.kept, self.guesses = stream.columns, stream.kept, stream.guesses
        self.numbers, self.types = stream.numbers, stream.types
        self.numeric, self.as_text = stream.numeric, stream.as_text


class PartStream(_ChosenStream):
    """Those rows of a stream that are of one part.

    rows  (rows,) of the file, which of them are of the part
    """

    def __init__(self, stream: TableStream, rows: Array) -> None:
        super().__init__(stream)
        self.rows = rows

    def _blocks(self) -> Iterator[Block]:
        start = 0
        for block in self.stream.blocks():
            if start + block.n_rows > len(self.rows):
                break
            yield _only(block, self.rows[start : start + block.n_rows])
            start += block.n_rows
        if start != len(self.rows):
            raise RunError(f"the model's split is of {len(self.rows)} rows, not those of the file")


class ColumnPartStream(_ChosenStream):
    """Those rows of a stream that are of one part, as a column says.

    A row whose cell names no part is a bad one, as is one that cannot be read: it may be of any.

    column, split  the column and the part
    Raises UsageError where there is no such column, and, at the end, where no row is of the part.
    """

    def __init__(self, stream: TableStream, column: str, split: str) -> None:
        super().__init__(stream)
        self.column, self.split = column, split
        if absent(stream.columns, [column]):
            raise UsageError(
                f"--split {split}: {stream.name} is not the file the model was trained on and has "
                f"no column {column!r}, so it has no such part; without --split all its rows are "
                "predicted"
            )

    def _blocks(self) -> Iterator[Block]:
        code, seen = PARTS.index(self.split), np.zeros(NO_PART + 1, bool)
        for block in self.stream.blocks():
            if block.table is None:
                yield block
                continue
            codes = column_codes(block.table, self.column)
            seen[codes] = True
            yield self._chosen(block, block.table, codes, code)
        if not seen[code]:
            there = [name for k, name in enumerate(PARTS) if seen[k]]
            raise _no_part(self.split, self.name, there)

    def _chosen(self, block: Block, table: Table, codes: Array, code: int) -> Block:
        """Return the rows of a part, and those of none as bad ones.

        codes  (rows of the table,) their parts
        """
        places = _places(block)
        wanted = np.ones(block.n_rows, bool)
        wanted[places] = (codes == code) | (codes == NO_PART)
        lost = np.flatnonzero(codes == NO_PART).tolist()
        bad: dict[int, Problem] = dict(block.bad)
        for row in lost:
            bad[int(places[row])] = partial(self._problem, table, row)
        if lost:
            is_row = codes != NO_PART
            rows = np.flatnonzero(is_row)
            kept = {name: _taken(values, rows) for name, values in block.kept.items()}
            block = Block(table.take(rows) if len(rows) else None, bad, kept)
        return _only(block, wanted)

    def _problem(self, table: Table, row: int) -> str:
        return str(no_part(table, self.column, row))


def _places(block: Block) -> Array:
    """Return where the rows of a block's table are among all of its rows."""
    is_row = np.ones(block.n_rows, bool)
    is_row[list(block.bad)] = False
    return np.flatnonzero(is_row)


def _taken(values: Sequence[Any], rows: Array) -> list[Any]:
    return [values[row] for row in rows.tolist()]


def _only(block: Block, wanted: Array) -> Block:
    """Return some rows of a block.

    wanted  (rows,) which of them
    """
    new = np.cumsum(wanted) - 1
    bad = {int(new[row]): problem for row, problem in block.bad.items() if wanted[row]}
    rows = np.flatnonzero(wanted[_places(block)])
    if block.table is None or not len(rows):
        return Block(None, bad)
    kept = {name: _taken(values, rows) for name, values in block.kept.items()}
    return replace(block, table=block.table.take(rows), bad=bad, kept=kept)
