"""Temperature scaling: T by hand, by SciPy, and what it must not change."""

import numpy as np
import pytest
from scipy import optimize, special
from sklearn.metrics import log_loss

from mlpcli.nn.calibration import LARGEST, at_temperature, fit_temperature, log_losses
from mlpcli.nn.losses import LOSSES

BINARY = LOSSES["binary_cross_entropy"]()
CLASSES = LOSSES["cross_entropy"]()


def sigmoid(u):
    return 1 / (1 + np.exp(-u))


def drawn(seed, n=400, n_classes=5, certainty=2.0):
    """Return u (n, n_classes), and classes drawn from softmax(u / certainty)."""
    rng = np.random.default_rng(seed)
    u = rng.normal(scale=4.0, size=(n, n_classes))
    p = special.softmax(u / certainty, axis=1)
    return u, np.array([rng.choice(n_classes, p=row) for row in p])


@pytest.mark.parametrize("prior", [0.0, 1.0, 4.0])
@pytest.mark.parametrize("right", [6, 8, 9])
def test_by_hand_with_one_margin(right, prior):
    # u is 2 for every row that is said to be yes, −2 for no; `right` of 10 are: σ(2/T) is their
    # share, prior/2 more of either kind counted in. T = 2 / log(p / (1 − p)).
    said = np.array([1, 0] * 5)
    target = np.where(np.arange(10) < right, said, 1 - said)
    y_hat = sigmoid(np.where(said == 1, 2.0, -2.0))[:, np.newaxis]
    p = (right + prior / 2) / (10 + prior)
    found = fit_temperature(BINARY, y_hat, target, prior=prior)
    assert found == pytest.approx(2 / np.log(p / (1 - p)), rel=1e-8)


def test_a_few_rows_that_are_all_right_do_not_make_it_certain():
    y_hat = sigmoid(np.full((9, 1), 2.0))
    found = fit_temperature(BINARY, y_hat, np.ones(9, int))
    assert found == pytest.approx(2 / np.log(0.95 / 0.05), rel=1e-8)
    assert fit_temperature(BINARY, y_hat, np.ones(9, int), prior=0.0) < 0.02


def test_rows_that_are_all_wrong_have_the_largest():
    y_hat = sigmoid(np.full((9, 1), 2.0))
    assert fit_temperature(BINARY, y_hat, np.zeros(9, int)) == pytest.approx(LARGEST)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("certainty", [0.3, 1.0, 5.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_of_many_classes_it_is_scipys(seed, certainty, weighted):
    u, target = drawn(seed, certainty=certainty)
    weight = np.random.default_rng(9).uniform(0, 3, len(u)) if weighted else None

    def loss(log_t):
        p = special.softmax(u / np.exp(log_t), axis=1)
        return log_loss(target, p, sample_weight=weight)

    best = optimize.minimize_scalar(loss, bounds=(-4, 4), method="bounded", options={"xatol": 1e-9})
    y_hat = special.softmax(u, axis=1)
    found = fit_temperature(CLASSES, y_hat, target, weight, prior=0.0)
    assert np.log(found) == pytest.approx(best.x, abs=1e-6)


def test_it_is_what_pytorch_finds():
    """torch.optim.LBFGS on the temperature of cross_entropy(u / T), float64, of these numbers."""
    d, k = np.arange(40)[:, np.newaxis], np.arange(3)
    u = 3 * np.sin(1.7 * d + 2.3 * k + 0.2 * d * k)
    target = np.where(np.arange(40) % 4 == 0, np.arange(40) % 3, u.argmax(axis=1))
    found = fit_temperature(CLASSES, special.softmax(u, axis=1), target, prior=0.0)
    assert found == pytest.approx(1.4206626182813815, rel=1e-7)


def test_of_labels_there_is_one_for_all():
    rng = np.random.default_rng(1)
    u = rng.normal(scale=3.0, size=(500, 3))
    target = (rng.random(u.shape) < sigmoid(u / 2)).astype(int)

    def loss(log_t):
        v = u / np.exp(log_t)
        return np.mean(np.logaddexp(0, v) - target * v)

    best = optimize.minimize_scalar(loss, bounds=(-4, 4), method="bounded", options={"xatol": 1e-9})
    found = fit_temperature(BINARY, sigmoid(u), target, prior=0.0)
    assert np.log(found) == pytest.approx(best.x, abs=1e-6)


def test_a_weight_is_a_number_of_rows():
    u, target = drawn(4, n=60)
    y_hat, times = special.softmax(u, axis=1), np.random.default_rng(0).integers(0, 4, 60)
    rows = np.repeat(np.arange(60), times)
    repeated = fit_temperature(CLASSES, y_hat[rows], target[rows], prior=0)
    assert fit_temperature(CLASSES, y_hat, target, times, 0) == pytest.approx(repeated, rel=1e-9)


@pytest.mark.parametrize("loss", [BINARY, CLASSES])
def test_predictions_that_tell_nothing_have_none(loss):
    y_hat = np.full((6, 1), 0.5) if loss is BINARY else np.full((6, 3), 1 / 3)
    assert fit_temperature(loss, y_hat, np.array([0, 1, 0, 1, 1, 1])) == 1.0


@pytest.mark.parametrize("loss", [BINARY, CLASSES])
def test_predictions_that_are_no_numbers_have_none(loss):
    y_hat = np.full((6, 1 if loss is BINARY else 3), np.nan)
    assert fit_temperature(loss, y_hat, np.array([0, 1, 0, 1, 1, 1])) == 1.0


@pytest.mark.parametrize("temperature", [0.2, 1.0, 3.7])
def test_it_divides_u(temperature):
    u, _ = drawn(2)
    found = at_temperature(CLASSES, special.softmax(u, axis=1), temperature)
    np.testing.assert_allclose(found, special.softmax(u / temperature, axis=1), rtol=1e-11)
    u = np.linspace(-30, 30, 41)[:, np.newaxis]
    found = at_temperature(BINARY, sigmoid(u), temperature)
    np.testing.assert_allclose(found, sigmoid(u / temperature), rtol=3e-3)  # 1 − σ(30) is 9e-14
    np.testing.assert_allclose(found[:25], sigmoid(u / temperature)[:25], rtol=1e-9)


def test_no_decision_changes_and_lanes_are_done_alike():
    u, _ = drawn(3)
    y_hat = special.softmax(u, axis=1)
    stack = np.stack([y_hat, y_hat[::-1]])
    for temperature in (0.05, 0.7, 40.0):
        found = at_temperature(CLASSES, stack, temperature)
        np.testing.assert_array_equal(found.argmax(axis=-1), stack.argmax(axis=-1))
        np.testing.assert_array_equal(found[0], at_temperature(CLASSES, y_hat, temperature))


@pytest.mark.parametrize("name", ["cross_entropy", "focal"])
def test_log_losses_are_scikit_learns(name):
    """Whatever smoothing and γ the loss has."""
    u, target = drawn(5)
    loss = LOSSES[name](label_smoothing=0.2).for_task("multiclass")
    y_hat = special.softmax(u, axis=1)
    assert log_losses(loss, y_hat, target).mean() == pytest.approx(log_loss(target, y_hat))
    yes = sigmoid(u[:, :1])
    loss = LOSSES["binary_cross_entropy" if name == "cross_entropy" else name](label_smoothing=0.2)
    expected = log_loss(target > 2, yes[:, 0])
    assert log_losses(loss, yes, target > 2).mean() == pytest.approx(expected)
