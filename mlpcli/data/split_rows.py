"""The rows of a table into parts, as the spec's `data.split` says, and what to know of that."""

from __future__ import annotations

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.guesses import Guess
from mlpcli.data.split_keys import SplitKey, is_dates
from mlpcli.data.splitting import (
    PARTS,
    SplitOptions,
    split_by_column,
    split_by_group,
    split_by_share,
    split_by_time,
)
from mlpcli.data.table import Table

FAR = 0.25  # of a part's share: so far off, a note says how many rows it has


def split_rows(
    table: Table, split: SplitOptions, key: SplitKey | None, classes: Array | None
) -> Array:
    """Return each row's part code (rows,).

    key      groups or times of the rows, or None
    classes  class numbers to stratify by, or None
    """
    if split.column is not None:
        return split_by_column(table, split.column)
    if key is None:
        return split_by_share(len(table), split.validation, split.test, split.seed, classes)
    name = f"{table.name}: column {key.column!r}"
    if key.groups is not None:
        return split_by_group(key.groups, split.validation, split.test, split.seed, name)
    assert key.times is not None
    return split_by_time(key.times, split.validation, split.test, name)


def columns_of_split(table: Table, split: SplitOptions) -> set[str]:
    """Return the columns of group and time that are no inputs.

    A group that is trained on is none that the test part has. Nor are times trained on that it
    has: only of dates there are parts that come again, such as the month.
    """
    found = set() if split.group is None else {split.group}
    if split.time is not None and not is_dates(table.column(split.time)):
        found.add(split.time)
    return found


def split_guesses(table: Table, codes: Array | None, split: SplitOptions) -> list[Guess]:
    """Return what a split by group or time has made of the spec's shares, and of the column."""
    name = split.group or split.time
    if name is None or codes is None:
        return []
    found = []
    if split.time is not None and name in columns_of_split(table, split):
        text = f"column {name} is the time of the split, and later rows have later times than any"
        found.append(Guess("split", f"{text} that was trained on: it is no input", (name,)))
    counts, far = np.bincount(codes, minlength=len(PARTS)), []
    for part, share in ((1, split.validation), (2, split.test)):
        wanted = share * len(codes)
        if abs(counts[part] - wanted) > max(1.0, FAR * wanted):
            far.append(f"{counts[part]:,} {PARTS[part]} rows in place of {wanted:,.0f}")
    if far:
        why = "whole groups" if split.group is not None else "rows of equal time"
        text = f"column {name}: {why} are in one part, so there are {' and '.join(far)}"
        found.append(Guess("split", text, (name,)))
    return found
