"""What every initializer promises: the distribution that its formula states."""

import re

import numpy as np
import pytest

from mlpcli.nn.initializers import INITIALIZERS, ConstantWeights, Normal, Orthogonal, Uniform

FAN_IN, FAN_OUT = 400, 300  # different, so that no formula may take one for the other

each_initializer = pytest.mark.parametrize(
    "initializer", [member() for member in INITIALIZERS.values()], ids=repr
)


RANDOM = [member() for name, member in INITIALIZERS.items() if name not in ("zeros", "constant")]
each_random = pytest.mark.parametrize("initializer", RANDOM, ids=repr)


def draw(initializer, seed=0):
    return initializer.draw(FAN_IN, FAN_OUT, np.random.default_rng(seed))


def member(initializer):
    return INITIALIZERS[initializer]() if isinstance(initializer, str) else initializer


@pytest.mark.parametrize(
    ("initializer", "limit"),
    [
        ("glorot_uniform", np.sqrt(6 / 700)),
        ("he_uniform", np.sqrt(6 / 400)),
        ("lecun_uniform", np.sqrt(3 / 400)),
        ("uniform", 0.05),
        (Uniform(limit=0.3), 0.3),
    ],
    ids=str,
)
def test_uniform_weights_fill_their_interval_evenly(initializer, limit):
    W = draw(member(initializer))
    # The largest of 120 000 is below 0.999 a with probability 0.999^120000 < 1e-52.
    assert 0.999 * limit < np.abs(W).max() <= limit
    np.testing.assert_allclose(W.var(), limit**2 / 3, rtol=0.02)  # 7 standard errors
    np.testing.assert_allclose(np.mean(W**4), limit**4 / 5, rtol=0.02)


@pytest.mark.parametrize(
    ("initializer", "variance"),
    [
        ("glorot_normal", 2 / 700),
        ("he_normal", 2 / 400),
        ("lecun_normal", 1 / 400),
        ("normal", 0.01**2),
        (Normal(std=0.2), 0.2**2),
    ],
    ids=str,
)
def test_normal_weights_have_their_variance_and_its_tails(initializer, variance):
    W = draw(member(initializer))
    np.testing.assert_allclose(W.var(), variance, rtol=0.02)  # 5 standard errors
    np.testing.assert_allclose(np.mean(W**4), 3 * variance**2, rtol=0.05)


@pytest.mark.parametrize("shape", [(7, 7), (9, 4), (4, 9), (1, 6), (6, 1), (1, 1)])
def test_orthogonal_weights_are_orthogonal(shape):
    W = Orthogonal(gain=1.5).draw(*shape, np.random.default_rng(0))
    assert W.shape == shape
    product = W.T @ W if shape[0] >= shape[1] else W @ W.T
    np.testing.assert_allclose(product, 2.25 * np.eye(min(shape)), atol=1e-14)


def test_orthogonal_weights_are_uniform_over_the_orthogonal_matrices():
    """Without the sign correction, LAPACK's Q has diagonal entries of one sign.

    Uniform, each entry of a column is one coordinate of a point on the sphere: mean 0 and variance
    1/n, and the determinant is 1 as often as -1.
    """
    rng = np.random.default_rng(0)
    Q = np.array([Orthogonal().draw(3, 3, rng) for _ in range(4000)])
    np.testing.assert_allclose(Q.mean(axis=0), 0.0, atol=5 * np.sqrt(1 / 3 / 4000))
    np.testing.assert_allclose(Q.var(axis=0), 1 / 3, atol=0.03)
    assert abs(np.mean(np.linalg.det(Q))) < 5 / np.sqrt(4000)


def test_constant_weights_and_zeros():
    assert np.all(draw(ConstantWeights(value=-0.25)) == -0.25)
    assert np.all(draw(ConstantWeights()) == 0.1)
    assert not np.any(draw(INITIALIZERS["zeros"]()))


@each_initializer
def test_weights_are_float64_of_the_shape(initializer):
    W = draw(initializer)
    assert (W.shape, W.dtype) == ((FAN_IN, FAN_OUT), np.float64)
    assert initializer.problem() is None


@each_random
def test_random_weights_are_centred_and_the_generators_alone(initializer):
    W = draw(initializer)
    assert abs(W.mean()) < 5 * W.std() / np.sqrt(W.size)
    np.testing.assert_array_equal(draw(initializer), W)
    assert not np.any(draw(initializer, seed=1) == W)


@each_initializer
def test_docstring_has_formula_and_source(initializer):
    assert re.search(r"W [~=] \S", initializer.__doc__)
    assert re.search(r"Source: \w", initializer.__doc__)
