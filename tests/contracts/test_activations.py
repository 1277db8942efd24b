"""What every activation promises: its derivative, its arrays, its numbers, its documentation."""

import re

import numpy as np
import pytest

from mlpcli.nn.activations import ACTIVATIONS, LeakyRelu
from mlpcli.nn.initializers import INITIALIZERS

MEMBERS = [member() for member in ACTIVATIONS.values()] + [LeakyRelu(slope=0.3)]
LN2, LN3 = np.log(2.0), np.log(3.0)

each_activation = pytest.mark.parametrize("activation", MEMBERS, ids=repr)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def value(activation, u):
    h = np.full_like(u, np.nan)
    activation.value(u, h, activation.scratch(u))
    return h


def times_derivative(activation, u, delta):
    h = value(activation, u)
    delta = delta.copy()
    activation.times_derivative(u.copy(), h, delta, activation.scratch(u))
    return delta


def away_from_kinks(activation, shape, seed=0):
    u = 2 * np.random.default_rng(seed).normal(size=shape)
    for kink in activation.kinks:
        u[np.abs(u - kink) < 0.01] += 0.1
    return u


@pytest.mark.parametrize(
    ("name", "u", "h"),
    [
        ("identity", [-2.0, 0.0, 3.0], [-2.0, 0.0, 3.0]),
        ("sigmoid", [-LN3, 0.0, LN3], [0.25, 0.5, 0.75]),  # 1 / (1 + 3), 1 / (1 + 1), 1 / (1 + 1/3)
        ("tanh", [-LN2, 0.0, LN3], [-0.6, 0.0, 0.8]),  # (4 − 1) / (4 + 1), (9 − 1) / (9 + 1)
        ("relu", [-2.0, 0.0, 3.0], [0.0, 0.0, 3.0]),
        ("leaky_relu", [-2.0, 0.0, 3.0], [-0.02, 0.0, 3.0]),
        ("softmax", [0.0, LN2, LN3], [1 / 6, 1 / 3, 1 / 2]),
    ],
)
def test_value_by_hand(name, u, h):
    np.testing.assert_allclose(value(ACTIVATIONS[name](), np.array([u])), [h], rtol=1e-15)


@pytest.mark.parametrize(("name", "at_zero"), [("relu", 0.0), ("leaky_relu", 0.01)])
def test_derivative_at_a_kink_is_the_one_from_the_left(name, at_zero):
    u, delta = np.zeros((1, 1)), np.ones((1, 1))
    assert times_derivative(ACTIVATIONS[name](), u, delta) == at_zero


@each_activation
def test_derivative_equals_the_central_difference(activation):
    u = away_from_kinks(activation, (2, 7, 5))
    delta = np.random.default_rng(1).normal(size=u.shape)
    expected = np.empty_like(u)
    for j in range(u.shape[-1]):  # Σ_k delta_k ∂f_k/∂u_j, right for softmax too
        plus, minus = u.copy(), u.copy()
        plus[..., j] += 1e-5
        minus[..., j] -= 1e-5
        slope = (value(activation, plus) - value(activation, minus)) / 2e-5
        expected[..., j] = np.sum(delta * slope, axis=-1)
    np.testing.assert_allclose(times_derivative(activation, u, delta), expected, atol=1e-9)


@each_activation
def test_derivative_jumps_at_the_declared_kinks_and_nowhere_else(activation):
    if activation.output_only:
        pytest.skip("works row by row")

    def slope(points):
        return times_derivative(activation, points[:, np.newaxis], np.ones((len(points), 1)))[:, 0]

    for kink in activation.kinks:
        left, right = slope(np.array([kink - 1e-9, kink + 1e-9]))
        assert abs(right - left) > 0.1
    grid = np.arange(-8.0, 8.0, 1e-3) + 5e-4
    jump = np.abs(np.diff(slope(grid))) > 0.01
    between = (grid[:-1] + grid[1:]) / 2
    np.testing.assert_allclose(between[jump], activation.kinks, atol=1e-6)


@each_activation
@each_dtype
def test_arrays_are_filled_in_place_and_inputs_left_alone(activation, dtype):
    u = away_from_kinks(activation, (6, 4)).astype(dtype)
    kept_u, h = u.copy(), np.full_like(u, np.nan)
    scratch = activation.scratch(u)
    assert activation.value(u, h, scratch) is None
    np.testing.assert_array_equal(u, kept_u)  # the derivative needs it

    delta = np.random.default_rng(2).normal(size=u.shape).astype(dtype)
    expected = times_derivative(activation, u.astype(float), delta.astype(float))
    kept_h = h.copy()
    assert activation.times_derivative(u, h, delta, scratch) is None
    np.testing.assert_array_equal(h, kept_h)
    np.testing.assert_allclose(delta, expected, atol=8 * np.finfo(dtype).eps)


@each_activation
@each_dtype
def test_nothing_as_large_as_the_result_is_allocated(activation, dtype, peak_bytes):
    u = np.random.default_rng(0).normal(size=(512, 256)).astype(dtype)
    h, delta, scratch = np.empty_like(u), np.ones_like(u), activation.scratch(u)

    def work():
        activation.value(u, h, scratch)
        activation.times_derivative(u, h, delta, scratch)

    assert peak_bytes(work) < u.nbytes / 8


@each_activation
def test_large_pre_activations_stay_finite_and_right_in_float32(activation):
    u = np.array([[-1e4, 0.5, 1e4], [1e4, 1e4, -1e4], [-1e4, -1e4, -1e4]], np.float32)
    exact = u.astype(np.float64)
    delta = np.array([[1.0, -2.0, 3.0]] * 3, np.float32)
    with np.errstate(all="raise", under="ignore"):  # exp(−20000) is 0, as it should be
        h, below = value(activation, u), times_derivative(activation, u, delta)
    np.testing.assert_allclose(h, value(activation, exact), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(
        below, times_derivative(activation, exact, delta.astype(float)), rtol=1e-6, atol=1e-6
    )


@each_activation
@each_dtype
def test_a_lane_has_the_same_bits_alone(activation, dtype):
    rng = np.random.default_rng(3)
    u, delta = rng.normal(size=(2, 3, 5, 7, 13)).astype(dtype)[:, 0]
    h, below = value(activation, u), times_derivative(activation, u, delta)
    for r in range(len(u)):
        np.testing.assert_array_equal(value(activation, u[r].copy()), h[r])
        np.testing.assert_array_equal(times_derivative(activation, u[r], delta[r]), below[r])


@each_activation
def test_the_default_initializer_exists(activation):
    assert activation.initializer in INITIALIZERS


@each_activation
def test_docstring_has_value_derivative_and_source(activation):
    assert re.search(r"f\(u\)(_\w)? = \S", activation.__doc__)
    assert re.search(r"(f'\(u\)|∂f\w*/∂u\w*) = \S", activation.__doc__)
    assert re.search(r"Source: \w", activation.__doc__)
