"""Rows into training, validation and test rows."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.split_keys import GROUP, TIME
from mlpcli.data.table import Table, quoted
from mlpcli.errors import DataError, counted, listing
from mlpcli.randomness import generator

PARTS = ("train", "validation", "test")  # the position of a part is its code
LEFT_OUT = 255  # the code of a row of the file that is in no part: it has no target
SPELLINGS = {"train": 0, "training": 0, "test": 2, "testing": 2}
NO_PART = 255  # the code of a cell that names none
SPELLINGS |= {"validation": 1, "valid": 1, "val": 1, "dev": 1}


@dataclass(frozen=True)
class SplitOptions:
    """The section `data.split` of a spec as plain values.

    stratify    None: where rows are drawn one by one
    is_default  whether the spec says nothing of the split
    """

    validation: float = 0.15
    test: float = 0.15
    stratify: bool | None = None
    seed: int = 0
    group: str | None = None
    time: str | None = None
    column: str | None = None
    is_default: bool = False


def split_by_share(
    n_rows: int, validation: float, test: float, seed: int, classes: Array | None = None
) -> Array:
    """Return each row's part code (n_rows,), drawn at random from the seed.

    validation, test  shares of the rows; their counts are rounded to whole rows
    classes           class numbers to stratify by: each part gets its share of each class's rows,
                      test to within one row, the others to within two. None: no stratification

    Rows are shuffled, sorted by class with the shuffled order kept, and taken at equal distances
    (systematic sampling), first for the test part, then for validation from what is left.
    """
    order = generator(seed, "split").permutation(n_rows)
    if classes is not None:
        # NumPy sorts 16-bit integers by radix: a million in 5 ms, others in 60.
        small = 0 <= classes.min() <= classes.max() < 1 << 16
        keys = classes.astype(np.uint16) if small else classes
        order = order[np.argsort(keys[order], kind="stable")]
    codes = np.zeros(n_rows, np.uint8)
    for part, share in ((2, test), (1, validation)):
        # Not order[a mask]: of a million rows in random order that takes 3.4 ms, this 0.9.
        left = order.take(np.flatnonzero(codes.take(order) == 0))
        count = round(share * n_rows)
        # The i-th of k picks stands in the middle of the i-th of k equal stretches.
        picks = ((np.arange(count) + 0.5) * len(left) / max(count, 1)).astype(np.intp)
        codes[left[picks]] = part
    return codes


def split_by_group(
    groups: Array, validation: float, test: float, seed: int, name: str = "the table"
) -> Array:
    """Return each row's part code (n_rows,), whole groups drawn at random from the seed.

    groups            (n_rows,) group numbers, 0, 1, …
    validation, test  shares of the rows
    name              of what has the groups, for messages

    The groups come in random order, for the test part first; each is taken where it brings the
    part nearer to its number of rows, and where none does, the smallest. Every part has a group.
    Raises DataError where there are fewer groups than parts.
    """
    sizes = np.bincount(groups)
    order = generator(seed, "split").permutation(len(sizes))
    wanted = _wanted_rows(len(groups), validation, test)
    _check_enough(len(sizes), wanted, f"{name} has", "group", GROUP)
    codes = np.zeros(len(sizes), np.uint8)
    for k, (part, rows) in enumerate(wanted.items()):
        left = order[codes[order] == 0]
        most = len(left) - (len(wanted) - k)  # one for each later part, and one to train on
        codes[_nearest_groups(left, sizes[left], rows, most)] = part
    return codes[groups]


def _nearest_groups(order: Array, sizes: Array, wanted: int, most: int) -> list[int]:
    """Return the groups, taken in this order, whose rows come near to a number."""
    taken: list[int] = []
    missing = wanted  # rows
    for group, size in zip(order.tolist(), sizes.tolist(), strict=True):
        if missing <= 0 or len(taken) == most:
            break
        if size < 2 * missing:
            taken.append(group)
            missing -= size
    return taken or [int(order[np.argmin(sizes)])]


def split_by_time(times: Array, validation: float, test: float, name: str = "the table") -> Array:
    """Return each row's part code (n_rows,): the last rows are tested, those before validate.

    times             (n_rows,) float64, without NaN
    validation, test  shares of the rows
    name              of what has the times, for messages

    Rows of equal time are in one part, the later one. Raises DataError where there are fewer
    different times than parts.
    """
    wanted = _wanted_rows(len(times), validation, test)
    _check_enough(len(np.unique(times)), wanted, f"{name} has", "different time", TIME)
    parts, rows = [0, *sorted(wanted)], [wanted[part] for part in sorted(wanted)]
    cuts = [len(times) - sum(rows[k:]) for k in range(len(rows))]
    return np.array(parts, np.uint8)[time_blocks(times, cuts)]


def time_blocks(times: Array, cuts: Sequence[int]) -> Array:
    """Return the block of each row (n_rows,), 0 to len(cuts), later blocks having later times.

    times  (n_rows,) at least len(cuts) + 1 different ones
    cuts   ascending numbers of rows: block k begins with the time of the row that so many rows
           precede, or the next time, so that no block is empty
    """
    different, number = np.unique(times, return_inverse=True)
    rows = np.minimum(np.array(cuts, np.intp), len(times) - 1)
    first = np.searchsorted(different, np.sort(times)[rows])
    n, m = len(different), len(cuts)
    begin = np.zeros(n, np.intp)
    last = 0
    for k, index in enumerate(first.tolist()):
        last = min(max(index, last + 1), n - m + k)
        begin[last] = 1
    return np.cumsum(begin)[number]


def _wanted_rows(n_rows: int, validation: float, test: float) -> dict[int, int]:
    """Return how many rows the parts beside training are to have, those with none left out."""
    wanted = {2: round(test * n_rows), 1: round(validation * n_rows)}
    return {part: rows for part, rows in wanted.items() if rows}


def _check_enough(n: int, wanted: dict[int, int], has: str, what: str, key: Any) -> None:
    """Raise DataError where n groups or times are too few for these parts and training rows."""
    lacking = len(wanted) + 1 - n
    if lacking > 0:
        parts = listing(PARTS[part] for part in (0, *sorted(wanted)))
        without = " and ".join(f"data.split.{PARTS[part]}: 0" for part in sorted(wanted)[:lacking])
        problem = f"{has} {counted(n, what)}, too few for the parts {parts}"
        raise DataError(f"{problem}; name another column, or do without: {without}", key)


def part_code(value: object) -> int | None:
    """Return the code of a part from a cell, in the usual spellings; None: it names no part."""
    return SPELLINGS.get(str(value).strip().lower())


def split_by_column(table: Table, name: str) -> Array:
    """Return each row's part code from a column of train, validation (or val) and test."""
    codes = column_codes(table, name)
    if (codes == NO_PART).any():
        raise no_part(table, name, int(np.argmax(codes == NO_PART)))
    return codes


