"""The check of a trainer's first step: it fails on a fault in whatever that step runs.

A fault in the gradient fails the tensors, a fault in the update the update alone, since the
published formula is applied to the gradient as it is.
"""

import inspect
import sys
import types

import numpy as np
import pytest

from mlpcli.family import Family
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.backprop import Backprop
from mlpcli.nn.clipping import ClipByNorm, ClipByValue
from mlpcli.nn.layers import Dropout
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer, initial_vector
from mlpcli.nn.noise import GradientNoise, NoisyWeights
from mlpcli.nn.norms import Normalize
from mlpcli.nn.optimizers import Adam, AdamW, AmsGrad, Lion, Sgd, moments
from mlpcli.nn.penalties import L1, L2, DecoupledDecay, MaxNorm
from mlpcli.nn.sharded_backprop import ShardedBackprop
from mlpcli.nn.training_step import TrainingStep
from mlpcli.nn.update import Regularization, Update
from mlpcli.nn.weight_averaging import WeightAverage
from mlpcli.spec.load import load_spec
from mlpcli.training import gradcheck
from mlpcli.training.build import load_dataset
from mlpcli.training.gradcheck import check_spec, trainer_of
from mlpcli.training.lane_state import LaneState
from mlpcli.training.lanes import Lane, prepare_lanes
from mlpcli.training.trainer import Trainer
from mlpcli.workers import ALONE, Workers

N_ROWS, N_INPUTS, N_OUTPUTS = 12, 4, 3


@pytest.fixture
def check(check_step):
    """Return a function that checks a small network's first step; strengths as in the spec."""

    def run(loss="cross_entropy", optimizer=None, shards=1, workers=ALONE, **strengths):
        form = LOSSES[loss]()
        hidden = (Layer(5, ACTIVATIONS["tanh"](), 0.8), Layer(4, ACTIVATIONS["gelu"]()))
        architecture = Architecture(N_INPUTS, hidden, N_OUTPUTS, form)
        rng = np.random.default_rng(0)
        X = rng.normal(size=(N_ROWS, N_INPUTS))
        target = rng.normal(size=(N_ROWS, N_OUTPUTS))
        if loss == "cross_entropy":
            target = rng.integers(0, N_OUTPUTS, N_ROWS)
        elif loss == "binary_cross_entropy":
            target = (target > 0).astype(float)
        return check_step(
            architecture,
            initial_vector(architecture, 0),
            X,
            target,
            optimizer=optimizer,
            weight=rng.uniform(0.5, 1.5, N_ROWS),
            regularization=Regularization(**strengths),
            shards=shards,
            workers=workers,
        )

    return run


def after(monkeypatch, owner, name, spoil):
    """Run a method as it is, then spoil what it has done; `spoil` gets its arguments."""
    right = getattr(owner, name)

    def wrong(self, *arguments):
        result = right(self, *arguments)
        spoil(self, *arguments)
        return result

    monkeypatch.setattr(owner, name, wrong)


# ---------------------------------------------------------------- the gradient


@pytest.mark.parametrize("factor", [1.01, -1.0])
@pytest.mark.parametrize("loss", ["cross_entropy", "mse", "binary_cross_entropy"])
def test_a_fault_in_the_delta_that_trains_fails_the_gradient_alone(
    loss, factor, check, monkeypatch
):
    assert check(loss).passed

    def spoil(_self, _u, _y, _scale, out, _scratch):
        out *= factor

    after(monkeypatch, type(LOSSES[loss]()), "delta", spoil)
    found = check(loss)
    assert not found.passed
    assert not any(tensor.passed for tensor in found.gradient.tensors)
    assert found.update.passed


@pytest.mark.parametrize("penalty", [L1, L2])
def test_a_penalty_of_the_wrong_sign_fails_the_gradient_of_the_weights(penalty, check, monkeypatch):
    strengths = {"l1": 0.1, "l2": 0.1}
    assert check(**strengths).passed
    right = penalty.add_gradient

    def wrong(self, grad):
        before = grad.copy()
        right(self, grad)
        grad[...] = 2 * before - grad

    monkeypatch.setattr(penalty, "add_gradient", wrong)
    found = check(**strengths)
    failed = {tensor.name for tensor in found.gradient.tensors if not tensor.passed}
    assert failed == {"hidden.1.weight", "hidden.2.weight", "output.weight"}
    assert found.update.passed


