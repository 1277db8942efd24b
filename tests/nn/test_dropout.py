"""Dropout: how often, by how much, the same on the way back, and only while training."""

import numpy as np
import pytest

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.backprop import Backprop
from mlpcli.nn.evaluation import Evaluation
from mlpcli.nn.layers import WORDS, Dropout
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer, Network, initialize, initialize_stack
from mlpcli.nn.optimizers import Sgd
from mlpcli.nn.update import Regularization
from mlpcli.randomness import generator
from mlpcli.training.trainer import Trainer

TANH, MSE = ACTIVATIONS["tanh"](), LOSSES["mse"]()
EVERY_NUMBER = np.arange(1 << 16, dtype=np.uint16)  # each 16-bit number once: exact frequencies

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
each_keep_prob = pytest.mark.parametrize("keep_prob", [0.1, 0.25, 0.5, 0.8, 0.999])


class Given:
    """A generator whose bit generator returns these 16-bit numbers, in words of 64 bits."""

    def __init__(self, numbers):
        self.words, self.bit_generator = numbers.view(np.uint64), self

    def random_raw(self, n):
        drawn, self.words = self.words[:n], self.words[n:]
        return drawn


def dropout(keep_prob, shape, dtype=np.float64, rng=None):
    """Return a dropout layer of one network; without a generator its bits are every number once."""
    layer = Dropout(1, keep_prob, np.zeros(shape, dtype))
    layer.generators = [rng or Given(EVERY_NUMBER)]
    layer.draw()
    return layer


def dropping(*keep_probs, units=6, input_keep_prob=1.0):
    layers = tuple(Layer(units, TANH, keep_prob) for keep_prob in keep_probs)
    return Architecture(3, layers, 2, MSE, input_keep_prob=input_keep_prob)


@pytest.fixture
def drawn(monkeypatch):
    """Return a list of the masks drawn so far, each with its layer's place."""
    found, draw = [], Dropout.draw

    def record(self):
        draw(self)
        found.append((self.stream, self.mask.copy()))

    monkeypatch.setattr(Dropout, "draw", record)
    return found


def train(network, n_rows, *, batch_size, seeds, epochs=(1,), **strengths):
    X = np.zeros((n_rows, 3), network.dtype)
    options = {"batch_size": batch_size, "seeds": seeds}
    if strengths:
        options["regularization"] = Regularization(**strengths)
    trainer = Trainer(network, Sgd(), X, X[:, :2], **options)
    for epoch in epochs:
        list(trainer.epoch(epoch, 0.1))


@each_dtype
@each_keep_prob
def test_a_mask_is_zero_or_one_over_the_keep_probability(keep_prob, dtype):
    layer = dropout(keep_prob, (256, 256), dtype)
    assert layer.mask.dtype == dtype
    zero, scale = np.unique(layer.mask)
    assert zero == 0
    np.testing.assert_allclose(scale, 1 / keep_prob, rtol=0.5 / 65536 / keep_prob + 1e-7)


@each_keep_prob
def test_units_are_kept_with_the_keep_probability_to_16_bits(keep_prob):
    layer = dropout(keep_prob, (256, 256))
    assert abs(np.mean(layer.mask > 0) - keep_prob) <= 0.5 / 65536


@pytest.mark.parametrize("keep_prob", [1e-6, 0.001, 0.1, 0.25, 0.8, 0.99999])
def test_the_mean_over_all_masks_is_what_evaluation_sees(keep_prob):
    layer = dropout(keep_prob, (256, 256))
    np.testing.assert_allclose(layer.forward(np.full((256, 256), -0.7)).mean(), -0.7, rtol=1e-12)


@each_keep_prob
def test_drawn_masks_keep_that_share_of_the_units(keep_prob):
    layer, n = dropout(keep_prob, (1000, 100), rng=generator(0, "dropout", 1)), 100_000
    bound = 5 * np.sqrt(keep_prob * (1 - keep_prob) / n)  # five standard errors
    assert abs(np.mean(layer.mask > 0) - keep_prob) < bound
    # nor does a unit's fate depend on its neighbour's in the row, or in the row above
    kept = (layer.mask > 0) - keep_prob
    for pair in (kept[:, 1:] * kept[:, :-1], kept[1:] * kept[:-1]):
        assert abs(pair.mean()) < 5 * keep_prob * (1 - keep_prob) / np.sqrt(pair.size)


def test_the_way_back_uses_the_same_mask():
    layer = dropout(0.5, (256, 256))
    h, delta = np.full((256, 256), 3.0), np.full((256, 256), -2.0)
    forward = layer.forward(h)
    backward = layer.backward(delta)
    assert backward is delta
    np.testing.assert_array_equal(forward / 3, backward / -2)
    np.testing.assert_array_equal(forward / 3, layer.mask)
    assert np.all(h == 3)


@pytest.mark.parametrize("keep_probs", [(0.5,), (1.0, 0.5), (0.5, 1.0, 0.8)])
def test_layers_that_keep_everything_have_no_mask(keep_probs):
    network = initialize(dropping(*keep_probs), 0)
    dropouts = Backprop(network, 4, training=True).dropouts
    assert [round(1 / float(d.scale), 4) for d in dropouts] == [p for p in keep_probs if p < 1]
    assert [d.stream for d in dropouts] == [k for k, p in enumerate(keep_probs, 1) if p < 1]


