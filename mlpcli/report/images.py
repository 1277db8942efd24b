"""Rows that are images, drawn as such."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlpcli.array_types import Array
from mlpcli.report.drawing import draw, figure

COLUMNS = 5
COLOURS = 3  # channels of red, green and blue
SIDE = 84  # CSS pixels
MOST_PIXELS = 128  # along a side: of a larger image every n-th


def draw_images(images: Array, titles: Sequence[str]) -> str:
    """Return a drawing of images side by side, each with a line above it.

    images  (n, height, width, channels) in any unit: the least is black, the greatest white. Three
            channels are red, green and blue; of any other number the mean is drawn
    """
    step = -(-max(images.shape[1:3]) // MOST_PIXELS)
    images = images[:, ::step, ::step]
    if images.shape[3] != COLOURS:
        images = images.mean(axis=3)
    low, high = float(images.min()), float(images.max())
    shown = np.clip((images - low) / max(high - low, 1e-12), 0, 1)
    n_rows = -(-len(images) // COLUMNS)
    size = COLUMNS * SIDE, n_rows * (SIDE * images.shape[1] / images.shape[2] + 26)
    with figure(*size, nrows=n_rows, ncols=COLUMNS, squeeze=False) as (canvas, axes):
        for place in axes.flat:
            place.set_axis_off()
        for place, image, title in zip(axes.flat, shown, titles, strict=False):
            # As many pixels as there are: the browser makes them larger.
            place.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="none")
            place.set_title(title, fontsize=10, fontweight="normal", loc="center")
        return draw(canvas)
