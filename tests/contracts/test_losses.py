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


def value_and_delta(loss, u, target):
    """Return the mean of the rows' losses, and its derivative."""
    delta = np.full_like(u, np.nan)
    rows = np.full(u.shape[:-1], np.nan, u.dtype)
    loss.rows_and_delta(u, target, one_over_n(u), rows, delta, loss.scratch(delta))
    return rows.mean(axis=-1), delta


def one_over_n(u):
    return np.asarray(1 / u.shape[-2], u.dtype)


L = LOSSES
# J, the mean over the rows, and delta; worked by hand
BY_HAND = {
    # residuals 1, 0, 2, 4; their squares sum to 21; 21 / (2 · 2)
    "mse": (L["mse"](), [[1, 2], [3, 5]], [[0, 2], [1, 1]], 5.25, [[0.5, 0], [1, 2]]),
    # residuals 1, 0, −2, 4; (1 + 0 + 2 + 4) / 2
    "mae": (L["mae"](), [[1, 2], [-1, 5]], [[0, 2], [1, 1]], 3.5, [[0.5, 0], [-0.5, 0.5]]),
    # residuals 1/2, −3, cut off at 2: 1/8 and 2 (3 − 1)
    "huber": (L["huber"](delta=2.0), [[1.5], [-3]], [[1], [0]], 4.125 / 2, [[0.25], [-1]]),
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
        L["binary_cross_entropy"](label_smoothing=0.5).for_task("multilabel"),
        [[LN3, LN3]],
        [[1, 0]],
        4 * LN2 - LN3,
        [[0, 0.5]],
    ),
    # ŷ = 3/4, y = 1/4 and 1/2: the mean of −log 3/4 and −log 1/4, so weighted
    "mixed labels": (
        L["binary_cross_entropy"]().for_task("binary", mixed=True),
        [[LN3, LN3]],
        [[0.25, 0.5]],
        4 * LN2 - 0.75 * LN3,
        [[0.5, 0.25]],
    ),
    # ŷ = (1/4, 3/4) and (1/2, 1/2); −log 1/4 − log 1/2
    "classes": (
        L["cross_entropy"](),
        [[0, LN3], [0, 0]],
        [0, 1],
        1.5 * LN2,
        [[-0.375, 0.375], [0.25, -0.25]],
    ),
    # ŷ = (1/4, 3/4), y = (1, 0) smoothed to (3/4, 1/4)
    "smoothed classes": (
        L["cross_entropy"](label_smoothing=0.5).for_task("multiclass"),
        [[0, LN3]],
        [0],
        2 * LN2 - LN3 / 4,
        [[-0.5, 0.5]],
    ),
    "mixed classes": (
        L["cross_entropy"]().for_task("multiclass", mixed=True),
        [[0, LN3]],
        [[0.75, 0.25]],
        2 * LN2 - LN3 / 4,
        [[-0.5, 0.5]],
    ),
    # (0.5, 0.5) smoothed is (0.5, 0.5)
    "smoothed mixed classes": (
        L["cross_entropy"](label_smoothing=0.2).for_task("multiclass", mixed=True),
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
        L["focal"](gamma=1.0, alpha=0.2).for_task("binary"),
        [[LN3, LN3]],
        [[1, 0]],
        (2 * LN2 - LN3) / 20 + 3 * 2 * LN2 / 5,
        [[-(1 + 3 * (2 * LN2 - LN3)) / 80, (9 + 3 * 2 * LN2) / 20]],
    ),
    # two classes are a sigmoid of u_1 − u_0
    "focal of classes": (
        L["focal"](gamma=1.0).for_task("multiclass"),
        [[0, LN3]],
        [0],
        3 * 2 * LN2 / 4,
        [[-(9 + 3 * 2 * LN2) / 16, (9 + 3 * 2 * LN2) / 16]],
    ),
    # margins 1 − 2 < 0, 1 + 2 = 3, 1 − 1/2
    "hinge": (L["hinge"](), [[2], [2], [-0.5]], [[1], [0], [0]], 3.5 / 3, [[0], [1 / 3], [1 / 3]]),
    # 1 + 2 − 1; 1 + 1 − 4 < 0
    "hinge of classes": (
        L["hinge"]().for_task("multiclass"),
        [[1, 0, 2], [4, 1, 0]],
        [0, 0],
        1,
        [[-0.5, 0, 0.5], [0, 0, 0]],
    ),
}


