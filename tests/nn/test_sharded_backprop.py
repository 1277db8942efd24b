"""A batch that is cut into shards: the gradient, masks and moments of the whole one."""

import numpy as np
import pytest

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer, initialize, initialize_stack
from mlpcli.nn.norms import NORMS
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.nn.training_step import Batch, TrainingStep
from mlpcli.nn.update import Regularization
from mlpcli.randomness import generators
from mlpcli.workers import Workers

N = 11
CASES = {
    "relu": {},
    "a learned activation": {"activation": ACTIVATIONS["prelu"]()},
    "dropout": {"keep_prob": 0.6},
    "batch norm": {"norm": NORMS["batch"]()},
    "layer norm": {"norm": NORMS["layer"]()},
    "all of it": {"activation": ACTIVATIONS["prelu"](), "keep_prob": 0.7, "norm": NORMS["batch"]()},
}


def architecture(activation=None, **settings):
    layers = tuple(
        Layer(units, activation or ACTIVATIONS["relu"](), **settings) for units in (9, 7)
    )
    return Architecture(5, layers, 3, LOSSES["cross_entropy"]())


def one_step(case, shards, lanes=(), threads=2, weights=None, **strengths):
    """Return the numbers and the step of a network after one step in float64."""
    made = architecture(**CASES[case])
    network = initialize_stack(made, lanes, np.float64) if lanes else initialize(made, 4)
    network = initialize(made, 4, np.float64) if not lanes else network
    rng = np.random.default_rng(1)
    shape = (len(lanes), N) if lanes else (N,)
    X, y = rng.standard_normal((*shape, 5)), np.eye(3)[rng.integers(0, 3, shape)]
    scale = np.asarray(1 / N) if weights is None else weights / N
    optimizer = OPTIMIZERS["adam"](learning_rate=0.1)
    step = TrainingStep(
        network, optimizer, Regularization(**strengths), [N], shards, Workers(threads)
    )
    step.update.learning_rate[...] = 0.1
    step.start(lanes or [4], 1)
    captured = []
    step.update.parts.insert(0, lambda: captured.append(step.grad.copy()))
    step(Batch(N, X, y, scale, np.empty((*shape, 3))))
    return captured[0], network.vector.copy(), step


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("shards", [2, 3, 4, 11, 40])
def test_gradient_and_step_are_the_whole_batch_s_but_for_rounding(case, shards):
    grad, vector, _ = one_step(case, 1, l2=0.1)
    cut_grad, cut_vector, _ = one_step(case, shards, l2=0.1)
    np.testing.assert_allclose(cut_grad, grad, rtol=1e-10, atol=1e-14)
    # Adam's first step is λ g/|g|: where g is rounding alone, as of a bias before batch norm, so is
    # its sign.
    n = len(grad)
    clear = np.abs(grad) > 1e-12
    np.testing.assert_allclose(cut_vector[:n][clear], vector[:n][clear], rtol=1e-9)
    np.testing.assert_allclose(cut_vector[n:], vector[n:], rtol=1e-12)  # running moments


@pytest.mark.parametrize("case", CASES)
def test_lanes_are_cut_alike_each_with_the_bits_it_has_alone(case):
    grads, vectors, _ = one_step(case, 3, lanes=[7, 8, 9])
    assert grads.shape[0] == 3
    whole, _, _ = one_step(case, 1, lanes=[7, 8, 9])
    np.testing.assert_allclose(grads, whole, rtol=1e-10, atol=1e-14)
    assert len(np.unique(vectors[:, 0])) == 3


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("shards", [2, 4])
def test_the_number_of_threads_changes_no_bit(case, shards):
    found = {one_step(case, shards, threads=n, l2=0.1)[1].tobytes() for n in (1, 2, 3, 8)}
    assert len(found) == 1


def test_weights_of_rows_go_with_their_shard():
    weights = np.linspace(0.1, 2, N)[:, np.newaxis]
    whole, _, _ = one_step("relu", 1, weights=weights)
    cut, _, _ = one_step("relu", 3, weights=weights)
    np.testing.assert_allclose(cut, whole, rtol=1e-10, atol=1e-14)


def test_masks_are_drawn_as_for_one_shard():
    _, _, whole = one_step("dropout", 1)
    _, _, cut = one_step("dropout", 3)
    for one, other in zip(whole.backprop[N].dropouts, cut.backprop[N].dropouts, strict=True):
        assert one.mask.tobytes() == other.mask.tobytes()
        assert 0 in one.mask
    first = cut.backprop[N].shards[1].dropouts[0]
    assert np.shares_memory(first.mask, cut.backprop[N].dropouts[0].mask)


def test_moments_are_those_of_all_rows_by_hand():
    """Of u = 0 … 5 in shards of 1, 2 and 3 rows: mean 2.5, variance 35/12."""
    made = Architecture(
        1,
        (Layer(1, ACTIVATIONS["identity"](), norm=NORMS["batch"](epsilon=1e-12)),),
        1,
        LOSSES["mse"](),
    )
    network = initialize(made, 0, np.float64)
    network.tensors()["hidden.1.weight"][...] = 1.0
    step = TrainingStep(network, OPTIMIZERS["sgd"](), Regularization(), [6], 3, Workers(2))
    step.start([0], 1)
    backprop = step.backprop[6]
    X, y_true = np.arange(6.0)[:, np.newaxis], np.zeros((6, 1))
    batch = Batch(6, X, y_true, np.asarray(1 / 6), np.empty((6, 1)))
    backprop.compute_gradient(batch, step.loss, [])
    y = np.concatenate([shard.layers[1].y for shard in backprop.shards])
    expected = (np.arange(6.0) - 2.5) / np.sqrt(35 / 12)
    np.testing.assert_allclose(y[:, 0], expected, rtol=1e-12)
    # m̄ ← 0.9 · 0 + 0.1 · 2.5; v̄ ← 0.9 · 1 + 0.1 · 35/12 · 6/5, once and not once a shard.
    np.testing.assert_allclose(network.tensors()["hidden.1.norm.mean"], [0.25])
    np.testing.assert_allclose(network.tensors()["hidden.1.norm.variance"], [1.25])


def test_generators_are_shared_by_batches_of_all_sizes():
    made = architecture(keep_prob=0.5)
    network = initialize(made, 0, np.float64)
    step = TrainingStep(network, OPTIMIZERS["sgd"](), Regularization(), [8, 3], 2, Workers(2))
    step.start([5], 1)
    large, small = (step.backprop[n].dropouts[0] for n in (8, 3))
    assert large.generators[0] is small.generators[0]
    expected = generators([5], "dropout", 1, 1)[0].bit_generator.random_raw(2)
    large.draw()
    assert large.words[0, :2].tolist() == expected.tolist()
