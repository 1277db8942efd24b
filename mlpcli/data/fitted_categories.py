"""Encoders of columns of categories, fitted on training rows: which of them, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mlpcli.array_types import Array
from mlpcli.data.advice import as_yaml
from mlpcli.data.encoders import CategoryColumn, ColumnEncoder, EncodedCategory
from mlpcli.data.encoders.categories import (
    Category,
    CategoryEncoder,
    ordered,
    training_categories,
)
from mlpcli.data.encoders.encoded_category import (
    cross_fit_folds,
    fit_frequency,
    fit_target_mean,
)
from mlpcli.data.guesses import Guess
from mlpcli.data.input_options import InputOptions, auto_max_categories, auto_rare
from mlpcli.data.split_keys import group_numbers
from mlpcli.data.table import Table
from mlpcli.data.training_target import TrainingTarget
from mlpcli.errors import DataError, listing

MAX_ONE_HOT = 10_000  # inputs that one column may become


@dataclass(frozen=True)
class CategoryFit:
    """A column's encoder, and what the training rows have in place of its inputs.

    own      (rows, width) where it is cross-fitted, else None
    rare     the training rows below which a category is rare
    most     the most categories of a one-hot column; None: no bound
    n_found  how many categories all rows of the table have, for messages
    """

    encoder: ColumnEncoder
    own: Array | None
    rare: int
    most: int | None
    n_found: int = 0


def fit_category(
    table: Table, rows: Array, name: str, options: InputOptions, target: TrainingTarget
) -> CategoryFit:
    """Fit a column of categories on the training rows.

    One-hot, where it has at most `max_categories`, a missing value not counted; rare ones are
    counted each. Else one number for each, by the target or by frequency.
    Raises DataError where the column has too many categories for one-hot columns.
    """
    counts = training_categories(table, rows, name)
    n = len(counts) - (None in counts)
    listed = options.is_listed
    rare = auto_rare(len(rows), listed=listed) if options.rare is None else options.rare
    most = options.max_categories or auto_max_categories(listed=listed)
    if most is not None and n > most:
        encoder, own = _encoded(table, rows, name, ordered(counts), options, target)
        n_found = len(set(table.coded_texts(name)[1]))
        return CategoryFit(encoder, own, rare, most, n_found)
    grouped = sorted(c for c, k in counts.items() if c is not None and k < rare)
    kept = Counter({c: k for c, k in counts.items() if c is None or k >= rare})
    if len(kept) > MAX_ONE_HOT:
        problem = f"{len(kept)} categories are more than {MAX_ONE_HOT}"
        advice = f"write data.max_categories: 100, or data.exclude: [{as_yaml(name)}]"
        raise DataError(f"{table.name}: {name}: {problem}; {advice}")
    return CategoryFit(CategoryColumn(name, ordered(kept), tuple(grouped)), None, rare, most)


def _encoded(
    table: Table,
    rows: Array,
    name: str,
    categories: tuple[Category, ...],
    options: InputOptions,
    target: TrainingTarget,
) -> tuple[EncodedCategory, Array | None]:
    """Return the encoder of a column of many categories, and the training rows' own inputs."""
    codes = CategoryEncoder(name, categories).source(table)[rows]
    place = f"{table.name}: {name}"
    if options.high_cardinality == "frequency":
        return fit_frequency(name, categories, codes, options.scale, place), None
    group = options.group_column
    groups = None if group is None else group_numbers(table, group)[rows]
    folds = cross_fit_folds(len(rows), options.seed, groups)
    return fit_target_mean(
        name, categories, codes, target.outputs, target.names, folds, options.scale, place
    )


def category_guesses(fits: Sequence[CategoryFit]) -> list[Guess]:
    """Return what was found of all columns: which have rare categories, which are encoded."""
    guesses = []
    grouped = {
        fit.encoder.name: len(fit.encoder.rare)
        for fit in fits
        if isinstance(fit.encoder, CategoryColumn) and fit.encoder.rare
    }
    if grouped:
        each = listing(f"{name} {n}" for name, n in grouped.items())
        text = (
            f"categories of fewer than {fits[0].rare} training rows are one, (rare): {each}; "
            "data.rare: 0 keeps each"
        )
        guesses.append(Guess("category", text, tuple(grouped)))
    encoded = {fit.encoder.name: fit for fit in fits if isinstance(fit.encoder, EncodedCategory)}
    if encoded:
        each = listing(f"{name} {fit.n_found:,}" for name, fit in encoded.items())
        first = next(iter(encoded.values())).encoder
        mean = "the target's mean" if first.width == 1 else "the mean of each output"
        what = "the share of rows" if first.kind == "frequency" else mean
        inputs = "one input" if first.width == 1 else f"{first.width} inputs"
        text = (
            f"more than {fits[0].most} categories: {each}; each such column is {inputs}, {what} "
            "in the row's category; data.max_categories is the bound"
        )
        guesses.append(Guess("category", text, tuple(encoded)))
    return guesses
