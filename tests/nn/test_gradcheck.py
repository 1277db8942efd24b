"""The gradient check passes where the gradient is right, and sees a fault planted in any part."""

import numpy as np
import pytest

from mlpcli.nn import gradcheck, objective
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.activations.rectified import Elu, LeakyRelu, Prelu
from mlpcli.nn.activations.softmax import Softmax
from mlpcli.nn.backprop import Backprop
from mlpcli.nn.gradcheck import TOLERANCE
from mlpcli.nn.initializers import INITIALIZERS
from mlpcli.nn.layers import Affine, Dropout, FirstAffine
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer, Network, initial_vector
from mlpcli.nn.optimizers import Sgd
from mlpcli.nn.penalties import L2
from mlpcli.nn.update import Regularization
from mlpcli.training.gradcheck import check_trainer
from mlpcli.training.trainer import Trainer
from mlpcli.workers import SHARED, WorkerTimes

N_ROWS, N_INPUTS, N_OUTPUTS = 6, 4, 6  # as many as two, and three, for each target
ALL = [member() for member in ACTIVATIONS.values()]
ALL += [LeakyRelu(slope=0.3), Elu(alpha=0.5)]
HIDDEN = [activation for activation in ALL if not activation.output_only]
KINKED = [activation for activation in HIDDEN if activation.kinks]
FORMS = [member().for_task(task) for member in LOSSES.values() for task in member.tasks]
LOSS = list(dict.fromkeys(FORMS))
CHAINED = [loss for loss in LOSS if loss.outputs is None]  # takes any output activation
TANH, MSE = ACTIVATIONS["tanh"](), LOSSES["mse"]()
GLOROT = INITIALIZERS["glorot_uniform"]()  # of the output: each of the few rows sees its faults
WEIGHTS = ["hidden.1.weight", "hidden.2.weight", "output.weight"]
BIASES = ["hidden.1.bias", "hidden.2.bias", "output.bias"]
BELOW = ["hidden.1.weight", "hidden.1.bias", "hidden.2.weight", "hidden.2.bias"]


def test_the_tolerance_is_one_in_a_million():
    assert TOLERANCE == 1e-6


@pytest.fixture
def check_gradient(check_step):
    """Return a function that checks the gradient that a trainer's first step leaves."""

    def run(*arguments, **options):
        result = check_step(*arguments, **options)
        if result.gradient.passed:
            assert result.update.passed
        return result.gradient

    return run


@pytest.fixture
def check(draw_target, check_gradient):
    """Return a function that checks a network of two hidden layers on random data."""

    def run(activation=TANH, loss=MSE, output=None, *, seed=0, l2=0.01, **options):
        hidden = (Layer(5, activation, 0.7), Layer(4, activation, 0.8))
        architecture = Architecture(N_INPUTS, hidden, N_OUTPUTS, loss, output, GLOROT)
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(N_ROWS, N_INPUTS))
        target = draw_target(loss, rng, (N_ROWS, N_OUTPUTS))
        theta = initial_vector(architecture, seed)
        rest = theta[architecture.layout.n_weights :]  # the biases are 0 until here
        rest += 0.1 * rng.normal(size=rest.shape)
        added = Regularization(l2=l2)
        return check_gradient(architecture, theta, X, target, regularization=added, **options)

    return run


def assert_right(result):
    assert result.passed
    for tensor in result.tensors:
        assert tensor.worst <= 1e-6, tensor
        assert (tensor.checked, tensor.undecided) == (np.prod(tensor.shape), 0)
    assert result.directions.worst <= 1e-6
    assert result.directions.undecided == 0


def failing(result):
    assert result.passed == (result.directions.passed and all(t.passed for t in result.tensors))
    return [tensor.name for tensor in result.tensors if not tensor.passed]


@pytest.mark.parametrize("loss", LOSS, ids=repr)
@pytest.mark.parametrize("activation", HIDDEN, ids=repr)
def test_every_activation_with_every_loss_is_right(activation, loss, check):
    assert_right(check(activation, loss))


@pytest.mark.parametrize("loss", CHAINED, ids=repr)
@pytest.mark.parametrize("output", ALL, ids=repr)
def test_every_output_activation_is_right_by_the_chain_rule(output, loss, check):
    assert_right(check(TANH, loss, output))


