"""The values of a CSV file: a small one read by the csv module, a large one by pandas' C parser.

Importing pandas takes as long as training a small network; the csv module takes ten times as long
for a large file as pandas. Both give the same columns: `cells.py` has the rules.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.cells import CellRules
from mlpcli.data.columns import Column, Numbers
from mlpcli.data.csv_structure import CsvFile
from mlpcli.data.room import Room
from mlpcli.errors import DataError

SAMPLE_ROWS = 100  # from which to guess which columns of a large file are numbers
BLOCK_ROWS, BLOCK_CELLS = 1 << 10, 1 << 20  # at least, and about, of a block of rows
MOST_CELLS = 1 << 24  # of a block, however wide: 128 MiB
NUMBER, CODE = 8, 4  # bytes
KEPT_BYTES = 31 << 20  # the largest piece of memory that glibc keeps


def read_small(file: CsvFile, names: Sequence[str], rules: CellRules) -> dict[str, Column]:
    """Return the columns of a file by their names, read with the csv module.

    names  of the columns: the header
    Raises DataError where the file is broken.
    """
    return _read_rows(file, names, rules, None)[0]


def read_large(file: CsvFile, names: Sequence[str], rules: CellRules) -> dict[str, Column]:
    """Return what `read_small` returns, read with pandas.

    Columns that the first rows show as numbers are read as numbers, the others as text. A column
    that turns out to hold more than numbers is read a second time, as text.
    """
    sample, row_bytes = _read_rows(file, names, rules, SAMPLE_ROWS)
    numeric = [name for name, column in sample.items() if isinstance(column, Numbers)]
    text = [name for name in names if not isinstance(sample[name], Numbers)]
    n_rows = int(1.1 * file.n_bytes / row_bytes)
    found, mixed = _read_blocks(file, names, numeric, text, rules, n_rows)
    if mixed:
        found |= _read_blocks(file, names, [], mixed, rules, n_rows)[0]
    return {name: found[name] for name in names}


def _read_rows(
    file: CsvFile, names: Sequence[str], rules: CellRules, most: int | None
) -> tuple[dict[str, Column], float]:
    """Return the columns of the first rows, and about how many bytes one row has."""
    rows = list(islice(file.rows(len(names)), most))
    if not rows:
        raise DataError(f"{file.name}: there is a header line, and no row below it")
    columns = {}
    for name, cells in zip(names, zip(*(row.fields for row in rows), strict=True), strict=True):
        text_numbers: dict[str, int] = {}
        columns[name] = rules.column(name, text_codes(cells, text_numbers), list(text_numbers))
    return columns, sum(len(row.text) for row in rows) / len(rows)


def text_codes(cells: Sequence[str], text_numbers: dict[str, int]) -> Array:
    """Return the number of each cell's text (cells,), adding new texts to `text_numbers`."""
    for text in dict.fromkeys(cells):
        text_numbers.setdefault(text, len(text_numbers))
    return np.fromiter(map(text_numbers.__getitem__, cells), np.int32, len(cells))


def _read_blocks(
    file: CsvFile,
    names: Sequence[str],
    numeric: Collection[str],
    text: Collection[str],
    rules: CellRules,
    n_rows: int,
) -> tuple[dict[str, Column], list[str]]:
    """Return the columns `numeric` and `text`, and the names of those that are not numeric.

    n_rows  about how many there are
    """
    room = Room(file.name, NUMBER * len(numeric) + CODE * len(text), n_rows)
    numbers = {name: _Joined(n_rows) for name in numeric}
    codes = {name: _Joined(n_rows) for name in text}
    text_numbers: dict[str, dict[str, int]] = {name: {} for name in text}
    mixed: list[str] = []
    for frame in _frames(file, names, numeric, text, rules):
        room.add(len(frame), sum(map(len, text_numbers.values())))
        for name in list(numbers):
            block = frame[name].to_numpy()
            if block.dtype.kind in "if":
                numbers[name].append(block)
            else:
                mixed.append(name)
                del numbers[name]
        for name in text:
            codes[name].append(text_codes(frame[name].tolist(), text_numbers[name]))
    found: dict[str, Column] = {n: rules.numbers(joined.values) for n, joined in numbers.items()}
    for name in text:
        found[name] = rules.column(name, codes[name].values, list(text_numbers[name]))
    return found, mixed


def _frames(
    file: CsvFile,
    names: Sequence[str],
    numeric: Collection[str],
    text: Collection[str],
    rules: CellRules,
) -> Iterator[Any]:
    """Yield the columns `numeric` and `text` in blocks of rows, as pandas reads them."""
    import pandas as pd

    # After freeing so much at once, glibc keeps memory of up to this size instead of returning it
    # to the system (mallopt(3), M_MMAP_THRESHOLD), so that each block uses that of the one before:
    # 30,000 page faults for 176 MB instead of 100,000, and 0.2 s less.
    np.empty(KEPT_BYTES, np.uint8)
    missing = [text for text in rules.missing if not rules.is_number(text)]
    with pd.read_csv(
        _Stream(file.blocks(len(names))),
        sep=file.delimiter,
        decimal=rules.decimal,
        header=None,
        names=list(names),
        usecols=[*numeric, *text],
        dtype=dict.fromkeys(text, object),
        index_col=False,
        skip_blank_lines=False,
        keep_default_na=False,
        na_values=dict.fromkeys(numeric, missing),  # in text, the rules look for them
        low_memory=False,
        chunksize=_rows_at_once(len(names)),
    ) as frames:
        try:
            yield from frames
        except pd.errors.ParserError as error:
            if "out of memory" in str(error):
                raise MemoryError from None
            raise


def _rows_at_once(n_columns: int) -> int:
    """Return the rows of a block: of wide tables fewer than BLOCK_ROWS, for the memory."""
    return max(BLOCK_CELLS // n_columns, min(BLOCK_ROWS, MOST_CELLS // n_columns), 1)


class _Stream:
    """A stream of file blocks for pandas, which takes as many bytes at once as it is given."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self.blocks = blocks

    def read(self, _n: int) -> bytes:
        return next(self.blocks, b"")

    def __iter__(self) -> Iterator[bytes]:
        return self.blocks


class _Joined:
    """The blocks of one column in one array, which is made for all of them at first.

    1,000,000 × 20 take 0.1 to 0.2 s less than with blocks that are concatenated at the end.

    n_expected  about how many rows there are in all
    """

    def __init__(self, n_expected: int) -> None:
        self.array, self.n, self.n_expected = np.empty(0, np.int8), 0, n_expected

    @property
    def values(self) -> Array:
        return self.array[: self.n]

    def append(self, block: Array) -> None:
        end = self.n + len(block)
        dtype = np.result_type(self.array, block)
        if end > len(self.array) or dtype != self.array.dtype:
            if end > self.n_expected:
                self.n_expected = 2 * end
            larger = np.empty(self.n_expected, dtype)
            larger[: self.n] = self.values
            self.array = larger
        self.array[self.n : end] = block
        self.n = end
