"""Evaluation: any number of rows, a block at a time, equals one pass over all of them."""

import numpy as np
import pytest

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.backprop import Backprop
from mlpcli.nn.evaluation import Evaluation
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer, initialize, initialize_stack
from mlpcli.workers import Workers

N_INPUTS, N_OUTPUTS = 5, 6  # as many as two, and three, for each target
ROWS = (1, 63, 64, 65, 128, 200)  # the smallest block has 64 rows

FORMS = dict.fromkeys(
    member().for_task(task) for member in LOSSES.values() for task in member.tasks
)
each_loss = pytest.mark.parametrize("loss", FORMS, ids=repr)


def architecture(loss):
    return Architecture(N_INPUTS, (Layer(7, ACTIVATIONS["tanh"](), 0.5),), N_OUTPUTS, loss)


def in_blocks_of_64(network, monkeypatch):
    monkeypatch.setattr(Evaluation, "BLOCK_BYTES", 1)
    evaluation = Evaluation(network)
    assert evaluation.block == 64
    return evaluation


@each_loss
@pytest.mark.parametrize("n_rows", ROWS)
@pytest.mark.parametrize("seeds", [[1], [1, 2, 3]], ids=["alone", "stack"])
def test_blocks_equal_one_pass(loss, n_rows, seeds, monkeypatch, draw_target):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, N_INPUTS))
    target = draw_target(loss, rng, (n_rows, N_OUTPUTS))
    network = initialize_stack(architecture(loss), seeds, np.float64)
    if len(seeds) == 1:
        network = initialize(architecture(loss), 1, np.float64)
    u = Backprop(network, n_rows, training=False).forward(X)
    predictions, smoothed = np.empty_like(u), target.copy()
    loss.predict(u, predictions)
    loss.smooth(smoothed)
    value = loss.value(u, smoothed).mean(axis=-1)

    evaluation = in_blocks_of_64(network, monkeypatch)
    out = np.full_like(u, np.nan)
    np.testing.assert_allclose(evaluation.loss(X, target, out), value, rtol=1e-13)
    np.testing.assert_allclose(out, predictions, rtol=1e-13)
    again = evaluation.predict(X, np.full_like(out, np.nan))
    np.testing.assert_array_equal(again, out)


@each_loss
def test_lanes_may_have_their_own_rows(loss, monkeypatch, draw_target):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(2, 100, N_INPUTS))
    target = draw_target(loss, rng, (100, N_OUTPUTS))
    network = initialize_stack(architecture(loss), [1, 2], np.float64)
    out = np.empty((2, 100, N_OUTPUTS))
    values = in_blocks_of_64(network, monkeypatch).loss(X, target, out)
    for r, seed in enumerate([1, 2]):
        alone = in_blocks_of_64(initialize(architecture(loss), seed, np.float64), monkeypatch)
        one = np.empty((100, N_OUTPUTS))
        assert alone.loss(X[r], target, one) == values[r]
        np.testing.assert_array_equal(one, out[r])


def test_it_sees_what_training_does_to_theta():
    network = initialize(architecture(LOSSES["mse"]()), 0, np.float64)
    evaluation, X = Evaluation(network), np.ones((2, N_INPUTS))
    assert np.any(evaluation.predict(X, np.empty((2, N_OUTPUTS))))
    network.theta[...] = 0
    network.theta[-1] = 4  # the last output's bias
    found = evaluation.predict(X, np.empty((2, N_OUTPUTS)))
    np.testing.assert_array_equal(found, [[0] * (N_OUTPUTS - 1) + [4]] * 2)


def test_ever_new_sizes_do_not_fill_the_memory(monkeypatch):
    evaluation = in_blocks_of_64(initialize(architecture(LOSSES["mse"]()), 0), monkeypatch)
    for n_rows in range(1, 60):
        X = np.ones((n_rows, N_INPUTS), np.float32)
        evaluation.predict(X, np.empty((n_rows, N_OUTPUTS), np.float32))
    assert len(evaluation._sizes[0]) <= evaluation.MAX_SIZES == 8


def test_a_block_stays_within_its_bytes():
    wide = Architecture(10, (Layer(1000, ACTIVATIONS["relu"]()),), 10, LOSSES["mse"]())
    evaluation = Evaluation(initialize(wide, 0))
    # u and h of 1010 units, four bytes each: 8080 bytes a row
    assert evaluation.block == (1 << 20) // 8080


@pytest.mark.parametrize("threads", [2, 4])
def test_threads_have_arrays_of_their_own(monkeypatch, threads):
    network = in_blocks_of_64(initialize(architecture(LOSSES["mse"]()), 0), monkeypatch).network
    alone, shared = Evaluation(network), Evaluation(network, Workers(threads))
    rng = np.random.default_rng(0)
    for n in rng.integers(65, 2000, 150):  # last blocks of ever new sizes
        X = rng.standard_normal((n, N_INPUTS), np.float32)
        outs = [np.empty((n, N_OUTPUTS), np.float32) for _ in range(2)]
        for one, out in zip((alone, shared), outs, strict=True):
            one.predict(X, out)
        assert outs[0].tobytes() == outs[1].tobytes()
    assert len(shared._sizes) == threads
