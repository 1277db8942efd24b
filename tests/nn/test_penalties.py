"""Penalties, decoupled decay and max-norm: the weights alone, each lane by itself."""

import re
from itertools import pairwise

import numpy as np
import pytest

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer, Network
from mlpcli.nn.optimizers import AdamW, Lion, Sgd
from mlpcli.nn.penalties import L1, L2, DecoupledDecay, MaxNorm
from mlpcli.nn.update import Regularization
from mlpcli.training.trainer import Trainer

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def network_of(theta, widths=(2, 1), dtype=np.float64):
    """A network with these parameters; its widths are n_inputs, hidden units…, n_outputs."""
    hidden = tuple(Layer(units, ACTIVATIONS["tanh"]()) for units in widths[1:-1])
    architecture = Architecture(widths[0], hidden, widths[-1], LOSSES["mse"]())
    return Network(architecture, np.array(theta, dtype))


# W = (3, -2), b = 5


@pytest.mark.parametrize(
    ("penalty", "value", "gradient"),
    [
        (L2, 0.5 / 2 * (9 + 4), [1.5, -1, 0]),
        (L1, 0.5 * (3 + 2), [0.5, -0.5, 0]),
    ],
)
def test_penalties_by_hand(penalty, value, gradient):
    bound = penalty(0.5, network_of([3, -2, 5]))
    assert bound.value() == value
    grad = np.ones(3)
    bound.add_gradient(grad)
    np.testing.assert_array_equal(grad, np.ones(3) + gradient)


def test_l1_does_not_pull_at_zero():
    grad = np.zeros(3)
    L1(0.5, network_of([0, -0.0, 5])).add_gradient(grad)
    np.testing.assert_array_equal(grad, 0.0)


@pytest.mark.parametrize("penalty", [L1, L2])
@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_a_penalty_has_a_strength_for_each_lane(penalty, shape):
    strengths = np.array([0.0, 0.5, 2.0])
    theta = np.random.default_rng(0).normal(size=(3, 3))
    stack = penalty(strengths.reshape(shape), network_of(theta))
    grad = np.zeros((3, 3))
    stack.add_gradient(grad)
    for r in range(3):
        one, alone = penalty(strengths[r], network_of(theta[r])), np.zeros(3)
        one.add_gradient(alone)
        np.testing.assert_array_equal(alone, grad[r])
        assert one.value() == stack.value()[r]


def test_a_penalty_s_gradient_is_that_of_its_value():
    theta = np.array([0.4, -0.2, 0.3, 0.9, -0.7, 0.5, 0.1, 0.2, 0.6])  # widths 2, 2, 1
    for penalty in (L1, L2):
        bound = penalty(0.3, network_of(theta, (2, 2, 1)))
        grad = np.zeros(9)
        bound.add_gradient(grad)
        for i in range(9):
            moved = [theta + sign * 1e-6 * (np.arange(9) == i) for sign in (1, -1)]
            up, down = (penalty(0.3, network_of(t, (2, 2, 1))).value() for t in moved)
            assert grad[i] == pytest.approx((up - down) / 2e-6, abs=1e-9)


def test_decoupled_decay_by_hand_and_at_the_rate_of_the_step():
    network, rate = network_of([3, -2, 5]), np.array(0.0)
    decay = DecoupledDecay(0.5, network, rate)
    rate[...] = 0.5  # as a schedule does, after it was bound
    decay.apply()
    np.testing.assert_array_equal(network.theta, [2.25, -1.5, 5])  # 1 − 0.5 · 0.5
    rate[...] = 1.0
    decay.apply()
    np.testing.assert_array_equal(network.theta, [1.125, -0.75, 5])


