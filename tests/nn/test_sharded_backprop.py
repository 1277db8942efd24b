"""A batch that is cut into shards: the gradient, masks and moments of the whole one."""

from itertools import pairwise

import numpy as np
import pytest

from mlpcli import workers
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.embeddings import EMBEDDINGS, EmbeddedColumns
from mlpcli.nn.layers import Affine, Product
from mlpcli.nn.layout import Layout, Tensor
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer, initialize, initialize_stack
from mlpcli.nn.norms import NORMS
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.nn.sharded_backprop import WeightGradient, pieces_of
from mlpcli.nn.sharing import SHARINGS, Members
from mlpcli.nn.training_step import Batch, TrainingStep
from mlpcli.nn.update import Regularization
from mlpcli.randomness import generators
from mlpcli.workers import Workers


class Backwards(Workers):
    """Does the last piece of each stage first: as threads may, if seldom."""

    def run_stages(self, stages):
        for work, n_pieces in stages:
            for piece in reversed(range(n_pieces)):
                work(piece)


N, SHORT = 11, 3  # rows of a batch, and of a last one
WORKERS = {n: Workers(n) for n in (1, 2, 3, 8)} | {"backwards": Backwards()}
LEARNED = EMBEDDINGS["periodic"](frequencies=2, units=3)
FIXED = EMBEDDINGS["piecewise_linear"](bins=3)
EVERYTHING = {"activation": ACTIVATIONS["prelu"](), "keep_prob": 0.7, "norm": NORMS["batch"]()}
CASES = {
    "relu": {},
    "a learned activation": {"activation": ACTIVATIONS["prelu"]()},
    "dropout": {"keep_prob": 0.6},
    "dropout of inputs": {"input_keep_prob": 0.6},
    "batch norm": {"norm": NORMS["batch"]()},
    "layer norm": {"norm": NORMS["layer"]()},
    "all of it": EVERYTHING,
    "a learned embedding": {"embedding": LEARNED},
    "an embedding without parameters": {"embedding": FIXED, "input_keep_prob": 0.6},
    **{f"members of {name}": {"members": Members(3, each())} for name, each in SHARINGS.items()},
    "members and all of it": EVERYTHING
    | {"members": Members(3, SHARINGS["tabm"]()), "embedding": LEARNED, "input_keep_prob": 0.8},
}
STRENGTHS = {
    "nothing": {},
    "penalties": {"l2": 0.1, "l1": 0.05},
    "weight noise": {"weight_noise": 0.1, "weight_noise_multiplicative": 0.1},
    "gradient noise": {"gradient_noise": 0.1},
    "a limit of values": {"clip_value": 0.01},
    "a limit of the norm": {"clip_norm": 0.1},
    "max-norm": {"max_norm": 0.5},
    "averaging": {"averaging": 0.9},
}
REGULARIZED = [("members and all of it", each) for each in STRENGTHS if each != "nothing"]


@pytest.fixture(autouse=True)
def never_alone(monkeypatch):
    """Let the threads share out steps that are too short for it, too."""
    monkeypatch.setattr(workers, "LONGEST_ALONE", 0.0)


def architecture(activation=None, *, embedding=None, members=None, input_keep_prob=1.0, **settings):
    layers = tuple(
        Layer(units, activation or ACTIVATIONS["relu"](), **settings) for units in (9, 7)
    )
    if embedding is not None:
        fitted = embedding.fit(np.random.default_rng(3).normal(size=(50, 2)), [])
        fitted = {f"embedding.{name}": value for name, value in fitted.items()}
        embedding = EmbeddedColumns(embedding, 5, (1, 3), fitted)
    return Architecture(
        5,
        layers,
        3,
        LOSSES["cross_entropy"](),
        embedding=embedding,
        members=members,
        input_keep_prob=input_keep_prob,
    )


