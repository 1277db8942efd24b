"""Every loss against its formula, written down a second time: SciPy, float64, one row.

Each function below takes a form of a loss, u (outputs,) and the row's target, and returns the
row's loss and its derivative by u. Nothing is fast or in place here, and classes are looped over.
"""

import itertools

import numpy as np
import pytest
from loss_forms import forms_of
from scipy.special import expit, huber, log_expit, logsumexp, softmax

from mlpcli.nn.losses import LOSSES

FAR = 60.0


def mse(_, u, y):
    return np.sum((u - y) ** 2) / 2, u - y


def mae(_, u, y):
    return np.sum(np.abs(u - y)), np.sign(u - y)


def huber_loss(loss, u, y):
    return np.sum(huber(loss.cutoff, u - y)), np.clip(u - y, -loss.cutoff, loss.cutoff)


def log_cosh(_, u, y):
    r = u - y
    # Near 0 the sum of exponentials is 2 to rounding: there the series r²/2 − r⁴/12 is exact.
    each = np.where(np.abs(r) < 1e-3, r**2 / 2 - r**4 / 12, np.logaddexp(r, -r) - np.log(2))
    return np.sum(each), np.tanh(r)


def quantile(loss, u, y):
    value, delta = 0.0, []
    for q, row in zip(loss.levels, u.reshape(len(loss.levels), -1), strict=True):
        value += np.sum(np.maximum(q * (y - row), (q - 1) * (y - row)))
        delta.append(np.where(row > y, 1 - q, -q))
    return value, np.concatenate(delta)


def gaussian_nll(loss, u, y):
    mean, s = u.reshape(2, -1)
    v = loss.floor - log_expit(-s)
    value = np.sum(np.log(v) + (y - mean) ** 2 / v) / 2
    return value, np.concatenate([(mean - y) / v, expit(s) * (1 / v - ((y - mean) / v) ** 2) / 2])


def exponential(u):
    """exp(u), above 60 its tangent there; and its derivative."""
    near = np.exp(np.minimum(u, FAR))
    return np.where(u > FAR, near * (1 + u - FAR), near), near


def poisson(loss, u, y):
    if loss.link == "softplus":
        mean, log_mean, d_log = softplus_mean(u)
        return np.sum(mean - y * log_mean), expit(u) - y * d_log
    mean, slope = exponential(u)
    return np.sum(mean - y * u), slope - y


def gamma(loss, u, y):
    if loss.link == "softplus":
        mean, log_mean, d_log = softplus_mean(u)
        inverse, slope = exponential(-u)
        with np.errstate(divide="ignore", over="ignore"):
            inverse = np.where(u < -30, inverse, 1 / mean)
            slope = np.where(u < -30, slope, d_log / mean)
        return np.sum(y * inverse + log_mean), d_log - y * slope
    inverse, slope = exponential(-u)
    return np.sum(y * inverse + u), 1 - y * slope


def softplus_mean(u):
    """μ = softplus(u), log μ, and the derivative of log μ."""
    mean = -log_expit(-u)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_mean = np.where(u < -40, u, np.log(mean))
        return mean, log_mean, np.where(u < -40, 1.0, expit(u) / mean)


def binary_cross_entropy(_, u, y):
    return np.sum(-y * log_expit(u) - (1 - y) * log_expit(-u)), expit(u) - y


def cross_entropy(_, u, y):
    return logsumexp(u) - np.sum(y * u), softmax(u) - y


def focal(loss, u, y):
    if loss.link == "softmax":
        value, delta = 0.0, np.zeros(len(u))
        for k, share in enumerate(y):
            others = np.arange(len(u)) != k
            against = logsumexp(u[others]) - u[k]
            value += share * focal_term(loss.gamma, against)
            slope = share * focal_slope(loss.gamma, against)
            delta[others] += slope * softmax(u[others])
            delta[k] -= slope
        return value, delta
    yes, no = (1, 1) if loss.alpha is None else (loss.alpha, 1 - loss.alpha)
    value = yes * y * focal_term(loss.gamma, -u) + no * (1 - y) * focal_term(loss.gamma, u)
    delta = no * (1 - y) * focal_slope(loss.gamma, u) - yes * y * focal_slope(loss.gamma, -u)
    return np.sum(value), delta


def focal_term(g, v):
    return expit(v) ** g * -log_expit(-v)


def focal_slope(g, v):
    return g * expit(v) ** g * expit(-v) * -log_expit(-v) + expit(v) ** (g + 1)


def hinge(loss, u, y):
    if type(loss).__name__ == "Hinge":
        margin = 1 - (2 * y - 1) * u
        return np.sum(np.maximum(0, margin)), np.where(margin > 0, 1 - 2 * y, 0)
    row_class = int(np.argmax(y))
    others = np.where(np.arange(len(u)) == row_class, -np.inf, u)
    value, delta = max(0.0, 1 + others.max() - u[row_class]), np.zeros(len(u))
    if value > 0:
        delta[others.argmax()], delta[row_class] = 1, -1
    return value, delta


ROW = {
    "mse": mse,
    "mae": mae,
    "huber": huber_loss,
    "log_cosh": log_cosh,
    "quantile": quantile,
    "gaussian_nll": gaussian_nll,
    "poisson": poisson,
    "gamma": gamma,
    "binary_cross_entropy": binary_cross_entropy,
    "cross_entropy": cross_entropy,
    "focal": focal,
    "hinge": hinge,
}


