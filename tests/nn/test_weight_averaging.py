"""The parameters' running mean: weights that fall as dᵗ⁻ⁱ and sum to 1."""

import numpy as np
import pytest

from mlpcli.nn.weight_averaging import WeightAverage


def walk(theta, average, points):
    """Move theta from point to point; return the average after each."""
    found = []
    for point in points:
        theta[...] = point
        average.update()
        found.append(average.average.copy())
    return np.array(found)


def test_by_hand():
    # d = 1/2: 4; (4/2 + 1)/(3/2) = 2; (4/4 + 1/2 + 8)/(7/4) = 38/7
    theta = np.array([100.0])
    found = walk(theta, WeightAverage(0.5, theta), [[4], [1], [8]])
    np.testing.assert_allclose(found.ravel(), [4, 2, 38 / 7], rtol=1e-13)


def test_the_beginning_has_no_part_in_it_and_a_constant_is_its_own_mean():
    theta = np.full(3, -7.0)
    average = WeightAverage(0.999, theta)
    np.testing.assert_array_equal(average.average, theta)  # before any step
    found = walk(theta, average, np.full((20, 3), 0.3))
    np.testing.assert_allclose(found, 0.3, rtol=1e-13)


def test_a_decay_of_zero_keeps_the_last():
    theta = np.zeros(2)
    points = np.random.default_rng(0).normal(size=(4, 2))
    found = walk(theta, WeightAverage(0.0, theta), points)
    np.testing.assert_allclose(found, points, rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_lane_has_the_same_bits_alone(dtype):
    rng = np.random.default_rng(1)
    decays, points = np.array([0.0, 0.9, 0.9999]), rng.normal(size=(8, 3, 11)).astype(dtype)
    theta = rng.normal(size=(3, 11)).astype(dtype)
    start = theta.copy()
    together = walk(theta, WeightAverage(decays, theta), points)
    for r in range(3):
        alone = start[r].copy()
        found = walk(alone, WeightAverage(float(decays[r]), alone), points[:, r])
        np.testing.assert_array_equal(found, together[:, r])


@pytest.mark.parametrize("lane_shape", [(), (2,)])
def test_it_goes_on_from_its_state_with_the_same_bits(lane_shape):
    points = np.random.default_rng(2).normal(size=(6, *lane_shape, 5))
    theta = np.zeros((*lane_shape, 5))
    whole = walk(theta, average := WeightAverage(0.9, theta), points[:3])
    second = WeightAverage(0.9, theta)
    second.average[...], second.power[...] = average.average, average.power
    whole = walk(theta, average, points[3:])
    np.testing.assert_array_equal(walk(theta, second, points[3:]), whole)


def test_theta_is_only_read_and_an_update_allocates_nothing_as_large(peak_bytes):
    theta = np.ones((2, 100_000), np.float32)
    average = WeightAverage(0.9, theta)
    assert peak_bytes(average.update) < theta.nbytes / 100
    np.testing.assert_array_equal(theta, 1.0)
