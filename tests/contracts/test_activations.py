"""What every activation promises: its derivative, its arrays, its numbers, its documentation."""

import re

import numpy as np
import pytest
from scipy import special

from mlpcli.family import settings_of, stacked
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.activations.rectified import Elu, LeakyRelu
from mlpcli.nn.initializers import INITIALIZERS

MEMBERS = [member() for member in ACTIVATIONS.values()]
MEMBERS += [LeakyRelu(slope=0.3), Elu(alpha=0.3), Elu(alpha=2.5)]
LEARNING = [activation for activation in MEMBERS if activation.parameters]
LN2, LN3 = np.log(2.0), np.log(3.0)
E60 = np.exp(60.0)
LAMBDA, LAMBDA_ALPHA = 1.0507009873554805, 1.7580993408473766  # Klambauer et al., 2017, (14)

each_activation = pytest.mark.parametrize("activation", MEMBERS, ids=repr)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def parameters_of(activation, u, *, initial=False):
    """Return its parameters (..., units) for arrays like u, and where their gradients go."""
    shape = (*u.shape[:-2], u.shape[-1])
    rng = np.random.default_rng(7)
    params = {
        name: np.full(shape, first) if initial else first * rng.integers(32, 128, shape) / 64
        for name, first in activation.parameters.items()
    }
    params = {name: tensor.astype(u.dtype) for name, tensor in params.items()}
    return params, {name: np.full_like(tensor, np.nan) for name, tensor in params.items()}


def value(activation, u, params=None):
    if params is None:
        params, grads = parameters_of(activation, u)
    else:
        grads = params
    h = np.full_like(u, np.nan)
    activation.value(u, h, activation.scratch(u, params, grads))
    return h


def gradients(activation, u, delta, params=None):
    """Return f'(u) ∗ delta, and the gradients of its parameters."""
    drawn, grads = parameters_of(activation, u)
    scratch = activation.scratch(u, drawn if params is None else params, grads)
    h, u, delta = np.full_like(u, np.nan), u.copy(), delta.copy()
    activation.value(u, h, scratch)
    activation.times_derivative(u, h, delta, scratch)
    return delta, grads


def times_derivative(activation, u, delta, params=None):
    return gradients(activation, u, delta, params)[0]


def slope(activation, points):
    """f' at some points."""
    u = np.asarray(points)[:, np.newaxis]
    return times_derivative(activation, u, np.ones_like(u))[:, 0]


def away_from_kinks(activation, shape, seed=0):
    u = 2 * np.random.default_rng(seed).normal(size=shape)
    for kink in activation.kinks:
        u[np.abs(u - kink) < 0.01] += 0.1
    return u


BY_HAND = [
    ("identity", [-2.0, 0.0, 3.0], [-2.0, 0.0, 3.0], [1.0, 1.0, 1.0]),
    # e⁻ᵘ is 3, 1 and 1/3
    ("sigmoid", [-LN3, 0.0, LN3], [0.25, 0.5, 0.75], [3 / 16, 1 / 4, 3 / 16]),
    # with e²ᵘ of 1/4, 1 and 9
    ("tanh", [-LN2, 0.0, LN3], [-0.6, 0.0, 0.8], [0.64, 1.0, 0.36]),
    ("softsign", [-3.0, 0.0, 1.0], [-0.75, 0.0, 0.5], [1 / 16, 1.0, 1 / 4]),
    ("hard_sigmoid", [-4.0, 0.0, 1.5, 5.0], [0.0, 0.5, 0.75, 1.0], [0.0, 1 / 6, 1 / 6, 0.0]),
    ("hard_tanh", [-2.0, -0.5, 3.0], [-1.0, -0.5, 1.0], [0.0, 1.0, 0.0]),
    ("relu", [-2.0, 3.0], [0.0, 3.0], [0.0, 1.0]),
    ("leaky_relu", [-2.0, 3.0], [-0.02, 3.0], [0.01, 1.0]),
    ("prelu", [-2.0, 3.0], [-0.5, 3.0], [0.25, 1.0]),
    ("elu", [-LN2, 3.0], [-0.5, 3.0], [0.5, 1.0]),
    ("selu", [-LN2, 3.0], [-LAMBDA_ALPHA / 2, 3 * LAMBDA], [LAMBDA_ALPHA / 2, LAMBDA]),
    # e⁻ᵘ is 3, 1 and 1/3: the logarithms of 4/3, of 2 and of 4
    ("softplus", [-LN3, 0.0, LN3], [np.log(4 / 3), LN2, 2 * LN2], [0.25, 0.5, 0.75]),
    # Φ(1) = 0.8413…, φ(1) = 0.2419…: Abramowitz and Stegun, table 26.1
    (
        "gelu",
        [-1.0, 0.0, 1.0],
        [-0.158655253931457, 0.0, 0.841344746068543],
        [0.158655253931457 - 0.241970724519143, 0.5, 0.841344746068543 + 0.241970724519143],
    ),
    (
        "silu",
        [-LN3, 0.0, LN3],
        [-0.25 * LN3, 0.0, 0.75 * LN3],
        [0.25 - 3 / 16 * LN3, 0.5, 0.75 + 3 / 16 * LN3],
    ),
    # tanh(log(1 + 2)) = (9 − 1) / (9 + 1), and its derivative (1 − 0.64) · 2/3
    ("mish", [0.0, LN2], [0.0, 0.8 * LN2], [0.6, 0.8 + 0.24 * LN2]),
    ("exponential", [-LN3, LN3, 61.0, 62.0], [1 / 3, 3.0, 2 * E60, 3 * E60], [1 / 3, 3, E60, E60]),
]