@pytest.mark.parametrize(("loss", "u", "target", "value", "delta"), BY_HAND.values(), ids=BY_HAND)
def test_value_and_delta_by_hand(loss, u, target, value, delta):
    found = value_and_delta(loss, np.array(u, float), np.array(target))
    np.testing.assert_allclose(found[0], value, rtol=4e-15)
    np.testing.assert_allclose(found[1], delta, rtol=4e-15, atol=1e-16)


@each_loss
def test_delta_equals_the_central_difference_of_the_value(loss, draw_target):
    rng = np.random.default_rng(0)
    u = 2 * rng.normal(size=(5, SIX))
    target = draw_target(loss, rng, u.shape)
    expected = np.empty_like(u)
    for at in np.ndindex(u.shape):
        values = []
        for eta in (1e-5, -1e-5):
            moved = u.copy()
            moved[at] += eta
            values.append(value_and_delta(loss, moved, target)[0])
        expected[at] = (values[0] - values[1]) / 2e-5
    np.testing.assert_allclose(value_and_delta(loss, u, target)[1], expected, rtol=2e-9, atol=2e-9)


@each_loss
def test_the_mean_over_rows_is_the_same_for_a_batch_given_twice(loss, draw_target):
    rng = np.random.default_rng(1)
    u = rng.normal(size=(6, SIX))
    target = draw_target(loss, rng, u.shape)
    value, delta = value_and_delta(loss, u, target)
    twice, delta_twice = value_and_delta(
        loss, np.concatenate([u, u]), np.concatenate([target, target])
    )
    np.testing.assert_allclose(twice, value, rtol=1e-14)
    np.testing.assert_allclose(delta_twice, np.concatenate([delta, delta]) / 2, rtol=1e-14)


@each_loss
def test_each_rows_loss_is_that_of_the_row_alone(loss, draw_target):
    rng = np.random.default_rng(8)
    u = rng.normal(size=(6, SIX))
    target = draw_target(loss, rng, u.shape)
    rows, delta = np.full(6, np.nan), np.empty_like(u)
    loss.rows_and_delta(u, target, one_over_n(u), rows, delta, loss.scratch(delta))
    alone = [value_and_delta(loss, u[d : d + 1], target[d : d + 1])[0] for d in range(6)]
    np.testing.assert_allclose(rows, alone, rtol=1e-14)


@each_loss
def test_scale_multiplies_the_delta_and_not_the_losses(loss, draw_target):
    rng = np.random.default_rng(9)
    u = rng.normal(size=(4, SIX))
    target = draw_target(loss, rng, u.shape)
    found = []
    for scale in (1.0, 0.125):
        rows, delta = np.empty(4), np.empty_like(u)
        loss.rows_and_delta(u, target, np.asarray(scale), rows, delta, loss.scratch(delta))
        found.append((rows, delta))
    np.testing.assert_array_equal(found[1][0], found[0][0])
    np.testing.assert_allclose(found[1][1], found[0][1] / 8, rtol=1e-14, atol=1e-16)


@each_loss
@pytest.mark.parametrize("lead", [(), (3,)], ids=["alone", "lanes"])
def test_a_scale_for_each_row_multiplies_its_delta_alone(loss, lead, draw_target):
    rng = np.random.default_rng(10)
    u = rng.normal(size=(*lead, 4, SIX))
    target = draw_target(loss, rng, u.shape)
    weight = rng.random((*lead, 4, 1))
    rows, delta = np.empty(u.shape[:-1]), np.empty_like(u)
    weighted_rows, weighted = np.empty_like(rows), np.empty_like(u)
    loss.rows_and_delta(u, target, np.asarray(1.0), rows, delta, loss.scratch(delta))
    loss.rows_and_delta(u, target, weight, weighted_rows, weighted, loss.scratch(weighted))
    np.testing.assert_array_equal(weighted_rows, rows)
    np.testing.assert_allclose(weighted, weight * delta, rtol=1e-13, atol=1e-16)


