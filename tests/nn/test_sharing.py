"""Members that share weights: networks with weights W ∗ (r sᵀ), trained and evaluated as one."""

import numpy as np
import pytest

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.backprop import Backprop
from mlpcli.nn.ensemble_mean import EnsembleMean
from mlpcli.nn.evaluation import Evaluation, losses_of
from mlpcli.nn.layers import Dropout, EmbeddedScale
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import (
    Architecture,
    Layer,
    Network,
    initialize,
    initialize_stack,
    stack_architectures,
)
from mlpcli.nn.norms import NORMS
from mlpcli.nn.optimizers import OPTIMIZERS, Sgd
from mlpcli.nn.penalties import MaxNorm
from mlpcli.nn.sharing import SHARINGS, Members
from mlpcli.nn.update import Regularization
from mlpcli.training.trainer import Trainer

K, N = 4, 7
TANH, RELU, PRELU = (ACTIVATIONS[name]() for name in ("tanh", "relu", "prelu"))
X = np.random.default_rng(0).normal(size=(N, 3))

each_kind = pytest.mark.parametrize("kind", SHARINGS)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def architecture(kind, hidden=None, loss="mse", n_outputs=2, **members):
    hidden = (Layer(5, TANH), Layer(6, PRELU)) if hidden is None else hidden
    kept = {key: members.pop(key) for key in ("input_keep_prob",) if key in members}
    found = None if kind is None else Members(members.pop("k", K), SHARINGS[kind](), **members)
    return Architecture(3, hidden, n_outputs, LOSSES[loss](), members=found, **kept)


def random_network(kind, seed=0, dtype=np.float64, **options):
    one = architecture(kind, **options)
    vector = np.random.default_rng(seed).normal(size=one.layout.n_numbers)
    network = Network(one, vector.astype(dtype))
    for name, tensor in network.tensors().items():
        if name.endswith("variance"):
            np.abs(tensor, out=tensor)
    return network


def member(network, m):
    """Return member m as a network of its own, W ∗ (r sᵀ) multiplied out."""
    whole = network.architecture
    one = Network(
        Architecture(3, whole.hidden, whole.n_outputs, whole.loss),
        np.zeros(architecture(None, whole.hidden, n_outputs=whole.n_outputs).layout.n_numbers),
    )
    found = network.tensors()
    for name, tensor in one.tensors().items():
        value = found[name]
        value = value[m] if value.ndim > tensor.ndim else value
        owner, _, word = name.rpartition(".")
        if word == "weight" and f"{owner}.input_scale" in found:
            value = value * found[f"{owner}.input_scale"][m][:, np.newaxis]
        if word == "weight" and f"{owner}.output_scale" in found:
            value = value * found[f"{owner}.output_scale"][m]
        tensor[...] = value
    return one


def forward(network, X, *, training=True):
    return Backprop(network, len(X), training=training).forward(X).copy()


# ------------------------------------------------------------ tensors

SHAPES = {
    "tabm": {
        "hidden.1.weight": (3, 5),
        "hidden.1.bias": (K, 5),
        "hidden.1.input_scale": (K, 3),
        "hidden.1.output_scale": (K, 5),
        "hidden.2.weight": (5, 6),
        "hidden.2.bias": (K, 6),
        "hidden.2.input_scale": (K, 5),
        "hidden.2.output_scale": (K, 6),
        "hidden.2.activation.slope": (K, 6),
        "output.weight": (K, 6, 2),
        "output.bias": (K, 2),
    },
    "tabm_mini": {
        "hidden.1.weight": (3, 5),
        "hidden.1.bias": (5,),
        "hidden.1.input_scale": (K, 3),
        "hidden.2.weight": (5, 6),
        "hidden.2.bias": (6,),
        "hidden.2.activation.slope": (K, 6),
        "output.weight": (K, 6, 2),
        "output.bias": (K, 2),
    },
    "batch_ensemble": {
        "hidden.1.weight": (3, 5),
        "hidden.1.bias": (K, 5),
        "hidden.1.input_scale": (K, 3),
        "hidden.1.output_scale": (K, 5),
        "hidden.2.weight": (5, 6),
        "hidden.2.bias": (K, 6),
        "hidden.2.input_scale": (K, 5),
        "hidden.2.output_scale": (K, 6),
        "hidden.2.activation.slope": (K, 6),
        "output.weight": (6, 2),
        "output.bias": (K, 2),
        "output.input_scale": (K, 6),
        "output.output_scale": (K, 2),
    },
}


