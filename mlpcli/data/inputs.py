"""Input columns as numbers: scaling, one-hot coding, missing values; fitted on training rows only.

numeric   (value − shift) / scale, or w asinh of it over w (see `scaling.py`); a missing value
          becomes the training rows' median first
category  one column of 0 and 1 for each category of the training rows, sorted; a missing value
          is a category of its own where the training rows have one
          a category that the training rows do not have sets none of the columns
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.columns import Numbers
from mlpcli.data.input_columns import DATE, CategoryColumn, Column, NumericColumn
from mlpcli.data.scaling import ASINH_WIDTH, ScaleChoice, Scaling, choose_scale
from mlpcli.data.table import Table, is_constant
from mlpcli.errors import DataError

MAX_CATEGORIES = 10_000
BLOCK_NUMBERS = 1 << 17  # of X, written at once: 512 KiB in float32
HEAD = 1000  # rows
IDENTIFIER_FROM = 50  # categories; from here on, a column of mostly different texts is refused
NOT_A_NUMBER = (
    "most of the column is numbers; list the text in data.missing, or the column in "
    "data.categorical"
)
LISTED = "data.categorical does not list the column"


@dataclass(frozen=True)
class InputEncoder:
    """The input columns, fitted."""

    columns: tuple[Column, ...]

    @property
    def n_features(self) -> int:
        """How many numbers one row becomes."""
        return sum(column.width for column in self.columns)

    @property
    def feature_names(self) -> list[str]:
        """The name of each number."""
        return [name for column in self.columns for name in column.feature_names]

    @property
    def text_columns(self) -> list[str]:
        """The columns to be read as text."""
        return [c.name for c in self.columns if isinstance(c, CategoryColumn)]

    def encode(self, table: Table, dtype: Any) -> tuple[Array, dict[str, int]]:
        """Return X (rows, n_features), and for each column how many values had to be replaced.

        Columns are found by name; others in the table are ignored.

        Raises DataError where a column is not there, or a cell is not what it was in training.
        """
        X = np.empty((len(table), self.n_features), dtype)
        size = self._block_rows
        return X, self._encode(table, (X[s : s + size] for s in range(0, len(X), size)), X.dtype)

    def encode_parts(
        self, table: Table, dtype: Any, parts: Sequence[Array]
    ) -> tuple[list[Array], dict[str, int]]:
        """Return `encode`'s X in parts, each of which has some of the rows.

        All rows are encoded, then each goes to its part: a million rows of 20 in 40 ms, where
        each part's values gathered column by column take 70.

        parts  the row numbers of each, ascending
        """
        X = [np.empty((len(rows), self.n_features), dtype) for rows in parts]
        block = np.empty((min(self._block_rows, len(table)), self.n_features), dtype)

        def blocks() -> Iterator[Array]:
            for start in range(0, len(table), len(block)):
                n = min(len(block), len(table) - start)
                yield block[:n]
                for rows, out in zip(parts, X, strict=True):
                    low, high = np.searchsorted(rows, (start, start + n))
                    # With "raise", NumPy would write into memory of its own first.
                    block.take(rows[low:high] - start, 0, out[low:high], mode="clip")

        return X, self._encode(table, blocks(), block.dtype)

    @property
    def _block_rows(self) -> int:
        """As many rows as the cache holds: a million of 20, column by column, take 0.4 s."""
        return max(1, BLOCK_NUMBERS // max(1, self.n_features))

    def _encode(self, table: Table, blocks: Iterable[Array], dtype: Any) -> dict[str, int]:
        """Write a table's rows into blocks (some rows, n_features), one after the other."""
        sources = [column.source(table) for column in self.columns]
        ends = np.cumsum([column.width for column in self.columns]).tolist()
        counts, finite, start = [0] * len(self.columns), True, 0
        for block in blocks:
            here = slice(start, start + len(block))
            with np.errstate(over="ignore"):
                for k, column in enumerate(self.columns):
                    out = block[:, ends[k] - column.width : ends[k]]
                    counts[k] += column.write(sources[k][here], out)
            finite = finite and bool(np.isfinite(block).all())
            start += len(block)
        if not finite:
            for column in self.columns:
                column.check(table, dtype)
        return {c.name: n for c, n in zip(self.columns, counts, strict=True) if n}

    @property
    def numeric(self) -> Array:
        """Which features are numbers, not the 0 and 1 of a category: (n_features,) bool."""
        return self._per_feature(lambda c: isinstance(c, NumericColumn)).astype(bool)

    @property
    def scaling(self) -> Scaling:
        """What was done to each feature; nothing to the 0 and 1 of a category."""
        numeric = [isinstance(column, NumericColumn) for column in self.columns]

        def values(name: str, of_category: float) -> Array:
            pairs = zip(self.columns, numeric, strict=True)
            each = [getattr(c, name) or 0.0 if is_number else of_category for c, is_number in pairs]
            return np.repeat(each, [column.width for column in self.columns])

        return Scaling(values("shift", 0.0), values("scale", 1.0), values("linear_width", 0.0))

    @property
    def column_numbers(self) -> Array:
        """The number of the column that each feature is, or is a part of: (n_features,)."""
        return np.repeat(np.arange(len(self.columns)), [c.width for c in self.columns])

    def _per_feature(self, value: Callable[[Column], float]) -> Array:
        return np.repeat([float(value(c)) for c in self.columns], [c.width for c in self.columns])

    def raw(self, X: Array) -> Array:
        """Return rows (rows, n_features) as they were before scaling, float64.

        A number in its column's unit; a category as it is, a 0 or 1 for each.
        """
        return self.scaling.raw(X)

    def to_plain(self) -> list[dict[str, Any]]:
        """Return plain data, for a model file; what is None is left out, and read as None."""
        return [
            {key: value for key, value in asdict(column).items() if value is not None}
            for column in self.columns
        ]

    @staticmethod
    def from_plain(plain: Sequence[dict[str, Any]]) -> InputEncoder:
        """Return what `to_plain` wrote."""
        return InputEncoder(
            tuple(
                CategoryColumn(c["name"], tuple(c["categories"]))
                if "categories" in c
                else NumericColumn(**c)
                for c in plain
            )
        )


