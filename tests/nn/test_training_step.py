"""One step of training in the lecture's order, seen by recording what it calls."""

import numpy as np
import pytest

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.backprop import Backprop
from mlpcli.nn.clipping import ClipByNorm, ClipByValue
from mlpcli.nn.layers import Activate, Affine, Dropout
from mlpcli.nn.losses.cross_entropy import CrossEntropy
from mlpcli.nn.network import Architecture, Layer, initialize
from mlpcli.nn.noise import GradientNoise, NoisyWeights
from mlpcli.nn.norms import BatchNorm, Normalize
from mlpcli.nn.optimizers import AdamW, Sgd
from mlpcli.nn.penalties import L1, L2, DecoupledDecay, MaxNorm
from mlpcli.nn.training_step import Batch, TrainingStep
from mlpcli.nn.update import Regularization
from mlpcli.nn.weight_averaging import WeightAverage

EVERYTHING = {
    "l2": 0.1,
    "l1": 0.1,
    "max_norm": 1.0,
    "weight_noise": 0.1,
    "gradient_noise": 0.1,
    "clip_norm": 1.0,
    "clip_value": 1.0,
    "averaging": 0.9,
}
PARTS = {
    "draw a mask": (Dropout, "draw"),
    "draw the noisy weights": (NoisyWeights, "draw"),
    "forward": (Backprop, "forward"),
    "delta": (CrossEntropy, "delta"),
    "backward": (Backprop, "backward"),
    "L2": (L2, "add_gradient"),
    "L1": (L1, "add_gradient"),
    "running statistics": (NoisyWeights, "return_statistics"),
    "noise on the gradient": (GradientNoise, "apply"),
    "clip by value": (ClipByValue, "apply"),
    "clip by norm": (ClipByNorm, "apply"),
    "decay": (DecoupledDecay, "apply"),
    "max-norm": (MaxNorm, "apply"),
    "average": (WeightAverage, "update"),
}


@pytest.fixture
def calls(monkeypatch):
    """Return a list of the names of PARTS as they are called."""
    called = []
    for name, (owner, method) in PARTS.items():
        right = getattr(owner, method)

        def record(self, *arguments, name=name, right=right):
            called.append(name)
            return right(self, *arguments)

        monkeypatch.setattr(owner, method, record)
    for optimizer in (Sgd, AdamW):
        bind = optimizer.bind

        def bound(self, *arguments, bind=bind):
            step = bind(self, *arguments)

            def record():
                called.append("optimizer")
                step()

            return record

        monkeypatch.setattr(optimizer, "bind", bound)
    return called


def step_of(optimizer, *, keep_prob=0.8, norm=None, input_keep_prob=1.0, **strengths):
    """Return a training step of 3-4-2, and a batch of three rows."""
    layer = Layer(4, ACTIVATIONS["tanh"](), keep_prob, norm=norm)
    architecture = Architecture(3, (layer,), 2, CrossEntropy(), input_keep_prob=input_keep_prob)
    network = initialize(architecture, 0, np.float64)
    step = TrainingStep(network, optimizer, Regularization(**strengths), [3])
    step.update.learning_rate[...] = 0.1
    step.start([0], 1)
    rng = np.random.default_rng(0)
    y = np.eye(2)[[0, 1, 1]]
    return step, Batch(3, rng.normal(size=(3, 3)), y, np.asarray(1 / 3), np.empty((3, 2)))


def test_a_plain_step_is_forward_delta_backward_update(calls):
    step, batch = step_of(Sgd(), keep_prob=1.0)
    step(batch)
    assert calls == ["forward", "delta", "backward", "optimizer"]


UP_TO_THE_UPDATE = ["draw a mask", "draw a mask", "draw the noisy weights"]
UP_TO_THE_UPDATE += ["forward", "delta", "backward"]
CLIPPING = ["noise on the gradient", "clip by value", "clip by norm"]
AFTER = ["optimizer", "max-norm", "average"]


def test_with_everything_on_it_is_in_the_lecture_s_order(calls):
    step, batch = step_of(Sgd(), input_keep_prob=0.9, **EVERYTHING)
    step(batch)
    penalties = ["L2", "L1", "running statistics"]
    assert calls == [*UP_TO_THE_UPDATE, *penalties, *CLIPPING, *AFTER]


def test_decoupled_decay_takes_the_place_of_l2_before_the_optimizer(calls):
    step, batch = step_of(AdamW(), input_keep_prob=0.9, **EVERYTHING)
    step(batch)
    penalties = ["L1", "running statistics"]
    assert calls == [*UP_TO_THE_UPDATE, *penalties, *CLIPPING, "decay", *AFTER]


def test_the_layers_are_passed_from_the_data_up_and_from_the_output_down(monkeypatch):
    """The layer on the data has no way back but to its own parameters, and no mask there either."""
    passed = []
    for owner in (Affine, Activate, Dropout, Normalize):
        for method in ("forward", "backward"):
            right = getattr(owner, method)

            def record(self, argument, method=method, right=right):
                passed.append(f"{method} {type(self).__name__.lstrip('_')}")
                return right(self, argument)

            monkeypatch.setattr(owner, method, record)
    step, batch = step_of(Sgd(), norm=BatchNorm(), input_keep_prob=0.9)
    first = step.backprop[3].layers_backward[-1]
    first.backward = lambda delta: passed.append("backward FirstAffine") or delta
    step(batch)
    up = ["Dropout", "FirstAffine", "BatchMoments", "Activate", "Dropout", "Affine"]
    assert passed == [
        *(f"forward {name}" for name in up),
        *(f"backward {name}" for name in up[:0:-1]),
    ]


def test_the_update_sees_the_gradient_of_j_and_p_at_the_noisy_weights():
    """Δθ of plain SGD is −λ ∂(J + P)/∂θ, J at the noisy and P at the clean weights."""
    step, batch = step_of(Sgd(), keep_prob=1.0, weight_noise=0.1, l2=0.3)
    before = step.network.theta.copy()
    step(batch)
    noisy = step.noisy_weights.network
    assert np.abs(noisy.theta - before).max() > 0.01
    backprop = Backprop(noisy, 3, training=True)
    loss = noisy.architecture.loss
    u = backprop.forward(batch.X)
    loss.delta(u, batch.y, batch.scale, backprop.delta, loss.scratch(backprop.delta))
    backprop.backward()
    n = step.network.architecture.layout.n_weights
    penalty = np.where(np.arange(before.size) < n, 0.3 * before, 0.0)
    np.testing.assert_allclose(
        step.network.theta, before - 0.1 * (backprop.grad + penalty), rtol=0, atol=1e-15
    )


def test_batches_of_each_size_share_parameters_gradient_and_random_streams():
    architecture = Architecture(3, (Layer(4, ACTIVATIONS["tanh"](), 0.5),), 2, CrossEntropy())
    network = initialize(architecture, 0, np.float64)
    step = TrainingStep(network, Sgd(), Regularization(), [5, 2])
    assert step.backprop.keys() == {5, 2}
    step.start([3], 1)
    large, small = (step.backprop[n] for n in (5, 2))
    assert large.dropouts[0].generators[0] is small.dropouts[0].generators[0]
    for backprop in (large, small):
        assert backprop.grad is step.grad
        assert np.shares_memory(backprop.layers[0].W, network.theta)
        assert np.shares_memory(backprop.layers[0].dW, step.grad)
