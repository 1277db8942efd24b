"""How numeric columns are scaled: the form of each scale, and the one that `auto` chooses.

standard  z = (x − mean) / deviation of the training rows
asinh     w asinh(z / w): z near 0, and sign(z) w log(2 |z| / w) far out, so that a value 40
          deviations out is an input of 10, and still tells itself from one at 30
minmax    onto 0 … 1 of the training rows
none      x
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.table import is_constant

ASINH_WIDTH = 3.0  # w; docs/decisions/0030 says what was measured
PIXEL_SCALE = "standard"  # that `auto` takes for columns like pixels
TABLE_SCALE = "asinh"  # that `auto` takes for all others
LEAST_PIXELS = 16  # columns: an image of 4 × 4
PIXELS_REACH = 0.75  # of the range's end, by the largest value of most columns


@dataclass(frozen=True)
class Scaling:
    """What was done to each feature: z = (x − shift) / scale, and X = z, or w asinh(z / w).

    shift, scale  (n_features,)
    width         (n_features,) w; 0 where X = z
    Source: Burbidge, Magee and Robb, Alternative Transformations to Handle Extreme Values, 1988.
    """

    shift: Array
    scale: Array
    width: Array

    def raw(self, X: Array, dtype: Any = np.float64) -> Array:
        """Return rows (rows, n_features) as they were before: x = shift + scale w sinh(X / w).

        >>> one = Scaling(np.array([10.0]), np.array([2.0]), np.array([3.0]))
        >>> one.raw(np.array([[3 * np.arcsinh(4 / 3)]])).round(12)  # 4 deviations above 10
        array([[18.]])
        """
        shift, scale, width = (each.astype(dtype) for each in (self.shift, self.scale, self.width))
        z = X.astype(dtype)
        bent = np.flatnonzero(width)
        if len(bent):
            z[:, bent] = width[bent] * np.sinh(z[:, bent] / width[bent])
        z *= scale
        z += shift
        return z

    def scaled(self, raw: Array) -> Array:
        """Return raw rows (rows, n_features) scaled, in their type, which are overwritten."""
        shift, width = self.shift.astype(raw.dtype), self.width.astype(raw.dtype)
        raw -= shift
        raw *= (1 / self.scale).astype(raw.dtype)
        bent = np.flatnonzero(width)
        if len(bent):
            raw[:, bent] = width[bent] * np.arcsinh(raw[:, bent] / width[bent])
        return raw


@dataclass(frozen=True)
class ScaleChoice:
    """A scale, and why `auto` has chosen it; without a reason where the spec names it."""

    name: str
    reason: str = ""


def choose_scale(
    columns: Iterable[Array], n_columns: int, *, is_image: bool = False
) -> ScaleChoice:
    """Return the scale of numeric columns that `auto` stands for.

    columns   the training rows of each (rows,), NaN where a value is missing; looked at one by
              one, as far as it takes

    Pixels keep a linear scale: `data.image` is given, or

    - there are at least LEAST_PIXELS numeric columns;
    - every value is a whole number, 0 or more;
    - more than half of the columns that vary reach PIXELS_REACH of the largest value of all: they
      share one range, such as 0 … 16, 0 … 255, or 0 … 1. Counts of unlike things do not.

    >>> grey = np.random.default_rng(0).integers(0, 17, (20, 100)).astype(float)
    >>> choose_scale(grey, 20).reason
    'all 20 numeric columns are whole numbers in one range, 0 to 16, like pixels'
    >>> choose_scale(grey[:15], 15).name, choose_scale(grey - 1, 20).name
    ('asinh', 'asinh')
    """
    if is_image:
        return ScaleChoice(PIXEL_SCALE, "data.image says that the columns are pixels")
    largest = _largest_whole(columns) if n_columns >= LEAST_PIXELS else None
    if largest is None or not len(largest):
        return ScaleChoice(TABLE_SCALE, "the numeric columns are not like pixels")
    top = float(largest.max())
    n_reaching = int(np.count_nonzero(largest >= PIXELS_REACH * top))
    if 2 * n_reaching <= len(largest):
        return ScaleChoice(TABLE_SCALE, "the numeric columns share no range, as pixels do")
    every = f"all {n_columns} numeric columns are whole numbers in one range"
    return ScaleChoice(PIXEL_SCALE, f"{every}, 0 to {top:g}, like pixels")


def _largest_whole(columns: Iterable[Array]) -> Array | None:
    """Return the largest value of each column that varies; None where any is no count."""
    found = []
    for values in columns:
        known = values[~np.isnan(values)]
        if (known < 0).any() or (known != np.floor(known)).any():
            return None
        if len(known) and not is_constant(known):
            found.append(known.max())
    return np.array(found)
