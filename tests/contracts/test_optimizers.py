"""What every optimizer promises: its formula, in place, in lanes, and able to be resumed."""

import dataclasses
import re

import numpy as np
import pytest

from mlpcli.family import stacked
from mlpcli.nn import arrays
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer, Network
from mlpcli.nn.optimizers import (
    OPTIMIZERS,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    AmsGrad,
    Lion,
    Nadam,
    RmsProp,
    Sgd,
    State,
)

# Every member, and beside the defaults everything that is off by default.
MEMBERS = [member() for member in OPTIMIZERS.values()] + [
    Sgd(momentum=0.9),
    Sgd(momentum=0.9, nesterov=True),
    RmsProp(momentum=0.9),
    RmsProp(centered=True),
    RmsProp(momentum=0.5, centered=True),
]

each_optimizer = pytest.mark.parametrize("optimizer", MEMBERS, ids=repr)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


class Descent:
    """An optimizer bound to a theta, taking one step for each gradient it is given."""

    def __init__(self, optimizer, theta, rate=0.1):
        self.theta, self.grad = theta, np.zeros_like(theta)
        self.rate = np.asarray(rate, theta.dtype)
        self.state = State(optimizer, theta)
        self.step = optimizer.bind(theta, self.grad, self.rate, self.state)

    def take(self, gradients):
        for gradient in gradients:
            self.grad[...] = gradient
            self.step()
        return self.theta


ROOT3 = np.sqrt(3)


@pytest.mark.parametrize(
    ("optimizer", "gradients", "theta"),
    [
        # 1 − 0.1 · 0.5
        (Sgd(), [0.5], 0.95),
        # v = 1, then 0.9 · 1 + 1 = 1.9; 1 − 0.1 − 0.19
        (Sgd(momentum=0.9), [1, 1], 0.71),
        # v = 1, 1 + 0.5 · 1 = 1.5; v = 1.5, 1 + 0.5 · 1.5 = 1.75; 1 − 0.15 − 0.175
        (Sgd(momentum=0.5, nesterov=True), [1, 1], 0.675),
        # v = 9, 3 / (3 + 1); v = 25, 4 / (5 + 1); 1 − 0.075 − 0.0666…
        (Adagrad(epsilon=1.0), [3, 4], 103 / 120),
        # v = 4 / 4 = 1, 2 / (1 + 1); v = 0.75 + 0.25 = 1, 1 / (1 + 1); 1 − 0.1 − 0.05
        (RmsProp(rho=0.75, epsilon=1.0), [2, 1], 0.85),
        # the same quotients, b = 1, then 0.5 · 1 + 0.5 = 1
        (RmsProp(rho=0.75, epsilon=1.0, momentum=0.5), [2, 1], 0.8),
        # v = 2, m = 1, 2 / (√(2 − 1) + 1) = 1; v = 1 + 8, m = 0.5 + 2, 9 − 6.25 = 2.75
        (RmsProp(rho=0.5, epsilon=1.0, centered=True), [2, 4], 0.9 - 0.4 / (np.sqrt(2.75) + 1)),
        # v = 2, d = 2 √(0 + 1) / √(2 + 1), a = d² / 2 = 2/3; v = 1.5, d = √(5/3) / √2.5 = √(2/3)
        (Adadelta(rho=0.5, epsilon=1.0), [2, 1], 1 - 0.2 / ROOT3 - 0.1 * np.sqrt(2 / 3)),
        # m̂ = 1, v̂ = 1; then m = 0.5 · 0.5 − 0.5 · 2 = −0.75, m̂ = −0.75 / 0.75 = −1,
        # v = 0.5 · 0.5 + 0.5 · 4 = 2.25, v̂ = 2.25 / 0.75 = 3; 1 − 0.1 + 0.1 / √3
        (Adam(beta1=0.5, beta2=0.5, epsilon=1e-300), [1, -2], 0.9 + 0.1 / ROOT3),
        # the same, ε = 1 after the root: 1 − 0.1 / (1 + 1) + 0.1 / (√3 + 1)
        (Adam(beta1=0.5, beta2=0.5, epsilon=1.0), [1, -2], 0.95 + 0.1 / (ROOT3 + 1)),
        # at first m̂ / √v̂ is the gradient's sign, whatever β₁ and β₂
        (Adam(), [-1e-3], 1 + 0.1 / (1 + 1e-5)),
        # adam's own step: α is not its business
        (AdamW(beta1=0.5, beta2=0.5, epsilon=1.0), [1, -2], 0.95 + 0.1 / (ROOT3 + 1)),
        # m = 1, v = w = 2, 2 / √4; m = 1, v = 1.5, w = 2, (1 / 0.75) / √(2 / 0.75)
        (
            AmsGrad(beta1=0.5, beta2=0.5, epsilon=1e-300),
            [2, 1],
            0.9 - 0.1 * (4 / 3) / np.sqrt(8 / 3),
        ),
        # ψ = 0: μ = 0.25 always, Π = 0.25, 0.0625, 0.015625. m = 0.5, v̂ = 1:
        # 0.75 / 0.75 + 0.25 · 0.5 / 0.9375 = 17/15. Then m = −0.75, v̂ = 3:
        # 0.75 · (−2) / 0.9375 − 0.25 · 0.75 / 0.984375 = −1.6 − 4/21
        (
            Nadam(beta1=0.5, beta2=0.5, epsilon=1e-300, momentum_decay=0.0),
            [1, -2],
            1 - 17 / 150 + 0.1 * (1.6 + 4 / 21) / ROOT3,
        ),
        # ψ = 1: μ₁ = 0.5 (1 − 0.48) = 0.26, μ₂ = 0.5 (1 − 0.4608) = 0.2696, m = 0.5, v̂ = 1
        (
            Nadam(beta1=0.5, beta2=0.5, epsilon=1e-300, momentum_decay=1.0),
            [1],
            0.9 - 0.1 * 0.2696 * 0.5 / (1 - 0.26 * 0.2696),
        ),
        # c = 0.5, m = 0.25; c = 0.125 − 0.1, m = 0.1875 − 0.05; c = 0.06875 − 0.075 < 0
        (Lion(beta1=0.5, beta2=0.75), [1, -0.2, -0.15], 1 - 0.1 - 0.1 + 0.1),
        # the sign alone: of 0 it is 0
        (Lion(), [1e-12], 0.9),
        (Lion(), [0.0], 1.0),
    ],
    ids=str,
)
def test_steps_by_hand(optimizer, gradients, theta):
    found = Descent(optimizer, np.ones(1)).take(np.array(gradients, float))
    np.testing.assert_allclose(found, [theta], rtol=1e-12)
    found, memory = np.ones(1), {}
    for gradient in gradients:
        found = optimizer.published(found, np.array([gradient], float), 0.1, memory)
    np.testing.assert_allclose(found, [theta], rtol=1e-12)


