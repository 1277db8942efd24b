"""The trainer: the order of the rows, the steps, the running mean, and how an epoch ends."""

import numpy as np
import pytest

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.evaluation import Evaluation
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer, Network, initialize
from mlpcli.nn.optimizers import OPTIMIZERS, Adam, Sgd
from mlpcli.nn.update import Regularization
from mlpcli.training import batches
from mlpcli.training.trainer import Trainer

MSE = LOSSES["mse"]()
LINE = Architecture(1, (), 1, MSE)  # ŷ = w x + b, theta = (w, b)


def on_a_line(X, y, batch_size, w=0.0, b=0.0, **options):
    X, y = (np.asarray(a, float).reshape(-1, 1) for a in (X, y))
    network = Network(LINE, np.array([w, b]))
    options["regularization"] = Regularization(l2=options.pop("l2", 0.0))
    options = {"optimizer": Sgd(), "seeds": [0], **options}
    return Trainer(network, X=X, target=y, batch_size=batch_size, **options)


def in_blocks_of_one_batch(monkeypatch):
    monkeypatch.setattr(batches, "BLOCK_BYTES", 1)


def shuffled(n_rows, seed, epoch):
    """Return the order of an epoch's rows, from NumPy alone: `shuffle` is the stream of key 2."""
    sequence = np.random.SeedSequence(seed, spawn_key=(2, epoch))
    return np.random.Generator(np.random.PCG64(sequence)).permutation(n_rows)


@pytest.mark.parametrize("batch_size", [1, 4, 10])
@pytest.mark.parametrize("epochs", [(1, 2, 3), (3,), (2, 3)])
def test_the_order_depends_on_seed_and_epoch_alone(epochs, batch_size):
    trainer = on_a_line(range(10), range(10), batch_size, seeds=[5])
    for epoch in epochs:
        list(trainer.epoch(epoch, 0.01))
        np.testing.assert_array_equal(trainer.loader.order, shuffled(10, 5, epoch))


def test_every_epoch_has_an_order_of_its_own():
    orders = [tuple(shuffled(10, 5, epoch)) for epoch in range(1, 20)]
    assert len(set(orders)) == 19


@pytest.mark.parametrize("block_bytes", [1, 100, 1 << 20])
@pytest.mark.parametrize("batch_size", [1, 4, 7, 23, 99])
def test_every_row_is_seen_once_in_the_order_that_is_reported(block_bytes, batch_size, monkeypatch):
    monkeypatch.setattr(batches, "BLOCK_BYTES", block_bytes)
    rows = np.arange(23.0)
    trainer = on_a_line(rows, 2 * rows, batch_size, w=1.0, b=0.5, keep_outputs=True)
    done = list(trainer.epoch(1, 0.0))
    assert done == sorted(set(done))
    assert done[-1] == 23
    np.testing.assert_array_equal(trainer.outputs[:, 0], rows[trainer.loader.order] + 0.5)
    # targets come with their rows: J of a batch is the mean of (0.5 - x)² / 2
    np.testing.assert_allclose(trainer.loss, np.mean((rows - 0.5) ** 2) / 2, rtol=1e-14)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 7, 100])
def test_the_short_last_batch_weighs_by_its_own_rows(batch_size):
    # ŷ = 0: J of all rows is Σ y² / 14 = (1 + 4 + … + 49) / 14, in whatever batches.
    trainer = on_a_line(np.zeros(7), np.arange(1, 8), batch_size)
    list(trainer.epoch(1, 0.0))
    assert trainer.loss == pytest.approx(140 / 14, rel=1e-15)


def test_an_epoch_is_these_steps():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=10), rng.normal(size=10)
    w, b, rate, alpha, losses = 0.3, -0.2, 0.1, 0.05, []
    trainer = on_a_line(x, y, 4, w, b, l2=alpha)
    for epoch in (1, 2):
        list(trainer.epoch(epoch, rate / epoch))
        order = shuffled(10, 0, epoch)
        for rows in (order[:4], order[4:8], order[8:]):
            residual = w * x[rows] + b - y[rows]
            losses.extend(residual**2 / 2)  # before the step, without the penalty
            slope_w, slope_b = np.mean(residual * x[rows]), np.mean(residual)
            w = (1 - rate / epoch * alpha) * w - rate / epoch * slope_w
            b -= rate / epoch * slope_b
    np.testing.assert_allclose(trainer.network.theta, [w, b], rtol=1e-13)
    np.testing.assert_allclose(trainer.losses, losses[10:], rtol=1e-13)


