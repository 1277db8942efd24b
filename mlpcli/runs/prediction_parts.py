"""The rows of one part of a model's own data, to be predicted: train, validation or test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.blocks import Block, TableStream
from mlpcli.data.readers import kind_by_name, opening_errors
from mlpcli.data.source import Source, is_pipe
from mlpcli.data.splitting import PARTS
from mlpcli.errors import DataError, RunError, UsageError
from mlpcli.runs.evaluate import HINT, NoSuchPartError
from mlpcli.runs.model_file import Model


def own_data(model: Model, file: str | None, split: str) -> tuple[str, Array | None]:
    """Return the file that has a part's rows, and which of its rows they are; None: all.

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
    if file is None or file == "-" or is_pipe(file):
        raise UsageError(
            f"--split {split}: standard input or a pipe is not the file that the model was "
            "trained on; name that file"
        )
    if _sha256(file) != model.sha256.get(part):
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


def _sha256(path: str) -> str:
    with opening_errors(path, hint=HINT.replace("with --data", "as FILE")):
        kind_by_name(path)
        return Source.of_file(path).sha256()


class PartStream(TableStream):
    """Those rows of a stream that are of one part.

    rows  (rows,) of the file, which of them are of the part
    """

    def __init__(self, stream: TableStream, rows: Array) -> None:
        super().__init__(stream.name)
        self.stream, self.rows = stream, rows
        self.columns, self.kept, self.guesses = stream.columns, stream.kept, stream.guesses
        self.numbers, self.types = stream.numbers, stream.types
        self.numeric, self.as_text = stream.numeric, stream.as_text

    def _blocks(self) -> Iterator[Block]:
        start = 0
        for block in self.stream.blocks():
            if start + block.n_rows > len(self.rows):
                break
            yield _only(block, self.rows[start : start + block.n_rows])
            start += block.n_rows
        if start != len(self.rows):
            raise RunError(f"the model's split is of {len(self.rows)} rows, not those of the file")


def _only(block: Block, wanted: Array) -> Block:
    """Return some rows of a block.

    wanted  (rows,) which of them
    """
    is_row = np.ones(block.n_rows, bool)
    is_row[list(block.bad)] = False
    new = np.cumsum(wanted) - 1
    bad = {int(new[row]): problem for row, problem in block.bad.items() if wanted[row]}
    if block.table is None or not wanted[is_row].any():
        return Block(None, bad)
    rows = np.flatnonzero(wanted[is_row])
    kept = {name: [values[row] for row in rows.tolist()] for name, values in block.kept.items()}
    return replace(block, table=block.table.take(rows), bad=bad, kept=kept)
