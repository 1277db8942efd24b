"""What every initializer promises: the distribution that its formula states."""

import re

import numpy as np
import pytest

from mlpcli.nn.initializers import INITIALIZERS, Normal, Uniform

FAN_IN, FAN_OUT = 400, 300  # different, so that no formula may take one for the other

each_initializer = pytest.mark.parametrize(
    "initializer", [member() for member in INITIALIZERS.values()], ids=repr
)


def draw(initializer, seed=0):
    return initializer.draw(FAN_IN, FAN_OUT, np.random.default_rng(seed))


def member(initializer):
    return INITIALIZERS[initializer]() if isinstance(initializer, str) else initializer


@pytest.mark.parametrize(
    ("initializer", "limit"),
    [
        ("glorot_uniform", np.sqrt(6 / 700)),
        ("he_uniform", np.sqrt(6 / 400)),
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
        ("normal", 0.01**2),
        (Normal(std=0.2), 0.2**2),
    ],
    ids=str,
)
def test_normal_weights_have_their_variance_and_its_tails(initializer, variance):
    W = draw(member(initializer))
    np.testing.assert_allclose(W.var(), variance, rtol=0.02)  # 5 standard errors
    np.testing.assert_allclose(np.mean(W**4), 3 * variance**2, rtol=0.05)


@each_initializer
def test_weights_are_float64_centred_and_the_generators_alone(initializer):
    W = draw(initializer)
    assert (W.shape, W.dtype) == ((FAN_IN, FAN_OUT), np.float64)
    assert abs(W.mean()) < 5 * W.std() / np.sqrt(W.size)
    np.testing.assert_array_equal(draw(initializer), W)
    assert not np.any(draw(initializer, seed=1) == W)


@each_initializer
def test_docstring_has_formula_and_source(initializer):
    assert re.search(r"W ~ \S", initializer.__doc__)
    assert re.search(r"Source: \w", initializer.__doc__)