def formula(loss, u, target):
    """Return the rows' losses (N,), and their derivatives (N, outputs), in float64."""
    u, target = u.astype(np.float64), target.astype(np.float64)
    if loss.link == "softmax":  # which leaves all unchanged but rounding, at 10,000 as at 0
        u = u - u.max(axis=-1, keepdims=True)
    found = [ROW[loss.name](loss, row, y) for row, y in zip(u, target, strict=True)]
    return np.array([value for value, _ in found]), np.array([delta for _, delta in found])


SETTINGS = {
    "huber": [{"cutoff": 0.3}, {"cutoff": 2.5}],
    "quantile": [{"levels": levels} for levels in [(0.3,), (0.05, 0.95), (0.1, 0.5, 0.999)]],
    "gaussian_nll": [{"floor": 1e-12}, {"floor": 1e-6}, {"floor": 0.1}],
    "focal": [
        {"gamma": g, "alpha": a} for g, a in itertools.product((0.0, 0.5, 2.0, 3.7), (None, 0.3))
    ],
}
FORMS = forms_of(SETTINGS)
each_form = pytest.mark.parametrize("loss", FORMS, ids=repr)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
each_kind = pytest.mark.parametrize("mixed", [False, True], ids=["labels", "mixtures"])


def computed(loss, u, target, scale=1.0):
    """Return what the loss writes, warnings of every kind but underflow being errors."""
    delta = np.full_like(u, np.nan)
    with np.errstate(all="raise", under="ignore"):
        loss.delta(u, target, np.asarray(scale, u.dtype), delta, loss.scratch(delta))
        return loss.value(u, target), delta


def test_every_loss_has_its_formula():
    assert set(ROW) == set(LOSSES)
    assert {loss.name for loss in FORMS} == set(LOSSES)


@each_dtype
@each_kind
@each_form
def test_it_is_the_formula(loss, mixed, dtype, draw_target):
    rng = np.random.default_rng(0)
    u = (2 * rng.normal(size=(40, 6))).astype(dtype)
    target = draw_target(loss, rng, u.shape, dtype, mixed=mixed)
    rows, delta = computed(loss, u, target)
    value, slope = formula(loss, u, target)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(rows, value, rtol=40 * eps, atol=40 * eps)
    np.testing.assert_allclose(delta, slope, rtol=40 * eps, atol=40 * eps)


FAR_OUT = np.array([-1e4, -200.0, -61.0, -3.0, 0.0, 3.0, 61.0, 200.0, 1e4])


@each_dtype
@each_kind
@each_form
def test_it_is_finite_and_the_formula_at_any_u(loss, mixed, dtype, draw_target):
    rng = np.random.default_rng(1)
    u = rng.choice(FAR_OUT, (300, 6)).astype(dtype)
    u[: len(FAR_OUT)] = FAR_OUT[:, np.newaxis]  # all alike, too: no class is the largest
    target = draw_target(loss, rng, u.shape, dtype, mixed=mixed)
    rows, delta = computed(loss, u, target)
    assert np.isfinite(rows).all()
    assert np.isfinite(delta).all()
    with np.errstate(all="ignore"):
        value, slope = formula(loss, u, target)
    # Relative to the row, in which a term of 1e4 hides the digits of the others.
    rtol = 2e-5 if dtype == np.float32 else 1e-13  # exp(60) has 60 times the rounding of 60
    # logsumexp(u) − u[y] is log(1 + …): what is less than its rounding is 0, for speed.
    atol = 2 * np.finfo(dtype).eps if loss.name == "cross_entropy" else 1e-36
    np.testing.assert_allclose(rows, value, rtol=rtol, atol=atol)
    size = np.maximum(np.abs(slope), 1 if loss.name != "gaussian_nll" else 1e-3)
    np.testing.assert_array_less(np.abs(delta - slope) / size, rtol)


# u from where the loss is next to nothing; by hand, the first term of the series there.
SMALL = {
    "mse": (np.array([[1e-4]]), 0.0, 1e-8 / 2, 1e-4),
    "mae": (np.array([[1e-7]]), 0.0, 1e-7, 1.0),
    "huber": (np.array([[1e-4]]), 0.0, 1e-8 / 2, 1e-4),
    "log_cosh": (np.array([[1e-4]]), 0.0, 1e-8 / 2, 1e-4),
    "binary_cross_entropy": (np.array([[-30.0]]), 0, np.exp(-30), np.exp(-30)),
    "focal": (np.array([[-20.0]]), 0, np.exp(-60), 3 * np.exp(-60)),  # p² · p, p = exp(−20)
}


@each_dtype
@pytest.mark.parametrize("name", SMALL)
def test_small_values_have_all_their_digits(name, dtype):
    u, target, value, slope = SMALL[name]
    rows, delta = computed(LOSSES[name](), u.astype(dtype), np.full((1, 1), target, dtype))
    rtol = 1e-5 if dtype == np.float32 else 2e-8  # of the series' next term
    np.testing.assert_allclose(rows, value, rtol=rtol)
    np.testing.assert_allclose(delta, [[slope]], rtol=rtol)


@each_dtype
def test_focal_loss_of_classes_has_all_its_digits_where_it_is_small(dtype):
    # Three classes: 1 − p = 2 exp(−20), so that J = (1 − p)³, dJ/du_k = 3 (1 − p)² exp(−20)
    loss = LOSSES["focal"]().for_task("multiclass")
    rows, delta = computed(loss, np.array([[20.0, 0, 0]], dtype), np.array([[1.0, 0, 0]], dtype))
    rest = 2 * np.exp(-20.0)
    np.testing.assert_allclose(rows, rest**3, rtol=1e-5)
    np.testing.assert_allclose(delta, [[-3 * rest**3, *[3 * rest**3 / 2] * 2]], rtol=1e-5)
