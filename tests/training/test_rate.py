"""Where λ comes in: in the gradient of plain descent, in the step of everything else."""

import numpy as np
import pytest

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer, initialize, initialize_stack
from mlpcli.nn.optimizers import OPTIMIZERS, Sgd
from mlpcli.nn.passes import Pass
from mlpcli.training.rate import Rate
from mlpcli.training.regularizers import Regularizers
from mlpcli.training.trainer import Trainer

ARCHITECTURE = Architecture(4, (Layer(5, ACTIVATIONS["tanh"]()),), 3, LOSSES["cross_entropy"]())
RATES = np.array([[0.25], [0.1], [0.5], [0.3]])
TOUCHED = {"l2": 0.1, "l1": 0.1, "gradient_noise": 0.1, "clip_norm": 0.1, "clip_value": 0.1}


def data(dtype=np.float64):
    rng = np.random.default_rng(3)
    return rng.normal(size=(20, 4)).astype(dtype), rng.integers(0, 3, 20)


def trainer_of(network, optimizer, seeds=(0,), *, dtype=np.float64, **about):
    regularizers = Regularizers(**about)
    return Trainer(
        network, optimizer, *data(dtype), batch_size=8, seeds=seeds, regularizers=regularizers
    )


def factors(optimizer, lead=(), **about):
    rate = Rate(optimizer, Regularizers(**about), lead, np.float64)
    rate.set(RATES[: lead[0]] if lead else 0.25)
    return rate.of_rows.tolist(), rate.of_step.tolist()


def test_plain_descent_has_it_in_the_gradient():
    assert factors(Sgd()) == (0.25, 1.0)


@pytest.mark.parametrize("key", TOUCHED)
def test_what_looks_at_the_gradient_sees_it_without(key):
    assert factors(Sgd(), **{key: TOUCHED[key]}) == (1.0, 0.25)


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name != "sgd"])
def test_every_other_optimizer_takes_it_in_its_step(name):
    assert factors(OPTIMIZERS[name]()) == (1.0, 0.25)


def test_each_lane_takes_it_where_it_would_alone():
    momentum = Sgd(momentum=np.array([0.0, 0.9, 0.0, 0.0]))
    in_rows, in_step = factors(momentum, (4,), l2=np.array([0.0, 0.0, 0.1, 0.0]))
    assert in_rows == [[0.25], [1], [1], [0.3]]
    assert in_step == [[1], [0.1], [0.5], [1]]


def test_the_step_is_the_rate_times_the_gradient():
    network = initialize(ARCHITECTURE, 0, np.float64)
    before, (X, y) = network.theta.copy(), data()
    trainer = trainer_of(network, Sgd())
    trainer.set_rate(0.25)
    trainer.feed.X_chunk[:8], trainer.feed.target_chunk[:8] = X[:8], y[:8]
    trainer.loss_chunk.start([(0, 8)])
    trainer.step(0, 8)

    one = Pass(initialize(ARCHITECTURE, 0, np.float64), 8, training=False)
    one.value_and_gradient(X[:8], y[:8])
    np.testing.assert_allclose(before - network.theta, 0.25 * one.grad, rtol=1e-9, atol=1e-18)


@pytest.mark.parametrize("momentum", [0.0, np.array([0.0, 0.9, 0.0, 0.5])], ids=["plain", "mixed"])
@pytest.mark.parametrize("about", [{}, {"clip_norm": 0.5}, {"l1": np.array([0, 0.1, 0.1, 0])}])
@pytest.mark.parametrize("each_step", [False, True], ids=["constant", "each step"])
def test_a_lane_moves_as_it_would_alone(momentum, about, each_step):
    def trained(lane=None):
        def own(value):
            return value[lane] if lane is not None and np.ndim(value) else value

        numbers = {key: own(value) for key, value in about.items()}
        seeds = range(4) if lane is None else [lane]
        if lane is None:
            network = initialize_stack(ARCHITECTURE, seeds)
        else:
            network = initialize(ARCHITECTURE, lane)
        optimizer = Sgd(momentum=own(momentum))
        trainer = trainer_of(network, optimizer, seeds, dtype=np.float32, **numbers)
        rates = RATES if lane is None else RATES[lane, 0]
        for epoch in (1, 2):
            warm = np.multiply.outer([0.1, 0.5, 1.0], rates)
            list(trainer.epoch(epoch, warm if each_step else rates / epoch))
        return network.vector

    stack = trained()
    for lane in range(4):
        np.testing.assert_array_equal(trained(lane), stack[lane])