def test_momentum_and_adams_means_go_on_from_epoch_to_epoch():
    # One row, x = 0: ŷ = b, ∂J/∂b = b - 1. With μ = 1/2, λ = 1/2 from b = 0:
    # v = -1, b = 1/2; v = -1/2 - 1/2 = -1, b = 1.
    trainer = on_a_line([0.0], [1.0], 1, optimizer=Sgd(momentum=0.5))
    for epoch in (1, 2):
        list(trainer.epoch(epoch, 0.5))
    np.testing.assert_array_equal(trainer.network.theta, [0.0, 1.0])
    trainer = on_a_line([0.0] * 3, [1.0] * 3, 1, optimizer=Adam())
    for epoch in (1, 2):
        list(trainer.epoch(epoch, 0.001))
    assert trainer.step.update.state.steps == 6


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values())
def test_a_learning_rate_of_zero_changes_nothing(optimizer):
    trainer = on_a_line([1.0, 2.0], [1.0, 0.0], 1, 0.3, 0.7, optimizer=optimizer())
    list(trainer.epoch(1, 0.0))
    np.testing.assert_array_equal(trainer.network.theta, [0.3, 0.7])


def test_a_rate_for_each_step():
    # One row, x = 0: ŷ = b, ∂J/∂b = b - 1: 1 − b is halved, then divided by 4.
    trainer = on_a_line([0.0, 0.0], [1.0, 1.0], 1)
    list(trainer.epoch(1, np.array([0.5, 0.75])))
    np.testing.assert_array_equal(trainer.network.theta, [0.0, 0.875])
    list(trainer.epoch(2, 0.5))
    np.testing.assert_array_equal(trainer.network.theta, [0.0, 0.96875])


def test_a_penalty_of_zero_costs_nothing():
    assert on_a_line([1.0], [1.0], 1, l2=0.0).step.penalties == []
    assert on_a_line([1.0], [1.0], 1, l2=0.1).step.penalties


def dropping_trainer():
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(43, 3)), rng.normal(size=(43, 2))
    hidden = (Layer(6, ACTIVATIONS["tanh"](), 0.5), Layer(5, ACTIVATIONS["relu"](), 0.8))
    network = initialize(Architecture(3, hidden, 2, MSE), 0, np.float64)
    return Trainer(network, Sgd(), X, y, batch_size=5, seeds=[7])


@pytest.mark.parametrize("size", [1, 120, 200, 500, 2000])
def test_how_many_rows_a_block_has_does_not_show_in_the_numbers(size, monkeypatch):
    usual = dropping_trainer()
    monkeypatch.setattr(batches, "MAX_BATCHES", 5)  # of nine
    monkeypatch.setattr(batches, "BLOCK_BYTES", size)
    other = dropping_trainer()
    for epoch in (1, 2):
        list(usual.epoch(epoch, 0.1))
        list(other.epoch(epoch, 0.1))
    np.testing.assert_array_equal(other.network.theta, usual.network.theta)
    np.testing.assert_array_equal(other.losses, usual.losses)


def test_masks_depend_on_seed_and_epoch_alone():
    # An epoch run after another, and by a new trainer at the same theta, gives the same bits.
    one = dropping_trainer()
    list(one.epoch(1, 0.1))
    other = dropping_trainer()
    other.network.theta[...] = one.network.theta
    list(one.epoch(2, 0.1))
    list(other.epoch(2, 0.1))
    np.testing.assert_array_equal(other.network.theta, one.network.theta)


def test_the_short_last_batch_has_masks_of_its_own():
    trainer = dropping_trainer()
    list(trainer.epoch(1, 0.0))
    step = trainer.step
    short, full = (step.backprop[n].dropouts[0].mask for n in (3, 5))
    step.start([7], 1)
    step.backprop[5].dropouts[0].draw()  # the first full batch's again
    assert not np.array_equal(short, full[:3])


class StopAfter:
    """True from the given step on, as a signal's flag would be; it is asked after each step."""

    def __init__(self, steps):
        self.steps, self.taken = steps, 0

    def __call__(self):
        self.taken += 1
        return self.taken >= self.steps


def stepping(batch_size=4):
    rows = np.arange(20.0) / 10
    return on_a_line(rows, rows, batch_size)


