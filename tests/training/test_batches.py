"""The feed: which rows make which batch, whose weights and sources go with them."""

import numpy as np
import pytest
from mlpcli.training.feed import Feed

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer, Network, initialize
from mlpcli.nn.norms import BatchNorm
from mlpcli.nn.optimizers import Sgd
from mlpcli.training import feed as module
from mlpcli.training.trainer import Trainer

LINE = Architecture(1, (), 1, LOSSES["mse"]())


def feed_of(n, batch_size, **options):
    X = np.arange(float(n))[:, np.newaxis]
    return Feed(X, -X, lead=(), dtype=float, batch_size=batch_size, **options)


def batches(feed):
    """Return the lengths of an epoch's batches, and every row handed out."""
    lengths, rows, start = [], [], 0
    feed.start([0], 1)
    while start < feed.n_rows:
        end = feed.end_of(start, feed.chunk)
        feed.gather(start, end)
        rows += feed.X_chunk[: end - start, 0].tolist()
        row = start
        while row < end:
            lengths.append(feed.end_of(row, feed.batch_size) - row)
            row += lengths[-1]
        assert row == end
        start = end
    return lengths, rows


@pytest.mark.parametrize("gather_bytes", [1, 64, 1 << 20])
@pytest.mark.parametrize(
    ("n", "batch_size", "least", "lengths"),
    [
        (10, 4, 1, [4, 4, 2]),
        (9, 4, 1, [4, 4, 1]),
        (9, 4, 2, [4, 5]),  # a single row joins the batch before it
        (10, 4, 2, [4, 4, 2]),
        (11, 4, 4, [4, 7]),
        (8, 4, 2, [4, 4]),
        (5, 4, 2, [5]),
        (3, 4, 2, [3]),
        (1, 4, 1, [1]),
    ],
)
def test_each_row_comes_once_in_batches_of_enough_rows(
    n, batch_size, least, lengths, gather_bytes, monkeypatch
):
    monkeypatch.setattr(module, "GATHER_BYTES", gather_bytes)
    feed = feed_of(n, batch_size, least_rows=least)
    found, rows = batches(feed)
    assert found == lengths
    assert feed.sizes == set(lengths)
    assert feed.n_steps == len(lengths)
    assert sorted(rows) == list(range(n))


def test_rows_may_fill_several_places_and_take_their_targets_and_weights_along():
    source = np.array([0, 1, 2, 2, 2])
    feed = feed_of(3, 5, source=source, weight=np.array([0.5, 1.0, 1.5]))
    _, rows = batches(feed)
    assert sorted(rows) == [0, 1, 2, 2, 2]
    np.testing.assert_array_equal(feed.target_chunk[:, 0], -np.array(rows))
    np.testing.assert_array_equal(feed.weight_chunk, np.array(rows) / 2 + 0.5)
    np.testing.assert_array_equal(feed.rows(), rows)


def weighted(weight, batch_size=3):
    x, y = np.array([[1.0], [2.0], [-1.0]]), np.array([[0.5], [1.0], [3.0]])
    network = Network(LINE, np.array([0.3, 0.1]))
    trainer = Trainer(
        network, Sgd(), x, y, batch_size=batch_size, seeds=[0], weight=np.array(weight)
    )
    list(trainer.epoch(1, 0.1))
    return trainer, (0.3 * x + 0.1 - y)[:, 0], x[:, 0]


def test_a_step_descends_the_weighted_mean():
    w = np.array([0.5, 1.0, 1.5])
    trainer, residual, x = weighted(w)
    slopes = np.mean(w * residual * x), np.mean(w * residual)
    np.testing.assert_allclose(trainer.network.theta, [0.3, 0.1] - 0.1 * np.array(slopes))
    assert trainer.loss == pytest.approx(np.sum(w * residual**2 / 2) / 3)


def test_a_row_of_weight_two_is_the_row_twice():
    once, _, _ = weighted([1.5, 0.75, 0.75])  # 2 : 1 : 1, with mean 1
    x, y = np.array([[1.0], [1.0], [2.0], [-1.0]]), np.array([[0.5], [0.5], [1.0], [3.0]])
    network = Network(LINE, np.array([0.3, 0.1]))
    twice = Trainer(network, Sgd(), x, y, batch_size=4, seeds=[0])
    list(twice.epoch(1, 0.1))
    np.testing.assert_allclose(once.network.theta, network.theta, rtol=1e-14)


def test_rows_of_weight_zero_move_nothing():
    trainer, _, _ = weighted([0.0, 0.0, 3.0], batch_size=1)
    alone = Network(LINE, np.array([0.3, 0.1]))
    one = Trainer(alone, Sgd(), np.array([[-1.0]]), np.array([[3.0]]), batch_size=1, seeds=[0])
    list(one.epoch(1, 0.3))
    np.testing.assert_allclose(trainer.network.theta, alone.theta, rtol=1e-14)


def test_batch_normalization_never_sees_a_single_row():
    layer = Layer(3, ACTIVATIONS["tanh"](), norm=BatchNorm())
    network = initialize(Architecture(2, (layer,), 1, LOSSES["mse"]()), 0, np.float64)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(9, 2)), rng.normal(size=(9, 1))
    trainer = Trainer(network, Sgd(), X, y, batch_size=4, seeds=[0])
    list(trainer.epoch(1, 0.1))
    assert trainer.passes.keys() == {4, 5}
    assert trainer.rows_done == 9
    assert np.isfinite(network.vector).all()


@pytest.mark.parametrize(
    ("batch_size", "row_bytes", "rows"),
    [
        (64, 512, 1024),  # 512 KiB of them
        (100, 300, 1700),  # whole batches
        (16, 16, 512),  # 32 batches
        (128, 1 << 20, 128),  # at least one batch
        (32, 0, 1024),
        (32, 256, 1024),
    ],
)
def test_as_many_rows_are_gathered_at_once_as_stay_in_the_cache(batch_size, row_bytes, rows):
    assert module.rows_at_once(10**6, batch_size, row_bytes) == rows
    assert module.rows_at_once(rows - 1, batch_size, row_bytes) == rows - 1


@pytest.mark.parametrize(
    ("batch_size", "n", "chunk"), [(1, 100, 32), (5, 100, 35), (40, 100, 40), (1, 20, 20)]
)
def test_disturbed_rows_have_others_to_be_mixed_with_however_wide(
    batch_size, n, chunk, monkeypatch
):
    class Nothing:
        def start(self, seeds, epoch):
            pass

        def apply(self, lane, X, target, slots):
            assert len(X) == len(target) == len(slots)

    monkeypatch.setattr(module, "GATHER_BYTES", 1)
    assert feed_of(n, batch_size).chunk == batch_size
    feed = feed_of(n, batch_size, disturbances=[Nothing()])
    assert feed.chunk == chunk
    assert sorted(batches(feed)[1]) == list(range(n))


def test_wide_targets_count_as_wide_inputs_do():
    X, target = np.zeros((5000, 4), np.float32), np.zeros((5000, 100), np.float32)
    for one, other in ((X, target), (target, X)):
        feed = module.Feed(one, other, lead=(), dtype=np.float32, batch_size=100)
        assert feed.chunk == 1300  # of 400 bytes each
