"""The batch loader: which rows make which batch, with whose targets, weights and sources."""

import numpy as np
import pytest

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer, Network, initialize
from mlpcli.nn.norms import BatchNorm
from mlpcli.nn.optimizers import Sgd
from mlpcli.training import batches as module
from mlpcli.training.batches import BatchLoader
from mlpcli.training.trainer import Trainer

CROSS_ENTROPY = LOSSES["cross_entropy"]()
LINE = Architecture(1, (), 1, LOSSES["mse"]())


def loader_of(n, batch_size, **options):
    X = np.arange(float(n))[:, np.newaxis]
    options = {"loss": LOSSES["mse"](), "n_outputs": 1, "lane_shape": (), "dtype": float, **options}
    return BatchLoader(X, -X, batch_size=batch_size, **options)


def batches(loader):
    """Return the lengths of an epoch's batches, and every row handed out."""
    lengths, rows = [], []
    loader.start([0], 1)
    for start, end in loader.blocks():
        assert start == len(rows)
        for batch in loader.load(start, end).batches:
            assert batch.n == len(batch.X) == len(batch.y) == len(batch.u)
            np.testing.assert_array_equal(batch.y, -batch.X)
            lengths.append(batch.n)
            rows += batch.X[:, 0].tolist()
        assert end == len(rows)
    return lengths, rows


@pytest.mark.parametrize("block_bytes", [1, 64, 1 << 20])
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
    n, batch_size, least, lengths, block_bytes, monkeypatch
):
    monkeypatch.setattr(module, "BLOCK_BYTES", block_bytes)
    loader = loader_of(n, batch_size, least_rows=least)
    found, rows = batches(loader)
    assert found == lengths
    assert loader.sizes == set(lengths)
    assert loader.n_steps == len(lengths)
    assert sorted(rows) == list(range(n))


def test_rows_may_fill_several_places_and_take_their_targets_and_weights_along():
    source = np.array([0, 1, 2, 2, 2])
    loader = loader_of(3, 5, source=source, weight=np.array([0.5, 1.0, 1.5]))
    _, rows = batches(loader)
    assert sorted(rows) == [0, 1, 2, 2, 2]
    block, weights = loader.block_of(5), np.array(rows) / 2 + 0.5
    np.testing.assert_array_equal(block.y[:, 0], -np.array(rows))
    np.testing.assert_array_equal(block.scale[:, 0], weights / 5)
    np.testing.assert_array_equal(loader.weights(3), weights[:3])
    np.testing.assert_array_equal(loader.rows(), rows)


