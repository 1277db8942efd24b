"""What every loss promises: its delta, its mean, its arrays, its numbers, its documentation."""

import re

import numpy as np
import pytest
from loss_forms import FORMS

from mlpcli.family import stacked
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.losses import LOSSES

MEMBERS = [member() for member in LOSSES.values()]
LN2, LN3 = np.log(2.0), np.log(3.0)
SIX = 6  # outputs: as many as two, and three, for each target

each_loss = pytest.mark.parametrize("loss", FORMS, ids=repr)
each_member = pytest.mark.parametrize("loss", MEMBERS, ids=repr)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
each_kind = pytest.mark.parametrize("mixed", [False, True], ids=["labels", "mixtures"])


def delta_of(loss, u, y, scale=None):
    """Return dJ/du, of J the mean of the rows' losses; or with another scale."""
    out = np.full_like(u, np.nan)
    scale = np.asarray(1 / u.shape[-2], u.dtype) if scale is None else scale
    loss.delta(u, y, scale, out, loss.scratch(out))
    return out


def value_and_delta(loss, u, y):
    """Return the mean of the rows' losses, and its derivative."""
    return loss.value(u, y).mean(axis=-1), delta_of(loss, u, y)


L = LOSSES
# J, the mean over the rows, and delta; worked by hand
BY_HAND = {
    # residuals 1, 0, 2, 4; their squares sum to 21; 21 / (2 · 2)
    "mse": (L["mse"](), [[1, 2], [3, 5]], [[0, 2], [1, 1]], 5.25, [[0.5, 0], [1, 2]]),
    # residuals 1, 0, −2, 4; (1 + 0 + 2 + 4) / 2
    "mae": (L["mae"](), [[1, 2], [-1, 5]], [[0, 2], [1, 1]], 3.5, [[0.5, 0], [-0.5, 0.5]]),
    # residuals 1/2, −3, cut off at 2: 1/8 and 2 (3 − 1)
    "huber": (L["huber"](cutoff=2.0), [[1.5], [-3]], [[1], [0]], 4.125 / 2, [[0.25], [-1]]),
    # cosh log 3 = (3 + 1/3) / 2 = 5/3, tanh log 3 = (3 − 1/3) / (3 + 1/3) = 4/5
    "log_cosh": (L["log_cosh"](), [[LN3, 0]], [[0, LN3]], 2 * np.log(5 / 3), [[0.8, -0.8]]),
    # levels 1/4, 1/2 of two targets, 0 and 4: residuals 1, −3 | 2, −4; 3/4 + 3/4 + 1 + 2
    "quantile": (
        L["quantile"](levels=(0.25, 0.5)),
        [[1, 1, 2, 0]],
        [[0, 4]],
        4.5,
        [[0.75, -0.25, 0.5, -0.5]],
    ),
    # s = log(e − 1): softplus(s) = 1, sigmoid(s) = 1 − 1/e; v = 1.5 with the floor; r = 3
    "gaussian_nll": (
        L["gaussian_nll"](floor=0.5),
        [[4, np.log(np.e - 1)]],
        [[1]],
        (np.log(1.5) + 6) / 2,
        [[2, (1 - 1 / np.e) * (1 - 6) / 3]],
    ),
    # μ = 3, 1; 3 − 2 log 3 + 1 − 0
    "poisson": (L["poisson"](), [[LN3, 0]], [[2, 0]], 4 - 2 * LN3, [[1, 1]]),
    # μ = 3; 6/3 + log 3, 1 − 6/3
    "gamma": (L["gamma"](), [[LN3]], [[6]], 2 + LN3, [[-1]]),
    # u = log(e − 1): μ = softplus(u) = 1, sigmoid(u) = 1 − 1/e; y = 3
    "poisson-softplus": (
        L["poisson"]().for_task("regression", output="softplus"),
        [[np.log(np.e - 1)]],
        [[3]],
        1,
        [[-2 * (1 - 1 / np.e)]],
    ),
    "gamma-softplus": (
        L["gamma"]().for_task("regression", output="softplus"),
        [[np.log(np.e - 1)]],
        [[3]],
        3,
        [[-2 * (1 - 1 / np.e)]],
    ),
    # ŷ = 1/2 and 3/4; −log 1/2 − log 1/4 = 3 log 2
    "binary": (
        L["binary_cross_entropy"](),
        [[0], [LN3]],
        [[1], [0]],
        1.5 * LN2,
        [[-0.25], [0.375]],
    ),
    # two labels of one row: ŷ = 1/4 and 1/2; −log 1/4 − log 1/2
    "labels": (L["binary_cross_entropy"](), [[-LN3, 0]], [[1, 0]], 3 * LN2, [[-0.75, 0.5]]),
    # ŷ = 3/4, y = 1 and 0 smoothed by 1/2 to 3/4 and 1/4: −3/4 log 3/4 − 1/4 log 1/4, …
    "smoothed labels": (
        L["binary_cross_entropy"](label_smoothing=0.5),
        [[LN3, LN3]],
        [[1, 0]],
        4 * LN2 - LN3,
        [[0, 0.5]],
    ),
    # ŷ = 3/4, y = 1/4 and 1/2: the mean of −log 3/4 and −log 1/4, so weighted
    "mixed labels": (
        L["binary_cross_entropy"](),
        [[LN3, LN3]],
        [[0.25, 0.5]],
        4 * LN2 - 0.75 * LN3,
        [[0.5, 0.25]],
    ),
    # ŷ = (1/4, 3/4) and (1/2, 1/2); −log 1/4 − log 1/2
    "classes": (
        L["cross_entropy"](),
        [[0, LN3], [0, 0]],
        [[1, 0], [0, 1]],
        1.5 * LN2,
        [[-0.375, 0.375], [0.25, -0.25]],
    ),
    # ŷ = (1/4, 3/4), y = (1, 0) smoothed to (3/4, 1/4)
    "smoothed classes": (
        L["cross_entropy"](label_smoothing=0.5),
        [[0, LN3]],
        [[1, 0]],
        2 * LN2 - LN3 / 4,
        [[-0.5, 0.5]],
    ),
    "mixed classes": (
        L["cross_entropy"](),
        [[0, LN3]],
        [[0.75, 0.25]],
        2 * LN2 - LN3 / 4,
        [[-0.5, 0.5]],
    ),
    # (0.5, 0.5) smoothed is (0.5, 0.5)
    "smoothed mixed classes": (
        L["cross_entropy"](label_smoothing=0.2),
        [[0, LN3]],
        [[0.5, 0.5]],
        2 * LN2 - LN3 / 2,
        [[-0.25, 0.25]],
    ),
    # γ = 1: q = 1 − p = 1/4 (y = 1), 3/4 (y = 0); q (−log p); q² + q p (−log p), with its sign
    "focal": (
        L["focal"](gamma=1.0),
        [[LN3, LN3]],
        [[1, 0]],
        (2 * LN2 - LN3) / 4 + 3 * 2 * LN2 / 4,
        [[-(1 + 3 * (2 * LN2 - LN3)) / 16, (9 + 3 * 2 * LN2) / 16]],
    ),
    # the same, times 1/5 and 4/5
    "weighted focal": (
        L["focal"](gamma=1.0, alpha=0.2),
        [[LN3, LN3]],
        [[1, 0]],
        (2 * LN2 - LN3) / 20 + 3 * 2 * LN2 / 5,
        [[-(1 + 3 * (2 * LN2 - LN3)) / 80, (9 + 3 * 2 * LN2) / 20]],
    ),
    # two classes are a sigmoid of u_1 − u_0
    "focal of classes": (
        L["focal"](gamma=1.0).for_task("multiclass"),
        [[0, LN3]],
        [[1, 0]],
        3 * 2 * LN2 / 4,
        [[-(9 + 3 * 2 * LN2) / 16, (9 + 3 * 2 * LN2) / 16]],
    ),
    # margins 1 − 2 < 0, 1 + 2 = 3, 1 − 1/2
    "hinge": (L["hinge"](), [[2], [2], [-0.5]], [[1], [0], [0]], 3.5 / 3, [[0], [1 / 3], [1 / 3]]),
    # 1 + 2 − 1; 1 + 1 − 4 < 0
    "hinge of classes": (
        L["hinge"]().for_task("multiclass"),
        [[1, 0, 2], [4, 1, 0]],
        [[1, 0, 0], [1, 0, 0]],
        1,
        [[-0.5, 0, 0.5], [0, 0, 0]],
    ),
}


