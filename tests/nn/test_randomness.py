"""Random streams: fixed by seed, name and epoch alone, and none touches another."""

import numpy as np
import pytest

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer, initialize
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.randomness import MANY, STREAMS, generator, generators, permute
from mlpcli.training.trainer import Trainer

# In the order of their spawn keys: a name that moves changes every run ever made.
KEYS = ("split", "init", "shuffle", "dropout", "noise", "augmentation", "bootstrap", "gradcheck")


def test_a_stream_keeps_its_key():
    assert STREAMS[: len(KEYS)] == KEYS
    assert len(set(STREAMS)) == len(STREAMS)


@pytest.mark.parametrize("key", range(len(KEYS)))
def test_a_generator_is_pcg64_of_seed_stream_and_epoch(key):
    sequence = np.random.SeedSequence(7, spawn_key=(key, 3))
    expected = np.random.Generator(np.random.PCG64(sequence)).random(5)
    np.testing.assert_array_equal(generator(7, KEYS[key], 3).random(5), expected)


def test_no_two_streams_epochs_or_seeds_draw_the_same():
    firsts = [
        generator(seed, stream, epoch).bit_generator.random_raw()
        for seed in (0, 1, 2)
        for stream in STREAMS
        for epoch in (0, 1, 2)
    ]
    assert len(set(firsts)) == len(firsts)


@pytest.mark.parametrize("words", [(1,), (0, 5), (2**32 - 1, 1, 2**31), (2**32,)])
@pytest.mark.parametrize(
    "seeds", [[4], [0, 1], [2**32 - 1, 0, 7, 2**31], [3, 2**32], [2**70, 1], list(range(64))]
)
def test_generators_of_many_seeds_begin_as_numpy_s_seed_sequence_has_it(seeds, words):
    for seed, found in zip(seeds, generators(seeds, "shuffle", *words), strict=True):
        sequence = np.random.SeedSequence(seed, spawn_key=(2, *words))
        assert found.bit_generator.state == np.random.PCG64(sequence).state


@pytest.mark.parametrize("n", [1, 2, 1000, MANY])
def test_up_to_many_numbers_are_permuted_as_numpy_does(n):
    order = np.full(n, -1)
    permute(order, np.random.default_rng(3))
    np.testing.assert_array_equal(order, np.random.default_rng(3).permutation(n))


@pytest.mark.parametrize("n", [MANY + 1, 2 * MANY, 2 * MANY + 1, 300_007])
def test_more_are_in_the_order_of_their_random_bits(n):
    order = np.full(n, -1)
    permute(order, np.random.default_rng(3))
    n_bits = len(f"{n - 1:b}")
    drawn = np.random.default_rng(3).bit_generator.random_raw(n) >> np.uint64(n_bits)
    np.testing.assert_array_equal(order, np.argsort(drawn, kind="stable"))


def test_every_number_comes_to_every_place_as_often():
    n, times = MANY + 1000, 100
    rng = np.random.default_rng(0)
    order, among = np.empty(n, int), np.zeros((8, 8))
    for _ in range(times):
        permute(order, rng)
        np.add.at(among, (np.arange(n) * 8 // n, order * 8 // n), 1)
    expected = times * n / 64
    # A count has a standard deviation of at most √expected: 453 here.
    np.testing.assert_allclose(among, expected, atol=4 * expected**0.5)


def test_an_unknown_stream_is_refused():
    with pytest.raises(ValueError):
        generator(0, "shufle")


def test_dropout_changes_neither_the_beginning_nor_the_order_of_the_rows():
    def trainer(keep_prob):
        layer = Layer(5, ACTIVATIONS["tanh"](), keep_prob)
        network = initialize(Architecture(2, (layer,), 1, LOSSES["mse"]()), 3)
        X = np.ones((23, 2), np.float32)
        return Trainer(network, OPTIMIZERS["sgd"](), X, X[:, :1], batch_size=4, seeds=[3])

    without, with_dropout = trainer(1.0), trainer(0.5)
    np.testing.assert_array_equal(without.network.theta, with_dropout.network.theta)
    for epoch in (1, 2):
        list(without.epoch(epoch, 0.1))
        list(with_dropout.epoch(epoch, 0.1))
        np.testing.assert_array_equal(without.loader.order, with_dropout.loader.order)


def test_the_masks_of_full_batches_do_not_depend_on_whether_a_short_one_follows():
    def trained(n_rows):
        layer = Layer(5, ACTIVATIONS["tanh"](), 0.5)
        network = initialize(Architecture(1, (layer,), 1, LOSSES["mse"]()), 0)
        X = np.ones((n_rows, 1), np.float32)  # all rows alike: their order does not matter
        trainer = Trainer(network, OPTIMIZERS["sgd"](), X, X, batch_size=4, seeds=[0])
        for _ in range(2):
            list(trainer.epoch(1, 0.1))
        return trainer

    without, followed = (trained(n).step.backprop[4].dropouts[0].mask for n in (12, 13))
    np.testing.assert_array_equal(without, followed)
