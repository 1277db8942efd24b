"""Patches of an image, as groups of features: one pixel alone says next to nothing."""

from __future__ import annotations

import numpy as np

from mlpcli.array_types import Array

MOST = 8  # patches along a side


def image_patches(shape: tuple[int, int, int]) -> dict[str, Array]:
    """Return the features of each patch by its name, row by row of patches, from the top left.

    shape  (height, width, channels) of the image that a row of X is

    >>> image_patches((1, 9, 1))["row 1, columns 1–2"].tolist()
    [0, 1]
    """
    height, width, _ = shape
    number = np.arange(np.prod(shape)).reshape(shape)
    side = patch_side(shape)
    return {
        f"{_span('row', top, min(top + side, height))}, "
        f"{_span('column', left, min(left + side, width))}": number[
            top : top + side, left : left + side
        ].ravel()
        for top in range(0, height, side)
        for left in range(0, width, side)
    }


def patch_side(shape: tuple[int, int, int]) -> int:
    """Return how many pixels a patch is high and wide."""
    return -(-max(shape[:2]) // MOST)


def _span(what: str, start: int, stop: int) -> str:
    """Return the pixels from start to before stop, counted from 1."""
    return f"{what} {stop}" if stop - start == 1 else f"{what}s {start + 1}–{stop}"
