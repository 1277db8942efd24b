"""Small networks worked out by hand: forward, delta, dW, db.

Two rows, two inputs, two relu units, and one linear output before the loss's link:

    X = [[1,  2],    W = [[1, -1],    b = [0, 1]
         [3, -1]]         [2,  1]]

    u = X W + b:   (1 + 4, -1 + 2 + 1) = (5, 2)    (3 - 2, -3 - 1 + 1) = (1, -3)
    h = relu(u):   (5, 2)                          (1, 0)

    U = [[1], [-2]]:   h U = 5 - 4 = 1   and   1 - 0 = 1
"""

import numpy as np
import pytest

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.backprop import Backprop
from mlpcli.nn.evaluation import Evaluation
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer, Network
from mlpcli.nn.optimizers import Sgd
from mlpcli.nn.penalties import L2
from mlpcli.nn.training_step import Batch, TrainingStep
from mlpcli.nn.update import Regularization

X = np.array([[1.0, 2.0], [3.0, -1.0]])
HIDDEN = {"W": [[1, -1], [2, 1]], "b": [0, 1], "h": [[5, 2], [1, 0]]}
LN3 = np.log(3.0)

# c = 1/2: ŷ = 3/2 twice; residuals 1/2 and -3/2; J = (1/4 + 9/4) / 4
MSE = {
    "U": [[1], [-2]],
    "c": [0.5],
    "target": [[1.0], [3.0]],
    "seen": [[1.5], [1.5]],
    "J": 0.625,
    "delta": [[0.25], [-0.75]],  # residual / 2
    "dU": [[0.5], [0.5]],  # hᵀ δ: 5/4 - 3/4, 2/4 - 0
    "dc": [-0.5],
    "delta_hidden": [[0.25, -0.5], [-0.75, 0]],  # δ Uᵀ, and 0 where relu is off
    "dW": [[-2, -0.5], [1.25, -1]],  # Xᵀ δ: 1/4 - 9/4, -1/2; 2/4 + 3/4, -1
    "db": [-0.5, -0.5],
}

# c = log 3 - 1: u = log 3 twice, ŷ = 3/4 twice; J = (-log 3/4 - log 1/4) / 2
BINARY = {
    "U": [[1], [-2]],
    "c": [LN3 - 1],
    "target": [[1.0], [0.0]],
    "seen": [[LN3], [LN3]],
    "J": np.log(16 / 3) / 2,
    "delta": [[-0.125], [0.375]],  # (ŷ - y) / 2
    "dU": [[-0.25], [-0.25]],  # -5/8 + 3/8, -2/8
    "dc": [0.25],
    "delta_hidden": [[-0.125, 0.25], [0.375, 0]],
    "dW": [[1, 0.25], [-0.625, 0.5]],  # -1/8 + 9/8, 1/4; -2/8 - 3/8, 2/4
    "db": [0.25, 0.25],
}

# Two outputs: h U = (1, 2) twice, c = (log 3 - 1, -2): u = (log 3, 0), ŷ = (3/4, 1/4) twice
MANY = {
    "U": [[1, 2], [-2, -4]],
    "c": [LN3 - 1, -2],
    "target": [[1.0, 0.0], [0.0, 1.0]],  # class 0, class 1
    "seen": [[LN3, 0], [LN3, 0]],
    "J": np.log(16 / 3) / 2,
    "delta": [[-0.125, 0.125], [0.375, -0.375]],  # (ŷ - onehot) / 2
    "dU": [[-0.25, 0.25], [-0.25, 0.25]],  # -5/8 + 3/8, and so on
    "dc": [0.25, -0.25],
    "delta_hidden": [[0.125, -0.25], [-0.375, 0]],  # δ Uᵀ: -1/8 + 2/8, 2/8 - 4/8; 3/8 - 6/8
    "dW": [[-1, -0.25], [0.625, -0.5]],  # 1/8 - 9/8, -1/4; 2/8 + 3/8, -2/4
    "db": [-0.25, -0.25],
}

# The squared error of a sigmoid, by the chain rule: ŷ = 3/4, dJ/dŷ as BINARY's delta, and
# dŷ/du = 3/4 · 1/4 = 3/16 in both rows, so that every gradient is BINARY's times 3/16.
CHAIN = {
    "U": [[1], [-2]],
    "c": [LN3 - 1],
    "target": [[1.0], [0.0]],
    "seen": [[0.75], [0.75]],
    "J": (1 / 16 + 9 / 16) / 4,
    "delta": [[-0.125], [0.375]],
    **{k: np.multiply(BINARY[k], 3 / 16) for k in ("dU", "dc", "delta_hidden", "dW", "db")},
}