@each_optimizer
@each_dtype
def test_theta_is_updated_in_place_and_the_layers_see_it(optimizer, dtype):
    layer = Layer(3, ACTIVATIONS["tanh"]())
    architecture = Architecture(2, (layer,), 1, LOSSES["mse"]())
    theta = np.linspace(-1, 1, architecture.layout.n_params).astype(dtype)
    network = Network(architecture, theta)
    before, views = theta.copy(), network.tensors()
    descent = Descent(optimizer, network.theta)
    gradient = np.linspace(1, 2, theta.size)
    descent.take([gradient])
    assert network.theta is theta
    assert np.all(theta < before)  # every entry of the gradient is positive
    assert descent.state.vectors.dtype == dtype
    for tensor in architecture.layout.tensors:
        np.testing.assert_array_equal(views[tensor.name].ravel(), theta[tensor.start : tensor.stop])


@each_optimizer
@each_dtype
def test_a_lane_has_the_same_bits_alone(optimizer, dtype):
    rng = np.random.default_rng(0)
    start = rng.normal(size=(3, 37)).astype(dtype)
    gradients = rng.normal(size=(4, 3, 37)).astype(dtype)
    rates = np.array([[0.1], [0.01], [0.3]])
    stacked = Descent(optimizer, start.copy(), rates).take(gradients)
    for r in range(3):
        alone = Descent(optimizer, start[r].copy(), rates[r, 0]).take(gradients[:, r])
        np.testing.assert_array_equal(alone, stacked[r])


def three(optimizer):
    """Three members that differ in every number; where momentum may be 0, one has none."""
    choices = {"momentum": (0.3, 0.5, 0.9) if "nesterov=True" in repr(optimizer) else (0, 0.5, 0.9)}
    members = []
    for r in range(3):
        changed = {
            f.name: choices.get(f.name, (0.95 * f.default, 0.7 * f.default, 0.4 * f.default))[r]
            for f in dataclasses.fields(optimizer)
            if type(f.default) is float
        }
        members.append(dataclasses.replace(optimizer, **changed))
    return members