@pytest.mark.parametrize("block_bytes", [1, 100, 1 << 20])  # rows prepared: 4, 12, all
@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_stop_ends_the_epoch_after_the_step(steps, block_bytes, monkeypatch):
    monkeypatch.setattr(batches, "BLOCK_BYTES", block_bytes)
    trainer = stepping()
    stop = StopAfter(steps)
    assert list(trainer.epoch(1, 0.1, stop))[-1] == 4 * steps
    assert stop.taken == steps
    assert trainer.rows_done == 4 * steps
    assert trainer.stopped


def test_stop_in_the_last_step_is_a_whole_epoch():
    trainer = stepping()
    assert list(trainer.epoch(1, 0.1, StopAfter(5))) == [20]
    assert trainer.stopped
    list(trainer.epoch(2, 0.1))
    assert not trainer.stopped


@pytest.mark.parametrize("batch_size", [2, 3])
def test_the_loss_of_an_epoch_that_was_stopped_is_the_mean_over_the_rows_done(batch_size):
    # ŷ = 0: J of the rows done is the mean of y² / 2 over them.
    trainer = on_a_line(np.zeros(7), np.arange(1, 8), batch_size)
    (done,) = trainer.epoch(1, 0.0, StopAfter(2))
    rows = shuffled(7, 0, 1)[: 2 * batch_size] + 1
    assert done == len(rows)
    assert trainer.loss == pytest.approx(np.mean(rows**2) / 2, rel=1e-15)


@pytest.mark.parametrize("bad", [np.inf, np.nan, 1e200])  # 1e200² is infinite
def test_a_loss_that_is_not_finite_ends_the_epoch_without_a_warning(bad, monkeypatch):
    in_blocks_of_one_batch(monkeypatch)
    y = np.zeros(20)
    y[shuffled(20, 0, 1)[9]] = bad  # in the third batch of five
    trainer = on_a_line(np.zeros(20), y, 4)
    assert list(trainer.epoch(1, 0.1)) == [4, 8, 12]
    assert not trainer.finite


def test_a_whole_finite_epoch_is_finite():
    trainer = stepping()
    assert list(trainer.epoch(1, 0.1)) == [20]
    assert trainer.finite


def test_divergence_of_one_lane_is_seen():
    stack = Network(LINE, np.zeros((2, 2)))
    X, y = np.ones((4, 1)), np.ones((4, 1))
    trainer = Trainer(stack, Sgd(), X, y, batch_size=1, seeds=[0, 1])
    list(trainer.epoch(1, np.array([[0.1], [1e200]])))
    assert trainer.finite.tolist() == [True, False]
    assert np.isfinite(stack.theta[0]).all()


def test_the_callers_data_are_left_alone():
    X, y = np.arange(9.0)[:, np.newaxis], np.arange(9.0)[:, np.newaxis]
    trainer = on_a_line(X, y, 4)
    list(trainer.epoch(1, 0.01))
    np.testing.assert_array_equal(trainer.loader.X, np.arange(9.0)[:, np.newaxis])
    assert not np.shares_memory(X, trainer.loader.block_of(4).X)


def test_one_seed_a_lane():
    stack = Network(LINE, np.zeros((2, 2)))
    trainer = Trainer(stack, Sgd(), np.ones((4, 1)), np.ones((4, 1)), batch_size=2, seeds=[0])
    with pytest.raises(ValueError, match="shorter"):
        list(trainer.epoch(1, 0.1))


@pytest.mark.parametrize("size", [2, 41])
def test_a_last_row_that_joins_the_only_whole_batch(size, training):
    one = training("model.layers[0].norm=batch", f"training.batch_size={size}", "training.epochs=2")
    rows = one.dataset.parts["train"]
    part = rows.take(np.arange(size + 1))
    one.dataset.parts["train"] = part
    again = type(one)(one.spec, one.dataset)
    *_, ended = again.run()
    assert (ended.reason, ended.epochs) == ("finished", 2)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_outputs_it_keeps_are_what_the_network_predicts(name):
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(23, 3)), rng.normal(size=(23, 2))
    architecture = Architecture(3, (), 2, MSE, output=ACTIVATIONS[name]())
    network = initialize(architecture, 1, np.float64)
    trainer = Trainer(network, Sgd(), X, y, batch_size=8, seeds=[0], keep_outputs=True)
    for epoch in (1, 2):
        list(trainer.epoch(epoch, 0.0))
        y_hat = Evaluation(network).predict(X, np.empty((23, 2)))
        np.testing.assert_allclose(trainer.outputs, y_hat[trainer.loader.order], rtol=1e-14)