def test_a_fault_in_compute_gradient_itself_fails_the_gradient(check, monkeypatch):
    def twice(self, _batch):
        for penalty in self.penalties:
            penalty.add_gradient(self.grad)

    after(monkeypatch, TrainingStep, "compute_gradient", twice)
    assert check().passed  # nothing to add twice
    found = check(l2=0.1)
    assert not found.gradient.passed
    assert found.update.passed


def test_the_gradient_is_what_the_step_left_and_not_computed_again(check, monkeypatch):
    """A fault in the step alone, `compute_gradient` being right, is seen."""

    def step(self, batch):
        for dropout in self.backprop[batch.n].dropouts:
            dropout.draw()
        self.compute_gradient(batch)
        self.grad *= 1.01
        self.update()

    assert check().passed
    monkeypatch.setattr(TrainingStep, "__call__", step)
    found = check()
    assert not any(tensor.passed for tensor in found.gradient.tensors)
    assert found.update.passed


# ---------------------------------------------------------------- a step that is cut


@pytest.fixture
def check_cut(check):
    """Return a function that checks a step of three shards, in two threads."""

    def run():
        return check(optimizer=Adam(), shards=3, workers=Workers(2), l2=0.1, max_norm=1.0)

    return run


def test_a_fault_in_a_piece_of_the_gradient_fails_it_alone(check_cut, monkeypatch):
    assert check_cut().passed

    def spoil(self, piece, _penalties):
        self.grad[self.pieces[piece].stop - 1] *= 1.01

    after(monkeypatch, ShardedBackprop, "_compute_piece", spoil)
    found = check_cut()
    assert not found.gradient.passed
    assert found.update.passed


def spoiled_move(self, piece):
    self.network.theta[self.pieces[piece]] *= 1.01


def spoiled_finish(self):
    np.copyto(self.state.powers, 1.0)


@pytest.mark.parametrize(("name", "spoil"), [("move", spoiled_move), ("finish", spoiled_finish)])
def test_a_fault_in_the_update_by_pieces_fails_the_update_alone(
    name, spoil, check_cut, monkeypatch
):
    after(monkeypatch, Update, name, spoil)
    found = check_cut()
    assert not found.update.passed
    assert found.gradient.passed


def test_a_piece_that_the_step_does_not_move_fails_the_update(check_cut, monkeypatch):
    right = ShardedBackprop.compute_gradient

    def wrong(self, batch, loss, penalties, then=None):
        right(self, batch, loss, penalties, then and (lambda piece: piece == 1 or then(piece)))

    monkeypatch.setattr(ShardedBackprop, "compute_gradient", wrong)
    assert not check_cut().passed


# ---------------------------------------------------------------- the update


def sgd_step(monkeypatch):
    spoil_step(monkeypatch, Sgd, lambda before, after, _state: before + 1.01 * (after - before))


def adam_step(monkeypatch):
    spoil_step(monkeypatch, Adam, lambda before, after, _state: before + 1.01 * (after - before))


def spoil_step(monkeypatch, optimizer, spoil):
    right = optimizer.bind

    def bind(self, theta, grad, rate, state):
        step = right(self, theta, grad, rate, state)

        def wrong():
            before = theta.copy()
            step()
            theta[...] = spoil(before, theta.copy(), state)

        return wrong

    monkeypatch.setattr(optimizer, "bind", bind)


def no_bias_correction(monkeypatch):
    right = Adam.bind

    def bind(self, theta, grad, rate, state):
        step = right(self, theta, grad, rate, state)

        def wrong():
            state.powers[...] = 0  # βᵗ = 0: m̂ = m and v̂ = v
            step()

        return wrong

    monkeypatch.setattr(Adam, "bind", bind)


