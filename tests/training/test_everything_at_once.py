"""Everything a step can do, with numbers of its own in every lane: the bits of each lane alone.

And that none of it allocates: what an option needs is made once.
"""

import numpy as np
import pytest

from mlpcli.data.augmentation import TrainingRows
from mlpcli.data.augmentations import AUGMENTATIONS
from mlpcli.data.augmenter import Augmenter
from mlpcli.data.scaling import Scaling
from mlpcli.family import stacked
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer, initialize, initialize_stack, stack_architectures
from mlpcli.nn.norms import BatchNorm, LayerNorm
from mlpcli.nn.optimizers import OPTIMIZERS as EVERY_OPTIMIZER
from mlpcli.nn.optimizers import Adam, AdamW, Lion, RmsProp, Sgd
from mlpcli.nn.update import Regularization
from mlpcli.training.trainer import Trainer
from mlpcli.training.transforms import (
    Augment,
    ClassNoise,
    InputNoise,
    MultiplicativeInputNoise,
)

R, SEEDS = 3, [5, 6, 7]
RATES = np.array([[0.1], [0.02], [0.05]])
NUMBERS = {
    "l2": [0.1, 0.0, 0.01],
    "l1": [0.0, 0.01, 0.001],
    "max_norm": [1.5, 0.8, 1e30],
    "weight_noise": [0.0, 0.1, 0.05],
    "weight_noise_multiplicative": [0.1, 0.0, 0.2],
    "gradient_noise": [0.01, 0.0, 0.1],
    "clip_norm": [1.0, 0.3, 1e30],
    "clip_value": [0.2, 0.5, 1e30],
    "averaging": [0.5, 0.9, 0.1],
}
NOISE = {"input": [0.1, 0.0, 0.3], "multiplicative": [0.0, 0.2, 0.1], "labels": [0.1, 0.0, 0.4]}
OPTIMIZERS = {
    "sgd": [Sgd(momentum=m, nesterov=False) for m in (0.0, 0.5, 0.9)],
    "adam": [
        Adam(beta1=b, beta2=0.9 + b / 20, epsilon=10.0**-k) for k, b in enumerate((0, 0.5, 0.9))
    ],
    "adamw": [AdamW(beta1=b) for b in (0.5, 0.9, 0.0)],
    "rmsprop": [RmsProp(momentum=m, centered=True) for m in (0.0, 0.5, 0.9)],
    "lion": [Lion(beta1=b) for b in (0.5, 0.9, 0.0)],
}


def architecture(lane):
    """Return one lane's network; numbers differ, shapes do not."""
    loss = LOSSES["cross_entropy"](label_smoothing=[0.1, 0.2, 0.05][lane])
    layers = (
        Layer(6, ACTIVATIONS["elu"](alpha=[1.0, 0.5, 2.0][lane]), [0.8, 1.0, 0.5][lane]),
        Layer(5, ACTIVATIONS["prelu"](), norm=BatchNorm(epsilon=[1e-3, 0.1, 1e-5][lane])),
        Layer(4, ACTIVATIONS["gelu"](), [1.0, 0.9, 0.7][lane], norm=LayerNorm()),
    )
    return Architecture(3, layers, 3, loss, input_keep_prob=[1.0, 0.8, 0.9][lane])


def data(dtype):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(33, 3)).astype(dtype)
    return X, rng.integers(0, 3, 33), rng.uniform(0.2, 2, 33).astype(dtype)


def augmenter(X, y):
    scaling = Scaling(np.zeros(3), np.ones(3), np.zeros(3))
    rows = TrainingRows(X, y, (0, 1, 2), scaling, np.ones(3, bool), np.arange(3))
    members = [AUGMENTATIONS["smote"](k=2), AUGMENTATIONS["mixup"](), AUGMENTATIONS["jitter"]()]
    return Augmenter(members, rows)