@each_dtype
def test_decoupled_decay_of_a_lane_has_the_same_bits_alone(dtype):
    rng = np.random.default_rng(0)
    theta, rates, alphas = rng.normal(size=(3, 3)), np.array([0.1, 0.3, 0.7]), [0.0, 0.01, 0.5]
    stack = network_of(theta, dtype=dtype)
    DecoupledDecay(np.array(alphas), stack, rates.astype(dtype)[:, np.newaxis]).apply()
    for r in range(3):
        alone = network_of(theta[r], dtype=dtype)
        DecoupledDecay(alphas[r], alone, np.array(rates[r], dtype)).apply()
        np.testing.assert_array_equal(alone.theta, stack.theta[r])
    np.testing.assert_array_equal(stack.theta[0], theta[0].astype(dtype))


@pytest.mark.parametrize(
    ("optimizer", "weight"),
    [
        # one row x = 2, y = 0, ŷ = 0.5 · 2: ∂J/∂w = 2; λ = 0.1, α = 1
        (Sgd(), 0.5 - 0.1 * (2 + 1 * 0.5)),
        (AdamW(epsilon=1.0), 0.9 * 0.5 - 0.1 * 2 / (2 + 1)),
        (Lion(), 0.9 * 0.5 - 0.1),
    ],
    ids=repr,
)
def test_the_trainer_decays_once_as_the_optimizer_wants_it(optimizer, weight):
    network = network_of([0.5, 0.0], (1, 1))
    X, y = np.array([[2.0]]), np.array([[0.0]])
    trainer = Trainer(
        network, optimizer, X, y, batch_size=1, seeds=[0], regularization=Regularization(l2=1.0)
    )
    list(trainer.epoch(1, 0.1))
    assert network.theta[0] == pytest.approx(weight, rel=1e-14)


# ---------------------------------------------------------------- max-norm


def test_max_norm_by_hand():
    # W (2, 2): columns (3, 4) and (0.6, 0.8); U (2, 1): (1, 0)
    network = network_of([3, 0.6, 4, 0.8, 1, 0, 9, 9, 9], (2, 2, 1))
    MaxNorm(2.5, network).apply()
    np.testing.assert_array_equal(network.theta, [1.5, 0.6, 2, 0.8, 1, 0, 9, 9, 9])


def test_a_column_of_zeros_is_no_error():
    network = network_of(np.zeros(9), (2, 2, 1))
    MaxNorm(1.0, network).apply()
    assert not np.any(network.theta)


@each_dtype
@pytest.mark.parametrize("widths", [(1, 1), (5, 1), (300, 1), (1, 5), (13, 64, 3), (64, 7, 5, 2)])
def test_max_norm_of_a_lane_has_the_same_bits_alone_and_holds(widths, dtype):
    rng = np.random.default_rng(0)
    n_params = sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(widths))
    theta = 2 * rng.normal(size=(3, n_params))
    stack, limits = network_of(theta, widths, dtype), np.array([0.5, 1.5, 1e30])
    MaxNorm(limits, stack).apply()
    for r in range(3):
        alone = network_of(theta[r], widths, dtype)
        MaxNorm(limits[r], alone).apply()
        np.testing.assert_array_equal(alone.theta, stack.theta[r])
        for name, tensor in alone.tensors().items():
            if name.endswith("weight"):
                assert np.all(np.linalg.norm(tensor, axis=0) <= limits[r] * (1 + 1e-6))
    np.testing.assert_array_equal(stack.theta[2], theta[2].astype(dtype))


def test_nothing_is_allocated_in_a_step(peak_bytes):
    theta = np.ones((2, 301 * 300 + 301), np.float32)
    network, rate = network_of(theta, (300, 300, 1), np.float32), np.full((2, 1), 0.1, np.float32)
    grad = np.zeros_like(network.theta)
    decay, norm, l1 = DecoupledDecay(0.1, network, rate), MaxNorm(1.0, network), L1(0.1, network)
    for work in (decay.apply, norm.apply, lambda: l1.add_gradient(grad), l1.value):
        assert peak_bytes(work) < grad.nbytes / 15


@pytest.mark.parametrize("part", [L1, L2, DecoupledDecay, MaxNorm])
def test_docstring_has_formula_and_source(part):
    assert re.search(r"P = |← ", part.__doc__.split("\n")[0])
    assert re.search(r"Source: \w", part.__doc__)