def clipped_to_another_norm(monkeypatch):
    after(monkeypatch, ClipByNorm, "apply", lambda self: np.multiply(self.grad, 1.01, self.grad))


def clipped_to_another_value(monkeypatch):
    after(monkeypatch, ClipByValue, "apply", lambda self: np.multiply(self.grad, 1.01, self.grad))


def decayed_twice(monkeypatch):
    right = DecoupledDecay.apply
    after(monkeypatch, DecoupledDecay, "apply", right)


def decay_left_out(monkeypatch):
    monkeypatch.setattr(DecoupledDecay, "apply", lambda _self: None)


def norm_of_rows(monkeypatch):
    def wrong(self):
        for W, *_, limit, _ in self.matrices:
            norms = np.linalg.norm(W, axis=-1, keepdims=True)
            np.multiply(W, limit / np.maximum(norms, limit), out=W)

    monkeypatch.setattr(MaxNorm, "apply", wrong)


def gradient_noise_of_another_strength(monkeypatch):
    def wrong(self):
        self.grad += 1.01 * self.noise.draw()

    monkeypatch.setattr(GradientNoise, "apply", wrong)


def average_without_its_correction(monkeypatch):
    def wrong(self):
        self.average += (1 - self.decay) * (self.theta - self.average)

    monkeypatch.setattr(WeightAverage, "update", wrong)


UPDATE_FAULTS = [
    (sgd_step, Sgd(), {}),
    (sgd_step, Sgd(momentum=0.9), {}),
    (sgd_step, Sgd(momentum=0.9, nesterov=True), {}),
    (adam_step, Adam(), {}),
    (no_bias_correction, Adam(), {}),
    (clipped_to_another_norm, Sgd(), {"clip_norm": 0.1}),
    (clipped_to_another_value, Sgd(), {"clip_value": 0.01}),
    (decayed_twice, AdamW(learning_rate=0.1), {"l2": 0.1}),
    (decay_left_out, AdamW(learning_rate=0.1), {"l2": 0.1}),
    (norm_of_rows, Sgd(), {"max_norm": 0.5}),
    (gradient_noise_of_another_strength, Sgd(), {"gradient_noise": 0.1}),
    (average_without_its_correction, Sgd(), {"averaging": 0.9}),
]


@pytest.mark.parametrize(
    ("plant", "optimizer", "strengths"),
    UPDATE_FAULTS,
    ids=[f"{plant.__name__}-{optimizer!r}" for plant, optimizer, _ in UPDATE_FAULTS],
)
def test_a_fault_in_the_update_fails_the_update_alone(
    plant, optimizer, strengths, check, monkeypatch
):
    found = check(optimizer=optimizer, **strengths)
    assert found.passed
    assert (found.update.optimizer, found.update.steps) == (optimizer.name, 6)
    assert found.update.formula == optimizer.formula
    plant(monkeypatch)
    found = check(optimizer=optimizer, **strengths)
    assert not found.passed
    assert not found.update.passed
    assert found.update.worst > 1e-3
    assert found.gradient.passed


@pytest.mark.parametrize("part", range(5))
def test_a_part_of_the_update_left_out_fails_it(part, check, monkeypatch):
    """Each in turn: noise, the norm of the gradient, decay, the largest norm, the mean."""
    strengths = {
        "gradient_noise": 0.1,
        "clip_norm": 0.1,
        "l2": 0.1,
        "max_norm": 0.5,
        "averaging": 0.9,
    }
    optimizer = AdamW(learning_rate=0.1)
    assert check(optimizer=optimizer, **strengths).passed
    method = [
        (GradientNoise, "apply"),
        (ClipByNorm, "apply"),
        (DecoupledDecay, "apply"),
        (MaxNorm, "apply"),
        (WeightAverage, "update"),
    ][part]
    monkeypatch.setattr(*method, lambda _self: None)
    found = check(optimizer=optimizer, **strengths)
    assert found.gradient.passed
    assert not found.update.passed


# ---------------------------------------------------------------- a spec with everything on