@pytest.mark.parametrize("loss", LOSS, ids=repr)
def test_the_link_spelled_out_is_right(loss, check):
    assert_right(check(TANH, loss, ACTIVATIONS[loss.link]()))


@pytest.mark.parametrize("hidden", [(), (Layer(1, TANH, 0.5),)], ids=["none", "one unit"])
@pytest.mark.parametrize("n_rows", [1, 5])
def test_smallest_networks_are_right(hidden, n_rows, check_gradient):
    architecture = Architecture(1, hidden, 1, MSE)
    theta, X = initial_vector(architecture, 0) + 0.1, np.arange(1.0, n_rows + 1)[:, np.newaxis]
    assert_right(check_gradient(architecture, theta, X, -X, regularization=Regularization(l2=0.1)))


def test_the_value_is_the_loss_with_its_penalty(check_gradient):
    architecture = Architecture(1, (), 1, MSE)
    one, theta = np.ones((1, 1)), np.array([2.0, 1.0])
    result = check_gradient(
        architecture, theta, one, 0 * one, regularization=Regularization(l2=0.5)
    )
    assert result.value == 9 / 2 + 0.5 / 2 * 4  # ŷ = 2 · 1 + 1, y = 0


# Planted faults, each in one part and no other.

PLANT = {}


def fault(*blamed):
    """Enter a fault, and the tensors whose gradient it makes wrong."""

    def enter(plant):
        PLANT[plant.__name__] = (plant, list(blamed))
        return plant

    return enter


def after(monkeypatch, owner, name, spoil):
    """Run a method as it is, then spoil what it has done."""
    right = getattr(owner, name)

    def wrong(self, *arguments):
        result = right(self, *arguments)
        spoil(self, *arguments)
        return result

    monkeypatch.setattr(owner, name, wrong)


def after_parameter_gradients(monkeypatch, spoil):
    """Spoil dW and db of every affine layer, the first one too."""
    for owner in (Affine, FirstAffine):
        after(monkeypatch, owner, "backward", spoil)


@fault(*BIASES)
def bias_gradient_missing(monkeypatch):
    after_parameter_gradients(monkeypatch, lambda self, _: self.db.fill(0))


@fault(*BIASES)
def bias_gradient_of_one_row(monkeypatch):
    def spoil(self, delta):
        self.db[...] = delta[..., :1, :]

    after_parameter_gradients(monkeypatch, spoil)


@fault(*BIASES)
def bias_gradient_averaged_over_the_rows_again(monkeypatch):
    def spoil(self, delta):
        self.db[...] /= delta.shape[-2]

    after_parameter_gradients(monkeypatch, spoil)


@fault(*WEIGHTS)
def weight_gradient_from_h_reshaped_where_it_should_be_transposed(monkeypatch):
    def spoil(self, delta):
        self.dW[...] = self.h.reshape(self.h.shape[::-1]) @ delta

    after_parameter_gradients(monkeypatch, spoil)


@fault(*WEIGHTS)
def weight_gradient_doubled(monkeypatch):
    def spoil(self, _):
        self.dW[...] *= 2

    after_parameter_gradients(monkeypatch, spoil)


@fault("hidden.1.weight")
def weight_gradient_of_the_first_layer_off_by_a_hundred_thousandth(monkeypatch):
    def spoil(self, _):
        self.dW[...] *= 1 + 1e-5

    after(monkeypatch, FirstAffine, "backward", spoil)


@fault("hidden.2.weight")
def one_entry_of_one_weight_gradient_missing(monkeypatch):
    def spoil(self, _):
        if self.dW.shape == (5, 4):
            self.dW[2, 3] = 0

    after_parameter_gradients(monkeypatch, spoil)


@fault(*BELOW)
def delta_below_doubled(monkeypatch):
    def spoil(self, _):
        self.delta_below[...] *= 2

    after(monkeypatch, Affine, "backward", spoil)


@fault(*BELOW)
def delta_below_through_w_reshaped_where_it_should_be_transposed(monkeypatch):
    def spoil(self, delta):
        self.delta_below[...] = delta @ self.W.reshape(self.W.shape[::-1])

    after(monkeypatch, Affine, "backward", spoil)