def trainer_of(name, lane=None, dtype=np.float32, batch_size=8):
    """Return the trainer of the stack, or of one of its lanes alone."""
    X, y, weight = data(dtype)
    fitted = augmenter(X, y)
    lanes = range(R) if lane is None else [lane]
    each = [architecture(r) for r in lanes]

    def own(values):
        return np.array(values) if lane is None else values[lane]

    if lane is None:
        network = initialize_stack(stack_architectures(each), SEEDS, dtype)
        optimizer = stacked(OPTIMIZERS[name])
    else:
        network, optimizer = initialize(each[0], SEEDS[lane], dtype), OPTIMIZERS[name][lane]
    return Trainer(
        network,
        optimizer,
        X,
        y,
        batch_size=batch_size,
        seeds=[SEEDS[r] for r in lanes],
        weight=weight,
        regularization=Regularization(**{key: own(values) for key, values in NUMBERS.items()}),
        source=fitted.source,
        transforms=[
            ClassNoise(own(NOISE["labels"])),
            Augment([fitted] * len(lanes)),
            InputNoise(own(NOISE["input"])),
            MultiplicativeInputNoise(own(NOISE["multiplicative"])),
        ],
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_lane_of_a_stack_trains_to_the_bits_of_its_network_alone(name, dtype):
    together = trainer_of(name, dtype=dtype)
    n = together.loader.n_steps
    for epoch in (1, 2):
        list(together.epoch(epoch, RATES * np.linspace(1, 0.5, n)[:, np.newaxis, np.newaxis]))
    assert np.isfinite(together.network.vector).all()
    for r in range(R):
        alone = trainer_of(name, r, dtype)
        for epoch in (1, 2):
            list(alone.epoch(epoch, RATES[r, 0] * np.linspace(1, 0.5, n)))
        np.testing.assert_array_equal(alone.network.vector, together.network.vector[r])
        np.testing.assert_array_equal(alone.losses, together.losses[r])
        average = together.step.update.average.average[r]
        np.testing.assert_array_equal(alone.step.update.average.average, average)
        assert alone.loss == together.loss[r]


@pytest.mark.parametrize("lane", [None, 1], ids=["stack", "alone"])
def test_a_step_with_everything_on_allocates_nothing_that_grows(lane, peak_bytes):
    trainer = trainer_of("adam", lane)
    list(trainer.epoch(1, RATES if lane is None else 0.1))
    # Views and lambdas' frames: a few hundred bytes each, whatever the network.
    batch = trainer.loader.load(0, 16).batches[0]
    assert peak_bytes(lambda: trainer.step(batch)) < 12_000


@pytest.mark.parametrize("lane", [None, 1], ids=["stack", "alone"])
def test_a_wide_step_allocates_no_more(lane, peak_bytes, monkeypatch):
    wide = (
        Layer(2000, ACTIVATIONS["gelu"](), 0.8, norm=BatchNorm()),
        Layer(20, ACTIVATIONS["prelu"]()),
    )
    monkeypatch.setitem(
        globals(),
        "architecture",
        lambda _lane: Architecture(3, wide, 3, LOSSES["cross_entropy"]()),
    )
    trainer = trainer_of("adam", lane, batch_size=32)
    list(trainer.epoch(1, RATES if lane is None else 0.1))
    batch = trainer.loader.load(0, 32).batches[0]
    peak = peak_bytes(lambda: trainer.step(batch))
    assert 32 * 2000 * 4 > 3 * 70_000  # one array of the wide layer would show
    # Noise is drawn for several steps at once, in place; NumPy buffers 8,192 numbers at a time.
    assert peak < 70_000


PLAIN = {name: member() for name, member in EVERY_OPTIMIZER.items()} | {
    "momentum": Sgd(momentum=0.9),
    "nesterov": Sgd(momentum=0.9, nesterov=True),
    "rmsprop with all": RmsProp(momentum=0.9, centered=True),
}


def plain_trainer(optimizer, lane, units, n_rows):
    """Return the trainer of a network with one relu layer, and of nothing else."""
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(n_rows, 3)).astype(np.float32), rng.integers(0, 3, n_rows)
    layers = (Layer(units, ACTIVATIONS["relu"]()),)
    network = Architecture(3, layers, 3, LOSSES["cross_entropy"]())
    if lane is None:
        one, seeds = initialize_stack(network, SEEDS), SEEDS
    else:
        one, seeds = initialize(network, SEEDS[lane]), SEEDS[:1]
    return Trainer(one, optimizer, X, y, batch_size=32, seeds=seeds)


@pytest.mark.parametrize("lane", [None, 1], ids=["stack", "alone"])
@pytest.mark.parametrize("name", PLAIN)
def test_an_epoch_allocates_the_same_few_bytes_for_any_network(name, lane, peak_bytes):
    rates = RATES / 100 if lane is None else 0.001
    trainer = plain_trainer(PLAIN[name], lane, 4000, 96)
    list(trainer.epoch(1, rates))
    # One array of theta has 112,012 bytes a lane, one of the layer 512,000. What is broadcast, such
    # as a bias, NumPy may buffer, 8,192 numbers at a time.
    batch = trainer.loader.load(0, 32).batches[0]
    assert peak_bytes(lambda: trainer.step(batch)) < 70_000
    assert peak_bytes(lambda: list(trainer.epoch(2, rates))) < 80_000


@pytest.mark.parametrize("lane", [None, 1], ids=["stack", "alone"])
def test_an_epoch_of_many_steps_allocates_what_shuffles_its_rows(lane, peak_bytes):
    rates = RATES if lane is None else 0.1

    def peak(n_rows):
        trainer = plain_trainer(Sgd(), lane, 4, n_rows)
        return peak_bytes(lambda: list(trainer.epoch(1, rates)))

    # A permutation of one lane's rows, 8 bytes a row; of the steps and their views nothing stays.
    assert peak(32 * 600) - peak(32 * 300) < 8 * 32 * 300 + 4000
