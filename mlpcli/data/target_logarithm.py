"""The logarithm of a regression target: which values have one, and what is added before it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.guesses import Guess
from mlpcli.data.table import Table, is_constant
from mlpcli.errors import DataError, listing

SCALE = ("data", "scale_target")
TINY = float(np.finfo(np.float64).tiny)
SKEWED = 1.0  # a skewness above it is high: Bulmer, Principles of Statistics, 1979, 4
FEWEST = 20  # rows; of fewer the skewness says nothing
LARGEST = float(np.log(np.finfo(np.float64).max))  # of which exp is finite


def exponential(u: Array) -> Array:
    """Return exp(u), at most the largest number: what is predicted is finite."""
    return np.exp(np.minimum(u, LARGEST))


def check_logarithm(
    table: Table, name: str, values: Array, *, zeros: bool, advice: str = ""
) -> None:
    """Raise DataError at the first value of a target that has no logarithm.

    values  (rows,) of the column
    zeros   whether 0 has one, since a number is added to all
    advice  what the user can write instead
    """
    wrong = values < 0 if zeros else values <= 0
    if not wrong.any():
        return
    row = int(np.argmax(wrong))
    why = (
        "and the training data have no 0"
        if values[row] == 0
        else "which data.scale_target asks for"
    )
    raise table.error(row, name, f"{values[row]:g} has no logarithm, {why}{advice}")


def fit_offset(tables: Sequence[Table], rows: Array, name: str, columns: Sequence[Array]) -> float:
    """Return c of log(value + c): 0, or half the least positive training value where 0 occurs.

    columns  the target's numbers in each table; c is above 0 where any of them has a 0
    """
    advice = "; write data.scale_target: standard"
    for table, values in zip(tables, columns, strict=True):
        check_logarithm(table, name, values, zeros=True, advice=advice)
    if all((values > 0).all() for values in columns):
        return 0.0
    train = columns[0][rows]
    if not (train > 0).any():
        problem = f"{tables[0].name}: {name}: no training row is above 0, so none has a logarithm"
        raise DataError(problem + advice, SCALE)
    return max(float(train[train > 0].min() / 2), TINY)


def suggest_logarithm(labels: Array, names: Sequence[str]) -> list[Guess]:
    """Return a hint at data.scale_target: log, where targets are skewed as prices and incomes are.

    They are above 0, their skewness is above 1, and that of their logarithms at most half of it,
    and at most 1.

    labels  (rows, columns) of the training rows, in their own unit
    """
    found = [name for name, values in zip(names, labels.T, strict=True) if _is_skewed(values)]
    if not found:
        return []
    text = (
        f"{listing(found)}: all above 0, with a long tail of large values, as prices and incomes "
        "are; their logarithm is more even, and data.scale_target: log predicts that"
    )
    return [Guess("target", text, tuple(found))]


def _is_skewed(values: Array) -> bool:
    if len(values) < FEWEST or not (values > 0).all() or is_constant(values):
        return False
    g, g_log = skewness(values), skewness(np.log(values))
    return g > SKEWED and abs(g_log) <= min(g / 2, SKEWED)


def skewness(values: Array) -> float:
    """g = m₃ / m₂^(3/2), m the central moments of (rows,) values that are not all equal."""
    centered = values - values.mean()
    centered /= np.max(np.abs(centered))  # the third power of a huge number is none
    return float(np.mean(centered**3) / np.mean(centered**2) ** 1.5)