def fit_inputs(
    table: Table,
    rows: Array,
    names: Sequence[str],
    *,
    scale: str,
    categorical: Sequence[str] | None,
) -> InputEncoder:
    """Fit the columns `names` on the training rows.

    rows         row numbers of the training rows
    scale        standard: mean and standard deviation; asinh: those, and then w asinh(z / w);
                 minmax: onto 0 … 1; none
    categorical  the columns of categories; None: those that hold text
    Raises DataError at the first text in a column that is mostly numbers.
    """
    listed = categorical is not None
    categories = _categories(table, names, categorical)
    columns: list[Column] = []
    for name in names:
        if name in categories:
            columns.append(_fit_category(table, rows, name, listed=listed))
        else:
            columns.append(_fit_numeric(table, rows, name, scale, listed=listed))
    return InputEncoder(tuple(columns))


def auto_scale(
    table: Table,
    rows: Array,
    names: Sequence[str],
    *,
    categorical: Sequence[str] | None,
    is_image: bool,
) -> ScaleChoice:
    """Return the scale that suits the numbers of these columns, by the training rows alone.

    Raises DataError as `fit_inputs` does.
    """
    categories = _categories(table, names, categorical)
    hint = NOT_A_NUMBER if categorical is None else LISTED
    numeric = [name for name in names if name not in categories]
    columns = (table.numbers(name, hint).take(rows) for name in numeric)
    return choose_scale(columns, len(numeric), is_image=is_image)


def _categories(table: Table, names: Sequence[str], categorical: Sequence[str] | None) -> set[str]:
    """Return the columns of categories: the listed ones, or where none are those of text."""
    if categorical is None:
        return {name for name in names if not isinstance(table.column(name), Numbers)}
    for name in categorical:
        table.column(name, ("data", "categorical"))
    return set(categorical)


def check_image(inputs: InputEncoder, image: tuple[int, int, int]) -> None:
    """Raise DataError where a row is not one image: height · width · channels numbers, no text."""
    height, width, channels = image
    n, key = height * width * channels, ("data", "image")
    if inputs.text_columns:
        problem = f"{inputs.text_columns[0]} is a column of categories; an image is numbers only"
        raise DataError(f"{problem}: put the column in data.exclude", key)
    if n != inputs.n_features:
        problem = f"{height} · {width} · {channels} is {n} numbers, and a row has"
        raise DataError(f"{problem} {inputs.n_features} numeric columns beside the target", key)