@fault(*BELOW)
def dropout_mask_missing_on_the_way_back(monkeypatch):
    monkeypatch.setattr(Dropout, "backward", lambda _, delta: delta)


@fault(*BELOW)
def one_over_keep_prob_missing_on_the_way_back(monkeypatch):
    monkeypatch.setattr(Dropout, "backward", lambda self, delta: delta * (self.mask > 0))


@fault(*BELOW)
def another_dropout_mask_on_the_way_back(monkeypatch):
    monkeypatch.setattr(Dropout, "backward", lambda self, delta: delta * self.mask[::-1])


@fault(*WEIGHTS)
def penalty_gradient_missing(monkeypatch):
    monkeypatch.setattr(L2, "add_gradient", lambda *_: None)


@fault(*WEIGHTS)
def penalty_gradient_without_the_half(monkeypatch):
    right = L2.add_gradient

    def wrong(self, grad):
        right(self, grad)
        right(self, grad)

    monkeypatch.setattr(L2, "add_gradient", wrong)


@fault(*BIASES)
def penalty_gradient_on_the_biases_too(monkeypatch):
    def spoil(self, grad):
        n_weights = self.weights.shape[-1]
        grad[..., n_weights:] += self.strength * self.weights.base[..., n_weights:]

    after(monkeypatch, L2, "add_gradient", spoil)


@pytest.mark.parametrize(("plant", "blamed"), PLANT.values(), ids=PLANT)
def test_a_planted_fault_is_seen_where_it_is(plant, blamed, check, monkeypatch):
    assert_right(check())
    plant(monkeypatch)
    result = check()
    assert not result.passed
    assert sorted(failing(result)) == sorted(blamed)
    assert not result.directions.passed


FACTORS = [0.0, 0.5, 1 + 1e-4]


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("activation", ALL, ids=repr)
def test_a_fault_in_an_activations_derivative_is_seen(activation, factor, check, monkeypatch):
    place = {"output": activation} if activation.output_only else {"activation": activation}
    assert_right(check(**place))

    def spoil(_self, _u, _h, delta, _scratch):
        np.multiply(delta, factor, out=delta)

    after(monkeypatch, type(activation), "times_derivative", spoil)
    assert not check(**place).passed


@pytest.mark.parametrize("activation", [a for a in ALL if a.name != "identity"], ids=repr)
def test_an_activations_derivative_left_out_is_seen(activation, check, monkeypatch):
    place = {"output": activation} if activation.output_only else {"activation": activation}
    monkeypatch.setattr(type(activation), "times_derivative", lambda *_: None)
    assert not check(**place).passed


OWN_FAULTS = {
    "left out": lambda d_slope, _: d_slope * 0,
    "doubled": lambda d_slope, _: d_slope * 2,
    "of one row": lambda _, each: each[..., :1, :],
    "averaged over the rows": lambda d_slope, each: d_slope / each.shape[-2],
    "off by a hundred-thousandth": lambda d_slope, _: d_slope * (1 + 1e-5),
}


@pytest.mark.parametrize("wrong", OWN_FAULTS.values(), ids=OWN_FAULTS)
def test_a_fault_in_the_gradient_of_prelus_slopes_is_seen(wrong, check, monkeypatch):
    assert_right(check(Prelu()))

    def spoil(_self, u, _h, _delta, scratch):
        d_slope = scratch[1]
        d_slope[...] = wrong(d_slope, u)  # u holds each row's share

    after(monkeypatch, Prelu, "times_derivative", spoil)
    assert failing(check(Prelu())) == ["hidden.1.activation.slope", "hidden.2.activation.slope"]


@pytest.mark.parametrize("loss", CHAINED, ids=repr)
def test_a_softmax_derivative_of_the_diagonal_alone_is_seen(loss, check, monkeypatch):
    def diagonal(_self, _u, h, delta, _scratch):
        np.multiply(delta, h * (1 - h), out=delta)

    assert_right(check(loss=loss, output=Softmax()))
    monkeypatch.setattr(Softmax, "times_derivative", diagonal)
    assert not check(loss=loss, output=Softmax()).passed