@pytest.mark.parametrize(("loss", "u", "y", "value", "delta"), BY_HAND.values(), ids=BY_HAND)
def test_value_and_delta_by_hand(loss, u, y, value, delta):
    u, y = np.array(u, float), np.array(y, float)
    loss.smooth(y)
    found = value_and_delta(loss, u, y)
    np.testing.assert_allclose(found[0], value, rtol=4e-15)
    np.testing.assert_allclose(found[1], delta, rtol=4e-15, atol=1e-16)


def central_difference(loss, u, y):
    """Return dJ/du from values alone."""
    quotient = np.empty_like(u)
    for at in np.ndindex(u.shape):
        ahead, behind = u.copy(), u.copy()
        ahead[at] += 1e-5
        behind[at] -= 1e-5
        quotient[at] = np.mean(loss.value(ahead, y) - loss.value(behind, y)) / 2e-5
    return quotient


@each_loss
@each_kind
def test_delta_equals_the_central_difference_of_the_value(loss, mixed, draw_target):
    rng = np.random.default_rng(0)
    u = 2 * rng.normal(size=(5, SIX))
    y = draw_target(loss, rng, u.shape, mixed=mixed)
    expected = central_difference(loss, u, y)
    np.testing.assert_allclose(delta_of(loss, u, y), expected, rtol=2e-9, atol=2e-9)


