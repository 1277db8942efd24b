"""How input columns are encoded, and what is chosen where the spec leaves it open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

AUTO_MAX_CATEGORIES = 100
ROWS_PER_RARE, LEAST_RARE, MOST_RARE = 200, 2, 10  # docs/decisions/0037 says what was measured
NOT_A_NUMBER = "most of the column is numbers; mend the cell"
LISTED = "data.categorical does not list the column"


@dataclass(frozen=True)
class InputOptions:
    """How input columns are encoded.

    scale              of numbers: standard, asinh, minmax or none (see `fit_numbers`)
    categorical        the columns of categories; None: those that hold text
    rare               categories of fewer training rows are one; None: `auto_rare`
    max_categories     of a one-hot column; None: `auto_max_categories`
    high_cardinality   of columns of more: target or frequency
    missing_indicator  the columns with one; None: those where missing tells of the target
    is_image           whether the columns are pixels, which have no second input
    time_column        that the rows are split by; None: there is none
    group_column       the same, of groups that stay together
    seed               of the folds that the target's means are cross-fitted with
    """

    scale: str
    categorical: Sequence[str] | None = None
    rare: int | None = None
    max_categories: int | None = None
    high_cardinality: str = "target"
    missing_indicator: Sequence[str] | None = None
    is_image: bool = False
    time_column: str | None = None
    group_column: str | None = None
    seed: int = 0

    @property
    def is_listed(self) -> bool:
        """Whether the spec says which columns are categories: then nothing else is guessed."""
        return self.categorical is not None

    @property
    def hint(self) -> str:
        """What can be done about a text among numbers."""
        return LISTED if self.is_listed else NOT_A_NUMBER


def auto_rare(n_rows: int, *, listed: bool) -> int:
    """Return the rows below which a category is rare: one in 200 training rows, from 2 to 10.

    0, so that nothing is rare, below 200 rows and where the spec lists the columns of categories.
    """
    if listed or n_rows < ROWS_PER_RARE:
        return 0
    return min(MOST_RARE, max(LEAST_RARE, n_rows // ROWS_PER_RARE))


def auto_max_categories(*, listed: bool) -> int | None:
    """Return the most categories of a one-hot column; None where the spec lists the columns."""
    return None if listed else AUTO_MAX_CATEGORIES