def test_a_new_mask_is_drawn_for_each_step_and_layer(drawn):
    train(initialize(dropping(0.5, 0.5, units=20), 0), 40, batch_size=10, seeds=[0])
    masks = [mask for _, mask in drawn]
    assert len(masks) == 8
    for i, mask in enumerate(masks):
        for other in masks[:i]:  # 200 fair coins are the same 100 ± 35 times: five deviations
            assert abs(np.sum(mask == other) - 100) < 36


@pytest.mark.parametrize(
    ("shape", "n_words"),
    [((2, 4), 2), ((3, 3), 3), ((3, 4), 3), ((WORDS, 4), WORDS), ((2 * WORDS + 1, 5), 10_242)],
)
def test_a_step_takes_whole_words_in_the_order_of_its_units(shape, n_words):
    layer = dropout(0.5, shape, rng=generator(4, "dropout", 2, 1))
    raw = generator(4, "dropout", 2, 1).bit_generator.random_raw(3 * n_words)
    # A word has 64 bits, the lowest 16 first; what a step leaves of its last word is not used.
    for words in raw.astype("<u8").reshape(3, n_words):
        bits = words.view("<u2")[: shape[0] * shape[1]].reshape(shape)
        np.testing.assert_array_equal(layer.mask, np.where(bits < 1 << 15, 2.0, 0.0))
        layer.draw()


# What a training draws: keep probabilities 1/4, 1/2 and 3/4 of the data's 3 and of 6 units twice.
PLACES = {0: (0.25, 3), 1: (0.5, 6), 2: (0.75, 6)}
BATCHES = (4, 4, 1)  # of 9 rows: a short last one


def expected_masks(seed, epoch, place):
    """Return the masks of an epoch's steps in one layer, from NumPy's generator alone."""
    rng, (keep_prob, units) = generator(seed, "dropout", epoch, place).bit_generator, PLACES[place]
    masks = []
    for n in BATCHES:
        bits = rng.random_raw(-(-n * units // 4)).astype("<u8").view("<u2")[: n * units]
        masks.append(np.where(bits < 65536 * keep_prob, 1 / keep_prob, 0.0).reshape(n, units))
    return masks


def three_dropouts():
    return dropping(0.5, 0.75, input_keep_prob=0.25)


@pytest.mark.parametrize("epochs", [(1,), (1, 2), (2,), (7,)])
def test_an_epoch_draws_from_the_generators_of_its_seed_number_and_layers_alone(epochs, drawn):
    """One generator a layer and epoch, the short last batch included: so epochs can be resumed."""
    network = initialize(three_dropouts(), 0, np.float64)
    train(network, sum(BATCHES), batch_size=4, seeds=[5], epochs=epochs)
    for place in PLACES:
        found = [mask for at, mask in drawn if at == place]
        expected = [mask for epoch in epochs for mask in expected_masks(5, epoch, place)]
        assert len(found) == len(expected) == 3 * len(epochs)
        for mask, by_hand in zip(found, expected, strict=True):
            np.testing.assert_array_equal(mask, by_hand)


def test_a_lane_draws_what_it_would_draw_alone(drawn):
    network = initialize_stack(three_dropouts(), [5, 6, 7], np.float64)
    train(network, sum(BATCHES), batch_size=4, seeds=[5, 6, 7])
    for place in PLACES:
        found = [mask for at, mask in drawn if at == place]
        for lane, seed in enumerate([5, 6, 7]):
            for mask, alone in zip(found, expected_masks(seed, 1, place), strict=True):
                np.testing.assert_array_equal(mask[lane], alone)


@pytest.mark.parametrize(
    ("layers", "strengths"),
    [
        ((1.0, 0.75), {}),
        ((0.5, 0.75), {"weight_noise": 0.1, "gradient_noise": 0.1, "l2": 0.1, "averaging": 0.9}),
    ],
    ids=["no dropout in another layer", "noise, decay and averaging"],
)
def test_nothing_else_changes_what_a_layer_draws(layers, strengths, drawn):
    network = initialize(dropping(*layers), 0, np.float64)
    train(network, sum(BATCHES), batch_size=4, seeds=[5], epochs=(3,), **strengths)
    found = [mask for at, mask in drawn if at == 2]
    for mask, by_hand in zip(found, expected_masks(5, 3, 2), strict=True):
        np.testing.assert_array_equal(mask, by_hand)


def test_evaluation_uses_every_unit_unscaled():
    network = initialize(dropping(0.3, 0.6), 0, np.float64)
    assert Backprop(network, 9, training=False).dropouts == []
    X = np.random.default_rng(0).normal(size=(9, 3))
    found = Evaluation(network).predict(X, np.empty((9, 2)))
    t = network.tensors()
    h = np.tanh(X @ t["hidden.1.weight"])
    h = np.tanh(h @ t["hidden.2.weight"])
    np.testing.assert_allclose(found, h @ t["output.weight"], rtol=1e-14)
    whole = Network(dropping(1.0, 1.0), network.theta)
    np.testing.assert_array_equal(found, Evaluation(whole).predict(X, np.empty((9, 2))))
