"""Rows that are images, and what can be done to them: moved, mirrored, turned, covered.

An image is height × width × channels in this order, in the file's own unit, of which 0 is what
comes in from outside. Functions take and return stacks of images (rows, height, width, channels).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mlpcli.nn.arrays import Array

Image = tuple[int, int, int]


@dataclass(frozen=True)
class Pixels:
    """Scaled rows as images in their own unit: raw = X scale + shift.

    image         (height, width, channels)
    shift, scale  (n_features,) float64
    """

    image: Image
    shift: Array
    scale: Array

    def change(self, X: Array, rows: Array, operation: Callable[[Array], Array]) -> None:
        """Replace some rows of X (rows, n_features) by what an operation makes of their images.

        In float64, so that a scaled pixel moved back and forth is rounded once each way; a pixel
        whose raw value stays the same keeps its bits.
        """
        part = X[rows]
        raw = part.astype(np.float64) * self.scale + self.shift
        changed = operation(raw.reshape(len(rows), *self.image)).reshape(raw.shape)
        scaled = (changed - self.shift) / self.scale
        np.copyto(part, scaled, where=changed != raw, casting="same_kind")
        X[rows] = part


def shifted(images: Array, down: Array, right: Array) -> Array:
    """Return images moved by whole pixels: out[y, x] = in[y − down, x − right], 0 outside.

    down, right  (rows,) int; negative is up, left
    """
    n, height, width, _ = images.shape
    y = np.arange(height) - down[:, np.newaxis]
    x = np.arange(width) - right[:, np.newaxis]
    inside = ((y >= 0) & (y < height))[:, :, np.newaxis] & ((x >= 0) & (x < width))[:, np.newaxis]
    y, x = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
    moved = images[np.arange(n)[:, np.newaxis, np.newaxis], y[:, :, np.newaxis], x[:, np.newaxis]]
    return np.where(inside[..., np.newaxis], moved, 0)


def flipped(images: Array, horizontal: Array, vertical: Array) -> Array:
    """Return images mirrored: left and right, top and bottom exchanged.

    horizontal, vertical  (rows,) bool, which images
    """
    out = images.copy()
    out[horizontal] = out[horizontal, :, ::-1]
    out[vertical] = out[vertical, ::-1]
    return out


def rotated(images: Array, radians: Array) -> Array:
    """Return images turned about their centre, counterclockwise, the value between pixels bilinear.

    out[y, x] = in(y′, x′), with the centre at ((height − 1)/2, (width − 1)/2) as origin
    x′ = x cos θ − y sin θ,  y′ = x sin θ + y cos θ          y points down
    in(y′, x′) = Σ over the four pixels around of their value times (1 − |Δy|)(1 − |Δx|)

    radians  (rows,) θ
    """
    n, height, width, channels = images.shape
    y = (np.arange(height) - (height - 1) / 2)[:, np.newaxis]
    x = np.arange(width) - (width - 1) / 2
    cos, sin = (f(radians)[:, np.newaxis, np.newaxis] for f in (np.cos, np.sin))
    from_y = x * sin + y * cos + (height - 1) / 2
    from_x = x * cos - y * sin + (width - 1) / 2
    top, left = np.floor(from_y), np.floor(from_x)
    below, beside = from_y - top, from_x - left
    flat, image = images.reshape(n, height * width, channels), np.arange(n)[:, np.newaxis]
    out = np.zeros((n, height * width, channels))
    for down in (0, 1):
        for right in (0, 1):
            row, column = top + down, left + right
            weight = (below if down else 1 - below) * (beside if right else 1 - beside)
            weight *= (row >= 0) & (row < height) & (column >= 0) & (column < width)
            row, column = np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)
            pixel = (row * width + column).astype(np.intp).reshape(n, height * width)
            out += weight.reshape(n, height * width, 1) * flat[image, pixel]
    return out.reshape(images.shape)


def covered(images: Array, top: Array, left: Array, size: int) -> Array:
    """Return images with a square of size × size pixels set to 0.

    top, left  (rows,) the square's first row and column
    """
    _, height, width, _ = images.shape
    y = np.arange(height) - top[:, np.newaxis]
    x = np.arange(width) - left[:, np.newaxis]
    inside = ((y >= 0) & (y < size))[:, :, np.newaxis] & ((x >= 0) & (x < size))[:, np.newaxis]
    return np.where(inside[..., np.newaxis], 0, images)
