"""What every optimizer promises: its formula, in place, in lanes, and able to be resumed."""

import re

import numpy as np
import pytest

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer, Network
from mlpcli.nn.optimizers import OPTIMIZERS, Adam, Sgd, State

MEMBERS = [member() for member in OPTIMIZERS.values()] + [Sgd(momentum=0.9)]

each_optimizer = pytest.mark.parametrize("optimizer", MEMBERS, ids=repr)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


class Descent:
    """An optimizer bound to a theta, taking one step for each gradient it is given."""

    def __init__(self, optimizer, theta, rate=0.1):
        self.theta, self.grad = theta, np.zeros_like(theta)
        self.rate = np.asarray(rate, theta.dtype)
        self.state = State(optimizer, theta)
        self.step = optimizer.bind(theta, self.grad, self.rate, self.state)

    def take(self, gradients):
        for gradient in gradients:
            self.grad[...] = gradient
            self.step()
        return self.theta


@pytest.mark.parametrize(
    ("optimizer", "gradients", "theta"),
    [
        # 1 − 0.1 · 0.5
        (Sgd(), [0.5], 0.95),
        # v = 1, then 0.9 · 1 + 1 = 1.9; 1 − 0.1 − 0.19
        (Sgd(momentum=0.9), [1, 1], 0.71),
        # m̂ = 1, v̂ = 1; then m = 0.5 · 0.5 − 0.5 · 2 = −0.75, m̂ = −0.75 / 0.75 = −1,
        # v = 0.5 · 0.5 + 0.5 · 4 = 2.25, v̂ = 2.25 / 0.75 = 3; 1 − 0.1 + 0.1 / √3
        (Adam(beta1=0.5, beta2=0.5, epsilon=1e-300), [1, -2], 0.9 + 0.1 / np.sqrt(3)),
        # the same, ε = 1 after the root: 1 − 0.1 / (1 + 1) + 0.1 / (√3 + 1)
        (Adam(beta1=0.5, beta2=0.5, epsilon=1.0), [1, -2], 0.95 + 0.1 / (np.sqrt(3) + 1)),
        # at first m̂ / √v̂ is the gradient's sign, whatever β₁ and β₂
        (Adam(), [-1e-3], 1 + 0.1 / (1 + 1e-5)),
    ],
    ids=str,
)
def test_steps_by_hand(optimizer, gradients, theta):
    found = Descent(optimizer, np.ones(1)).take(np.array(gradients, float))
    np.testing.assert_allclose(found, [theta], rtol=1e-12)


@each_optimizer
@each_dtype
def test_theta_is_updated_in_place_and_the_layers_see_it(optimizer, dtype):
    layer = Layer(3, ACTIVATIONS["tanh"]())
    architecture = Architecture(2, (layer,), 1, LOSSES["mse"]())
    theta = np.linspace(-1, 1, architecture.layout.n_params).astype(dtype)
    network = Network(architecture, theta)
    before, views = theta.copy(), network.tensors()
    descent = Descent(optimizer, network.theta)
    gradient = np.linspace(1, 2, theta.size)
    descent.take([gradient])
    assert network.theta is theta
    assert np.all(theta < before)  # every entry of the gradient is positive
    assert descent.state.vectors.dtype == dtype
    for tensor in architecture.layout.tensors:
        np.testing.assert_array_equal(views[tensor.name].ravel(), theta[tensor.start : tensor.stop])


@each_optimizer
@each_dtype
def test_a_lane_has_the_same_bits_alone(optimizer, dtype):
    rng = np.random.default_rng(0)
    start = rng.normal(size=(3, 37)).astype(dtype)
    gradients = rng.normal(size=(4, 3, 37)).astype(dtype)
    rates = np.array([[0.1], [0.01], [0.3]])
    stacked = Descent(optimizer, start.copy(), rates).take(gradients)
    for r in range(3):
        alone = Descent(optimizer, start[r].copy(), rates[r, 0]).take(gradients[:, r])
        np.testing.assert_array_equal(alone, stacked[r])


@each_optimizer
def test_the_rate_is_read_at_each_step_and_scales_it(optimizer):
    moved = []
    for rate in (0.0, 0.1, 0.2):
        descent = Descent(optimizer, np.zeros(3))
        descent.rate[...] = rate  # as a schedule does, after `bind`
        moved.append(descent.take([[1.0, -2.0, 3.0]]))
    assert not np.any(moved[0])
    np.testing.assert_allclose(moved[2], 2 * moved[1], rtol=1e-15)


@each_optimizer
def test_it_finds_the_minimum_of_a_bowl(optimizer):
    descent = Descent(optimizer, np.array([3.0, -2.0]), 0.05)
    for _ in range(600):
        descent.take([[1.0, 2.0] * (descent.theta - 1.0)])
    np.testing.assert_allclose(descent.theta, 1.0, atol=0.01)


@each_optimizer
def test_a_copy_of_its_state_continues_with_the_same_bits(optimizer):
    rng = np.random.default_rng(1)
    gradients = rng.normal(size=(6, 5))
    whole = Descent(optimizer, np.ones(5))
    whole.take(gradients)

    first = Descent(optimizer, np.ones(5))
    first.take(gradients[:3])
    second = Descent(optimizer, first.theta.copy())
    second.state.vectors[...] = first.state.vectors
    second.state.steps = first.state.steps
    second.take(gradients[3:])
    np.testing.assert_array_equal(second.theta, whole.theta)


@each_optimizer
def test_a_step_allocates_nothing_as_large_as_theta(optimizer, peak_bytes):
    descent = Descent(optimizer, np.ones(100_000, np.float32))
    descent.grad[...] = 1.0
    assert peak_bytes(descent.step) < descent.theta.nbytes / 8


@each_optimizer
def test_docstring_has_formula_and_source(optimizer):
    assert re.search(r"θ ← θ − \S", optimizer.__doc__)
    assert re.search(r"Source: \w", optimizer.__doc__)
