"""Noise injection: the moments its formula states, where it acts, its streams, its lanes."""

import numpy as np
import pytest

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer, Network, initialize, initialize_stack
from mlpcli.nn.noise import GRADIENTS, WEIGHTS, GradientNoise, NoisyWeights
from mlpcli.nn.norms import BatchNorm
from mlpcli.nn.optimizers import Sgd
from mlpcli.nn.update import Regularization
from mlpcli.randomness import generator
from mlpcli.training.trainer import Trainer
from mlpcli.training.transforms import (
    ClassNoise,
    FlipNoise,
    InputNoise,
    MultiplicativeInputNoise,
    TargetNoise,
    label_noise,
)

N = 20_000


def applied(noise, X, target, lane=0, epoch=1):
    X, target = X.copy(), target.copy()
    noise.start([3, 4], epoch)
    noise.apply(lane, X, target, np.arange(len(X)))
    return X, target


def test_input_noise_has_its_deviation_and_leaves_targets_alone():
    X, y = np.full((N, 2), 3.0), np.zeros((N, 1))
    moved, target = applied(InputNoise(0.5), X, y)
    assert moved.mean() == pytest.approx(3, abs=5 * 0.5 / np.sqrt(2 * N))
    assert moved.std() == pytest.approx(0.5, rel=5 / np.sqrt(4 * N))
    np.testing.assert_array_equal(target, y)


def test_multiplicative_input_noise_grows_with_the_input():
    X = np.repeat([[0.0, 1.0, -4.0]], N, axis=0)
    moved, _ = applied(MultiplicativeInputNoise(0.5), X, np.zeros((N, 1)))
    np.testing.assert_allclose(moved.std(axis=0), [0, 0.5, 2], rtol=5 / np.sqrt(2 * N))
    np.testing.assert_allclose(moved.mean(axis=0), [0, 1, -4], atol=0.1)


def test_class_noise_moves_that_share_evenly_to_the_other_classes():
    _, moved = applied(ClassNoise(0.3), np.zeros((N, 1)), np.eye(4)[np.full(N, 2)])
    assert np.all(np.sort(moved, axis=1) == [0, 0, 0, 1])
    share = moved.mean(axis=0)
    np.testing.assert_allclose(share, [0.1, 0.1, 0.7, 0.1], atol=5 * np.sqrt(0.25 / N))


@pytest.mark.parametrize(
    ("task", "noise"),
    [
        ("multiclass", ClassNoise),
        ("binary", FlipNoise),
        ("multilabel", FlipNoise),
        ("regression", TargetNoise),
    ],
)
def test_the_noise_on_labels_is_that_of_the_task(task, noise):
    assert type(label_noise(0.1, task)) is noise


def test_flip_noise_flips_each_label_for_itself():
    _, moved = applied(FlipNoise(0.2), np.zeros((N, 1)), np.repeat([[0.0, 1.0]], N, axis=0))
    np.testing.assert_allclose(moved.mean(axis=0), [0.2, 0.8], atol=5 * 0.4 / np.sqrt(N))
    assert set(np.unique(moved)) == {0.0, 1.0}
    both = np.mean((moved[:, 0] == 1) & (moved[:, 1] == 0))
    assert both == pytest.approx(0.04, abs=5 * 0.2 / np.sqrt(N))


def test_target_noise_has_its_deviation():
    _, moved = applied(TargetNoise(0.5), np.zeros((N, 1)), np.ones((N, 1)))
    assert moved.std() == pytest.approx(0.5, rel=5 / np.sqrt(2 * N))


NOISES = [
    InputNoise([0.1, 0.2]),
    MultiplicativeInputNoise([0.1, 0.2]),
    ClassNoise([0.3, 0.6]),
    FlipNoise([0.3, 0.6]),
    TargetNoise([0.1, 0.2]),
]


@pytest.mark.parametrize("noise", NOISES, ids=lambda noise: type(noise).__name__)
def test_a_lane_draws_what_it_would_draw_alone_and_each_epoch_anew(noise):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 3))
    target = np.eye(3)[rng.integers(0, 3, 50)]
    alone = type(noise)(noise.strength[1])
    alone.start([4], 2)
    X_alone, target_alone = X.copy(), target.copy()
    alone.apply(0, X_alone, target_alone, np.arange(50))
    first = applied(noise, X, target, lane=1, epoch=1)
    second = applied(noise, X, target, lane=1, epoch=2)
    np.testing.assert_array_equal(second[0], X_alone)
    np.testing.assert_array_equal(second[1], target_alone)
    assert any(not np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def network(norm=None):
    layer = Layer(5, ACTIVATIONS["tanh"](), norm=norm)
    return Architecture(3, (layer,), 2, LOSSES["mse"]())


def trainer_of(start, wanted, seeds=(7,), X=None, y=None, batch_size=4):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(10, 3)) if X is None else X
    y = rng.normal(size=(10, 2)) if y is None else y
    return Trainer(
        start, Sgd(), X, y, batch_size=batch_size, seeds=list(seeds), regularization=wanted
    )