LOSS_FAULTS = {
    "1/N missing": lambda out: out * N_ROWS,
    "1/(2N) for 1/N": lambda out: out / 2,
    "negated": lambda out: -out,
    "one row missing": lambda out: out * (np.arange(N_ROWS)[:, np.newaxis] > 0),
    "one output missing": lambda out: out * (np.arange(N_OUTPUTS) > 0),
    "rows in another order": lambda out: out[::-1].copy(),
    "off by a hundred-thousandth": lambda out: out * (1 + 1e-5),
}


@pytest.mark.parametrize("wrong", LOSS_FAULTS.values(), ids=LOSS_FAULTS)
@pytest.mark.parametrize("loss", LOSS, ids=repr)
def test_a_fault_in_a_losss_delta_is_seen(loss, wrong, check, monkeypatch):
    def spoil(_self, _u, _y, _scale, out, _scratch):
        out[...] = wrong(out)

    assert_right(check(loss=loss))
    after(monkeypatch, type(loss), "delta", spoil)
    assert not check(loss=loss).passed


def test_a_gradient_that_is_not_a_number_does_not_pass(check, monkeypatch):
    after(monkeypatch, Backprop, "backward", lambda self: self.grad.fill(np.nan))
    result = check()
    assert sorted(failing(result)) == sorted(WEIGHTS + BIASES)
    for part in (*result.tensors, result.directions):
        assert (part.worst, part.undecided) == (np.inf, 0)  # an error, not an open question


def test_a_fault_in_an_entry_that_is_not_sampled_is_seen_along_the_directions(
    monkeypatch, check_gradient
):
    architecture = Architecture(50, (Layer(20, TANH),), 1, MSE)
    rng = np.random.default_rng(0)
    X, theta = rng.normal(size=(8, 50)), initial_vector(architecture, 0)
    assert check_gradient(architecture, theta, X, X[:, :1], samples=5).passed

    def spoil(self, _):
        if self.dW.shape == (50, 20):
            self.dW[31, 17] = 0

    after_parameter_gradients(monkeypatch, spoil)
    result = check_gradient(architecture, theta, X, X[:, :1], samples=5)
    assert [t.checked for t in result.tensors] == [5, 5, 5, 1]
    assert failing(result) == []
    assert not result.directions.passed
    whole = check_gradient(architecture, theta, X, X[:, :1], samples=None)
    assert whole.tensors[0].where == (31, 17)
    assert whole.tensors[0].analytic == 0
    assert whole.tensors[0].numeric != 0


def test_a_small_fault_in_a_small_entry_is_seen(monkeypatch, check_gradient):
    architecture = Architecture(2, (), 1, MSE)
    rng = np.random.default_rng(0)
    X, target = rng.normal(size=(8, 2)) * [1.0, 1e-4], rng.normal(size=(8, 1))
    assert_right(check_gradient(architecture, np.ones(3), X, target))

    def spoil(self, _):
        self.dW[1] *= 1 + 1e-5  # an entry of some 1e-4, where J is some 1

    after(monkeypatch, FirstAffine, "backward", spoil)
    result = check_gradient(architecture, np.ones(3), X, target)
    assert failing(result) == ["output.weight"]
    assert result.tensors[0].where == (1, 0)


# Kinks.


@pytest.fixture
def at_the_kink(check_gradient):
    """Return a function that checks with pre-activations on a kink.

    A row of zeros: its pre-activations are the biases, and in the first layer those are a kink.

    Where the kink is 0, all biases are 0, and that row meets it in every layer.
    """

    def run(activation, keep_prob=1.0):
        hidden = (Layer(6, activation, keep_prob), Layer(5, activation, keep_prob))
        architecture = Architecture(N_INPUTS, hidden, 2, MSE)
        rng = np.random.default_rng(3)
        X, target = rng.normal(size=(N_ROWS, N_INPUTS)), rng.normal(size=(N_ROWS, 2))
        X[0] = 0
        theta = initial_vector(architecture, 3)
        architecture.layout.unpack(theta)["hidden.1.bias"][...] = activation.kinks[0]
        return check_gradient(architecture, theta, X, target)

    return run