CASES = {
    "mse": ("mse", None, MSE),
    "sigmoid": ("binary_cross_entropy", None, BINARY),
    "sigmoid spelled out": ("binary_cross_entropy", "sigmoid", BINARY),
    "softmax": ("cross_entropy", None, MANY),
    "mse of a sigmoid": ("mse", "sigmoid", CHAIN),
}

each_case = pytest.mark.parametrize(("loss", "output", "hand"), CASES.values(), ids=CASES)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def hand_network(loss, output, hand, dtype=np.float64, keep_prob=1.0):
    layer = Layer(2, ACTIVATIONS["relu"](), keep_prob)
    architecture = Architecture(
        2, (layer,), len(hand["c"]), LOSSES[loss](), output and ACTIVATIONS[output]()
    )
    parts = [HIDDEN["W"], hand["U"], HIDDEN["b"], hand["c"]]
    return Network(architecture, np.concatenate([np.ravel(p) for p in parts]).astype(dtype))


@each_case
@each_dtype
def test_forward_and_backward_by_hand(loss, output, hand, dtype, loss_and_gradient):
    def equal(found, expected):
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected, rtol=0, atol=4 * np.finfo(dtype).eps)

    one = Backprop(hand_network(loss, output, hand, dtype), 2, training=True)
    equal(one.forward(X.astype(dtype)), hand["seen"])
    equal(one.layers[1].h, HIDDEN["h"])
    # `backward` overwrites delta on its way down where there is an output activation.
    delta, backward = one.delta, one.backward

    def see_delta_first():
        equal(delta, hand["delta"])
        backward()

    one.backward = see_delta_first
    equal(loss_and_gradient(one, X.astype(dtype), np.array(hand["target"], dtype)), hand["J"])
    equal(one.layers[2].delta_below, hand["delta_hidden"])
    grad = one.network.architecture.layout.unpack(one.grad)
    equal(grad["hidden.1.weight"], hand["dW"])
    equal(grad["hidden.1.bias"], hand["db"])
    equal(grad["output.weight"], hand["dU"])
    equal(grad["output.bias"], hand["dc"])


@pytest.mark.parametrize(
    ("loss", "output", "hand", "expected"),
    [
        ("mse", None, MSE, [[1.5], [1.5]]),
        ("binary_cross_entropy", None, BINARY, [[0.75], [0.75]]),
        ("cross_entropy", None, MANY, [[0.75, 0.25], [0.75, 0.25]]),
        ("mse", "sigmoid", CHAIN, [[0.75], [0.75]]),
    ],
)
def test_predictions_go_through_the_link(loss, output, hand, expected):
    found = Evaluation(hand_network(loss, output, hand)).predict(X, np.empty_like(expected))
    np.testing.assert_allclose(found, expected, rtol=1e-15)


@pytest.mark.parametrize("loss", ["binary_cross_entropy", "cross_entropy"])
@pytest.mark.parametrize("output", ["identity", "tanh", "relu"])
def test_a_loss_that_cannot_see_an_output_activation_refuses_it(loss, output):
    link = LOSSES[loss].link
    with pytest.raises(ValueError, match=f"{loss} is defined on {link} outputs"):
        Architecture(2, (), 2, LOSSES[loss](), ACTIVATIONS[output]())


def test_a_lane_may_have_its_own_rows(loss_and_gradient):
    network = hand_network("mse", None, MSE)
    stack = Network(network.architecture, np.stack([network.theta] * 2))
    both = Backprop(stack, 2, training=True)
    values = loss_and_gradient(both, np.stack([X, X[::-1]]), np.array(MSE["target"]))
    # The second lane sees the rows the other way round: residuals 1/2 and -3/2 again,
    # so that δ meets the other rows: dU = (1/4 - 15/4, 0 - 6/4), dc as before.
    np.testing.assert_array_equal(values, [0.625, 0.625])
    grad = network.architecture.layout.unpack(both.grad)
    np.testing.assert_array_equal(grad["output.weight"], [MSE["dU"], [[-3.5], [-1.5]]])
    np.testing.assert_array_equal(grad["output.bias"], [[-0.5], [-0.5]])


