"""Which columns have a second input, 1 where their value is missing."""

from __future__ import annotations

from collections.abc import Sequence

from mlpcli.array_types import Array
from mlpcli.data.columns import Numbers
from mlpcli.data.encoders.indicator import enough_missing, tells
from mlpcli.data.guesses import Guess
from mlpcli.data.input_options import InputOptions
from mlpcli.data.table import Table
from mlpcli.data.training_target import TrainingTarget
from mlpcli.errors import DataError, listing, nearest

KEY = ("data", "missing_indicator")


def find_indicated(
    table: Table, rows: Array, names: Sequence[str], options: InputOptions, target: TrainingTarget
) -> tuple[Sequence[str], list[Guess]]:
    """Return the columns with a second input, and what was found.

    Those of the spec; else those where missing tells of the target by the training rows. Columns
    that are missing in the same rows have one, the first's.

    names   of the columns of numbers and dates
    target  of the training rows
    Raises DataError where the spec names a column that is none of them.
    """
    if options.missing_indicator is not None:
        _check_names(options.missing_indicator, names)
        return options.missing_indicator, []
    if options.is_listed or options.is_image:
        return (), []
    found: dict[bytes, str] = {}
    for name in names:
        column = table.column(name)
        if isinstance(column, Numbers) and column.values.dtype.kind != "f":
            continue  # integers: none is missing
        missing = column.missing
        if not missing.any() or not enough_missing(missing := missing[rows]):
            continue
        if missing.tobytes() in found:
            continue
        if tells(missing, target.outputs(), len(target.names)):
            found[missing.tobytes()] = name
    if not found:
        return (), []
    text = (
        f"a missing value says something of the target: {listing(found.values())}; a second "
        "input, NAME.missing, is 1 there; data.missing_indicator: [] for none"
    )
    return [*found.values()], [Guess("indicator", text, tuple(found.values()))]


def _check_names(given: Sequence[str], names: Sequence[str]) -> None:
    for k, name in enumerate(given):
        if name not in names:
            near = nearest(name, names)
            hint = f"; did you mean {near!r}?" if near else ""
            there_are = listing(names) or "none"
            problem = f"{name!r} is no input of numbers or dates; there are {there_are}"
            raise DataError(problem + hint, (*KEY, k))