@pytest.mark.parametrize("keep_prob", [1.0, 0.6])
@pytest.mark.parametrize("activation", KINKED, ids=repr)
def test_pre_activations_on_a_kink_are_decided_and_right(activation, keep_prob, at_the_kink):
    result = at_the_kink(activation, keep_prob)
    assert_right(result)
    redrawn = {tensor.name: tensor.redrawn for tensor in result.tensors}
    assert redrawn["hidden.1.bias"] >= 6  # each bias moves the zero row across the kink
    assert redrawn["output.bias"] == 0  # moves nothing that has a kink
    assert result.directions.redrawn >= 4  # the half of them that begins at θ


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("activation", KINKED, ids=repr)
def test_a_fault_beside_a_kink_is_seen(activation, factor, monkeypatch, at_the_kink):
    def spoil(_self, _u, _h, delta, _scratch):
        np.multiply(delta, factor, out=delta)

    after(monkeypatch, type(activation), "times_derivative", spoil)
    result = at_the_kink(activation)
    assert not result.passed
    # What the function itself learns in the layer below is wrong too.
    own = [f"hidden.1.activation.{name}" for name in activation.parameters]
    assert sorted(failing(result)) == sorted(BELOW + own)


def test_entries_that_stay_undecided_do_not_pass(monkeypatch, at_the_kink):
    monkeypatch.setattr(gradcheck, "ROUNDS", 1)
    result = at_the_kink(ACTIVATIONS["relu"]())
    assert not result.passed
    assert result.tensors[1].name == "hidden.1.bias"
    assert result.tensors[1].undecided > 0


CLOSE = 1 + 1e-7
BENT = {
    "mae": ("mae", {}, [2.0 * CLOSE], 2.0),
    "huber above": ("huber", {"cutoff": 0.5}, [2.5 * CLOSE], 2.0),
    "huber below": ("huber", {"cutoff": 0.5}, [1.5 * CLOSE], 2.0),
    "quantiles": ("quantile", {"levels": (0.1, 0.7)}, [5.0, 2.0 * CLOSE], 2.0),
    "margin": ("hinge", {}, [1.0 * CLOSE], 1.0),
    "margin of a no": ("hinge", {}, [-1.0 * CLOSE], 0.0),
    "margin of classes": ("hinge", {}, [1.0 * CLOSE, 0.0, -5.0], 0),
    "strongest class": ("hinge", {}, [0.0, 2.0, 2.0 * CLOSE], 0),
    # an exponential goes on as a straight line
    "poisson": ("poisson", {}, [60.0 * CLOSE], 2.0),
    "gamma": ("gamma", {}, [-60.0 * CLOSE], 2.0),
}


@pytest.mark.parametrize(("name", "settings", "bias", "y"), BENT.values(), ids=BENT)
def test_where_a_loss_is_bent_no_quotient_is_taken_across(name, settings, bias, y, check_gradient):
    task = "multiclass" if isinstance(y, int) else LOSSES[name].tasks[0]
    loss = LOSSES[name](**settings).for_task(task)
    architecture = Architecture(1, (), len(bias), loss)
    target = np.full(3, y) if isinstance(y, int) else np.full((3, 1), y)
    theta = np.array([0.0] * len(bias) + bias)
    result = check_gradient(architecture, theta, np.zeros((3, 1)), target)
    if np.isinf(result.resolution):  # at a margin that is kept nothing has a gradient, nor nearby
        assert name == "hinge"
        assert not result.passed
        assert result.directions.worst == max(each.worst for each in result.tensors) == 0
    else:
        assert_right(result)
    assert result.tensors[1].redrawn >= 1


@pytest.mark.parametrize("keep_prob", [0.5, 0.1])
def test_a_right_gradient_passes_however_few_units_are_kept(keep_prob, check_gradient):
    hidden = (Layer(32, TANH, keep_prob),) * 3
    architecture = Architecture(8, hidden, 3, LOSSES["cross_entropy"]())
    rng = np.random.default_rng(0)
    X, target = rng.normal(size=(32, 8)), rng.integers(0, 3, 32)
    theta = initial_vector(architecture, 0)
    assert_right(
        check_gradient(
            architecture, theta, X, target, regularization=Regularization(l2=1e-4), samples=None
        )
    )


