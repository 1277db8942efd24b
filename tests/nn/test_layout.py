"""Where the tensors lie in theta: all weights, then all biases, and every one a view."""

import numpy as np
import pytest

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.backprop import Backprop
from mlpcli.nn.initializers import INITIALIZERS
from mlpcli.nn.layout import Layout
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer, Network, initialize, initialize_stack

TANH, RELU, MSE = ACTIVATIONS["tanh"](), ACTIVATIONS["relu"](), LOSSES["mse"]()
ARCHITECTURE = Architecture(2, (Layer(3, TANH), Layer(5, RELU)), 1, MSE)
LAYOUT = ARCHITECTURE.layout


def test_weights_come_first_then_biases():
    places = [(t.name, t.shape, t.start, t.stop) for t in LAYOUT.weights + LAYOUT.biases]
    assert places == [
        ("hidden.1.weight", (2, 3), 0, 6),
        ("hidden.2.weight", (3, 5), 6, 21),
        ("output.weight", (5, 1), 21, 26),
        ("hidden.1.bias", (3,), 26, 29),
        ("hidden.2.bias", (5,), 29, 34),
        ("output.bias", (1,), 34, 35),
    ]
    assert (LAYOUT.n_weights, LAYOUT.n_params) == (26, 35)


def test_tensors_are_named_layer_by_layer():
    assert [t.name for t in LAYOUT.tensors] == [
        *("hidden.1.weight", "hidden.1.bias", "hidden.2.weight", "hidden.2.bias"),
        *("output.weight", "output.bias"),
    ]


def test_a_network_without_hidden_layers():
    layout = Layout({"output.weight": (4, 3)}, {"output.bias": (3,)})
    assert [(t.name, t.shape, t.start) for t in layout.tensors] == [
        ("output.weight", (4, 3), 0),
        ("output.bias", (3,), 12),
    ]


@pytest.mark.parametrize("lane_shape", [(), (4,), (2, 4)])
def test_tensors_are_views_of_theta(lane_shape):
    theta = np.arange(np.prod(lane_shape, initial=1) * 35.0).reshape(*lane_shape, 35)
    tensors = Network(ARCHITECTURE, theta).tensors()
    for tensor in LAYOUT.tensors:
        view = tensors[tensor.name]
        assert view.shape == (*lane_shape, *tensor.shape)
        assert np.shares_memory(view, theta)
    theta[...] = -1
    assert all(np.all(view == -1) for view in tensors.values())
    tensors["hidden.2.weight"][..., 2, 4] = 7  # entry 2 · 5 + 4 of the 15 from 6 on
    np.testing.assert_array_equal(theta[..., 20], np.full(lane_shape, 7.0))
    assert np.sum(theta != -1) == np.prod(lane_shape, initial=1)


@pytest.mark.parametrize("lane_shape", [(), (4,)])
def test_backprop_sees_theta_and_writes_grad_through_views(lane_shape):
    network = Network(ARCHITECTURE, np.zeros((*lane_shape, 35)))
    backprop = Backprop(network, 2, training=True)
    for k in (0, 2, 4):
        affine = backprop.layers[k]
        assert np.shares_memory(affine.W, network.theta)
        assert np.shares_memory(affine.b, network.theta)
        assert np.shares_memory(affine.dW, backprop.grad)
        assert np.shares_memory(affine.db, backprop.grad)
    network.theta[...] = np.eye(35)[34]  # a step of an optimizer: c is 1, all else 0
    np.testing.assert_array_equal(backprop.forward(np.ones((2, 2))), np.ones((*lane_shape, 2, 1)))


def test_a_theta_of_another_size_is_refused():
    with pytest.raises(ValueError, match="36 parameters, not 35"):
        Network(ARCHITECTURE, np.zeros(36))


def test_biases_begin_at_zero_and_weights_do_not():
    theta = initialize(ARCHITECTURE, 0).theta
    assert theta.dtype == np.float32
    assert np.all(theta[:26] != 0)
    assert not np.any(theta[26:])


def test_each_layer_begins_with_its_own_initializer():
    layers = (Layer(30, TANH), Layer(40, RELU), Layer(50, TANH, 1.0, INITIALIZERS["uniform"]()))
    tensors = initialize(Architecture(20, layers, 10, MSE), 0, np.float64).tensors()
    limits = {  # glorot √(6 / (in + out)) of both, and as the third layer asks
        "hidden.1.weight": np.sqrt(6 / 50),
        "hidden.2.weight": np.sqrt(6 / 70),
        "hidden.3.weight": 0.05,
    }
    for name, limit in limits.items():
        assert 0.97 * limit < np.abs(tensors[name]).max() <= limit
    output = tensors["output.weight"]  # 500 numbers, N(0, 0.01²)
    assert output.std() == pytest.approx(0.01, rel=4 / np.sqrt(2 * 500))
    assert abs(output.mean()) < 4 * 0.01 / np.sqrt(500)


@pytest.mark.parametrize(("name", "activation"), ACTIVATIONS.items())
def test_the_default_of_hidden_weights_is_the_activation_s_own(name, activation):
    if not activation.output_only:
        architecture = Architecture(4, (Layer(3, activation()),), 2, MSE)
        expected = "lecun_normal" if name == "selu" else "glorot_uniform"
        assert [each.name for each in architecture.initializers] == [expected, "normal"]


def test_float32_and_float64_begin_at_the_same_place():
    exact = initialize(ARCHITECTURE, 5, np.float64).theta
    np.testing.assert_array_equal(initialize(ARCHITECTURE, 5).theta, exact.astype(np.float32))


def test_a_lane_begins_where_its_seed_would_begin_alone():
    stack = initialize_stack(ARCHITECTURE, [3, 9])
    np.testing.assert_array_equal(stack.theta[0], initialize(ARCHITECTURE, 3).theta)
    np.testing.assert_array_equal(stack.theta[1], initialize(ARCHITECTURE, 9).theta)
    assert not np.any(stack.theta[0, :26] == stack.theta[1, :26])
