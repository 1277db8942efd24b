"""What every loss promises: its delta, its mean, its arrays, its numbers, its documentation."""

import re

import numpy as np
import pytest
from scipy.special import logsumexp, softmax

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.losses import LOSSES

MEMBERS = [member() for member in LOSSES.values()]
LN2, LN3 = np.log(2.0), np.log(3.0)

each_loss = pytest.mark.parametrize("loss", MEMBERS, ids=repr)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def value_and_delta(loss, u, target):
    """Return the mean of the rows' losses, and its derivative."""
    delta = np.full_like(u, np.nan)
    rows = np.full(u.shape[:-1], np.nan, u.dtype)
    loss.rows_and_delta(u, target, one_over_n(u), rows, delta, loss.scratch(delta))
    return rows.mean(axis=-1), delta


def one_over_n(u):
    return np.asarray(1 / u.shape[-2], u.dtype)


@pytest.mark.parametrize(
    ("name", "u", "target", "value", "delta"),
    [
        # residuals 1, 0, 2, 4; their squares sum to 21; 21 / (2 · 2)
        ("mse", [[1, 2], [3, 5]], [[0, 2], [1, 1]], 5.25, [[0.5, 0], [1, 2]]),
        # ŷ = 1/2 and 3/4; −log 1/2 − log 1/4 = 3 log 2
        ("binary_cross_entropy", [[0], [LN3]], [[1], [0]], 1.5 * LN2, [[-0.25], [0.375]]),
        # two labels of one row: ŷ = 1/4 and 1/2; −log 1/4 − log 1/2
        ("binary_cross_entropy", [[-LN3, 0]], [[1, 0]], 3 * LN2, [[-0.75, 0.5]]),
        # ŷ = (1/4, 3/4) and (1/2, 1/2); −log 1/4 − log 1/2
        (
            "cross_entropy",
            [[0, LN3], [0, 0]],
            [0, 1],
            1.5 * LN2,
            [[-0.375, 0.375], [0.25, -0.25]],
        ),
    ],
)
def test_value_and_delta_by_hand(name, u, target, value, delta):
    found = value_and_delta(LOSSES[name](), np.array(u, float), np.array(target))
    np.testing.assert_allclose(found[0], value, rtol=1e-15)
    np.testing.assert_allclose(found[1], delta, rtol=1e-15)


@each_loss
def test_delta_equals_the_central_difference_of_the_value(loss, draw_target):
    rng = np.random.default_rng(0)
    u = 2 * rng.normal(size=(5, 4))
    target = draw_target(loss, rng, u.shape)
    expected = np.empty_like(u)
    for at in np.ndindex(u.shape):
        values = []
        for eta in (1e-5, -1e-5):
            moved = u.copy()
            moved[at] += eta
            values.append(value_and_delta(loss, moved, target)[0])
        expected[at] = (values[0] - values[1]) / 2e-5
    np.testing.assert_allclose(value_and_delta(loss, u, target)[1], expected, atol=1e-9)


@each_loss
def test_the_mean_over_rows_is_the_same_for_a_batch_given_twice(loss, draw_target):
    rng = np.random.default_rng(1)
    u = rng.normal(size=(6, 3))
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
    u = rng.normal(size=(6, 3))
    target = draw_target(loss, rng, u.shape)
    rows, delta = np.full(6, np.nan), np.empty_like(u)
    loss.rows_and_delta(u, target, one_over_n(u), rows, delta, loss.scratch(delta))
    alone = [value_and_delta(loss, u[d : d + 1], target[d : d + 1])[0] for d in range(6)]
    np.testing.assert_allclose(rows, alone, rtol=1e-14)


@each_loss
def test_scale_multiplies_the_delta_and_not_the_losses(loss, draw_target):
    rng = np.random.default_rng(9)
    u = rng.normal(size=(4, 3))
    target = draw_target(loss, rng, u.shape)
    found = []
    for scale in (1.0, 0.125):
        rows, delta = np.empty(4), np.empty_like(u)
        loss.rows_and_delta(u, target, np.asarray(scale), rows, delta, loss.scratch(delta))
        found.append((rows, delta))
    np.testing.assert_array_equal(found[1][0], found[0][0])
    np.testing.assert_allclose(found[1][1], found[0][1] / 8, rtol=1e-14, atol=1e-16)


LOGITS = np.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4], [-1e4, -1e4, -1e4], [0.25, 0.0, -0.5]])
INDICATORS = np.array([[1.0, 0.0, 1.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 1.0]])