@pytest.mark.parametrize("logit", [5.0, 500.0])
def test_a_right_gradient_passes_however_certain_the_network_is(logit, check_gradient):
    # J = log(1 + exp(-logit)) and ∂J/∂u = ∓1 / (1 + exp(logit)): 7e-218 where J rounds to 0
    architecture = Architecture(1, (), 2, LOSSES["cross_entropy"]())
    theta = np.array([logit, 0.0, 0.0, 0.0])
    assert_right(check_gradient(architecture, theta, np.ones((1, 1)), np.array([0])))


def test_the_check_leaves_the_data_alone_and_theta_where_it_was():
    architecture = Architecture(2, (Layer(3, TANH),), 1, MSE)
    arrays = [initial_vector(architecture, 0), np.ones((4, 2)), np.zeros((4, 1))]
    kept = [a.copy() for a in arrays]
    theta, X, target = arrays
    options = {"batch_size": 4, "seeds": [0], "regularization": Regularization(l2=0.1)}
    check_trainer(Trainer(Network(architecture, theta), Sgd(), X, target, **options), 0.1, 0.1)
    for array, before in zip(arrays, kept, strict=True):
        np.testing.assert_array_equal(array, before)


def a_thousandth_more(affine, *_):
    affine.dW *= 1.001


@pytest.fixture
def batch_of_size(check_gradient):
    """Return a function that checks on inputs of a given size."""

    def run(size):
        rng = np.random.default_rng(1)
        architecture = Architecture(N_INPUTS, (Layer(8, ACTIVATIONS["relu"]()),), 1, MSE)
        X, target = size * rng.normal(size=(N_ROWS, N_INPUTS)), rng.normal(size=(N_ROWS, 1))
        return check_gradient(architecture, initial_vector(architecture, 1), X, target)

    return run


@pytest.mark.parametrize("size", [1e9, 1e12, 1e30])
def test_a_gradient_that_rounding_hides_does_not_pass(size, monkeypatch, batch_of_size):
    result = batch_of_size(size)
    assert result.inconclusive
    assert not result.passed
    # Rightly so: of a gradient that is wrong by a part in a thousand each tensor would pass.
    after_parameter_gradients(monkeypatch, a_thousandth_more)
    assert all(tensor.passed for tensor in batch_of_size(1e12).tensors)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3, 1e5])
def test_one_that_it_does_not_hide_passes(size, monkeypatch, batch_of_size):
    result = batch_of_size(size)
    assert result.passed
    assert result.resolution < 1e-5
    after_parameter_gradients(monkeypatch, a_thousandth_more)
    assert not batch_of_size(size).passed


def test_wide_networks_are_shared_out_too_to_the_same_bits(check, monkeypatch):
    monkeypatch.setattr(objective, "STACK_BYTES", 1)  # as if four networks were too many
    monkeypatch.setattr(SHARED, "times", WorkerTimes())
    found = {}
    for threads in (1, 2, 3):
        monkeypatch.setattr(SHARED, "n", threads)
        found[threads] = repr(check(ACTIVATIONS["relu"](), CHAINED[0], l2=0.1))
    assert found[2] == found[1]
    assert found[3] == found[1]
    assert {*SHARED.times.seconds} == {2, 3}


def test_threads_take_no_more_memory_than_an_eighth_of_what_is_free(monkeypatch, check_step):
    seen = []
    monkeypatch.setattr(objective, "STACK_BYTES", 1)
    monkeypatch.setattr(SHARED, "n", 5)
    values = objective.Objective.values
    monkeypatch.setattr(
        objective.Objective, "values", lambda o, t: (seen.append(len(t)), values(o, t))[1]
    )
    architecture = Architecture(2, (), 3, MSE)
    # 9 parameters, three for each of 4 networks, and 5 numbers for each of 3 units and 4 rows.
    four = 4 * 8 * (3 * 9 + 5 * 3 * 4)
    X, target = np.ones((4, 2)), np.zeros((4, 3))
    for fours, most in ((0, 4), (1, 4), (3, 12), (9, 20)):
        monkeypatch.setattr(objective, "free_memory", lambda fours=fours: 8 * fours * four)
        check_step(architecture, initial_vector(architecture, 0), X, target)
        assert max(seen) == most
        seen.clear()