@pytest.mark.parametrize(("name", "u", "h", "derivative"), BY_HAND, ids=[row[0] for row in BY_HAND])
def test_value_and_derivative_by_hand(name, u, h, derivative):
    activation, u = ACTIVATIONS[name](), np.array([u])
    params, _ = parameters_of(activation, u, initial=True)
    np.testing.assert_allclose(value(activation, u, params), [h], rtol=2e-15)
    found = times_derivative(activation, u, np.ones_like(u), params)
    np.testing.assert_allclose(found, [derivative], rtol=4e-15)


def test_softmax_by_hand():
    u = np.array([[0.0, LN2, LN3]])
    np.testing.assert_allclose(value(ACTIVATIONS["softmax"](), u), [[1 / 6, 1 / 3, 1 / 2]], 1e-15)


def test_elu_tends_to_minus_alpha():
    assert value(Elu(alpha=2.5), np.array([[-LN2, -50.0, 2.0]])).tolist() == [[-1.25, -2.5, 2.0]]


def test_every_function_has_been_worked_by_hand():
    assert {row[0] for row in BY_HAND} | {"softmax"} == set(ACTIVATIONS)


@pytest.mark.parametrize(
    ("activation", "kink", "derivative"),
    [
        (ACTIVATIONS["relu"](), 0.0, 0.0),
        (ACTIVATIONS["leaky_relu"](), 0.0, 0.01),
        (ACTIVATIONS["prelu"](), 0.0, 0.25),
        (Elu(alpha=0.5), 0.0, 0.5),
        (ACTIVATIONS["selu"](), 0.0, LAMBDA_ALPHA),
        (ACTIVATIONS["hard_sigmoid"](), -3.0, 0.0),
        (ACTIVATIONS["hard_sigmoid"](), 3.0, 0.0),
        (ACTIVATIONS["hard_tanh"](), -1.0, 0.0),
        (ACTIVATIONS["hard_tanh"](), 1.0, 0.0),
    ],
    ids=repr,
)
def test_derivative_at_a_kink_is_the_one_that_pytorch_takes(activation, kink, derivative):
    u = np.full((1, 1), kink)
    params, _ = parameters_of(activation, u, initial=True)
    assert times_derivative(activation, u, np.ones((1, 1)), params) == derivative


@each_activation
def test_derivative_equals_the_central_difference(activation):
    u = away_from_kinks(activation, (2, 7, 5))
    delta = np.random.default_rng(1).normal(size=u.shape)
    expected = np.empty_like(u)
    for j in range(u.shape[-1]):  # Σ_k delta_k ∂f_k/∂u_j, right for softmax too
        plus, minus = u.copy(), u.copy()
        plus[..., j] += 1e-5
        minus[..., j] -= 1e-5
        quotient = (value(activation, plus) - value(activation, minus)) / 2e-5
        expected[..., j] = np.sum(delta * quotient, axis=-1)
    found = times_derivative(activation, u, delta)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("activation", LEARNING, ids=repr)