@each_optimizer
@each_dtype
def test_a_lane_with_hyperparameters_of_its_own_has_the_same_bits_alone(optimizer, dtype):
    rng = np.random.default_rng(2)
    members = three(optimizer)
    start = rng.normal(size=(3, 37)).astype(dtype)
    gradients = rng.normal(size=(9, 3, 37)).astype(dtype)
    rates = np.array([[member.learning_rate] for member in members])
    together = stacked(members)
    assert all(np.shape(v) == (3,) for v in vars(together).values() if not isinstance(v, bool))
    stack = Descent(together, start.copy(), rates)
    stack.take(gradients)
    for r, member in enumerate(members):
        alone = Descent(member, start[r].copy(), rates[r, 0])
        assert alone.take(gradients[:, r]).tobytes() == stack.theta[r].tobytes()
        assert alone.state.powers.tobytes() == stack.state.powers[:, r].tobytes()
        if len(alone.state.vectors) == len(stack.state.vectors):  # else its μ is 0
            assert alone.state.vectors.tobytes() == stack.state.vectors[:, r].tobytes()


@each_optimizer
def test_the_published_formula_is_the_bound_step(optimizer):
    rng = np.random.default_rng(3)
    for member in (optimizer, *three(optimizer)):
        descent = Descent(member, rng.normal(size=37))
        theta, memory = descent.theta.copy(), {}
        for gradient in rng.normal(size=(9, 37)):
            before, gradient_before = theta.copy(), gradient.copy()
            result = member.published(theta, gradient, 0.1, memory)
            descent.take([gradient])
            np.testing.assert_allclose(descent.theta - before, result - before, rtol=1e-9)
            np.testing.assert_array_equal(theta, before)  # out of place
            np.testing.assert_array_equal(gradient, gradient_before)
            theta = result
        carried = [value for value in memory.values() if isinstance(value, np.ndarray)]
        for vector, expected in zip(descent.state.vectors, carried, strict=False):
            np.testing.assert_allclose(vector, expected, rtol=1e-9, atol=1e-15)


def test_blocks_of_parameters_are_stepped_alike():
    rng = np.random.default_rng(4)
    n = 3 * arrays.CACHED + 5
    theta, gradients = rng.normal(size=n), rng.normal(size=(3, n))
    for optimizer in (Adam(), AmsGrad()):
        whole = Descent(optimizer, theta.copy()).take(gradients)
        parts = [
            Descent(optimizer, theta[part].copy()).take(gradients[:, part])
            for part in (slice(0, 10), slice(10, arrays.CACHED + 1), slice(arrays.CACHED + 1, n))
        ]
        np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("optimizer", [Adam(), AmsGrad()], ids=repr)
def test_blocks_of_lanes_are_stepped_alike(optimizer, monkeypatch):
    monkeypatch.setattr(arrays, "CACHED", 80)  # two lanes of 37, the last alone
    test_a_lane_with_hyperparameters_of_its_own_has_the_same_bits_alone(optimizer, np.float32)


@each_optimizer
def test_the_formula_is_the_docstrings(optimizer):
    assert optimizer.formula.startswith("θ − λ ")


@each_optimizer
def test_the_rate_is_read_at_each_step_and_scales_it(optimizer):
    moved = []
    for rate in (0.0, 0.1, 0.2):
        descent = Descent(optimizer, np.zeros(3))
        descent.rate[...] = rate  # as a schedule does, after `bind`
        moved.append(descent.take([[1.0, -2.0, 3.0]]))
    assert not np.any(moved[0])
    np.testing.assert_allclose(moved[2], 2 * moved[1], rtol=1e-15)


BOLD = {"adagrad": 1.0, "adadelta": 100.0}  # these begin with tiny steps


@each_optimizer
def test_it_finds_the_minimum_of_a_bowl(optimizer):
    rate = BOLD.get(optimizer.name, 0.05)
    descent = Descent(optimizer, np.array([3.0, -2.0]))
    for step in range(600):
        descent.rate[...] = rate * (1 - step / 600)  # a step of one size never comes to rest
        descent.take([[1.0, 2.0] * (descent.theta - 1.0)])
    np.testing.assert_allclose(descent.theta, 1.0, atol=0.01)