@each_loss
@pytest.mark.parametrize("factor", [1.01, -1.0], ids=["1.01", "flipped"])
def test_that_difference_shows_a_wrong_delta(loss, factor, draw_target):
    rng = np.random.default_rng(0)
    u = 2 * rng.normal(size=(5, SIX))
    y = draw_target(loss, rng, u.shape)
    expected, wrong = central_difference(loss, u, y), factor * delta_of(loss, u, y)
    assert not np.allclose(wrong, expected, rtol=2e-9, atol=2e-9)


@each_loss
@each_kind
def test_no_row_costs_less_than_the_lower_bound(loss, mixed, draw_target):
    """An interval of its mean lies above the bound: where some rows cost less, there is none."""
    rng = np.random.default_rng(2)
    u = 2 * rng.normal(size=(3000, SIX))
    y = draw_target(loss, rng, u.shape, mixed=mixed)
    sizes = (0.01, 1, 10) if "regression" in loss.tasks else (1,)
    least = min(loss.value(u, size * y).min() for size in sizes)
    assert least >= loss.lower
    assert loss.lower == (0 if least >= 0 else -np.inf)


@each_loss
def test_the_mean_over_rows_is_the_same_for_a_batch_given_twice(loss, draw_target):
    rng = np.random.default_rng(1)
    u = rng.normal(size=(6, SIX))
    y = draw_target(loss, rng, u.shape)
    value, delta = value_and_delta(loss, u, y)
    twice, delta_twice = value_and_delta(loss, np.concatenate([u, u]), np.concatenate([y, y]))
    np.testing.assert_allclose(twice, value, rtol=1e-14)
    np.testing.assert_allclose(delta_twice, np.concatenate([delta, delta]) / 2, rtol=1e-14)


@each_loss
@each_dtype
@pytest.mark.parametrize("n_outputs", [SIX, 12])
def test_a_rows_value_has_the_same_bits_in_any_batch(loss, n_outputs, dtype, draw_target):
    rng = np.random.default_rng(8)
    u = rng.normal(size=(67, n_outputs)).astype(dtype)
    y = draw_target(loss, rng, u.shape, dtype)
    together = loss.value(u, y)
    for size in (1, 2, 9):
        parts = [loss.value(u[d : d + size], y[d : d + size]) for d in range(0, 67, size)]
        np.testing.assert_array_equal(np.concatenate(parts), together)


@each_loss
def test_scale_multiplies_the_delta(loss, draw_target):
    rng = np.random.default_rng(9)
    u = rng.normal(size=(4, SIX))
    y = draw_target(loss, rng, u.shape)
    one, eighth = (delta_of(loss, u, y, np.asarray(scale)) for scale in (1.0, 0.125))
    np.testing.assert_allclose(eighth, one / 8, rtol=1e-14, atol=1e-16)