def test_gradients_of_own_parameters_equal_the_central_difference(activation):
    u = np.random.default_rng(0).normal(size=(2, 7, 5))
    delta = np.random.default_rng(1).normal(size=u.shape)
    params, _ = parameters_of(activation, u)
    _, grads = gradients(activation, u, delta)
    for name, tensor in params.items():
        for at in np.ndindex(tensor.shape):
            moved = {sign: {**params, name: tensor.copy()} for sign in (1, -1)}
            for sign in moved:
                moved[sign][name][at] += sign * 1e-5
            quotient = (value(activation, u, moved[1]) - value(activation, u, moved[-1])) / 2e-5
            assert grads[name][at] == pytest.approx(np.sum(delta * quotient), abs=1e-9)


def test_the_gradient_of_prelus_slope_by_hand():
    u = np.array([[-2.0, 1.0], [3.0, -0.5], [-1.0, -4.0]])
    delta = np.array([[1.0, 10.0], [100.0, 2.0], [0.5, -1.0]])
    found, grads = gradients(ACTIVATIONS["prelu"](), u, delta, {"slope": np.array([0.5, -3.0])})
    assert grads["slope"].tolist() == [-2.0 - 0.5, -1.0 + 4.0]
    assert found.tolist() == [[0.5, 10.0], [100.0, -6.0], [0.25, 3.0]]


@each_activation
def test_f_prime_or_its_slope_jumps_at_the_declared_kinks_and_nowhere_else(activation):
    if activation.name == "softmax":
        pytest.skip("works row by row")
    grids = [np.arange(-8.0, 8.0, 1e-3) + 5e-4]
    grids += [k + np.arange(-1.0, 1.0, 1e-3) + 5e-4 for k in activation.kinks if abs(k) > 8]
    found = set()
    for grid in grids:
        first = slope(activation, grid)
        second = np.diff(first) / 1e-3
        jump = np.abs(np.diff(second)) > 0.05 * (1 + np.abs(first[1:-1]))
        found |= set((np.round(grid[1:-1][jump] / 2e-3) * 2e-3).round(6))  # beside it on both sides
    assert sorted(abs(x) for x in found) == sorted(abs(x) for x in activation.kinks)
    assert found == set(activation.kinks)


@each_activation
@each_dtype
def test_arrays_are_filled_in_place_and_inputs_left_alone(activation, dtype):
    u = away_from_kinks(activation, (6, 4)).astype(dtype)
    kept_u, h = u.copy(), np.full_like(u, np.nan)
    params, grads = parameters_of(activation, u)
    kept_own = {name: tensor.copy() for name, tensor in params.items()}
    scratch = activation.scratch(u, params, grads)
    assert activation.value(u, h, scratch) is None
    np.testing.assert_array_equal(u, kept_u)  # the derivative needs it

    delta = np.random.default_rng(2).normal(size=u.shape).astype(dtype)
    expected, d_expected = gradients(activation, u.astype(float), delta.astype(float))
    kept_h = h.copy()
    assert activation.times_derivative(u, h, delta, scratch) is None
    np.testing.assert_array_equal(h, kept_h)
    few = 8 * np.finfo(dtype).eps
    np.testing.assert_allclose(delta, expected, rtol=few, atol=few)
    for name, tensor in params.items():
        np.testing.assert_array_equal(tensor, kept_own[name])
        np.testing.assert_allclose(grads[name], d_expected[name], rtol=few, atol=few)


@pytest.mark.parametrize("activation", [f for f in MEMBERS if f.in_place], ids=repr)
@each_dtype
def test_u_and_h_may_be_one_array(activation, dtype):
    u, delta = np.random.default_rng(6).normal(size=(2, 40, 30)).astype(dtype)
    expected, one = times_derivative(activation, u, delta), u.copy()
    scratch = activation.scratch(one)
    activation.value(one, one, scratch)
    np.testing.assert_array_equal(one, value(activation, u))
    for kink in activation.kinks:  # a gradient check asks h on which side u is
        np.testing.assert_array_equal(one > kink, u > kink)
    activation.times_derivative(one, one, delta, scratch)
    np.testing.assert_array_equal(delta, expected)