@pytest.mark.parametrize("block_bytes", [1, 1 << 20])
def test_a_row_s_share_of_j_is_its_weight_divided_by_its_own_batch_s_rows(block_bytes, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_BYTES", block_bytes)
    weight = np.arange(1.0, 11.0)
    loader = loader_of(10, 4, weight=weight)
    plain = loader_of(10, 4)
    for each in (loader, plain):
        each.start([0], 1)
    for start, end in loader.blocks():
        each = (loader.load(start, end).batches, plain.load(start, end).batches)
        for batch, unweighted in zip(*each, strict=True):
            np.testing.assert_array_equal(batch.scale, (batch.X + 1) / batch.n)
            assert (unweighted.scale.shape, unweighted.scale) == ((), 1 / batch.n)


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
    assert trainer.step.backprop.keys() == {4, 5}
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
    assert module.block_rows(10**6, batch_size, row_bytes) == rows
    assert module.block_rows(rows - 1, batch_size, row_bytes) == rows - 1


@pytest.mark.parametrize(
    ("batch_size", "n", "block"), [(1, 100, 32), (5, 100, 35), (40, 100, 40), (1, 20, 20)]
)
def test_transformed_rows_have_others_to_be_mixed_with_however_wide(
    batch_size, n, block, monkeypatch
):
    class Nothing:
        def start(self, seeds, epoch):
            pass

        def apply(self, lane, X, y, slots):
            assert len(X) == len(y) == len(slots)

    monkeypatch.setattr(module, "BLOCK_BYTES", 1)
    assert loader_of(n, batch_size).rows_per_block == batch_size
    loader = loader_of(n, batch_size, transforms=[Nothing()])
    assert loader.rows_per_block == block
    assert sorted(batches(loader)[1]) == list(range(n))


def test_wide_targets_count_as_wide_inputs_do():
    X, target = np.zeros((5000, 4), np.float32), np.zeros((5000, 100), np.float32)
    options = {"loss": LOSSES["mse"](), "lane_shape": (), "dtype": np.float32, "batch_size": 100}
    for one, other in ((X, target), (target, X)):
        loader = BatchLoader(one, other, n_outputs=other.shape[1], **options)
        assert loader.rows_per_block == 1300  # of 400 bytes each
    classes = np.zeros(5000, int)  # as wide as they are one-hot
    options["loss"] = CROSS_ENTROPY
    assert BatchLoader(X, classes, n_outputs=100, **options).rows_per_block == 1300


# Targets as the loss takes them.


def class_loader(classes, n_classes, loss, lane_shape=(), **options):
    X = np.arange(float(len(classes)))[:, np.newaxis]
    shapes = {"n_outputs": n_classes, "lane_shape": lane_shape, "dtype": np.float64}
    return BatchLoader(X, np.array(classes), loss=loss, **shapes, **options)


def by_row(loader, seeds=(0,)):
    """Return the targets of an epoch (..., rows, outputs), in the order of the data."""
    loader.start(list(seeds), 1)
    found = np.full((*loader.order.shape, loader.block_of(1).y.shape[-1]), np.nan)
    for start, end in loader.blocks():
        y = loader.load(start, end).y
        for lane in np.ndindex(loader.lane_shape):
            found[(*lane, loader.order[(*lane, slice(start, end))])] = y[lane]
    return found


def test_three_classes_are_one_hot_and_smoothed_by_hand():
    classes = [2, 0, 0, 1]
    found = by_row(class_loader(classes, 3, CROSS_ENTROPY, batch_size=2))
    assert found.tolist() == [[0, 0, 1], [1, 0, 0], [1, 0, 0], [0, 1, 0]]
    # ε = 0.3: 0.7 · 1 + 0.1 of the row's class, 0.1 of the others
    smooth = LOSSES["cross_entropy"](label_smoothing=0.3)
    found = by_row(class_loader(classes, 3, smooth, batch_size=2))
    low, high = pytest.approx(0.1), pytest.approx(0.8)
    assert found.tolist() == [
        [low, low, high],
        [high, low, low],
        [high, low, low],
        [low, high, low],
    ]


def test_five_thousand_classes_are_one_hot_batch_by_batch_and_smoothed(monkeypatch):
    monkeypatch.setattr(module, "BLOCK_BYTES", 1)
    classes = [4999, 0, 1234, 4999, 17, 2500, 1]
    loader = class_loader(classes, 5000, CROSS_ENTROPY, batch_size=2)
    assert loader.capacity == 2  # no table of all rows and classes
    found = by_row(loader)
    assert found.shape == (7, 5000)
    rows, columns = np.nonzero(found)
    assert (rows.tolist(), columns.tolist()) == (list(range(7)), classes)
    assert np.all(found[rows, columns] == 1)
    smooth = LOSSES["cross_entropy"](label_smoothing=0.5)  # ε/K = 1e-4
    smoothed = by_row(class_loader(classes, 5000, smooth, batch_size=2))
    np.testing.assert_allclose(smoothed, np.where(found == 1, 0.5001, 1e-4), rtol=1e-12)


def test_lanes_smooth_by_their_own_strengths():
    loss = LOSSES["cross_entropy"](label_smoothing=np.array([0.0, 0.3]))
    loader = class_loader([2, 0], 3, loss, lane_shape=(2,), batch_size=2)
    found = by_row(loader, seeds=(0, 1))
    np.testing.assert_allclose(found[0], [[0, 0, 1], [1, 0, 0]], atol=1e-15)
    np.testing.assert_allclose(found[1], [[0.1, 0.1, 0.8], [0.8, 0.1, 0.1]])


def test_labels_are_smoothed_towards_one_half():
    loss = LOSSES["binary_cross_entropy"](label_smoothing=0.2)
    y = np.array([[0.0, 1.0], [1.0, 0.0]])
    options = {"n_outputs": 2, "lane_shape": (), "dtype": np.float64, "batch_size": 2}
    found = by_row(BatchLoader(np.zeros((2, 1)), y, loss=loss, **options))
    np.testing.assert_allclose(found, [[0.1, 0.9], [0.9, 0.1]])
    np.testing.assert_array_equal(y, [[0, 1], [1, 0]])  # the data stay as they are


def test_targets_are_kept_as_transformed_and_not_smoothed():
    """Metrics are held against the mixture; what smoothing adds belongs to the loss."""

    class Third:
        """Every target becomes a third of each class."""

        def start(self, seeds, epoch):
            pass

        def apply(self, lane, X, y, slots):
            y[...] = 1 / 3

    loss = LOSSES["cross_entropy"](label_smoothing=0.3)
    loader = class_loader([2, 0], 3, loss, batch_size=2, keep_targets=True)
    by_row(loader)
    np.testing.assert_array_equal(loader.targets[np.argsort(loader.order)], [[0, 0, 1], [1, 0, 0]])
    loader = class_loader([2, 0], 3, loss, batch_size=2, keep_targets=True, transforms=[Third()])
    by_row(loader)
    np.testing.assert_allclose(loader.targets, 1 / 3)
