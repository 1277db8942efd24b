"""A column that says of each row which part it is in, told by its name and its values."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from mlpcli.data.columns import Coded
from mlpcli.data.guesses import Guess
from mlpcli.data.splitting import PARTS, SplitOptions, part_code
from mlpcli.data.table import Table
from mlpcli.errors import listing

NAMES = ("split", "set", "part", "partition", "fold", "subset")


@dataclass(frozen=True)
class ChosenSplit:
    """The split with what the table's own columns say of it.

    options   with the recognized column, where the spec says nothing of the split
    left_out  columns that look like a split's, are not used as one, and are no inputs
    """

    options: SplitOptions
    left_out: tuple[str, ...] = ()
    guesses: list[Guess] = field(default_factory=list)


def choose_split(
    tables: Mapping[str, Table], options: SplitOptions, named: Collection[str | None]
) -> ChosenSplit:
    """Return the split, a recognized column used where the spec leaves the split open.

    named  columns that the spec says something of: their names and values tell nothing more
    """
    taken = {*named, options.column, options.group, options.time}
    found = [name for name in part_columns(tables) if name not in taken]
    guesses, is_open = [], options.is_default
    if is_open and "data" in tables:
        used = next((name for name in found if serves(tables["data"], name)), None)
        if used is not None:
            options, is_open = replace(options, column=used), False
            found.remove(used)
            guesses.append(Guess("split", _used(tables["data"], used), (used,)))
    if found:
        guesses.append(Guess("left_out", _left_out(found, open_split=is_open), tuple(found)))
    return ChosenSplit(options, tuple(found), guesses)


def part_columns(tables: Mapping[str, Table]) -> list[str]:
    """Return the columns named like a split whose values are the names of parts, and no others."""
    columns = next(iter(tables.values())).columns
    return [
        name
        for name in columns
        if name.casefold() in NAMES
        and all(_holds_parts(table, name) for table in tables.values() if name in table.data)
    ]


def _holds_parts(table: Table, name: str) -> bool:
    column = table.column(name)
    return (
        isinstance(column, Coded)
        and bool(len(column.values))
        and all(part_code(value) is not None for value in column.values)
    )


def serves(table: Table, name: str) -> bool:
    """Whether a column of parts can be the split: no row without one, some of them not trained on.

    Part 0, train, has to be there.
    """
    column = table.column(name)
    codes = _codes(column)
    return not bool(np.any(column.missing)) and 0 in codes and len(codes) > 1


def _codes(column: object) -> list[int]:
    assert isinstance(column, Coded)
    return sorted({code for value in column.values if (code := part_code(value)) is not None})


def _used(table: Table, name: str) -> str:
    parts = listing(PARTS[code] for code in _codes(table.column(name)))
    return (
        f"column {name} holds {parts}: it is taken for the split (data.split.column: {name}); to "
        f"draw the parts from all rows instead: data.split.seed: 0"
    )


def _left_out(names: list[str], *, open_split: bool) -> str:
    one = len(names) == 1
    what = f"column {names[0]} holds" if one else f"columns {listing(names)} hold"
    why = "not the split either: " if open_split else "the spec splits the rows otherwise; "
    if open_split:
        why += "a row has no part, or there are not both training rows and others; "
    kept = ", ".join(f"{name}: text" for name in names)
    return (
        f"{what} the names of parts: {'it is' if one else 'they are'} no input, and {why}"
        f"to keep {'it as an input' if one else 'them as inputs'}: data.columns: {{{kept}}}"
    )
