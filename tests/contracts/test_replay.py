"""A step made again by its calls has the bits of the step as it is written, for every member.

What a step does beside NumPy's calls on arrays (an operator, a method, a branch) would be done
once, and not again: here it shows. tests/nn/test_replay.py is about the calls themselves.
"""

import numpy as np
import pytest
from loss_forms import FORMS

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer, initialize, initialize_stack
from mlpcli.nn.norms import NORMS
from mlpcli.nn.optimizers import OPTIMIZERS, RmsProp, Sgd
from mlpcli.training import trainer as module
from mlpcli.training.regularizers import Regularizers
from mlpcli.training.trainer import Trainer

CROSS_ENTROPY, TANH = LOSSES["cross_entropy"](), ACTIVATIONS["tanh"]()
WAYS = {name: member() for name, member in OPTIMIZERS.items()} | {
    "momentum": Sgd(momentum=0.9),
    "nesterov": Sgd(momentum=0.9, nesterov=True),
    "rmsprop with all": RmsProp(momentum=0.9, centered=True),
}
REGULARIZERS = {
    "l2": 0.1,
    "l1": 0.01,
    "max_norm": 0.5,
    "weight_noise": 0.1,
    "weight_noise_multiplicative": 0.1,
    "gradient_noise": 0.1,
    "clip_norm": 0.1,
    "clip_value": 0.01,
    "averaging": 0.9,
}
WARM = np.linspace(0.01, 0.1, 13)[:, np.newaxis, np.newaxis]  # a rate for each step

each_lead = pytest.mark.parametrize("lanes", [0, 3], ids=["alone", "stack"])


class AsWritten:
    """In the place of a Replay: calls the function each time."""

    def __init__(self, function, known):
        self.function = function

    def __call__(self):
        self.function()


def numbers_of(architecture, lanes, draw_target, optimizer=None, *, weighted=False, **regularizers):
    """Return all that three epochs leave, of 103 rows in batches of 8."""
    rng = np.random.default_rng(0)
    network = initialize_stack(architecture, range(lanes)) if lanes else initialize(architecture, 0)
    X = rng.normal(size=(103, architecture.n_inputs)).astype(np.float32)
    y = draw_target(architecture.loss, rng, (103, architecture.n_outputs), np.float32)
    trainer = Trainer(
        network,
        optimizer or Sgd(),
        X,
        y,
        batch_size=8,
        seeds=range(max(lanes, 1)),
        weight=rng.uniform(0.5, 1.5, 103).astype(np.float32) if weighted else None,
        regularizers=Regularizers(**regularizers),
        keep_outputs=True,
    )
    found = []
    for epoch, rate in ((1, 0.01), (2, WARM if lanes else WARM[:, 0, 0]), (3, 0.02)):
        list(trainer.epoch(epoch, rate))
        found += [network.vector.copy(), trainer.losses.copy(), trainer.outputs.copy()]
    assert trainer.finite.all()
    return [*found, trainer.state.vectors, trainer.state.powers]


@pytest.fixture
def assert_same(monkeypatch, draw_target):
    def check(*arguments, **options):
        by_calls = numbers_of(*arguments, draw_target, **options)
        with monkeypatch.context() as patch:
            patch.setattr(module, "Replay", AsWritten)
            written = numbers_of(*arguments, draw_target, **options)
        for one, other in zip(by_calls, written, strict=True):
            np.testing.assert_array_equal(one, other)

    return check


def network(*layers, loss=CROSS_ENTROPY, n_outputs=6, **about):
    return Architecture(5, layers or (Layer(7, TANH),), n_outputs, loss, **about)


@each_lead
@pytest.mark.parametrize("name", WAYS)
def test_every_optimizer(name, lanes, assert_same):
    assert_same(network(), lanes, optimizer=WAYS[name], l2=0.01)


@each_lead
@pytest.mark.parametrize("name", [n for n, f in ACTIVATIONS.items() if not f.output_only])
def test_every_activation(name, lanes, assert_same):
    hidden = (Layer(7, ACTIVATIONS[name]()), Layer(40, ACTIVATIONS[name](), 0.8))
    assert_same(network(*hidden), lanes)


@each_lead
@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("n_outputs", [3, 12])
def test_every_output(name, n_outputs, lanes, assert_same):
    output = ACTIVATIONS[name]()
    assert_same(network(loss=LOSSES["mse"](), output=output, n_outputs=n_outputs), lanes)


@each_lead
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", FORMS, ids=repr)
def test_every_form_of_a_loss(loss, weighted, lanes, assert_same):
    assert_same(network(loss=loss), lanes, weighted=weighted)


@pytest.mark.parametrize("n_classes", [2, 3, 33, 100])
def test_cross_entropy_of_few_and_of_many_classes(n_classes, assert_same):
    assert_same(network(n_outputs=n_classes), 0)


@each_lead
@pytest.mark.parametrize("norm", NORMS)
def test_every_norm(norm, lanes, assert_same):
    assert_same(network(Layer(7, TANH, 0.8, norm=NORMS[norm]())), lanes)


@each_lead
@pytest.mark.parametrize("key", REGULARIZERS)
def test_every_regularizer(key, lanes, assert_same):
    assert_same(network(Layer(7, TANH, norm=NORMS["batch"]())), lanes, **{key: REGULARIZERS[key]})


@each_lead
def test_all_at_once(lanes, assert_same):
    hidden = Layer(7, TANH, 0.8, norm=NORMS["batch"]()), Layer(6, ACTIVATIONS["prelu"](), 0.9)
    architecture = network(*hidden, input_keep_prob=0.7)
    assert_same(architecture, lanes, optimizer=WAYS["adamw"], weighted=True, **REGULARIZERS)
