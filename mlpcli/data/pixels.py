"""Columns that are the pixels of an image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.encoders import NumericColumn
from mlpcli.data.inputs import InputEncoder
from mlpcli.data.table import Table
from mlpcli.errors import DataError


def check_image(inputs: InputEncoder, image: tuple[int, int, int]) -> None:
    """Raise DataError where a row is not one image: height · width · channels numbers, no text."""
    height, width, channels = image
    n, key = height * width * channels, ("data", "image")
    if inputs.text_columns:
        problem = f"{inputs.text_columns[0]} is a column of categories; an image is numbers only"
        raise DataError(f"{problem}: put the column in data.exclude", key)
    others = [c for c in inputs.columns if type(c) is not NumericColumn]
    if others:
        problem = f"{others[0].name} is a column of dates; an image is numbers only"
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