@each_kind
def test_what_is_shared_has_no_axis_of_members(kind):
    layout = architecture(kind).layout
    assert {t.name: t.shape for t in layout.tensors} == SHAPES[kind]
    decayed = [t.name for t in layout.tensors if t.stop <= layout.n_weights]
    assert decayed == ["hidden.1.weight", "hidden.2.weight", "output.weight"]


@pytest.mark.parametrize("norm", NORMS)
@each_kind
def test_normalizations_are_each_members_own(kind, norm):
    layer = Layer(5, TANH, norm=NORMS[norm]())
    shapes = {t.name: t.shape for t in architecture(kind, (layer,)).layout.tensors}
    words = {"batch": ["weight", "bias", "mean", "variance"], "layer": ["weight", "bias"]}[norm]
    for word in words:
        assert shapes[f"hidden.1.norm.{word}"] == (K, 5)


@each_kind
def test_members_have_something_to_share(kind):
    with pytest.raises(ValueError, match=f"{kind} shares hidden layers: there are none"):
        architecture(kind, ())


def test_scalings_begin_at_random_signs_or_at_one():
    begin = {kind: initialize(architecture(kind, k=64), 3).tensors() for kind in SHARINGS}
    signs = {
        ("tabm", "hidden.1.input_scale"),
        ("tabm_mini", "hidden.1.input_scale"),
        *(("batch_ensemble", name) for name in SHAPES["batch_ensemble"] if "_scale" in name),
    }
    for kind, tensors in begin.items():
        for name, tensor in tensors.items():
            if "_scale" not in name:
                continue
            values, counts = np.unique(tensor, return_counts=True)
            if (kind, name) in signs:
                assert values.tolist() == [-1.0, 1.0]
                # five standard errors of a fair coin
                assert abs(counts[1] - tensor.size / 2) < 5 * np.sqrt(tensor.size) / 2
            else:
                assert values.tolist() == [1.0]


@pytest.mark.parametrize("kind", ["tabm", "tabm_mini"])
def test_features_of_one_column_begin_with_one_number(kind):
    found = initialize(architecture(kind, columns=(0, 1, 1), k=64), 3).tensors()
    r = found["hidden.1.input_scale"]
    np.testing.assert_array_equal(r[:, 1], r[:, 2])
    assert 0 < np.sum(r[:, 0] == r[:, 1]) < 64


def test_of_embedded_features_they_begin_normal():
    found = initialize(architecture("tabm", normal=True, k=2000), 3, np.float64).tensors()
    r = found["hidden.1.input_scale"]
    assert abs(r.mean()) < 5 / np.sqrt(r.size)
    assert abs(np.mean(r**2) - 1) < 5 * np.sqrt(2 / r.size)
    np.testing.assert_array_equal(found["hidden.2.input_scale"], 1)


@each_kind
def test_shared_weights_begin_as_those_of_one_network(kind):
    shared = initialize(architecture(kind), 5).tensors()
    one = initialize(architecture(None), 5).tensors()
    for name in ("hidden.1.weight", "hidden.2.weight"):
        np.testing.assert_array_equal(shared[name], one[name])
    if kind != "batch_ensemble":  # heads: the first as the one network's, and all different
        np.testing.assert_array_equal(shared["output.weight"][0], one["output.weight"])
        assert len(np.unique(shared["output.weight"])) == K * 6 * 2


# ------------------------------------------------------------ forward and backward


@pytest.mark.parametrize("norm", [None, *NORMS])
@each_kind
def test_a_member_is_a_network_with_weights_of_rank_one_times_the_shared(kind, norm):
    norm = None if norm is None else NORMS[norm]()
    network = random_network(kind, hidden=(Layer(5, TANH, norm=norm), Layer(6, PRELU)))
    for training in (True, False):
        u = forward(network, X, training=training)
        assert u.shape == (K, N, 2)
        for m in range(K):
            alone = forward(member(network, m), X, training=training)
            np.testing.assert_allclose(u[m], alone, rtol=1e-12, atol=1e-12)


def gradients(network, y):
    """Return the gradient of the mean over rows, and members, of the loss, by name."""
    backprop = Backprop(network, N, training=True)
    u, loss, k = backprop.forward(X), network.architecture.loss, network.architecture.members
    scale = np.asarray(1 / N if k is None else 1 / (N * K))
    loss.delta(u, y, scale, backprop.delta, loss.scratch(backprop.delta))
    backprop.backward()
    return network.architecture.layout.unpack(backprop.grad)


