"""Dropout: how often, by how much, the same on the way back, and only while training."""

import numpy as np
import pytest

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.draws import Bits, Masks
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer, Network, initialize
from mlpcli.nn.passes import Evaluation, Pass
from mlpcli.nn.stages import Drop
from mlpcli.randomness import generator

TANH, MSE = ACTIVATIONS["tanh"](), LOSSES["mse"]()
EVERY_NUMBER = np.arange(1 << 16, dtype=np.uint16)  # each 16-bit number once: exact frequencies

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
each_keep_prob = pytest.mark.parametrize("keep_prob", [0.1, 0.25, 0.5, 0.8, 0.999])


def drop(keep_prob, shape, dtype=np.float64):
    return Drop(1, keep_prob, np.zeros(shape, dtype))


def dropping(*keep_probs, units=6):
    layers = tuple(Layer(units, TANH, keep_prob) for keep_prob in keep_probs)
    return Architecture(3, layers, 2, MSE)


@each_dtype
@each_keep_prob
def test_a_mask_is_zero_or_one_over_the_keep_probability(keep_prob, dtype):
    stage = drop(keep_prob, (256, 256), dtype)
    stage.draw(EVERY_NUMBER)
    assert stage.mask.dtype == dtype
    zero, scale = np.unique(stage.mask)
    assert zero == 0
    np.testing.assert_allclose(scale, 1 / keep_prob, rtol=0.5 / 65536 / keep_prob + 1e-7)


@each_keep_prob
def test_units_are_kept_with_the_keep_probability_to_16_bits(keep_prob):
    stage = drop(keep_prob, (256, 256))
    stage.draw(EVERY_NUMBER)
    assert abs(np.mean(stage.mask > 0) - keep_prob) <= 0.5 / 65536


@pytest.mark.parametrize("keep_prob", [1e-6, 0.001, 0.1, 0.25, 0.8, 0.99999])
def test_the_mean_over_all_masks_is_what_evaluation_sees(keep_prob):
    stage = drop(keep_prob, (256, 256))
    stage.draw(EVERY_NUMBER)
    np.testing.assert_allclose(stage.forward(np.full((256, 256), -0.7)).mean(), -0.7, rtol=1e-12)


@each_keep_prob
def test_drawn_masks_keep_that_share_of_the_units(keep_prob):
    stage, n = drop(keep_prob, (1000, 100)), 100_000
    bits = Bits((), n, 1)
    bits.start([generator(0, "dropout", 1)])
    stage.draw(bits.next())
    bound = 5 * np.sqrt(keep_prob * (1 - keep_prob) / n)  # five standard errors
    assert abs(np.mean(stage.mask > 0) - keep_prob) < bound
    # nor does a unit's fate depend on its neighbour's in the row, or in the row above
    kept = (stage.mask > 0) - keep_prob
    for pair in (kept[:, 1:] * kept[:, :-1], kept[1:] * kept[:-1]):
        assert abs(pair.mean()) < 5 * keep_prob * (1 - keep_prob) / np.sqrt(pair.size)


def test_the_way_back_uses_the_same_mask():
    stage = drop(0.5, (256, 256))
    stage.draw(EVERY_NUMBER[::-1])
    h, delta = np.full((256, 256), 3.0), np.full((256, 256), -2.0)
    forward = stage.forward(h)
    backward = stage.backward(delta)
    assert backward is delta
    np.testing.assert_array_equal(forward / 3, backward / -2)
    np.testing.assert_array_equal(forward / 3, stage.mask)
    assert np.all(h == 3)


@pytest.mark.parametrize("keep_probs", [(0.5,), (1.0, 0.5), (0.5, 1.0, 0.8)])
def test_layers_that_keep_everything_have_no_mask(keep_probs):
    network = initialize(dropping(*keep_probs), 0)
    kept = [round(1 / float(d.scale), 4) for d in Pass(network, 4, training=True).drops]
    assert kept == [p for p in keep_probs if p < 1]


def test_a_new_mask_is_drawn_for_each_step_and_layer():
    one = Pass(initialize(dropping(0.5, 0.5, units=20), 0), 10, training=True)
    source = Masks(one.drops, ())
    source.start([0], 1)
    masks = []
    for _ in range(4):
        source.draw()
        masks += [d.mask.copy() for d in one.drops]
    for i, mask in enumerate(masks):
        for other in masks[:i]:  # 200 fair coins are the same 100 ± 35 times: five deviations
            assert abs(np.sum(mask == other) - 100) < 36


@pytest.mark.parametrize(("n_bits", "n_words"), [(8, 2), (9, 3), (12, 3)])
@pytest.mark.parametrize("n_steps", [1, 3, 64])
def test_a_step_takes_whole_words_however_many_are_drawn_ahead(n_bits, n_words, n_steps):
    bits = Bits((), n_bits, n_steps)
    bits.start([generator(4, "dropout", 2)])
    found = [bits.next().copy() for _ in range(7)]
    # a word has 64 bits; what a step leaves of its last word is not used
    words = generator(4, "dropout", 2).bit_generator.random_raw(7 * n_words)
    expected = words.astype("<u8").view("<u2").reshape(7, 4 * n_words)[:, :n_bits]
    np.testing.assert_array_equal(found, expected)


def test_an_epoch_begins_with_new_bits_whatever_is_left():
    bits = Bits((), 8, 5)
    bits.start([generator(0, "dropout", 1)])
    first = bits.next().copy()
    bits.start([generator(0, "dropout", 1)])
    np.testing.assert_array_equal(bits.next(), first)


def test_a_lane_draws_what_it_would_draw_alone():
    together = Bits((3,), 10, 2)
    together.start([generator(seed, "dropout", 1) for seed in (5, 6, 7)])
    alone = Bits((), 10, 9)
    alone.start([generator(6, "dropout", 1)])
    for _ in range(5):
        np.testing.assert_array_equal(together.next()[1], alone.next())


def test_evaluation_uses_every_unit_unscaled():
    network = initialize(dropping(0.3, 0.6), 0, np.float64)
    assert Pass(network, 9, training=False).drops == []
    X = np.random.default_rng(0).normal(size=(9, 3))
    found = Evaluation(network).predict(X, np.empty((9, 2)))
    t = network.tensors()
    h = np.tanh(X @ t["hidden.1.weight"])
    h = np.tanh(h @ t["hidden.2.weight"])
    np.testing.assert_allclose(found, h @ t["output.weight"], rtol=1e-14)
    whole = Network(dropping(1.0, 1.0), network.theta)
    np.testing.assert_array_equal(found, Evaluation(whole).predict(X, np.empty((9, 2))))


def test_frozen_masks_are_shared_by_the_lanes_of_another_pass():
    architecture = dropping(0.5)
    network = initialize(architecture, 0, np.float64)
    one = Pass(network, 4, training=True)
    one.drops[0].mask = np.random.default_rng(0).integers(0, 2, (4, 6)) * 2.0
    stack = Pass(Network(architecture, np.stack([network.theta] * 3)), 4, training=True)
    stack.share_masks(one)
    X = np.random.default_rng(1).normal(size=(4, 3))
    np.testing.assert_array_equal(stack.forward(X), np.stack([one.forward(X)] * 3))