def test_dropout_by_hand(loss_and_gradient):
    # p_k = 1/2. The mask keeps unit 1 in row 1 and unit 2 in row 2: h ∗ M / p_k = (10, 0), (0, 0).
    # ŷ = 10.5 and 0.5; targets 9.5 and 1.5; J = (1 + 1) / 4; δ = (1/2, -1/2).
    # dU = (5, 0), dc = 0; δ Uᵀ = (1/2, -1), (-1/2, 1), then times the mask (1, 0), (0, 2),
    # and relu is off for unit 2 in row 2: (1, 0), (0, 0).
    one = Backprop(hand_network("mse", None, MSE, keep_prob=0.5), 2, training=True)
    one.dropouts[0].mask = np.array([[2.0, 0.0], [0.0, 2.0]])
    assert loss_and_gradient(one, X, np.array([[9.5], [1.5]])) == 0.5
    grad = one.network.architecture.layout.unpack(one.grad)
    np.testing.assert_array_equal(grad["output.weight"], [[5], [0]])
    np.testing.assert_array_equal(grad["output.bias"], [0])
    np.testing.assert_array_equal(grad["hidden.1.weight"], [[1, 0], [2, 0]])
    np.testing.assert_array_equal(grad["hidden.1.bias"], [1, 0])


def test_penalty_by_hand():
    # Σ W² = 1 + 1 + 4 + 1 and Σ U² = 1 + 4; P = 0.1 / 2 · 12; ∂P/∂W = 0.1 W, and 0 for b and c.
    network = hand_network("mse", None, MSE)
    penalty, grad = L2(0.1, network), np.ones(9)
    assert penalty.value() == pytest.approx(0.6, rel=1e-15)
    penalty.add_gradient(grad)
    expected = [1.1, 0.9, 1.2, 1.1, 1.1, 0.8, 1, 1, 1]
    np.testing.assert_allclose(grad, expected, rtol=1e-15)


def test_penalty_of_each_lane_has_its_own_alpha():
    network = hand_network("mse", None, MSE)
    stack = Network(network.architecture, np.stack([network.theta, 2 * network.theta]))
    penalty, grad = L2([[0.1], [0.01]], stack), np.zeros((2, 9))
    np.testing.assert_allclose(penalty.value(), [0.6, 0.01 / 2 * 48], rtol=1e-15)
    penalty.add_gradient(grad)
    np.testing.assert_allclose(grad[1], [0.02, -0.02, 0.04, 0.02, 0.02, -0.04, 0, 0, 0])


def test_a_training_step_of_sgd_decays_the_weights_and_not_the_biases():
    # λ = 1/2, α = 0.1: W ← (1 - 0.05) W - dW / 2, and b ← b - db / 2.
    network = hand_network("mse", None, MSE)
    step = TrainingStep(network, Sgd(), Regularization(l2=0.1), [2])
    step.update.learning_rate[...] = 0.5
    batch = Batch(2, X, np.array(MSE["target"]), np.array(1 / 2), np.empty((2, 1)))
    step.start([0], 1)
    step(batch)
    np.testing.assert_allclose(batch.u, MSE["seen"], rtol=1e-15)
    t = network.tensors()
    # 0.95 + 1, -0.95 + 0.25; 1.9 - 0.625, 0.95 + 0.5
    np.testing.assert_allclose(t["hidden.1.weight"], [[1.95, -0.7], [1.275, 1.45]], rtol=1e-15)
    np.testing.assert_allclose(t["output.weight"], [[0.7], [-2.15]], rtol=1e-15)
    np.testing.assert_array_equal(t["hidden.1.bias"], [0.25, 1.25])
    np.testing.assert_array_equal(t["output.bias"], [0.75])


def test_weights_of_rows_by_hand():
    # w = (2, 0): J = 2 · (1/2)² / (2 · 2) and δ = (2 · 1/2, 0) / 2; the second row has no part.
    network = hand_network("mse", None, MSE)
    step = TrainingStep(network, Sgd(), Regularization(), [2])
    scale = np.array([[2.0], [0.0]]) / 2
    step.compute_gradient(Batch(2, X, np.array(MSE["target"]), scale, np.empty((2, 1))))
    grad = network.architecture.layout.unpack(step.grad)
    np.testing.assert_array_equal(grad["output.weight"], [[2.5], [1.0]])  # hᵀ δ: 5/2, 2/2
    np.testing.assert_array_equal(grad["output.bias"], [0.5])
    np.testing.assert_array_equal(grad["hidden.1.weight"], [[0.5, -1], [1, -2]])  # δ Uᵀ = 1/2, -1
    np.testing.assert_array_equal(grad["hidden.1.bias"], [0.5, -1])