@each_loss
@each_dtype
def test_inputs_are_left_alone_and_the_type_is_kept(loss, dtype, draw_target):
    rng = np.random.default_rng(3)
    u = rng.normal(size=(2, 5, SIX)).astype(dtype)
    target = draw_target(loss, rng, u.shape, dtype)
    kept_u, kept_target = u.copy(), target.copy()
    value, _ = value_and_delta(loss, u, target)
    np.testing.assert_array_equal(u, kept_u)
    np.testing.assert_array_equal(target, kept_target)
    assert (value.shape, value.dtype) == ((2,), dtype)


@each_loss
@each_dtype
def test_a_lane_has_the_same_bits_alone(loss, dtype, draw_target):
    rng = np.random.default_rng(4)
    u = rng.normal(size=(4, 7, SIX)).astype(dtype)
    target = draw_target(loss, rng, u.shape, dtype)
    values, deltas = value_and_delta(loss, u, target)
    for r in range(len(u)):
        value, delta = value_and_delta(loss, u[r].copy(), target[r].copy())
        assert value == values[r]
        np.testing.assert_array_equal(delta, deltas[r])


@each_loss
def test_lanes_may_share_their_targets(loss, draw_target):
    rng = np.random.default_rng(5)
    u = rng.normal(size=(4, 7, SIX))
    target = draw_target(loss, rng, u.shape[1:])
    shared, apart = (
        value_and_delta(loss, u, target),
        value_and_delta(loss, u, np.stack([target] * 4)),
    )
    np.testing.assert_array_equal(shared[0], apart[0])
    np.testing.assert_array_equal(shared[1], apart[1])


@each_loss
def test_scratch_keeps_nothing_from_the_batch_before(loss, draw_target):
    rng = np.random.default_rng(6)
    rows, delta = np.full(7, np.nan), np.full((7, SIX), np.nan)
    used = loss.scratch(delta)
    for _ in range(2):
        u = 9 * rng.normal(size=(7, SIX))
        target = draw_target(loss, rng, u.shape)
        loss.rows_and_delta(u, target, one_over_n(u), rows, delta, used)
        fresh, delta_fresh = value_and_delta(loss, u, target)
        assert rows.mean() == fresh
        np.testing.assert_array_equal(delta, delta_fresh)