SPEC = """
data: {path: t.csv, target: y, sample_weight: w, split: {validation: 0.2, test: 0}}
model:
  input_keep_prob: 0.9
  layers:
    - {units: 6, activation: tanh, norm: batch, keep_prob: 0.8}
    - {units: 5, activation: gelu}
  output_initializer: glorot_uniform
training:
  batch_size: 16
  optimizer: {name: adamw, learning_rate: 0.01}
  gradient_clipping: {norm: 0.5}
  weight_averaging: 0.9
regularization:
  l1: 0.01
  l2: 0.02
  max_norm: 1.0
  noise: {weights: 0.1, weights_multiplicative: 0.1, gradients: 0.01, input: 0.1, labels: 0.1}
  augmentation: [mixup]
"""


@pytest.fixture
def loaded(tmp_path):
    rng = np.random.default_rng(5)
    table = np.column_stack([rng.normal(size=(60, 3)), rng.uniform(0.5, 2, 60)])
    lines = [f"{p:.4f},{q:.4f},{r:.4f},{w:.4f}" for p, q, r, w in table]
    lines = [f"{line},{'abc'[k % 3]}" for k, line in enumerate(lines)]
    (tmp_path / "t.csv").write_text("\n".join(["p,q,r,w,y", *lines]) + "\n", encoding="utf-8")
    (tmp_path / "spec.yaml").write_text(SPEC, encoding="utf-8")
    return load_spec(str(tmp_path / "spec.yaml"), ["runtime.dtype=float64"])


def test_everything_a_spec_can_switch_on_passes(loaded):
    found = check_spec(loaded, synthetic=False, samples=None)
    assert found.step.passed
    assert {tensor.checked for tensor in found.step.gradient.tensors} >= {18, 6, 30, 5, 15, 3}
    assert found.step.update.optimizer == "adamw"


def test_its_gradient_is_the_buffer_of_the_first_step_of_training(loaded, monkeypatch):
    """θ and gradient that are checked are those of the trainer that trains, at its first update."""
    checked = []

    def record(_objective, theta, gradient, **_options):
        checked.extend([theta.copy(), gradient.copy()])

    monkeypatch.setattr(gradcheck, "check_gradient", record)
    check_spec(loaded, synthetic=False, samples=None)
    dataset = load_dataset(loaded)
    trainer = trainer_of(prepare_lanes([Lane(loaded.spec, loaded.spec.seed)], dataset)[0], dataset)
    start, step = trainer.network.theta.copy(), trainer.step
    left = []
    step.update.parts.insert(0, lambda: left.append(step.grad.copy()))
    list(trainer.epoch(1, 0.01, stop=lambda: True))
    np.testing.assert_array_equal(checked[0], start)
    np.testing.assert_array_equal(checked[1], left[0])
    assert np.abs(left[0]).max() > 0.1


IN_THE_STEP = {
    "delta": (type(LOSSES["cross_entropy"]()), "delta", lambda given: given[4]),
    "dropout": (Dropout, "backward", lambda given: given[1]),
    "norm": (Normalize, "backward", lambda given: given[1]),
    "backward": (Backprop, "backward", lambda given: given[0].grad),
    "l1": (L1, "add_gradient", lambda given: given[1]),
}


@pytest.mark.parametrize("name", IN_THE_STEP)
def test_and_fails_on_a_hundredth_in_any_part(name, loaded, monkeypatch):
    owner, method, changed = IN_THE_STEP[name]
    right = getattr(owner, method)

    def wrong(self, *arguments):
        result = right(self, *arguments)
        array = changed((self, *arguments))
        np.multiply(array, 1.01, out=array)
        return result

    monkeypatch.setattr(owner, method, wrong)
    found = check_spec(loaded, synthetic=False, samples=None).step
    assert not found.gradient.passed
    assert found.update.passed


def test_noise_on_the_weights_is_frozen_and_not_left_out(loaded, monkeypatch):
    """J is differentiated where the step took it, at the noisy weights: elsewhere it is another."""
    right = NoisyWeights.draw

    def late(self):
        right(self)
        self.network.theta[...] = self.trained.theta  # the gradient is that of the clean weights

    found = check_spec(loaded, synthetic=False, samples=None).step
    assert found.passed
    value = found.gradient.value
    monkeypatch.setattr(NoisyWeights, "draw", late)
    found = check_spec(loaded, synthetic=False, samples=None).step
    assert found.gradient.passed
    assert not found.update.passed  # the noise is compared with what its stream gives
    assert found.gradient.value != pytest.approx(value, rel=1e-3)