@each_loss
@pytest.mark.parametrize("lane_shape", [(), (3,)], ids=["alone", "lanes"])
def test_a_scale_for_each_row_multiplies_its_delta_alone(loss, lane_shape, draw_target):
    rng = np.random.default_rng(10)
    u = rng.normal(size=(*lane_shape, 4, SIX))
    y = draw_target(loss, rng, u.shape)
    weight = rng.random((*lane_shape, 4, 1))
    delta, weighted = delta_of(loss, u, y, np.asarray(1.0)), delta_of(loss, u, y, weight)
    np.testing.assert_allclose(weighted, weight * delta, rtol=1e-13, atol=1e-16)


@each_loss
@each_dtype
def test_inputs_are_left_alone_and_the_type_is_kept(loss, dtype, draw_target):
    rng = np.random.default_rng(3)
    u = rng.normal(size=(2, 5, SIX)).astype(dtype)
    y = draw_target(loss, rng, u.shape, dtype)
    kept_u, kept_y = u.copy(), y.copy()
    value, delta = loss.value(u, y), delta_of(loss, u, y)
    np.testing.assert_array_equal(u, kept_u)
    np.testing.assert_array_equal(y, kept_y)
    assert (value.shape, value.dtype) == ((2, 5), dtype)
    assert np.isfinite(delta).all()


@each_loss
@each_dtype
@pytest.mark.parametrize("shape", [(4, 7, SIX), (4, 1, 12), (4, 16, 12)])
def test_a_lane_has_the_same_bits_alone(loss, shape, dtype, draw_target):
    rng = np.random.default_rng(4)
    u = rng.normal(size=shape).astype(dtype)
    y = draw_target(loss, rng, u.shape, dtype)
    values, deltas = loss.value(u, y), delta_of(loss, u, y)
    for r in range(len(u)):
        np.testing.assert_array_equal(loss.value(u[r].copy(), y[r].copy()), values[r])
        np.testing.assert_array_equal(delta_of(loss, u[r].copy(), y[r].copy()), deltas[r])


@each_loss
def test_lanes_may_share_their_targets(loss, draw_target):
    rng = np.random.default_rng(5)
    u = rng.normal(size=(4, 7, SIX))
    y = draw_target(loss, rng, u.shape[1:])
    shared, apart = value_and_delta(loss, u, y), value_and_delta(loss, u, np.stack([y] * 4))
    np.testing.assert_array_equal(shared[0], apart[0])
    np.testing.assert_array_equal(shared[1], apart[1])


@each_loss
def test_scratch_keeps_nothing_from_the_batch_before(loss, draw_target):
    rng = np.random.default_rng(6)
    out = np.full((7, SIX), np.nan)
    used = loss.scratch(out)
    for _ in range(2):
        u = 9 * rng.normal(size=(7, SIX))
        y = draw_target(loss, rng, u.shape)
        loss.delta(u, y, np.asarray(1 / 7), out, used)
        np.testing.assert_array_equal(out, delta_of(loss, u, y))


# One number a lane: lane r has the r-th.
LANES = {
    "huber": {"cutoff": (0.3, 1.0, 2.0)},
    "gaussian_nll": {"floor": (1e-6, 0.01, 0.3)},
    "binary_cross_entropy": {"label_smoothing": (0.1, 0.2, 0.3)},
    "cross_entropy": {"label_smoothing": (0.1, 0.2, 0.3)},
    "focal": {
        "gamma": (0.0, 0.7, 2.0),
        "alpha": (0.1, 0.25, 0.8),
        "label_smoothing": (0.1, 0.2, 0.3),
    },
}


def test_every_number_may_differ_from_lane_to_lane():
    numbers = {name: set(vars(loss)) for name, loss in zip(LOSSES, MEMBERS, strict=True)}
    numbers["quantile"] = set()  # levels are not one number
    assert numbers == {name: set(LANES.get(name, ())) for name in LOSSES}


@each_dtype
@each_loss
def test_a_lane_with_settings_of_its_own_has_the_same_bits_alone(loss, dtype, draw_target):
    rng = np.random.default_rng(11)
    u = rng.normal(size=(3, 7, SIX)).astype(dtype)
    y = draw_target(loss, rng, u.shape, dtype)
    differing = {
        name: values for name, values in LANES.get(loss.name, {}).items() if getattr(loss, name)
    }
    lanes = [
        type(loss)(**{**vars(loss), **{name: values[r] for name, values in differing.items()}})
        for r in range(3)
    ]
    stack, smoothed = stacked(lanes), y.copy()
    stack.smooth(smoothed)
    values, deltas = stack.value(u, smoothed), delta_of(stack, u, smoothed)
    for r, lane in enumerate(lanes):
        alone = y[r].copy()
        lane.smooth(alone)
        np.testing.assert_array_equal(alone, smoothed[r])
        np.testing.assert_array_equal(lane.value(u[r].copy(), alone), values[r])
        np.testing.assert_array_equal(delta_of(lane, u[r].copy(), alone), deltas[r])