# One number a lane: lane r has the r-th.
LANES = {
    "huber": {"delta": (0.3, 1.0, 2.0)},
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
    target = draw_target(loss, rng, u.shape[1:], dtype)
    differing = {
        name: values for name, values in LANES.get(loss.name, {}).items() if getattr(loss, name)
    }
    lanes = [
        type(loss)(**{**vars(loss), **{name: values[r] for name, values in differing.items()}})
        for r in range(3)
    ]
    values, deltas = value_and_delta(stacked(lanes), u, target)
    for r, lane in enumerate(lanes):
        value, delta = value_and_delta(lane, u[r].copy(), target)
        assert value == values[r]
        np.testing.assert_array_equal(delta, deltas[r])


@each_loss
@each_dtype
def test_nothing_as_large_as_the_delta_is_allocated(loss, dtype, draw_target, peak_bytes):
    rng = np.random.default_rng(7)
    u = rng.normal(size=(2048, 258)).astype(dtype)
    target, delta = draw_target(loss, rng, u.shape, dtype), np.empty_like(u)
    scratch, rows, scale = loss.scratch(delta), np.empty(2048, dtype), one_over_n(u)
    peak = peak_bytes(lambda: loss.rows_and_delta(u, target, scale, rows, delta, scratch))
    assert peak < u.nbytes / 8


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


def forms(name, task, *, mixed=False, **settings):
    return type(LOSSES[name](**settings).for_task(task, mixed=mixed)).__name__


def test_the_form_is_chosen_by_task_settings_and_targets():
    assert forms("binary_cross_entropy", "binary") == "BinaryCrossEntropy"
    assert forms("binary_cross_entropy", "binary", mixed=True) == "BinaryMixtures"
    smooth = {"label_smoothing": 0.1}
    assert forms("binary_cross_entropy", "binary", **smooth) == "SmoothedBinaryCrossEntropy"
    assert forms("binary_cross_entropy", "binary", mixed=True, **smooth) == "SmoothedBinaryMixtures"
    assert forms("cross_entropy", "multiclass", **smooth) == "SmoothedCrossEntropy"
    assert forms("cross_entropy", "multiclass", mixed=True) == "Mixtures"
    assert forms("focal", "multilabel") == "Focal"
    assert forms("focal", "multilabel", alpha=0.3) == "WeightedFocal"
    assert forms("focal", "multiclass", **smooth) == "FocalOfMixtures"
    assert forms("hinge", "multiclass") == "HingeOfClasses"


@each_loss
def test_a_form_is_its_own_form(loss):
    tasks = [task for task in loss.tasks if (task == "multiclass") == (loss.link == "softmax")]
    mixed, output = "Mixtures" in type(loss).__name__, loss.link
    if loss.name not in ("mse", "hinge"):
        assert loss.for_task(tasks[0], mixed=mixed, output=output) is loss


@pytest.mark.parametrize(
    "loss",
    [
        L["binary_cross_entropy"](label_smoothing=0.1),
        L["cross_entropy"](label_smoothing=0.1),
        L["focal"](label_smoothing=0.1),
        L["focal"](alpha=0.3),
        type(L["cross_entropy"]().for_task("multiclass", mixed=True))(label_smoothing=0.1),
    ],
    ids=repr,
)
def test_a_setting_that_its_class_would_ignore_is_refused(loss):
    with pytest.raises(ValueError, match="for_task"):
        loss.scratch(np.empty((2, 3)))


@pytest.mark.parametrize(
    ("name", "task"), [("binary_cross_entropy", "binary"), ("focal", "multilabel")]
)
def test_a_mixture_of_one_label_is_that_label(name, task):
    rng = np.random.default_rng(12)
    u, y = 3 * rng.normal(size=(50, 4)), rng.integers(0, 2, (50, 4)).astype(float)
    one, mixed = (LOSSES[name]().for_task(task, mixed=m) for m in (False, True))
    for found, expected in zip(
        value_and_delta(mixed, u, y), value_and_delta(one, u, y), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-13)


@pytest.mark.parametrize("name", ["cross_entropy", "focal"])
@pytest.mark.parametrize("epsilon", [0.0, 0.15])
def test_a_mixture_of_one_class_is_that_class(name, epsilon):
    rng = np.random.default_rng(13)
    u, y = 3 * rng.normal(size=(50, 4)), rng.integers(0, 4, 50)
    loss = LOSSES[name](label_smoothing=epsilon)
    one, mixed = (loss.for_task("multiclass", mixed=m) for m in (False, True))
    target = y if one.class_index else np.eye(4)[y]
    for found, expected in zip(
        value_and_delta(mixed, u, np.eye(4)[y]), value_and_delta(one, u, target), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_a_label_of_one_half_does_not_hide_u():
    # y = 1/2: J = softplus(u) − u/2, the same for u and −u, and not log 2 at every u
    loss = LOSSES["binary_cross_entropy"]().for_task("binary", mixed=True)
    value, delta = value_and_delta(loss, np.array([[LN3]]), np.array([[0.5]]))
    np.testing.assert_allclose([value, delta[0, 0]], [2 * LN2 - LN3 / 2, 0.25], rtol=1e-14)


def test_hinge_takes_no_mixtures():
    assert not LOSSES["hinge"].mixes
    with pytest.raises(ValueError, match="mixtures"):
        LOSSES["hinge"]().for_task("binary", mixed=True)


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