def column_codes(table: Table, name: str) -> Array:
    """Return each row's part code from a column, NO_PART where it names none."""
    table.column(name, ("data", "split", "column"))
    numbers, texts = table.coded_texts(name)
    found = [part_code(text) for text in texts]
    codes = np.array([NO_PART if code is None else code for code in [*found, None]], np.uint8)
    return codes[numbers]


def no_part(table: Table, name: str, row: int) -> DataError:
    """Return the error of a cell that names no part."""
    text = table.texts(name)[row]
    allowed = "allowed: train, validation (or valid, val, dev), test"
    what = "an empty cell" if text is None else quoted(text)
    return table.error(row, name, f"{what} is not a part; {allowed}")


def pack_codes(codes: Array) -> str:
    """Return part codes as text: zlib, then base64; a few bits a row."""
    return base64.b64encode(zlib.compress(codes.tobytes(), 9)).decode("ascii")


def unpack_codes(text: str, n_rows: int) -> Array:
    """Return what `pack_codes` wrote. Raises ValueError where the text is not of n_rows rows."""
    decompress = zlib.decompressobj()
    raw = decompress.decompress(base64.b64decode(text, validate=True), n_rows + 1)
    if len(raw) != n_rows:
        raise ValueError(f"the split is not of {n_rows} rows")
    return np.frombuffer(raw, np.uint8)