@each_kind
def test_gradients_are_those_of_the_members_by_the_chain_rule(kind):
    network = random_network(kind)
    y = np.random.default_rng(2).normal(size=(N, 2))
    found, theta = gradients(network, y[np.newaxis]), network.tensors()
    alone = [gradients(member(network, m), y) for m in range(K)]
    for name, value in found.items():
        owner, _, word = name.rpartition(".")
        r = theta.get(f"{owner}.input_scale", np.ones((K, 1)))
        s = theta.get(f"{owner}.output_scale", np.ones((K, 1)))
        W = theta.get(f"{owner}.weight")
        each = []
        for m in range(K):
            G = alone[m].get(f"{owner}.weight" if "scale" in word else name)
            if word == "weight":  # of W ∗ (r sᵀ)
                G = G * r[m][:, np.newaxis] * s[m]
            elif word == "input_scale":
                G = np.sum(G * W * s[m], axis=1)
            elif word == "output_scale":
                G = np.sum(G * W * r[m][:, np.newaxis], axis=0)
            each.append(G / K)
        own = value.ndim == each[0].ndim + 1
        expected = np.stack(each) if own else np.sum(each, axis=0)
        np.testing.assert_allclose(value, expected, rtol=1e-11, atol=1e-13, err_msg=name)


def test_a_layer_below_gets_the_sum_over_the_members():
    rng = np.random.default_rng(3)
    r, h, delta = rng.normal(size=(K, 3)), rng.normal(size=(N, 3)), rng.normal(size=(K, N, 3))
    dr = np.empty_like(r)
    scale = EmbeddedScale(r, dr, (K, N, 3))
    np.testing.assert_array_equal(scale.forward(h), r[:, np.newaxis] * h)
    below = scale.backward(delta.copy())
    np.testing.assert_allclose(below, np.einsum("mj,mdj->dj", r, delta), rtol=1e-13)
    np.testing.assert_allclose(dr, np.einsum("dj,mdj->mj", h, delta), rtol=1e-12)


@each_kind
def test_each_member_draws_a_mask_of_its_own_and_the_inputs_are_dropped_for_all(kind):
    one = architecture(kind, (Layer(50, TANH, 0.5),), input_keep_prob=0.5)
    network = initialize(one, 0, np.float64)
    trainer = Trainer(network, Sgd(), X, X[:, :2], batch_size=N, seeds=[0])
    list(trainer.epoch(1, 0.0))
    inputs, units = trainer.step.backprop[N].dropouts
    assert inputs.mask.shape == (N, 3)
    assert units.mask.shape == (K, N, 50)
    for m in range(1, K):
        assert 0.3 < np.mean(units.mask[0] == units.mask[m]) < 0.7


def test_a_mask_of_members_has_one_generator_a_lane():
    like = np.zeros((2, K, N, 5))
    layer = Dropout(1, 0.5, like, 2)
    layer.generators = [np.random.default_rng(np.random.PCG64(s)) for s in (1, 2)]
    layer.draw()
    for lane, seed in enumerate((1, 2)):
        alone = Dropout(1, 0.5, like[0], 1)
        alone.generators = [np.random.default_rng(np.random.PCG64(seed))]
        alone.draw()
        np.testing.assert_array_equal(layer.mask[lane], alone.mask)


# ------------------------------------------------------------ a step

DATA = np.random.default_rng(1).normal(size=(29, 3)), np.random.default_rng(2).integers(0, 2, 29)
SEEDS = [4, 8, 15]
RATES = np.array([[0.1], [0.01], [0.05]])


def train(one, dtype, lane=None, optimizer="sgd"):
    """Train three lanes, or one of them alone."""
    inputs, target = DATA[0].astype(dtype), DATA[1]
    seeds = SEEDS if lane is None else [SEEDS[lane]]
    network = (
        initialize_stack(one, seeds, dtype) if lane is None else initialize(one, seeds[0], dtype)
    )
    trainer = Trainer(
        network,
        OPTIMIZERS[optimizer](),
        inputs,
        target,
        batch_size=6,
        seeds=seeds,
        weight=np.linspace(0.5, 1.5, 29).astype(dtype),
        regularization=Regularization(l2=0.01, max_norm=1.5),
        keep_outputs=True,
    )
    losses = []
    for epoch in (1, 2):
        list(trainer.epoch(epoch, RATES if lane is None else RATES[lane, 0]))
        losses.append(trainer.losses.copy())
    return trainer, np.stack(losses, axis=-1)


