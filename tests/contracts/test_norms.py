"""What every normalization promises: its moments, its derivative, its arrays, its lanes."""

import re

import numpy as np
import pytest

from mlpcli.family import stacked
from mlpcli.nn.norms import NORMS, BatchNorm, LayerNorm

each_norm = pytest.mark.parametrize("norm", [member() for member in NORMS.values()], ids=repr)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def bound(norm, u, weight=None, bias=None, *, training=True):
    """Return the layer, its parameters and statistics, and where their gradients go."""
    shape = (*u.shape[:-2], u.shape[-1])
    begin = {**norm.parameters, **norm.statistics}
    params = {name: np.full(shape, value, u.dtype) for name, value in begin.items()}
    params["weight"][...] = 1 if weight is None else weight
    params["bias"][...] = 0 if bias is None else bias
    grads = {name: np.full(shape, np.nan, u.dtype) for name in norm.parameters}
    return norm.layer(u, params, grads, training=training), params, grads


def test_batch_normalization_by_hand():
    # Column 1: mean 3, deviations −2, 0, 2, variance 8/3; with ε = 4/3 the root is 2.
    u = np.array([[1.0, 5.0], [3.0, 5.0], [5.0, 5.0]])
    layer, params, _ = bound(BatchNorm(epsilon=4 / 3, momentum=0.5), u, [3.0, 1.0], [10.0, 7.0])
    np.testing.assert_allclose(layer.forward(u), [[7, 7], [10, 7], [13, 7]], rtol=1e-14)
    # Half of the old 0 and 1, half of the mean and of the variance by N − 1: 8/2 = 4, and 0.
    np.testing.assert_allclose(params["mean"], [1.5, 2.5], rtol=1e-14)
    np.testing.assert_allclose(params["variance"], [2.5, 0.5], rtol=1e-14)


def test_batch_normalization_in_evaluation_by_hand():
    u = np.array([[5.0]])
    layer, params, _ = bound(BatchNorm(epsilon=1.0), u, 2.0, 0.5, training=False)
    params["mean"][...], params["variance"][...] = 1.0, 3.0
    np.testing.assert_allclose(layer.forward(u), [[2 * (5 - 1) / 2 + 0.5]])
    assert (params["mean"], params["variance"]) == (1.0, 3.0)  # nothing is measured


def test_layer_normalization_by_hand():
    # Row 1: mean 3, deviations −2, 0, 2; with ε = 4/3 the root is 2. Row 2 has no spread.
    u = np.array([[1.0, 3.0, 5.0], [4.0, 4.0, 4.0]])
    layer, _, _ = bound(LayerNorm(epsilon=4 / 3), u, [1.0, 2.0, 3.0], [0.0, 0.0, 1.0])
    np.testing.assert_allclose(layer.forward(u), [[-1, 0, 4], [0, 0, 1]], atol=1e-14)


@each_norm
@pytest.mark.parametrize("training", [True, False])
def test_derivatives_equal_central_differences(norm, training):
    rng = np.random.default_rng(0)
    u, delta = rng.normal(size=(2, 6, 4)), rng.normal(size=(2, 6, 4))
    start = rng.normal(1.0, 0.2, (2, 4)), rng.normal(size=(2, 4))

    def total(u, weight, bias):
        """Σ delta ∗ y, the derivatives of which are what `backward` writes."""
        return np.sum(delta * bound(norm, u, weight, bias, training=training)[0].forward(u))

    layer, _, grads = bound(norm, u, *start, training=training)
    layer.forward(u)
    found = [layer.backward(delta.copy()), grads["weight"], grads["bias"]]
    for place, analytic in enumerate(found):
        for at in np.ndindex(analytic.shape):
            ends = []
            for eta in (1e-5, -1e-5):
                arguments = [u.copy(), start[0].copy(), start[1].copy()]
                arguments[place][at] += eta
                ends.append(total(*arguments))
            assert analytic[at] == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-8)


@each_norm
@each_dtype
def test_inputs_are_left_alone_and_little_is_allocated(norm, dtype, peak_bytes):
    u = np.random.default_rng(1).normal(size=(512, 256)).astype(dtype)
    kept, delta = u.copy(), np.ones_like(u)
    layer, _, _ = bound(norm, u)
    assert layer.forward(u).dtype == dtype
    np.testing.assert_array_equal(u, kept)
    assert peak_bytes(lambda: layer.backward(delta) is layer.forward(u)) < u.nbytes / 8
    assert layer.backward(delta) is delta


@each_norm
@each_dtype
@pytest.mark.parametrize("training", [True, False])
def test_a_lane_has_the_same_bits_alone(norm, dtype, training):
    rng = np.random.default_rng(2)
    members = [norm, type(norm)(epsilon=0.5), type(norm)(epsilon=1e-3)]
    u, delta = rng.normal(size=(2, 3, 7, 13)).astype(dtype)
    weight, bias = rng.normal(size=(2, 3, 13)).astype(dtype)
    stack, params, grads = bound(stacked(members), u, weight, bias, training=training)
    y, below = stack.forward(u), stack.backward(delta.copy())
    for r, member in enumerate(members):
        one, own, d_one = bound(member, u[r], weight[r], bias[r], training=training)
        np.testing.assert_array_equal(one.forward(u[r]), y[r])
        np.testing.assert_array_equal(one.backward(delta[r].copy()), below[r])
        for name, value in own.items():
            np.testing.assert_array_equal(value, params[name][r])
        for name, value in d_one.items():
            np.testing.assert_array_equal(value, grads[name][r])


@each_norm
def test_large_values_and_no_spread_stay_finite_in_float32(norm):
    u = np.array([[1e4, -1e4, 3.0], [1e4, 1e4, 3.0], [-1e4, 0.0, 3.0]], np.float32)
    for each in (u, np.full_like(u, 1e4)):
        layer, _, _ = bound(norm, each)
        with np.errstate(all="raise", under="ignore"):
            assert np.isfinite(layer.forward(each)).all()
            assert np.isfinite(layer.backward(np.ones_like(each))).all()


@each_norm
def test_docstring_has_formula_and_source(norm):
    assert re.search(r"û = \(u − μ\) / √", norm.__doc__)
    assert re.search(r"dJ/du = \S", norm.__doc__)
    assert re.search(r"Source: \w", norm.__doc__)