@each_loss
@each_dtype
@pytest.mark.parametrize("shape", [(2048, 258), (3, 700, 258)], ids=["alone", "lanes"])
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
def test_a_delta_allocates_nothing_that_grows(
    loss, shape, weighted, dtype, draw_target, peak_bytes
):
    rng = np.random.default_rng(7)
    u = rng.normal(size=shape).astype(dtype)
    y, out = draw_target(loss, rng, u.shape, dtype), np.empty_like(u)
    scale = np.full((*shape[:-1], 1) if weighted else (), 0.5, dtype)
    scratch = loss.scratch(out)
    # NumPy's buffers of 8,192 numbers, where a mask becomes a float, and views.
    assert peak_bytes(lambda: loss.delta(u, y, scale, out, scratch)) < 4 * 8192 * 8 < u.nbytes / 4


@each_loss
def test_the_link_and_the_other_outputs_exist(loss):
    assert {loss.link, *(loss.outputs or ())} <= set(ACTIVATIONS)


@pytest.mark.parametrize(
    ("task", "name"),
    [
        ("regression", "mse"),
        ("binary", "binary_cross_entropy"),
        ("multiclass", "cross_entropy"),
        ("multilabel", "binary_cross_entropy"),
    ],
)
def test_every_task_has_its_loss(task, name):
    assert task in LOSSES[name].tasks


@each_member
def test_docstring_has_value_delta_and_source(loss):
    assert re.search(r"\bJ = \S", loss.__doc__)
    assert re.search(r"dJ/d(u|ŷ) = \S", loss.__doc__)
    assert re.search(r"Source: \w", loss.__doc__)


@pytest.mark.parametrize(
    ("name", "task", "output", "expected"),
    [
        ("mse", "multiclass", None, "MeanSquaredError"),
        ("binary_cross_entropy", "multilabel", None, "BinaryCrossEntropy"),
        ("cross_entropy", "multiclass", None, "CrossEntropy"),
        ("focal", "binary", None, "Focal"),
        ("focal", "multiclass", None, "FocalOfClasses"),
        ("hinge", "multilabel", None, "Hinge"),
        ("hinge", "multiclass", None, "HingeOfClasses"),
        ("poisson", "regression", None, "Poisson"),
        ("poisson", "regression", "softplus", "PoissonOfSoftplus"),
        ("gamma", "regression", "softplus", "GammaOfSoftplus"),
    ],
)
def test_the_function_is_chosen_by_task_and_output(name, task, output, expected):
    chosen = LOSSES[name]().for_task(task, output=output)
    assert type(chosen).__name__ == expected
    assert chosen.for_task(task, output=output) is chosen


@pytest.mark.parametrize(
    ("name", "task", "n_classes"),
    [
        ("binary_cross_entropy", "binary", 2),
        ("binary_cross_entropy", "multilabel", 2),
        ("focal", "multilabel", 2),
        ("focal", "multiclass", 4),
        ("cross_entropy", "multiclass", 4),
    ],
)
@each_dtype
def test_smoothing_moves_targets_towards_equal_shares(name, task, n_classes, dtype):
    loss = LOSSES[name](label_smoothing=0.2).for_task(task)
    y = np.array([[1, 0, 0, 0], [0.5, 0.5, 0, 0]], dtype)
    assert loss.smooth(y) is None
    share = 0.2 / n_classes
    expected = [[0.8 + share, share, share, share], [0.4 + share, 0.4 + share, share, share]]
    np.testing.assert_allclose(y, expected, rtol=2 * np.finfo(dtype).eps)
    assert loss.smooths


@each_loss
def test_without_smoothing_targets_stay_as_they_are(loss, draw_target):
    y = draw_target(loss, np.random.default_rng(12), (5, SIX))
    kept = y.copy()
    loss.smooth(y)
    assert loss.smooths == (not np.array_equal(y, kept)) == bool(vars(loss).get("label_smoothing"))