@each_activation
@each_dtype
def test_one_scratch_serves_every_batch(activation, dtype):
    u, more, delta = np.random.default_rng(5).normal(size=(3, 6, 4)).astype(dtype)
    params, grads = parameters_of(activation, u)
    scratch = activation.scratch(np.full_like(u, np.nan), params, grads)
    for batch in (more, u):
        h, below, overwritten = np.empty_like(u), delta.copy(), batch.copy()
        activation.value(overwritten, h, scratch)
        activation.times_derivative(overwritten, h, below, scratch)
    np.testing.assert_array_equal(h, value(activation, u))
    expected, d_expected = gradients(activation, u, delta)
    np.testing.assert_array_equal(below, expected)
    for name in params:
        np.testing.assert_array_equal(grads[name], d_expected[name])


@each_activation
@each_dtype
def test_nothing_as_large_as_the_result_is_allocated(activation, dtype, peak_bytes):
    u = np.random.default_rng(0).normal(size=(512, 256)).astype(dtype)
    h, delta = np.empty_like(u), np.ones_like(u)
    scratch = activation.scratch(u, *parameters_of(activation, u))

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


# u, f and f' where there is no number left of what is small; by the definitions.
ENDS = {
    "identity": ((-1e4, 1.0), (1e4, 1.0)),
    "sigmoid": ((0.0, 0.0), (1.0, 0.0)),
    "tanh": ((-1.0, 0.0), (1.0, 0.0)),
    "softsign": ((-1e4 / 10001, 1 / 10001**2), (1e4 / 10001, 1 / 10001**2)),
    "hard_sigmoid": ((0.0, 0.0), (1.0, 0.0)),
    "hard_tanh": ((-1.0, 0.0), (1.0, 0.0)),
    "relu": ((0.0, 0.0), (1e4, 1.0)),
    "leaky_relu": ((-100.0, 0.01), (1e4, 1.0)),
    "prelu": ((-2500.0, 0.25), (1e4, 1.0)),
    "elu": ((-1.0, 0.0), (1e4, 1.0)),
    "selu": ((-LAMBDA_ALPHA, 0.0), (LAMBDA * 1e4, LAMBDA)),
    "softplus": ((0.0, 0.0), (1e4, 1.0)),
    "gelu": ((0.0, 0.0), (1e4, 1.0)),
    "silu": ((0.0, 0.0), (1e4, 1.0)),
    "mish": ((0.0, 0.0), (1e4, 1.0)),
    "exponential": ((0.0, 0.0), (9941 * E60, E60)),
}


@each_dtype
@pytest.mark.parametrize("name", ENDS)
def test_what_is_left_far_from_zero(name, dtype):
    activation, u = ACTIVATIONS[name](), np.array([[-1e4, 1e4]], dtype)
    params, _ = parameters_of(activation, u, initial=True)
    with np.errstate(all="raise", under="ignore"):
        h, below = value(activation, u, params), times_derivative(activation, u, 0 * u + 1, params)
    few = 8 * np.finfo(dtype).eps
    for k, (f, derivative) in enumerate(ENDS[name]):
        np.testing.assert_allclose(h[0, k], f, rtol=few, atol=1e-30)
        np.testing.assert_allclose(below[0, k], derivative, rtol=few, atol=1e-30 + few * (f == 1))


# Closed forms in extended precision, where the machine has it; right in both tails.

EXACT = {
    "sigmoid": lambda u: 1 / (1 + np.exp(-u)),
    "tanh": np.tanh,
    "elu": lambda u: np.where(u > 0, u, np.expm1(np.minimum(u, 0))),
    "selu": lambda u: np.where(u > 0, LAMBDA * u, LAMBDA_ALPHA * np.expm1(np.minimum(u, 0))),
    "softplus": lambda u: np.log1p(np.exp(u)),
    "silu": lambda u: u / (1 + np.exp(-u)),
    "mish": lambda u: u * np.tanh(np.log1p(np.exp(u))),
    "softsign": lambda u: u / (1 + np.abs(u)),
    "gelu": lambda u: u * special.ndtr(u.astype(float)),
}
EXACT_DERIVATIVE = {
    "softplus": lambda u: 1 / (1 + np.exp(-u)),
    "softsign": lambda u: 1 / (1 + np.abs(u)) ** 2,
    "silu": lambda u: 1 / (1 + np.exp(-u)) * (1 + u / (1 + np.exp(u))),
    "mish": lambda u: (
        np.tanh(np.log1p(np.exp(u)))
        + u / np.cosh(np.log1p(np.exp(u))) ** 2 * (1 / (1 + np.exp(-u)))
    ),
    "gelu": lambda u: special.ndtr(u.astype(float)) + u * np.exp(-u * u / 2) / np.sqrt(2 * np.pi),
}
NEAR_AND_FAR = np.concatenate(
    [np.linspace(-30.0, 30.0, 1201), [sign * 10.0**-k for k in range(1, 20) for sign in (-1, 1)]]
)