def batch_of(made, n, lanes=(), weights=None, seed=1, dtype=np.float64):
    """Return a batch of random rows."""
    rng, shape, k = np.random.default_rng(seed), (*lanes, n), made.member_shape
    X, y = rng.standard_normal((*shape, 5)), np.eye(3)[rng.integers(0, 3, shape)]
    scale = np.asarray((1 if weights is None else weights) / (n * int(np.prod(k))), dtype)
    u = np.empty((*lanes, *k, n, 3), dtype)
    y = y.reshape(*lanes, *(1 for _ in k), n, 3)
    return Batch(n, X.astype(dtype), y.astype(dtype), scale, u)


def one_step(case, shards, threads=2, weights=None, **strengths):
    """Return the numbers and the step of a network after one step in float64."""
    made = architecture(**CASES[case])
    network = initialize(made, 4, np.float64)
    optimizer = OPTIMIZERS["adam"](learning_rate=0.1)
    step = TrainingStep(
        network, optimizer, Regularization(**strengths), [N], shards, WORKERS[threads]
    )
    step.update.learning_rate[...] = 0.1
    step.start([4], 1)
    captured = []
    step.update.parts.insert(0, lambda: captured.append(step.grad.copy()))
    step(batch_of(made, N, weights=weights))
    return captured[0], network.vector.copy(), step


def three_steps(
    case, strengths, shards, threads=1, *, optimizer="adam", watched=False, dtype=np.float32
):
    """Return all numbers that a training goes on with after three steps, the last on few rows.

    watched  whether the whole gradient is looked at before the update
    """
    made = architecture(**CASES[case])
    network = initialize(made, 4, dtype)
    step = TrainingStep(
        network,
        OPTIMIZERS[optimizer](),
        Regularization(**STRENGTHS[strengths]),
        [N, SHORT],
        shards,
        WORKERS[threads],
    )
    update = step.update
    update.learning_rate[...] = 0.01
    step.start([4], 1)
    if watched:
        update.parts.insert(0, lambda: None)
        assert not update.begins_with_pieces
    for seed, n in enumerate((N, N, SHORT)):
        step(batch_of(made, n, seed=seed, dtype=dtype))
    found = [network.vector, update.state.vectors, update.state.powers]
    found += [] if update.average is None else [update.average.average]
    return [each.ravel() for each in found]


def bits(numbers):
    return b"".join(each.tobytes() for each in numbers)


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
    seeds = [7, 8, 9]
    made = architecture(**CASES[case])
    batch = batch_of(made, N, (3,), dtype=np.float32)

    def trained(network, seeds, batch):
        step = TrainingStep(
            network, OPTIMIZERS["adam"](), Regularization(l2=0.1), [N], 3, WORKERS[2]
        )
        step.update.learning_rate[...] = 0.1
        step.start(seeds, 1)
        step(batch)
        return network.vector

    stack = trained(initialize_stack(made, seeds), seeds, batch)
    for lane, seed in enumerate(seeds):
        alone = Batch(N, batch.X[lane], batch.y[lane], batch.scale, batch.u[lane].copy())
        vector = trained(initialize(made, seed), [seed], alone)
        assert vector.tobytes() == stack[lane].tobytes()
        assert alone.u.tobytes() == batch.u[lane].tobytes()


@pytest.mark.parametrize(
    ("case", "strengths"), [*((case, "nothing") for case in CASES), *REGULARIZED]
)
@pytest.mark.parametrize("shards", [2, 4])
def test_who_does_a_piece_and_when_changes_no_bit(case, strengths, shards):
    found = {bits(three_steps(case, strengths, shards, n)) for n in WORKERS}  # or their order
    assert len(found) == 1