@pytest.mark.parametrize(("factor", "passes"), [(1.0, True), (1.01, False)])
def test_the_first_step_s_rate_is_the_schedule_s(factor, passes, monkeypatch, tmp_path):
    """λ of a warm-up of two epochs begins at λ/n; a wrong one fails the update alone."""
    (tmp_path / "spec.yaml").write_text(
        "data: {path: none.csv, target: y, task: multiclass}\n"
        "model: {layers: [{units: 4}]}\n"
        "training: {optimizer: {name: sgd, learning_rate: 0.2},\n"
        "  schedule: {name: cosine, warmup: 2}}\n"
    )
    seen, epoch = [], Trainer.epoch

    def wrong(self, number, learning_rate, stop):
        for rows in epoch(self, number, np.asarray(learning_rate) * factor, stop):
            seen.append(float(self.step.update.learning_rate))
            yield rows

    monkeypatch.setattr(Trainer, "epoch", wrong)
    found = check_spec(load_spec(tmp_path / "spec.yaml"), synthetic=True, samples=None).step
    assert seen == pytest.approx([factor * 0.2 / 2])  # of one step an epoch
    assert (found.gradient.passed, found.update.passed) == (True, passes)


def test_a_rate_of_the_wrong_sign_in_the_lane_s_state_fails_the_update(loaded, monkeypatch):
    begin = LaneState.begin_epoch

    def wrong(self, known):
        known[self.rates_key] = -begin(self, {})
        return known[self.rates_key]

    monkeypatch.setattr(LaneState, "begin_epoch", wrong)
    found = check_spec(loaded, synthetic=True, samples=16).step
    assert (found.gradient.passed, found.update.passed) == (True, False)


@pytest.mark.parametrize(
    ("optimizer", "right", "wrong"),
    [
        (Lion(), "np.multiply(m, beta1, out=c)", "np.multiply(m, -beta1, out=c)"),
        (AmsGrad(), "np.maximum(w, v, out=w)", "np.copyto(w, v)"),
    ],
    ids=["lion's mean", "amsgrad's maximum"],
)
def test_what_only_later_steps_decide_fails_the_update(optimizer, right, wrong, check, monkeypatch):
    """−β₁ m in lion's sign, and w ← v in amsgrad: the first steps alone would not show either."""
    source = inspect.getsource(moments)
    assert source.count(right) == 1
    planted = types.ModuleType("planted")
    family = {"OPTIMIZERS": Family("optimizer")}
    text = source.replace(right, wrong).replace("    OPTIMIZERS,\n", "", 1)
    vars(planted).update(family, __name__="mlpcli.planted")
    monkeypatch.setitem(sys.modules, "mlpcli.planted", planted)
    exec(compile(text, "planted", "exec"), vars(planted))
    faulty = family["OPTIMIZERS"][optimizer.name]()
    assert check(optimizer=optimizer).passed
    found = check(optimizer=faulty)
    assert (found.gradient.passed, found.update.passed) == (True, False)


@pytest.mark.parametrize("kind", ["weight_noise", "weight_noise_multiplicative"])
def test_noise_on_weights_of_the_wrong_size_fails(kind, check, monkeypatch):
    assert check(**{kind: 0.1}).passed
    after(monkeypatch, NoisyWeights, "draw", lambda self: np.negative(self.weights, self.weights))
    assert not check(**{kind: 0.1}).passed


def test_a_batch_without_a_gradient_proves_nothing(check_step):
    architecture = Architecture(2, (), 1, LOSSES["mse"]())
    vector, X = np.ones(3), np.ones((4, 2))
    found = check_step(architecture, vector, X, np.zeros((4, 1)), weight=np.zeros(4))
    assert found.gradient.inconclusive
    assert not found.passed