def extended(dtype, *, lowest=-30.0):
    u = NEAR_AND_FAR[lowest <= NEAR_AND_FAR].astype(dtype)
    return u, u.astype(np.longdouble)


@each_dtype
@pytest.mark.parametrize("name", EXACT)
def test_values_are_exact_to_rounding_small_ones_too(name, dtype):
    # Below −12.9 gelu is no normal number of float32.
    u, exact = extended(dtype, lowest=-12.5 if name == "gelu" else -30.0)
    found = value(ACTIVATIONS[name](), u[:, np.newaxis])[:, 0]
    # SciPy's params Φ is off by 1e-16 u² in the tail.
    of_scipy = u * u * 3e-16 if name == "gelu" else 0
    rtol = 4 * np.finfo(dtype).eps + of_scipy
    expected = EXACT[name](exact)
    assert np.all(np.abs(found - expected) <= rtol * np.abs(expected))


@each_dtype
@pytest.mark.parametrize("name", EXACT_DERIVATIVE)
def test_derivatives_are_exact_to_rounding_small_ones_too(name, dtype):
    u, exact = extended(dtype, lowest=-12.5 if name == "gelu" else -30.0)
    found = times_derivative(ACTIVATIONS[name](), u[:, np.newaxis], np.ones((len(u), 1), dtype))
    expected = EXACT_DERIVATIVE[name](exact)
    # Where f' crosses 0 it is a difference of terms as large as f; and exp(−u²/2) is as uncertain
    # as u² is.
    size = np.abs(expected) + np.abs(EXACT[name](exact)) * (expected < 0.2)
    rounding = 4 * np.finfo(dtype).eps * (1 + (u**2 / 4 if name == "gelu" else 0))
    assert np.all(np.abs(found[:, 0] - expected) <= rounding * size)


@each_activation
@each_dtype
def test_a_lane_has_the_same_bits_alone(activation, dtype):
    rng = np.random.default_rng(3)
    u, delta = rng.normal(size=(2, 3, 5, 7, 13)).astype(dtype)[:, 0]
    params, _ = parameters_of(activation, u)
    h, (below, grads) = value(activation, u), gradients(activation, u, delta)
    for r in range(len(u)):
        mine = {name: tensor[r].copy() for name, tensor in params.items()}
        np.testing.assert_array_equal(value(activation, u[r].copy(), mine), h[r])
        below_alone, d_alone = gradients(activation, u[r], delta[r], mine)
        np.testing.assert_array_equal(below_alone, below[r])
        for name, tensor in d_alone.items():
            np.testing.assert_array_equal(tensor, grads[name][r])


@pytest.mark.parametrize("name", [n for n, f in ACTIVATIONS.items() if settings_of(f)])
@each_dtype
def test_a_lane_has_its_own_hyperparameters(name, dtype):
    fields = [f.name for f in settings_of(ACTIVATIONS[name])]
    lanes = [ACTIVATIONS[name](**dict.fromkeys(fields, x)) for x in (0.1, 0.7, 0.35)]
    u, delta = np.random.default_rng(3).normal(size=(2, 3, 7, 13)).astype(dtype)
    stack = stacked(lanes)
    h, below = value(stack, u), times_derivative(stack, u, delta)
    assert not np.array_equal(value(lanes[0], u[1]), h[1])
    for r, activation in enumerate(lanes):
        np.testing.assert_array_equal(value(activation, u[r]), h[r])
        np.testing.assert_array_equal(times_derivative(activation, u[r], delta[r]), below[r])


@each_activation
def test_a_probability_lies_between_0_and_1(activation):
    h = value(activation, np.linspace(-20.0, 20.0, 401)[:, np.newaxis])
    assert activation.is_probability == bool(h.min() >= 0 and h.max() <= 1)


@each_activation
def test_the_default_initializer_exists(activation):
    assert activation.initializer in INITIALIZERS


@each_activation
def test_docstring_has_value_derivative_and_source(activation):
    assert re.search(r"f\(u\)(_\w)? = \S", activation.__doc__)
    assert re.search(r"(f'\(u\)|∂f\w*/∂u\w*) = \S", activation.__doc__)
    assert re.search(r"Source: \w", activation.__doc__)