@each_optimizer
@pytest.mark.parametrize("lead", [(), (3,)])
def test_a_copy_of_its_state_continues_with_the_same_bits(optimizer, lead):
    rng = np.random.default_rng(1)
    gradients = rng.normal(size=(6, *lead, 5))
    whole = Descent(optimizer, np.ones((*lead, 5)))
    whole.take(gradients)

    first = Descent(optimizer, np.ones((*lead, 5)))
    first.take(gradients[:3])
    second = Descent(optimizer, first.theta.copy())
    second.state.vectors[...] = first.state.vectors
    second.state.powers[...] = first.state.powers
    second.state.steps = first.state.steps
    second.take(gradients[3:])
    np.testing.assert_array_equal(second.theta, whole.theta)
    np.testing.assert_array_equal(second.state.powers, whole.state.powers)
    assert second.state.steps == whole.state.steps


@each_optimizer
def test_its_state_is_of_theta_s_type_and_as_large_as_it_says(optimizer):
    theta = np.ones((2, 7), np.float32)
    state = State(optimizer, theta)
    assert (state.vectors.shape, state.vectors.dtype) == ((optimizer.n_vectors, 2, 7), np.float32)
    assert (state.powers.shape, state.powers.dtype) == ((optimizer.n_powers, 2), np.float64)
    assert not np.any(state.vectors)
    assert np.all(state.powers == 1)


@pytest.mark.parametrize("optimizer", [Adam(), Nadam()], ids=repr)
def test_powers_are_multiplied_up(optimizer):
    descent = Descent(optimizer, np.ones(2))
    descent.take([np.ones(2)] * 3)
    betas = [0.9, 0.999] if type(optimizer) is Adam else [0.999, 0.96**0.004]
    np.testing.assert_array_equal(descent.state.powers[:2], [b * b * b for b in betas])


@each_optimizer
@pytest.mark.parametrize("lead", [(), (2,)])
def test_a_step_allocates_nothing_as_large_as_theta(optimizer, lead, peak_bytes):
    descent = Descent(optimizer, np.ones((*lead, 100_000), np.float32))
    descent.grad[...] = 1.0
    assert peak_bytes(descent.step) < descent.theta.nbytes / 8


@each_optimizer
def test_an_epsilon_too_small_for_float32_is_not_zero_there(optimizer):
    if hasattr(optimizer, "epsilon"):
        optimizer = dataclasses.replace(optimizer, epsilon=1e-300)
    descent = Descent(optimizer, np.ones(3, np.float32))
    descent.take([np.zeros(3)] * 3)  # as behind a relu that is off: 0 / (√0 + ε)
    np.testing.assert_array_equal(descent.theta, 1.0)


@each_dtype
@pytest.mark.parametrize(
    ("optimizer", "step"),
    [
        # m̂ / √v̂ = 1, in float32 too: 1 − 0.9999 is not taken from the rounded 0.9999
        (Adam(beta1=0.9999, beta2=0.9999), 0.1),
        (AmsGrad(beta1=0.9999, beta2=0.9999), 0.1),
        (RmsProp(rho=0.9999), 0.1 / np.sqrt(1e-4)),
    ],
    ids=repr,
)
def test_a_long_memory_is_not_rounded_away(optimizer, step, dtype):
    theta = Descent(optimizer, np.zeros(1, dtype)).take([np.ones(1)])
    np.testing.assert_allclose(theta, -step, rtol=2e-6)


@each_dtype
def test_a_deviation_rounded_below_zero_is_zero(dtype):
    # Of a constant gradient v − m² goes to 0, and rounding takes it below.
    descent = Descent(RmsProp(rho=0.5, epsilon=1.0, centered=True), np.ones(50, dtype))
    gradient = np.linspace(0.01, 1, 50).astype(dtype)
    for _ in range(60):
        before = descent.theta.copy()
        descent.take([gradient])
    np.testing.assert_allclose(before - descent.theta, 0.1 * gradient, rtol=0.01)


@each_optimizer
def test_only_adamw_and_lion_decay_by_themselves(optimizer):
    assert optimizer.decoupled_decay == (optimizer.name in ("adamw", "lion"))


@pytest.mark.parametrize(
    ("optimizer", "problem"),
    [
        (Sgd(nesterov=True), "nesterov needs a momentum greater than 0"),
        (Sgd(momentum=0.1, nesterov=True), None),
        (Sgd(), None),
    ],
)
def test_settings_that_contradict_each_other(optimizer, problem):
    assert optimizer.problem() == problem


@each_optimizer
def test_docstring_has_formula_and_source(optimizer):
    assert re.search(r"θ ← θ − \S", optimizer.__doc__)
    assert re.search(r"Source: \w", optimizer.__doc__)
    assert not hasattr(optimizer, "epsilon") or re.search(r"\bε\s+(out|in)side", optimizer.__doc__)
