"""A network in a stack has the same bits as the same network alone."""

import numpy as np
import pytest

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.arrays import matmul_for
from mlpcli.nn.evaluation import Evaluation
from mlpcli.nn.layers import Affine
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer, initialize, initialize_stack
from mlpcli.nn.optimizers import OPTIMIZERS, Sgd
from mlpcli.nn.update import Regularization
from mlpcli.training.trainer import Trainer

ROWS = (1, 2, 3, 7, 16, 33)
FANS_IN = (1, 2, 5, 13, 64)
FANS_OUT = (1, 3, 8, 65)
SEEDS = [4, 8, 15]
RELU, TANH = ACTIVATIONS["relu"](), ACTIVATIONS["tanh"]()

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def affine(theta, n_rows, fan_in, fan_out):
    """Return an affine layer on views of theta, as a network has it, and its gradient."""
    grad, n = np.zeros_like(theta), fan_in * fan_out
    W, dW = (v[..., :n].reshape(*theta.shape[:-1], fan_in, fan_out) for v in (theta, grad))
    return Affine(W, theta[..., n:], dW, grad[..., n:], n_rows), grad


def test_one_network_multiplies_with_dot_and_a_stack_with_matmul():
    assert matmul_for(()) is np.dot
    assert matmul_for((3,)) is np.matmul
    one, _ = affine(np.ones(6), 4, 2, 2)
    assert one.matmul is np.dot


@each_dtype
@pytest.mark.parametrize("n_rows", ROWS)
def test_products_have_the_same_bits_alone(n_rows, dtype):
    rng = np.random.default_rng(0)
    for fan_in in FANS_IN:
        for fan_out in FANS_OUT:
            theta = rng.normal(size=(3, (fan_in + 1) * fan_out)).astype(dtype)
            h = rng.normal(size=(3, n_rows, fan_in)).astype(dtype)
            delta = rng.normal(size=(3, n_rows, fan_out)).astype(dtype)
            stack, stack_grad = affine(theta, n_rows, fan_in, fan_out)
            u, below = stack.forward(h), stack.backward(delta)
            for r in range(3):
                one, grad = affine(theta[r].copy(), n_rows, fan_in, fan_out)
                shape = (fan_in, fan_out)
                np.testing.assert_array_equal(one.forward(h[r].copy()), u[r], str(shape))
                np.testing.assert_array_equal(one.backward(delta[r].copy()), below[r], str(shape))
                np.testing.assert_array_equal(grad, stack_grad[r], str(shape))


NETWORKS = {
    "no hidden layer": (),
    "one": (Layer(5, TANH),),
    "one, with dropout": (Layer(6, TANH, 0.5),),
    "two, with dropout in one": (Layer(17, RELU), Layer(4, RELU, 0.8)),
    "three": (Layer(8, TANH, 0.9), Layer(1, RELU), Layer(3, ACTIVATIONS["leaky_relu"](), 0.7)),
}
DESCENTS = [member() for member in OPTIMIZERS.values()] + [Sgd(momentum=0.9)]


RATES = np.array([[0.1], [0.01], [0.05]])
ALPHAS = np.array([[0.0], [0.1], [0.001]])


def train(architecture, data, lane=None, *, optimizer=DESCENTS[0], l2=ALPHAS):
    """Train all lanes, or one of them alone; return the trainer and each epoch's losses."""
    X, target = data
    if lane is None:
        network, seeds = initialize_stack(architecture, SEEDS, X.dtype), SEEDS
        rates, alphas = RATES, l2
    else:
        network, seeds = initialize(architecture, SEEDS[lane], X.dtype), [SEEDS[lane]]
        rates, alphas = RATES[lane, 0], l2[lane, 0]
    start = network.theta.copy()
    trainer = Trainer(
        network,
        optimizer,
        X,
        target,
        batch_size=6,
        seeds=seeds,
        regularization=Regularization(l2=alphas),
    )
    losses = []
    for epoch in (1, 2, 3):
        list(trainer.epoch(epoch, rates / epoch))
        losses.append(trainer.losses.copy())
    assert not np.any(np.all(network.theta == start, axis=-1))
    return trainer, np.stack(losses, axis=-1)


@each_dtype
@pytest.mark.parametrize("optimizer", DESCENTS, ids=repr)
@pytest.mark.parametrize("hidden", NETWORKS.values(), ids=NETWORKS)
def test_a_network_trains_to_the_same_bits_alone(hidden, optimizer, dtype):
    rng = np.random.default_rng(1)
    data = rng.normal(size=(29, 4)).astype(dtype), rng.integers(0, 3, 29)  # 4 · 6 + 5
    architecture = Architecture(4, hidden, 3, LOSSES["cross_entropy"]())
    stack, losses = train(architecture, data, optimizer=optimizer)
    for r in range(3):
        alone, losses_alone = train(architecture, data, r, optimizer=optimizer)
        np.testing.assert_array_equal(alone.network.theta, stack.network.theta[r])
        mine, theirs = alone.step.update.state, stack.step.update.state
        np.testing.assert_array_equal(mine.vectors, theirs.vectors[:, r])
        np.testing.assert_array_equal(losses_alone, losses[r])


FORMS = dict.fromkeys(
    member().for_task(task) for member in LOSSES.values() for task in member.tasks
)


@pytest.mark.parametrize("loss", FORMS, ids=repr)
def test_every_loss_trains_to_the_same_bits_alone(loss, draw_target):
    rng = np.random.default_rng(2)
    X = rng.normal(size=(20, 4)).astype(np.float32)
    data = X, draw_target(loss, rng, (20, 6), np.float32)
    architecture = Architecture(4, (Layer(5, TANH),), 6, loss)
    stack, _ = train(architecture, data)
    for r in range(3):
        alone, _ = train(architecture, data, r)
        np.testing.assert_array_equal(alone.network.theta, stack.network.theta[r])


@each_dtype
def test_the_reported_training_loss_has_the_same_bits_alone(dtype):
    rng = np.random.default_rng(3)
    data = rng.normal(size=(150, 4)).astype(dtype), rng.normal(size=(150, 1)).astype(dtype)
    architecture = Architecture(4, (Layer(5, TANH),), 1, LOSSES["mse"]())
    stack, _ = train(architecture, data)
    for r in range(3):
        assert train(architecture, data, r)[0].loss == stack.loss[r]


@each_dtype
@pytest.mark.parametrize("n_rows", [60, 300])
def test_an_evaluation_has_the_same_bits_alone(n_rows, dtype):
    rng = np.random.default_rng(4)
    X, target = rng.normal(size=(n_rows, 16)).astype(dtype), rng.integers(0, 10, n_rows)
    architecture = Architecture(16, (Layer(200, RELU),), 10, LOSSES["cross_entropy"]())
    out = np.empty((8, n_rows, 10), dtype)
    losses = Evaluation(initialize_stack(architecture, range(8), dtype)).loss(X, target, out)
    for r in range(8):
        alone = np.empty((n_rows, 10), dtype)
        loss = Evaluation(initialize(architecture, r, dtype)).loss(X, target, alone)
        np.testing.assert_array_equal(alone, out[r])
        assert loss == losses[r]