@pytest.mark.parametrize("classes", [[0, 1, 2, 1], [1, 0, 0, 2]])
def test_cross_entropy_at_large_logits_is_the_closed_form(classes):
    loss, rows = LOSSES["cross_entropy"](), np.arange(4)
    expected = np.mean(logsumexp(LOGITS, axis=1) - LOGITS[rows, classes])
    delta = softmax(LOGITS, axis=1) / 4
    delta[rows, classes] -= 1 / 4
    check_float32(loss, np.array(classes), expected, delta)


@pytest.mark.parametrize("target", [INDICATORS, 1 - INDICATORS])
def test_binary_cross_entropy_at_large_logits_is_the_closed_form(target):
    # −y log ŷ − (1 − y) log(1 − ŷ), with −log ŷ = log(1 + exp(−u)) and so on
    away = np.where(target == 1, -LOGITS, LOGITS)
    expected = np.sum(np.maximum(away, 0) + np.log1p(np.exp(-np.abs(away)))) / 4
    sigmoid = np.exp(np.minimum(LOGITS, 0)) / (1 + np.exp(-np.abs(LOGITS)))
    check_float32(LOSSES["binary_cross_entropy"](), target, expected, (sigmoid - target) / 4)


def test_squared_error_at_large_outputs_is_the_closed_form():
    expected = np.sum((LOGITS - INDICATORS) ** 2) / 8
    check_float32(LOSSES["mse"](), INDICATORS, expected, (LOGITS - INDICATORS) / 4)


def check_float32(loss, target, value, delta):
    with np.errstate(all="raise", under="ignore"):
        found = value_and_delta(loss, LOGITS.astype(np.float32), target)
    np.testing.assert_allclose(found[0], value, rtol=1e-6)
    np.testing.assert_allclose(found[1], delta, rtol=1e-6, atol=1e-7)


@each_loss
def test_large_logits_in_float32_agree_with_float64(loss, draw_target):
    target = draw_target(loss, np.random.default_rng(2), LOGITS.shape)
    check_float32(loss, target, *value_and_delta(loss, LOGITS, target))


@each_loss
@each_dtype
def test_inputs_are_left_alone_and_the_type_is_kept(loss, dtype, draw_target):
    rng = np.random.default_rng(3)
    u = rng.normal(size=(2, 5, 3)).astype(dtype)
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
    u = rng.normal(size=(4, 7, 3)).astype(dtype)
    target = draw_target(loss, rng, u.shape, dtype)
    values, deltas = value_and_delta(loss, u, target)
    for r in range(len(u)):
        value, delta = value_and_delta(loss, u[r].copy(), target[r].copy())
        assert value == values[r]
        np.testing.assert_array_equal(delta, deltas[r])


@each_loss
def test_lanes_may_share_their_targets(loss, draw_target):
    rng = np.random.default_rng(5)
    u = rng.normal(size=(4, 7, 3))
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
    rows, delta = np.full(7, np.nan), np.full((7, 3), np.nan)
    used = loss.scratch(delta)
    for _ in range(2):
        u = 9 * rng.normal(size=(7, 3))
        target = draw_target(loss, rng, u.shape)
        loss.rows_and_delta(u, target, one_over_n(u), rows, delta, used)
        fresh, delta_fresh = value_and_delta(loss, u, target)
        assert rows.mean() == fresh
        np.testing.assert_array_equal(delta, delta_fresh)


@each_loss
@each_dtype
def test_nothing_as_large_as_the_delta_is_allocated(loss, dtype, draw_target, peak_bytes):
    rng = np.random.default_rng(7)
    u = rng.normal(size=(512, 256)).astype(dtype)
    target, delta = draw_target(loss, rng, u.shape, dtype), np.empty_like(u)
    scratch, rows, scale = loss.scratch(delta), np.empty(512, dtype), one_over_n(u)
    peak = peak_bytes(lambda: loss.rows_and_delta(u, target, scale, rows, delta, scratch))
    assert peak < u.nbytes / 8


@each_loss
def test_the_link_exists(loss):
    assert loss.link in ACTIVATIONS


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


@each_loss
def test_docstring_has_value_delta_and_source(loss):
    assert re.search(r"\bJ = \S", loss.__doc__)
    assert re.search(r"dJ/d(u|ŷ) = \S", loss.__doc__)
    assert re.search(r"Source: \w", loss.__doc__)