@pytest.mark.parametrize("shards", [2, 3, 40])
@pytest.mark.parametrize(("case", "strengths"), [("relu", "nothing"), *REGULARIZED])
def test_steps_are_those_of_the_whole_batch_but_for_rounding(case, strengths, shards):
    whole = three_steps(case, strengths, 1, optimizer="sgd", dtype=np.float64)
    cut = three_steps(case, strengths, shards, 2, optimizer="sgd", dtype=np.float64)
    for one, other in zip(cut, whole, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("strengths", ["nothing", "penalties", "averaging"])
@pytest.mark.parametrize("shards", [2, 40])
def test_decay_that_is_not_in_the_gradient_is_of_each_weight_once(strengths, shards):
    whole, cut = (
        three_steps("relu", strengths, n, 2, optimizer="adamw", dtype=np.float64)[0]
        for n in (1, shards)
    )
    np.testing.assert_allclose(cut, whole, rtol=1e-6, atol=1e-12)


def test_the_outputs_and_their_delta_are_those_of_all_rows():
    found = {}
    for shards in (1, 3):
        made = architecture(**CASES["members and all of it"])
        network = initialize(made, 4, np.float64)
        step = TrainingStep(network, OPTIMIZERS["sgd"](), Regularization(), [N], shards, WORKERS[2])
        step.start([4], 1)
        batch = batch_of(made, N)
        batch.u.fill(np.nan)
        step.backprop[N].delta.fill(np.nan)
        step(batch)
        found[shards] = batch.u, step.backprop[N].delta
    for cut, whole in zip(found[3], found[1], strict=True):
        np.testing.assert_allclose(cut, whole, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("threads", WORKERS)
def test_shards_alone_decide_where_a_step_is_cut(threads):
    """Small matrices have the same bits however they are cut: large ones may not."""
    _, _, step = one_step("relu", 4, threads)
    backprop, pieces = step.backprop[N], pieces_of(step.network.architecture.layout, 4)
    assert backprop.rows == slices(0, 2, 5, 8, 11)  # 11/4, 22/4 and 33/4, rounded down
    assert len(pieces) == 4
    assert backprop.pieces == step.update.pieces == pieces


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("strengths", ["penalties", "averaging"])
def test_a_step_in_pieces_has_the_bits_of_an_update_of_the_whole_gradient(optimizer, strengths):
    """Each piece moves as soon as it has its gradient, unless the whole gradient is looked at."""
    case = "members and all of it"
    pieces = three_steps(case, strengths, 3, 2, optimizer=optimizer)
    whole = three_steps(case, strengths, 3, 2, optimizer=optimizer, watched=True)
    assert bits(pieces) == bits(whole)
    one = three_steps(case, strengths, 1, optimizer=optimizer)
    assert pieces[2].tobytes() == one[2].tobytes()  # the powers, raised three times


@pytest.mark.parametrize("optimizer", ["adam", "nadam", "sgd"])
def test_steps_go_on_from_a_state_that_was_written_into_another(optimizer):
    momentum = {"momentum": 0.9} if optimizer == "sgd" else {}

    def step_of(network):
        member = OPTIMIZERS[optimizer](**momentum)
        step = TrainingStep(network, member, Regularization(), [N], 3, WORKERS[2])
        step.update.learning_rate[...] = 0.01
        return step

    first = step_of(initialize(architecture(), 4))
    batches = [batch_of(architecture(), N, seed=seed, dtype=np.float32) for seed in range(4)]
    for batch in batches[:2]:
        first(batch)
    second = step_of(initialize(architecture(), 5))
    second(batches[0])  # whatever it had
    second.network.vector[...] = first.network.vector
    second.update.state.vectors[...] = first.update.state.vectors
    second.update.state.powers[...] = first.update.state.powers
    for batch in batches[2:]:
        first(batch)
        second(batch)
    assert first.network.vector.tobytes() == second.network.vector.tobytes()
    assert first.update.state.powers.tobytes() == second.update.state.powers.tobytes()


def test_what_needs_the_whole_gradient_waits_for_it():
    network = initialize(architecture(), 4)
    for strengths, expected in (
        ({"l2": 0.1, "l1": 0.1, "max_norm": 1.0, "averaging": 0.9, "weight_noise": 0.1}, True),
        ({"gradient_noise": 0.1}, False),
        ({"clip_norm": 0.1}, False),
        ({"clip_value": 0.1}, False),
    ):
        step = TrainingStep(network, OPTIMIZERS["adam"](), Regularization(**strengths), [N], 2)
        assert step.update.begins_with_pieces is expected


# ---------------------------------------------------------------- the two stages, by hand


def slices(*bounds):
    return [slice(start, stop) for start, stop in pairwise(bounds)]


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (1, slices(0, 15)),
        (2, slices(0, 6, 15)),  # 15/2 is in the third row, which begins at 6
        (3, slices(0, 3, 9, 15)),
        (15, slices(0, 3, 6, 9, 12, 13, 14, 15)),  # a row is not cut, three biases are
        (40, slices(0, 3, 6, 9, 12, 13, 14, 15)),
    ],
)
def test_pieces_of_a_matrix_begin_with_a_row(n, expected):
    assert pieces_of(Layout({"W": (4, 3)}, {"b": (3,)}), n) == expected


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (2, slices(0, 6, 27)),  # 13 is in the heads, which begin at 6
        (5, slices(0, 4, 6, 21, 27)),
        (100, slices(0, 2, 4, 6, *range(18, 28))),
    ],
)
def test_heads_are_not_cut_nor_statistics_a_piece(n, expected):
    layout = Layout(
        {"W": (3, 2), "U": (2, 3, 2)}, {"b": (2,), "c": (2, 2)}, {"g": (3,)}, {"m": (5,)}
    )
    assert layout.n_params == 27
    assert pieces_of(layout, n) == expected