def test_lanes_that_smooth_differently_need_targets_of_their_own():
    lanes = [LOSSES["cross_entropy"](label_smoothing=e) for e in (0.0, 0.4)]
    stack, y = stacked(lanes), np.tile(np.eye(2), (2, 1, 1))
    assert stack.smooths
    stack.smooth(y)
    np.testing.assert_allclose(y, [np.eye(2), [[0.8, 0.2], [0.2, 0.8]]], rtol=1e-15)
    with pytest.raises(ValueError, match="targets of their own"):
        stack.smooth(np.eye(2))


def test_a_label_of_one_half_does_not_hide_u():
    # y = 1/2: J = softplus(u) − u/2, the same for u and −u, and not log 2 at every u
    loss = LOSSES["binary_cross_entropy"]()
    value, delta = value_and_delta(loss, np.array([[LN3]]), np.array([[0.5]]))
    np.testing.assert_allclose([value, delta[0, 0]], [2 * LN2 - LN3 / 2, 0.25], rtol=1e-14)


def test_hinge_alone_takes_no_mixtures():
    assert [name for name, loss in LOSSES.items() if not loss.mixes] == ["hinge"]


def test_what_the_outputs_of_a_loss_say_of_each_target():
    y_hat = np.arange(12.0).reshape(2, 6)

    def said(loss):
        return {suffix: (v.tolist(), width) for suffix, v, width in loss.predictions(y_hat)}

    assert said(L["mae"]()) == {"": (y_hat.tolist(), False)}
    assert said(L["gaussian_nll"]()) == {
        "": ([[0, 1, 2], [6, 7, 8]], False),
        "_std": ([[3, 4, 5], [9, 10, 11]], True),
    }
    assert said(L["quantile"](levels=(0.1, 0.45, 0.9))) == {
        "": ([[2, 3], [8, 9]], False),
        "_q0.1": ([[0, 1], [6, 7]], False),
        "_q0.45": ([[2, 3], [8, 9]], False),
        "_q0.9": ([[4, 5], [10, 11]], False),
    }


@pytest.mark.parametrize(
    ("levels", "median"),
    [((0.1, 0.5, 0.9), 1), ((0.9,), 0), ((0.4, 0.6), 0), ((0.3, 0.7), 0), ((0.1, 0.2, 0.6), 2)],
)
def test_the_central_quantile_is_nearest_to_the_median_or_below(levels, median):
    loss = L["quantile"](levels=levels)
    y_hat = np.arange(2.0 * len(levels)).reshape(1, -1)
    np.testing.assert_array_equal(loss.central(y_hat), y_hat[:, 2 * median : 2 * median + 2])


@each_dtype
def test_gaussian_predictions_are_means_and_standard_deviations(dtype):
    # s = log(e^v − 1) has softplus(s) = v: 4 − 1e-6 and 9 − 1e-6, the rest is the floor
    s = np.log(np.expm1(np.array([4, 9]) - 1e-6))
    u, out = np.array([[1, 2, *s]], dtype), np.empty((1, 4))
    L["gaussian_nll"]().predict(u, out)
    np.testing.assert_allclose(out, [[1, 2, 2, 3]], rtol=4 * np.finfo(dtype).eps)


@each_loss
def test_its_prediction_is_its_central_one_first_and_finite(loss):
    u = np.array([[-1e4, -1.0, 0.0, 1.0, 60.0, 1e4]], np.float32)
    out = np.empty((1, SIX))
    with np.errstate(all="raise", under="ignore"):
        loss.predict(u, out)
    assert np.isfinite(out).all()
    suffix, values, is_width = next(iter(loss.predictions(out)))
    assert (suffix, is_width) == ("", False)
    np.testing.assert_array_equal(values, loss.central(out))
    if "regression" in loss.tasks:
        assert loss.n_outputs(values.shape[1]) == SIX


def test_targets_that_a_loss_refuses():
    y = np.array([[-1.0, 0.0], [1e-300, 3.0]])
    np.testing.assert_array_equal(L["poisson"]().refused(y), [[True, False], [False, False]])
    np.testing.assert_array_equal(L["gamma"]().refused(y), [[True, True], [False, False]])
    assert not any(loss.refused(y).any() for loss in MEMBERS if loss.standardized)
