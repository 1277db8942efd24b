"""Augmentations of rows that are images."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

import numpy as np

from mlpcli.data.augmentation import AUGMENTATIONS, SHARE, Augmentation, RowBlock, TrainingRows
from mlpcli.data.images import Image, Pixels, covered, flipped, rotated, shifted
from mlpcli.errors import DataError
from mlpcli.family import setting


class ImageAugmentation(Augmentation):
    """A random change of images, in raw units; 0 comes in from outside."""

    needs_image: ClassVar[bool] = True

    def fit(self, rows: TrainingRows) -> Any:
        if rows.image is None:
            raise DataError(f"{self.name} is for images: set data.image", ("data", "image"))
        return Pixels(rows.image, rows.scaling)


@AUGMENTATIONS.add("shift")
class Shift(ImageAugmentation):
    """I′[y, x] = I[y − a, x − b], 0 outside; a and b ~ U{−pixels, …, pixels}.

    Source: Simard et al., Best Practices for Convolutional Neural Networks, 2003, section 2.
    """

    pixels: int = setting(2, "the most that an image is moved, in each direction", ge=1, le=10_000)
    probability: float = setting(1.0, SHARE, gt=0.0, le=1.0)

    def problem_with(self, image: Image | None) -> str:
        if image is None or self.pixels < min(image[:2]):
            return ""
        return f"an image of {image[0]} × {image[1]} moved by {self.pixels} pixels is out of sight"

    def apply(self, block: RowBlock, fitted: Any, rng: np.random.Generator) -> None:
        rows = np.flatnonzero(rng.random(len(block.X)) < self.probability)
        down, right = rng.integers(-self.pixels, self.pixels + 1, (2, len(rows)))
        fitted.change(block.X, rows, shifted, down, right)


@AUGMENTATIONS.add("flip")
class Flip(ImageAugmentation):
    """I′[y, x] = I[y, width − 1 − x] (horizontal), I[height − 1 − y, x] (vertical).

    Each of the two that is on, by itself, with the probability.
    Source: Krizhevsky et al., ImageNet Classification with Deep CNNs, 2012, 4.1.
    """

    horizontal: bool = setting(True, "exchange left and right")  # noqa: FBT003
    vertical: bool = setting(False, "exchange top and bottom")  # noqa: FBT003
    probability: float = setting(0.5, SHARE, gt=0.0, le=1.0)

    def problem_with(self, image: Image | None) -> str:
        return "" if self.horizontal or self.vertical else "neither horizontal nor vertical is true"

    def apply(self, block: RowBlock, fitted: Any, rng: np.random.Generator) -> None:
        drawn = rng.random((2, len(block.X))) < self.probability
        drawn &= np.array([[self.horizontal], [self.vertical]])
        rows = np.flatnonzero(drawn.any(axis=0))
        fitted.change(block.X, rows, flipped, *drawn[:, rows])


@AUGMENTATIONS.add("rotate")
class Rotate(ImageAugmentation):
    """I′[p] = I[R(θ) p] about the centre, bilinear, 0 outside; θ ~ U(−degrees, degrees).

    Source: Simard et al., Best Practices for Convolutional Neural Networks, 2003, section 2.
    """

    degrees: float = setting(10.0, "the most that an image is turned, either way", ge=0.0, le=180.0)
    probability: float = setting(1.0, SHARE, gt=0.0, le=1.0)

    def apply(self, block: RowBlock, fitted: Any, rng: np.random.Generator) -> None:
        rows = np.flatnonzero(rng.random(len(block.X)) < self.probability)
        radians = np.deg2rad(rng.uniform(-self.degrees, self.degrees, len(rows)))
        fitted.change(block.X, rows, rotated, radians)


@AUGMENTATIONS.add("cutout")
class Cutout(ImageAugmentation):
    """I′[y, x] = 0 where a ≤ y < a + size and b ≤ x < b + size, else I[y, x].

    The square lies within the image; a and b are uniform.
    Source: DeVries and Taylor, Improved Regularization of CNNs with Cutout, 2017, 3.2.
    """

    size: int = setting(3, "of the square's sides, in pixels", ge=1, le=10_000)
    probability: float = setting(0.5, SHARE, gt=0.0, le=1.0)

    def problem_with(self, image: Image | None) -> str:
        if image is None or self.size <= min(image[:2]):
            return ""
        return f"a square of {self.size} pixels does not fit into {image[0]} × {image[1]}"

    def apply(self, block: RowBlock, fitted: Any, rng: np.random.Generator) -> None:
        rows = np.flatnonzero(rng.random(len(block.X)) < self.probability)
        height, width, _ = fitted.image
        top = rng.integers(0, height - self.size + 1, len(rows))
        left = rng.integers(0, width - self.size + 1, len(rows))
        fitted.change(block.X, rows, partial(covered, size=self.size), top, left)
