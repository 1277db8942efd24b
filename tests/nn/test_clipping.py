"""Clipping: shorter in the same direction, or cut number by number; each lane by itself."""

import re

import numpy as np
import pytest

from mlpcli.nn.clipping import ClipByNorm, ClipByValue

each_clip = pytest.mark.parametrize("clip", [ClipByNorm, ClipByValue])
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def clipped(clip, limit, gradient, dtype=np.float64):
    grad = np.array(gradient, dtype)
    clip(limit, grad).apply()
    return grad


@pytest.mark.parametrize(
    ("clip", "limit", "gradient", "expected"),
    [
        # a right triangle: 3² + 4² = 5²
        (ClipByNorm, 1.0, [3, 0, -4], [0.6, 0, -0.8]),
        (ClipByNorm, 10.0, [3, 0, -4], [3, 0, -4]),
        (ClipByNorm, 5.0, [3, 0, -4], [3, 0, -4]),
        (ClipByNorm, 1.0, [0, 0, 0], [0, 0, 0]),
        (ClipByValue, 2.0, [3, 1, -4], [2, 1, -2]),
        (ClipByValue, 4.0, [3, 1, -4], [3, 1, -4]),
        # a limit for each lane, and each lane's own norm
        (ClipByNorm, np.array([1.0, 10.0]), [[3, -4], [6, 8]], [[0.6, -0.8], [6, 8]]),
        (ClipByNorm, 1.0, [[3, -4], [0, 0.5]], [[0.6, -0.8], [0, 0.5]]),
        (ClipByValue, np.array([1.0, 3.5]), [[3, -4], [3, -4]], [[1, -1], [3, -3.5]]),
    ],
)
def test_by_hand(clip, limit, gradient, expected):
    np.testing.assert_allclose(clipped(clip, limit, gradient), expected, rtol=1e-15)


@each_dtype
def test_a_gradient_that_is_short_enough_keeps_its_bits(dtype):
    gradient = np.random.default_rng(0).normal(size=50).astype(dtype)
    norm = np.sqrt(np.vecdot(gradient, gradient))
    for limit in (norm, 2 * norm, 1e30):
        np.testing.assert_array_equal(clipped(ClipByNorm, limit, gradient, dtype), gradient)
    largest = np.abs(gradient).max()
    np.testing.assert_array_equal(clipped(ClipByValue, largest, gradient, dtype), gradient)


@each_dtype
@each_clip
def test_a_lane_has_the_same_bits_alone(clip, dtype):
    rng = np.random.default_rng(0)
    for n in (1, 2, 15, 16, 37, 200):
        gradients = rng.normal(size=(3, n)).astype(dtype)
        limits = np.array([0.3, 0.7, 100.0])
        stack = clipped(clip, limits, gradients, dtype)
        for r in range(3):
            np.testing.assert_array_equal(clipped(clip, limits[r], gradients[r], dtype), stack[r])


@each_clip
def test_a_gradient_that_is_not_finite_stays_so(clip):
    """Whoever looks for divergence must still find it."""
    with np.errstate(all="ignore"):
        found = clipped(clip, 1.0, [1.0, np.nan])
    assert np.isnan(found[1])


@each_clip
def test_in_place_and_without_arrays_of_its_own(clip, peak_bytes):
    grad = np.ones((2, 100_000), np.float32)
    bound = clip(0.5, grad)
    assert peak_bytes(bound.apply) < grad.nbytes / 100
    assert np.all(grad < 1)


@each_clip
def test_docstring_has_formula_and_source(clip):
    assert "←" in clip.__doc__.split("\n")[0]
    assert re.search(r"Source: \w", clip.__doc__)
