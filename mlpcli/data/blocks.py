"""A file's rows in blocks: what a stream of them yields, whatever the kind of file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from mlpcli.data.guesses import Guess
from mlpcli.data.table import Table, absence, absent
from mlpcli.errors import DataError

# Of a bad row: the sentence, or what makes it: to find a line in a block takes a millisecond.
Problem = str | Callable[[], str]

HEAD_BYTES = 1 << 21  # of a text file, from which is found how it is written
BLOCK_BYTES = 1 << 21
BLOCK_ROWS = 1 << 14


@dataclass(frozen=True)
class StreamOptions:
    """What is read of a file in blocks, beside `ReadOptions`.

    keep         columns whose values are wanted as they are in the file; None: all
    head_bytes   about how many bytes of a text file are its first block; by them is found how
                 it is written. A file that is not longer is read by the csv module
    block_bytes  about how many bytes of a text file are each further block
    block_rows   of a file that is no text
    optional     columns that are wanted in the table where the file has them
    """

    keep: Sequence[str] | None = ()
    head_bytes: int = HEAD_BYTES
    block_bytes: int = BLOCK_BYTES
    block_rows: int = BLOCK_ROWS
    optional: Sequence[str] = ()


@dataclass(frozen=True)
class Opened:
    """An open file.

    content  its bytes, uncompressed, to be read once
    name     for messages
    closing  closes what a stream opens beside it
    is_pipe  whether columns that are not there are to be refused before the rest is there
    """

    content: BinaryIO
    name: str
    closing: ExitStack
    is_pipe: bool = False


@dataclass(frozen=True)
class Block:
    """Some rows that follow each other in a file.

    table   of those that are rows; None where there are none
    bad     what is wrong with each of the others, by its number in the block
    kept    the values of the columns to be kept, in the rows of the table
    """

    table: Table | None
    bad: Mapping[int, Problem] = field(default_factory=dict)
    kept: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    @property
    def n_rows(self) -> int:
        """How many rows there are, good and bad."""
        return (0 if self.table is None else len(self.table)) + len(self.bad)


class TableStream:
    """A file's rows, read once, a block at a time.

    The first block is the largest, so that it shows how the columns are written.

    name     of the file, for messages
    columns  the names in the header
    kept     those of them whose values blocks keep
    numbers  those of a text file that are kept and whose values, though texts, are numbers, as the
             first block shows; each with the function that reads one
    numeric  columns that are numbers to who reads: a text in them is no value
    as_text  kept columns of a text file that are mostly numbers, each with a text that is none
    types    of the kept columns, where the file has types: as Arrow has them
    guesses  what was found of how the file is written; more may come with each block
    """

    name: str
    columns: list[str]
    kept: list[str]

    def __init__(self, name: str) -> None:
        self.name = name
        self.guesses: list[Guess] = []
        self.numbers: dict[str, Callable[[str], int | float | None]] = {}
        self.numeric: set[str] = set()
        self.as_text: dict[str, str] = {}
        self.types: dict[str, Any] = {}

    def found(self, names: Sequence[str]) -> list[str]:
        """Return the columns of these names, each once, as `Table.column` finds them.

        Raises DataError, naming the nearest, where one is not there.
        """
        missing = absent(self.columns, names)
        if missing:
            raise DataError(absence(self.name, missing, self.columns))
        known = {*self.columns}
        return list(dict.fromkeys(n if n in known else n.strip() for n in names))

    def to_read(self, required: Sequence[str], optional: Sequence[str]) -> list[str]:
        """Return the columns of the table: those required, and the optional ones that are there.

        Raises DataError as `found`.
        """
        there = [name for name in optional if not absent(self.columns, [name])]
        return self.found([*required, *there])

    def to_keep(self, names: Sequence[str] | None) -> list[str]:
        """Return the columns to be kept: of these names, or all."""
        return self.columns if names is None else self.found(names)

    def blocks(self) -> Iterator[Block]:
        """Yield the blocks. Raises DataError where nothing more can be read, FileError."""
        from mlpcli.data.readers import opening_errors, packing_errors

        found = self._blocks()
        while True:
            with opening_errors(self.name), packing_errors(self.name):
                block = next(found, None)
            if block is None:
                return
            yield block

    def _blocks(self) -> Iterator[Block]:
        raise NotImplementedError