@pytest.mark.parametrize("multiplicative", [False, True])
def test_weight_noise_moves_weights_by_its_formula_and_biases_not_at_all(multiplicative):
    architecture = Architecture(100, (Layer(100, ACTIVATIONS["tanh"]()),), 1, LOSSES["mse"]())
    vector = np.full(architecture.layout.n_numbers, -2.0)
    noisy = NoisyWeights(Network(architecture, vector), *((0, 0.5) if multiplicative else (0.5, 0)))
    noisy.start([0], 1)
    noisy.draw()
    n, found = architecture.layout.n_weights, noisy.network.vector
    spread = 1.0 if multiplicative else 0.5
    assert found[:n].std() == pytest.approx(spread, rel=5 / np.sqrt(2 * n))
    assert found[:n].mean() == pytest.approx(-2, abs=5 * spread / np.sqrt(n))
    assert np.all(found[n:] == -2)
    assert np.all(vector == -2)  # the network that the optimizer moves


def test_noise_comes_from_the_generator_of_its_seed_epoch_and_use_step_by_step():
    architecture = network()
    n = architecture.layout.n_weights
    trained = Network(architecture, np.zeros(architecture.layout.n_numbers))
    noisy, grad = NoisyWeights(trained, 0.5, 0.0), np.zeros(7)
    on_gradient = GradientNoise(0.25, grad)
    noisy.start([3], 2)
    on_gradient.start([3], 2)
    weights, gradients = (generator(3, "noise", 2, part) for part in (WEIGHTS, GRADIENTS))
    for _ in range(3):
        noisy.draw()
        np.testing.assert_array_equal(noisy.weights, 0.5 * weights.standard_normal(n))
        grad[...] = 0
        on_gradient.apply()
        np.testing.assert_array_equal(grad, 0.25 * gradients.standard_normal(7))


def test_gradients_are_those_of_the_noisy_weights_and_move_the_clean_ones():
    architecture = network()
    clean = initialize(architecture, 0, np.float64)
    start, wanted = clean.vector.copy(), Regularization(weight_noise=0.3)
    trainer = trainer_of(clean, wanted, batch_size=10)
    list(trainer.epoch(1, 0.1))
    noisy = trainer.step.noisy_weights.network
    assert noisy is not clean
    n = architecture.layout.n_weights
    assert 0.1 < np.std(noisy.theta[:n] - start[:n]) < 0.6
    np.testing.assert_array_equal(noisy.theta[n:], start[n:])
    other = Network(architecture, noisy.vector.copy())
    plain = trainer_of(other, None, batch_size=10)
    list(plain.epoch(1, 0.1))
    np.testing.assert_allclose(clean.theta - start, other.theta - noisy.theta, atol=1e-14)


def test_running_means_reach_the_clean_network():
    clean = initialize(network(BatchNorm()), 0, np.float64)
    trainer = trainer_of(clean, Regularization(weight_noise=0.1))
    list(trainer.epoch(1, 0.1))
    means = clean.tensors()["hidden.1.norm.mean"]
    assert np.all(means != 0)
    noisy = trainer.step.noisy_weights.network
    np.testing.assert_array_equal(means, noisy.tensors()["hidden.1.norm.mean"])


def test_gradient_noise_has_its_deviation():
    grad = np.ones(N)
    noise = GradientNoise(0.5, grad)
    noise.start([0], 1)
    noise.apply()
    assert grad.std() == pytest.approx(0.5, rel=5 / np.sqrt(2 * N))
    assert grad.mean() == pytest.approx(1, abs=5 * 0.5 / np.sqrt(N))


EACH = [
    Regularization(weight_noise=[0.1, 0.0]),
    Regularization(weight_noise_multiplicative=[0.1, 0.3]),
    Regularization(gradient_noise=[0.0, 0.2]),
    Regularization(l2=[0.1, 0.0], weight_noise=[0.1, 0.2], gradient_noise=[0.1, 0.3]),
]


@pytest.mark.parametrize("wanted", EACH, ids=str)
@pytest.mark.parametrize("norm", [None, BatchNorm()], ids=["plain", "batch norm"])
def test_a_network_trains_to_the_same_bits_alone(wanted, norm):
    architecture = network(norm)
    stack = initialize_stack(architecture, [7, 8])
    rng = np.random.default_rng(2)
    data = {"X": rng.normal(size=(9, 3)), "y": rng.normal(size=(9, 2)).astype(np.float32)}
    together = trainer_of(stack, wanted, (7, 8), **data)
    for epoch in (1, 2):
        list(together.epoch(epoch, 0.1))
    for r in range(2):
        own = {k: v[r] for k, v in vars(wanted).items() if np.ndim(v)}
        alone = trainer_of(initialize(architecture, 7 + r), Regularization(**own), (7 + r,), **data)
        for epoch in (1, 2):
            list(alone.epoch(epoch, 0.1))
        np.testing.assert_array_equal(alone.network.vector, stack.vector[r])


def test_noise_that_is_off_takes_no_part_in_a_step():
    step = trainer_of(initialize(network(), 0, np.float64), None).step
    assert step.noisy_weights is None
    assert step.penalties == []
    assert len(step.update.parts) == 1  # the optimizer's step