def scale_channels(
    inputs: InputEncoder, table: Table, rows: Array, image: tuple[int, int, int], scale: str
) -> InputEncoder:
    """Return the columns of an image, all pixels of a channel scaled alike.

    Pixels move: a value that one pixel never has in training is common at the next. A pixel that
    is nearly constant, scaled by its own small spread, would then become an input far from all
    others.
    """
    if scale == "none":
        return inputs
    columns = [c for c in inputs.columns if isinstance(c, NumericColumn)]
    unscaled = [replace(c, shift=0.0, scale=1.0, linear_width=None) for c in columns]
    raw, _ = InputEncoder(tuple(unscaled)).encode_parts(table, np.float64, [rows])
    channels = raw[0].reshape(-1, image[2])
    with np.errstate(all="ignore"):
        if scale in ("standard", "asinh"):
            shift, spread = channels.mean(axis=0), channels.std(axis=0)
        else:
            shift, spread = channels.min(axis=0), np.ptp(channels, axis=0)
    if not np.isfinite([shift, spread]).all():
        raise DataError(f"{table.name}: the pixels' numbers are too large to be scaled")
    spread[spread == 0] = 1.0
    return InputEncoder(
        tuple(
            replace(column, shift=float(shift[k % image[2]]), scale=float(spread[k % image[2]]))
            for k, column in enumerate(columns)
        )
    )


def _fit_numeric(table: Table, rows: Array, name: str, scale: str, *, listed: bool) -> Column:
    values = table.numbers(name, LISTED if listed else NOT_A_NUMBER).take(rows)
    missing = np.isnan(values)
    shift, spread, some = 0.0, 1.0, missing.any()
    two_valued = is_two_valued(values[~missing] if some else values)
    with np.errstate(all="ignore"):
        fill = 0.0 if missing.all() else median(values[~missing] if some else values)
        if some:
            values[missing] = fill
        if scale in ("standard", "asinh"):
            mean = values.mean(keepdims=True)
            shift, spread = float(mean[0]), float(values.std(mean=mean))
        elif scale == "minmax":
            shift, spread = float(values.min()), float(values.max() - values.min())
    if not np.isfinite([fill, shift, spread]).all():
        raise DataError(f"{table.name}: {name}: the numbers are too large to be scaled")
    width = ASINH_WIDTH if scale == "asinh" else None
    spread = 1.0 if spread == 0 or is_constant(values) else spread
    return NumericColumn(name, fill, shift, spread, width, two_valued or None)


def is_two_valued(values: Array) -> bool:
    """Whether there are at most two different numbers; the first rows mostly tell."""
    for some in (values[:HEAD], values):
        if len(some) and np.any((some != some.min()) & (some != some.max())):
            return False
    return True


def median(values: Array) -> float:
    """Return the median, as np.median does, of numbers: of a million in 1 ms, not in 9.

    NumPy has vector instructions for a partition at one place, which np.median does not ask for.
    It looks for masks as well, and imports numpy.ma for it.
    """
    half = len(values) // 2
    parted = np.partition(values, half)
    upper = parted[half]
    lower = upper if len(values) % 2 else parted[:half].max()
    return float(np.mean((lower, upper)))


def _fit_category(table: Table, rows: Array, name: str, *, listed: bool) -> Column:
    codes, texts = table.coded_texts(name)
    numbers = (np.flatnonzero(np.bincount(codes[rows] + 1)) - 1).tolist()
    found = {texts[number] for number in numbers if number >= 0}
    if not listed and len(found) >= IDENTIFIER_FROM and 2 * len(found) > len(rows):
        are_dates = all(DATE.fullmatch(text) for text in found)
        like = "dates, which are not read as numbers" if are_dates else "an identifier"
        raise DataError(
            f"{table.name}: {name}: {len(found)} different texts in {len(rows)} rows look like "
            f"{like}; put the column in data.exclude, or list it in data.categorical"
        )
    if len(found) > MAX_CATEGORIES:
        problem = f"{len(found)} categories are more than {MAX_CATEGORIES}"
        raise DataError(f"{table.name}: {name}: {problem}; put the column in data.exclude")
    missing: tuple[None, ...] = (None,) if -1 in numbers else ()
    return CategoryColumn(name, (*sorted(found), *missing))