H, DELTA = np.array([[1.0, 2, 3], [4, 5, 6]]), np.array([[1.0, -1], [2, 0]])
PRODUCT = [[9.0, -1], [12, -2], [15, -3]]  # hᵀ δ: 1·1 + 4·2 = 9, …


@pytest.mark.parametrize("members", [False, True])
def test_the_gradient_of_some_rows_of_a_matrix_by_hand(members):
    """Of members that share W the rows are those of all: here of two, with a row each."""
    W, dW = np.zeros((3, 2)), np.full((3, 2), np.nan)
    if members:
        gradient = WeightGradient(
            Tensor("W", (3, 2), 0, 6), Product(W, dW, (2, 1)), 1, slices(0, 2, 9)
        )
        gradient.h[:, 0], gradient.delta[:, 0] = H, DELTA
    else:
        layer = Affine(W, np.zeros(2), dW, np.zeros(2), 1)  # of a shard of one row
        gradient = WeightGradient(Tensor("W", (3, 2), 0, 6), layer, 2, slices(0, 2, 9))
        gradient.h[...], gradient.delta[...] = H, DELTA
    gradient.compute(1)
    assert np.isnan(dW[0]).all()
    np.testing.assert_array_equal(dW[1:], PRODUCT[1:])
    gradient.compute(0)
    np.testing.assert_array_equal(dW, PRODUCT)


def test_the_gradient_of_heads_by_hand():
    W, dW = np.zeros((2, 3, 2)), np.full((2, 3, 2), np.nan)
    layer, tensor = (
        Affine(W, np.zeros((2, 2)), dW, np.zeros((2, 2)), 1),
        Tensor("U", W.shape, 6, 18),
    )
    gradient = WeightGradient(tensor, layer, 2, slices(0, 6, 20))
    gradient.h[...], gradient.delta[...] = [H, -H], [DELTA, 2 * DELTA]
    gradient.compute(0)
    assert np.isnan(dW).all()
    gradient.compute(1)
    np.testing.assert_array_equal(dW, [PRODUCT, -2 * np.array(PRODUCT)])


def test_biases_of_shards_are_added_in_their_order():
    """1e16 + 1 is 1e16: from left to right 1e16 + 1 − 1e16 + 0.5 is 0.5, else 0, 1 or 1.5."""
    _, _, step = one_step("relu", 4)
    backprop = step.backprop[N]
    for shard, value in enumerate((1e16, 1.0, -1e16, 0.5)):
        for vectors in backprop.vectors:
            vectors[shard][...] = value
    for piece in range(len(backprop.pieces)):
        backprop._compute_piece(piece, [])
    biases = step.grad[step.network.architecture.layout.n_weights :]
    assert biases.tolist() == [0.5] * (9 + 7 + 3)


# ---------------------------------------------------------------- what is the whole batch's


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