@each_dtype
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@each_kind
def test_an_ensemble_trains_to_the_same_bits_in_a_stack_and_alone(kind, optimizer, dtype):
    hidden = (Layer(5, TANH, 0.8, norm=NORMS["batch"]()), Layer(6, PRELU, norm=NORMS["layer"]()))
    one = architecture(kind, hidden, "cross_entropy", input_keep_prob=0.9)
    stack, losses = train(one, dtype, optimizer=optimizer)
    for lane in range(3):
        alone, losses_alone = train(one, dtype, lane, optimizer)
        np.testing.assert_array_equal(alone.network.vector, stack.network.vector[lane])
        np.testing.assert_array_equal(losses_alone, losses[lane])
        np.testing.assert_array_equal(alone.outputs, stack.outputs[lane])
        out, out_alone = np.empty((3, 29, 2)), np.empty((29, 2))
        inputs = DATA[0].astype(dtype)
        Evaluation(stack.network).loss(inputs, DATA[1], out)
        Evaluation(alone.network).loss(inputs, DATA[1], out_alone)
        np.testing.assert_array_equal(out[lane], out_alone)


def test_settings_may_differ_from_lane_to_lane():
    leaky = ACTIVATIONS["leaky_relu"]
    each = [
        architecture("tabm", (Layer(5, leaky(slope=slope), p),), "cross_entropy")
        for slope, p in ((0.1, 0.5), (0.3, 0.9), (0.2, 0.7))
    ]
    stack, losses = train(stack_architectures(each), np.float64)
    for lane, one in enumerate(each):
        alone, losses_alone = train(one, np.float64, lane)
        np.testing.assert_array_equal(alone.network.vector, stack.network.vector[lane])
        np.testing.assert_array_equal(losses_alone, losses[lane])


@each_kind
def test_the_loss_of_an_epoch_is_the_mean_of_the_members_losses(kind):
    network = initialize(architecture(kind), 1, np.float64)
    y = np.random.default_rng(5).normal(size=(N, 2))
    u = forward(network, X)
    trainer = Trainer(network, Sgd(), X, y, batch_size=N, seeds=[0], keep_outputs=True)
    list(trainer.epoch(1, 0.1))
    order = trainer.loader.order
    each = np.sum((u - y) ** 2, axis=-1) / 2
    np.testing.assert_allclose(trainer.losses, each.mean(axis=0)[order], rtol=1e-12)
    np.testing.assert_allclose(trainer.loss, each.mean(), rtol=1e-12)
    np.testing.assert_allclose(trainer.outputs, u.mean(axis=0)[order], rtol=1e-12)


def test_max_norm_holds_the_columns_of_each_head():
    network = random_network("tabm")
    before = {name: tensor.copy() for name, tensor in network.tensors().items()}
    MaxNorm(1.25, network).apply()
    for name, W in network.tensors().items():
        if not name.endswith(".weight"):
            np.testing.assert_array_equal(W, before[name])
            continue
        length = np.sqrt(np.sum(before[name] ** 2, axis=-2, keepdims=True))
        assert (length > 1.25).any()
        expected = before[name] * np.minimum(1, 1.25 / length)
        np.testing.assert_allclose(W, expected, rtol=1e-14)


# ------------------------------------------------------------ evaluation

TASKS = {"cross_entropy": 3, "mse": 2, "gaussian_nll": 4}


@pytest.mark.parametrize("loss", TASKS)
@each_kind
def test_the_prediction_is_the_mean_of_the_members_predictions(kind, loss):
    rng = np.random.default_rng(6)
    rows = rng.normal(size=(501, 3))
    network = random_network(kind, loss=loss, n_outputs=TASKS[loss])
    evaluation = Evaluation(network)
    evaluation.block = 200  # three blocks, the last shorter
    each = np.empty((K, 501, TASKS[loss]))
    for m in range(K):
        network.architecture.loss.predict(
            forward(member(network, m), rows, training=False), each[m]
        )
    mean = network.architecture.loss.average(each)
    out = np.empty((501, TASKS[loss]))
    np.testing.assert_allclose(evaluation.predict(rows, out), mean, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        evaluation.predict_each(rows, np.empty_like(each)), each, rtol=1e-9, atol=1e-12
    )
    target = rng.integers(0, 3, 501) if loss == "cross_entropy" else rng.normal(size=(501, 2))
    again = np.empty_like(out)
    losses = evaluation.row_losses(rows, target, again)
    np.testing.assert_array_equal(again, out)
    np.testing.assert_allclose(
        losses, losses_of(network.architecture.loss, mean, target), rtol=1e-6, atol=1e-9
    )


@each_kind
def test_quantiles_are_over_the_members(kind):
    network = random_network(kind)
    each = np.stack([forward(member(network, m), X, training=False) for m in range(K)])
    found = EnsembleMean(network).quantiles(X, (0.1, 0.9))
    np.testing.assert_allclose(found, np.quantile(each, (0.1, 0.9), axis=0), rtol=1e-10)
