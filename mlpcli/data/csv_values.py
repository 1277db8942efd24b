"""The values of a CSV file: a small one by the csv module, a large one by pandas' C parser.

pandas takes as long to import as a small network to train, and the csv module ten times as long to
read as pandas. Which one reads makes no difference to what is read (see `cells.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.cells import CellRules
from mlpcli.data.columns import Coded, Column
from mlpcli.data.csv_structure import CsvFile
from mlpcli.errors import DataError

SAMPLE_ROWS = 100  # by which a large file's columns are taken for numbers or text
BLOCK_ROWS, BLOCK_CELLS = 1 << 10, 1 << 20  # that pandas gives at once
KEPT_BYTES = 31 << 20  # the largest piece of memory that glibc keeps


def read_columns(
    file: CsvFile, names: Sequence[str], rules: CellRules, *, small: bool
) -> dict[str, Column]:
    """Return the columns of a file by their names.

    names  of the columns: the header
    small  whether to read with the csv module
    Raises DataError where the file is broken.
    """
    rows = islice(file.rows(len(names)), None if small else SAMPLE_ROWS)
    cells = list(zip(*(row.fields for row in rows), strict=True))
    if not cells:
        raise DataError(f"{file.name}: there is a header line, and no row below it")
    columns = {name: _column(name, own, rules) for name, own in zip(names, cells, strict=True)}
    if small:
        return columns
    text = [name for name, column in columns.items() if isinstance(column, Coded)]
    return _read_large(file, names, text, rules, every=True)


def _column(name: str, cells: Sequence[str], rules: CellRules) -> Column:
    places = {text: k for k, text in enumerate(dict.fromkeys(cells))}
    codes = np.fromiter(map(places.__getitem__, cells), np.int32, len(cells))
    return rules.column(name, codes, list(places))


def _read_large(
    file: CsvFile, names: Sequence[str], text: Collection[str], rules: CellRules, *, every: bool
) -> dict[str, Column]:
    """Return columns read with pandas.

    text   names of the columns to be read as text, for the rules to say what they hold
    every  whether to read the others too, as numbers; where one is none, it is read again as text
    """
    numbers: dict[str, list[Array]] = {n: [] for n in names if every and n not in text}
    codes: dict[str, list[Array]] = {name: [] for name in text}
    places: dict[str, dict[str, int]] = {name: {} for name in text}
    mixed: list[str] = []
    for frame in _frames(file, names, text, rules, every=every):
        for name in list(numbers):
            block = frame[name]
            if block.dtype.kind in "if":
                numbers[name].append(block.to_numpy())
            else:
                mixed.append(name)
                del numbers[name]
        for name in text:
            inner, texts = frame[name].factorize()
            known = places[name]
            outer = [known.setdefault(text, len(known)) for text in texts.tolist()]
            codes[name].append(np.array([*outer, -1], np.int32)[inner])
    found: dict[str, Column] = {}
    for name, blocks in numbers.items():
        found[name] = rules.numbers(np.concatenate(blocks))
    for name in text:
        found[name] = rules.column(name, np.concatenate(codes[name]), list(places[name]))
    if mixed:
        found |= _read_large(file, names, mixed, rules, every=False)
    return {name: found[name] for name in names if name in found}


def _frames(
    file: CsvFile, names: Sequence[str], text: Collection[str], rules: CellRules, *, every: bool
) -> Iterator[Any]:
    """Yield blocks of rows as pandas reads them."""
    import pandas as pd

    blocks = file.blocks(len(names))
    # What is freed first tells glibc how large a block it keeps for the next (mallopt(3)): one
    # block's memory is then the next one's. Without, it goes back to the system and is mapped
    # anew: 100,000 page faults for 176 MB, where there are 27,000 so, and 0.2 s more.
    np.empty(KEPT_BYTES, np.uint8)
    missing = [text for text in rules.missing if not rules.is_number(text)]
    with pd.read_csv(
        _Stream(blocks),
        sep=file.delimiter,
        decimal=rules.decimal,
        header=None,
        names=list(names),
        usecols=None if every else list(text),
        dtype=dict.fromkeys(text, object),
        index_col=False,
        skip_blank_lines=False,
        keep_default_na=False,
        na_values=missing,
        low_memory=False,
        chunksize=max(BLOCK_ROWS, BLOCK_CELLS // len(names)),
    ) as frames:
        yield from frames


class _Stream:
    """A stream of blocks, in pandas' eyes: it asks for bytes, and takes any number of them."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self.blocks = blocks

    def read(self, _n: int) -> bytes:
        return next(self.blocks, b"")

    def __iter__(self) -> Iterator[bytes]:
        return self.blocks
