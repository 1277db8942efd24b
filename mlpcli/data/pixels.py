"""Columns that are the pixels of an image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.advice import as_yaml
from mlpcli.data.encoders import NumericColumn
from mlpcli.data.inputs import InputEncoder
from mlpcli.data.table import Table
from mlpcli.errors import DataError

IMAGE = ("data", "image")


def check_image(inputs: InputEncoder, image: tuple[int, int, int]) -> None:
    """Raise DataError where a row is not one image: height · width · channels numbers, no text."""
    height, width, channels = image
    n = height * width * channels
    if inputs.text_columns:
        raise _no_pixels(inputs.text_columns[0], "categories")
    others = [c for c in inputs.columns if type(c) is not NumericColumn]
    if others:
        raise _no_pixels(others[0].name, "dates")
    if n != inputs.n_features:
        problem = f"{height} · {width} · {channels} is {n} numbers, and a row has"
        raise DataError(f"{problem} {inputs.n_features} numeric columns beside the target", IMAGE)


def _no_pixels(name: str, what: str) -> DataError:
    problem = f"{name} is a column of {what}; an image is numbers only"
    return DataError(f"{problem}: write data.exclude: [{as_yaml(name)}]", IMAGE)


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
