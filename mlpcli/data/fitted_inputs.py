"""Encoders of the input columns, fitted on training rows only.

numbers     scaled; a missing value becomes the training rows' median first
dates       each part that varies in the training rows, as a number
categories  one-hot, rare ones together; beyond a bound one number for each output
missing     a second input beside numbers and dates, where that says something of the target
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mlpcli.array_types import Array
from mlpcli.data.columns import Dates
from mlpcli.data.encoders import ColumnEncoder, MissingIndicator, NumericColumn
from mlpcli.data.encoders.date_part import fit_date
from mlpcli.data.encoders.numeric import fit_numbers
from mlpcli.data.fitted_categories import CategoryFit, category_guesses, fit_category
from mlpcli.data.fitted_indicators import find_indicated
from mlpcli.data.guesses import Guess
from mlpcli.data.input_options import InputOptions
from mlpcli.data.inputs import InputEncoder
from mlpcli.data.scaling import ScaleChoice, choose_scale
from mlpcli.data.table import Table
from mlpcli.data.training_target import TrainingTarget
from mlpcli.errors import DataError


@dataclass(frozen=True)
class FittedInputs:
    """The fitted encoder, what training rows have in place of its inputs, and what was found.

    own  the training rows' own inputs (rows, width), by the number of their first feature
    """

    encoder: InputEncoder
    own: dict[int, Array] = field(default_factory=dict)
    guesses: tuple[Guess, ...] = ()

    def write_own(self, X: Array) -> None:
        """Overwrite the encoded training rows' X (rows, n_features) where inputs are cross-fitted.

        The encoder gives each row the numbers of all training rows: of those of a training row its
        own target would be a part.
        """
        for start, values in self.own.items():
            X[:, start : start + values.shape[1]] = values


def auto_scale(
    table: Table, rows: Array, names: Sequence[str], options: InputOptions
) -> ScaleChoice:
    """Return the scale that suits the numbers of these columns, by the training rows alone.

    Raises DataError as `fit_inputs` does.
    """
    categories = category_columns(table, names, options)
    others = [name for name in names if name not in categories and not is_date(table, name)]
    columns = (table.numbers(name, options.hint).take(rows) for name in others)
    return choose_scale(columns, len(others), is_image=options.is_image)


def fit_inputs(
    table: Table,
    rows: Array,
    names: Sequence[str],
    options: InputOptions,
    target: TrainingTarget,
) -> FittedInputs:
    """Fit the columns `names` on the training rows.

    rows    row numbers of the training rows
    target  of the same rows
    Raises DataError at the first text in a column that is mostly numbers, and where nothing of
    the columns is an input.
    """
    names = [n for n in names if n != options.time_column or is_date(table, n)]
    categories = category_columns(table, names, options)
    others = [name for name in names if name not in categories]
    indicated, guesses = find_indicated(table, rows, others, options, target)
    columns: list[ColumnEncoder] = []
    fits: list[CategoryFit] = []
    own: dict[int, Array] = {}
    width = 0
    for name in names:
        if name in categories:
            fits.append(fit_category(table, rows, name, options, target))
            found = [fits[-1].encoder]
            if fits[-1].own is not None:
                own[width] = fits[-1].own
        else:
            found = _fit_numbers(table, rows, name, options)
            found += [MissingIndicator(name)] * (name in indicated)
        columns += found
        width += sum(column.width for column in found)
    if not columns:
        raise DataError(f"{table.name}: no column is left as an input", ("data", "target"))
    return FittedInputs(InputEncoder(tuple(columns)), own, (*category_guesses(fits), *guesses))


def category_columns(table: Table, names: Sequence[str], options: InputOptions) -> set[str]:
    """Return the columns of categories: the listed ones, or where none are those of text."""
    if options.categorical is None:
        return {name for name in names if table.is_text(name)}
    for name in options.categorical:
        table.column(name, ("data", "categorical"))
    return {*options.categorical}.intersection(names)


def is_date(table: Table, name: str) -> bool:
    """Whether a column was read as dates."""
    return isinstance(table.column(name), Dates)


def _fit_numbers(
    table: Table, rows: Array, name: str, options: InputOptions
) -> list[ColumnEncoder]:
    """Return the encoders of a column of numbers or dates."""
    if is_date(table, name):
        recurring_only = name == options.time_column
        return [*fit_date(table, rows, name, options.scale, recurring_only=recurring_only)]
    values = table.numbers(name, options.hint).take(rows)
    return [NumericColumn(name, **fit_numbers(values, options.scale, f"{table.name}: {name}"))]
