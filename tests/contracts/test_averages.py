"""What every loss promises to an ensemble: a link that can be undone, an average, its outputs."""

import numpy as np
import pytest

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.losses import LOSSES

MEMBERS = [member() for member in LOSSES.values()]
FORMS = list(
    dict.fromkeys(
        member.for_task(task, output=output)
        for member in MEMBERS
        for task in member.tasks
        for output in [None, *(member.outputs or ())]
        if not list(member.faults(task))
    )
)
LINKS = sorted({loss.link for loss in FORMS})
SIX = 6  # outputs: as many as two, and three, for each target
each_form = pytest.mark.parametrize("loss", FORMS, ids=repr)
# values of each link, between and at its ends
VALUES = {
    "identity": ([-1e300, -2.0, 0.0, 3.0, 1e300], []),
    "sigmoid": ([1e-300, 1e-5, 0.25, 0.5, 0.75, 1 - 1e-12], [0.0, 1.0]),
    "softplus": ([1e-300, 1e-5, 0.25, 1.0, 40.0, 1e300], [0.0]),
    "exponential": ([1e-300, 1e-5, 1.0, 1e10, np.exp(60.0), 5 * np.exp(60.0)], [0.0]),
}


def value(name, u):
    link, h = ACTIVATIONS[name](), np.full_like(u, np.nan)
    link.value(u, h, link.scratch(h))
    return h


def test_the_values_are_of_every_link():
    assert {*VALUES, "softmax"} == {*LINKS}


@pytest.mark.parametrize("name", VALUES)
def test_a_links_value_undone(name):
    between, ends = (np.array(some) for some in VALUES[name])
    if len(between):
        again = value(name, ACTIVATIONS[name]().inverse(between))
        np.testing.assert_allclose(again, between, rtol=1e-10)
    u = ACTIVATIONS[name]().inverse(ends)
    assert np.isfinite(u).all()
    np.testing.assert_allclose(value(name, u), ends, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax_undone(dtype):
    h = np.array([[0.7, 0.2, 0.1], [1.0, 0.0, 0.0]], dtype)
    u = ACTIVATIONS["softmax"]().inverse(h)
    assert np.isfinite(u).all()
    np.testing.assert_allclose(value("softmax", u), h, rtol=1e-6, atol=1e-30)


@pytest.mark.parametrize("name", LINKS)
def test_logarithms_by_hand(name):
    inverse = ACTIVATIONS[name]().inverse(np.array([0.25]))[0]
    by_hand = {
        "identity": 0.25,
        "sigmoid": -np.log(3.0),
        "softplus": np.log(np.exp(0.25) - 1),
        "exponential": -np.log(4.0),
        "softmax": -np.log(4.0),
    }
    assert inverse == pytest.approx(by_hand[name], rel=1e-13)


def predicted(loss, u):
    out = np.full(u.shape, np.nan)
    loss.predict(u, out)
    return out


@each_form
def test_outputs_of_undoes_predict(loss):
    u = np.random.default_rng(0).normal(0, 2, (4, 5, SIX))
    y_hat = predicted(loss, u)
    np.testing.assert_allclose(predicted(loss, loss.outputs_of(y_hat)), y_hat, rtol=1e-9)


@each_form
def test_the_average_is_a_prediction_again(loss):
    y_hat = predicted(loss, np.random.default_rng(1).normal(0, 2, (4, 5, SIX)))
    found = loss.average(y_hat)
    assert found.shape == (5, SIX)
    np.testing.assert_allclose(predicted(loss, loss.outputs_of(found)), found, rtol=1e-9)


@each_form
def test_networks_that_agree_predict_what_each_does(loss):
    one = predicted(loss, np.random.default_rng(2).normal(size=(5, SIX)))
    np.testing.assert_allclose(loss.average(np.stack([one] * 3)), one, rtol=1e-12)


@each_form
def test_a_share_says_which_networks_count_in_a_row(loss):
    y_hat = predicted(loss, np.random.default_rng(3).normal(size=(3, 4, SIX)))
    # of row 0 network 2 alone; of row 1 the first two; of row 2 one and three quarters; all
    share = np.array([[0, 0, 1], [0.5, 0.5, 0], [0.25, 0, 0.75], [1 / 3, 1 / 3, 1 / 3]])
    found = loss.average(y_hat, share.T[..., np.newaxis])
    np.testing.assert_allclose(found[0], y_hat[2, 0], rtol=1e-12)
    np.testing.assert_allclose(found[1], loss.average(y_hat[:2])[1], rtol=1e-12)
    four = y_hat[[0, 2, 2, 2]]
    np.testing.assert_allclose(found[2], loss.average(four)[2], rtol=1e-12)
    np.testing.assert_allclose(found[3], loss.average(y_hat)[3], rtol=1e-12)


@pytest.mark.parametrize("loss", [one for one in FORMS if one.name != "gaussian_nll"], ids=repr)
def test_the_average_is_the_mean(loss):
    y_hat = np.arange(24.0).reshape(2, 2, SIX)
    assert loss.average(y_hat).tolist() == (y_hat[0] + 6).tolist()


def test_the_mixture_of_normal_distributions_by_hand():
    # means 1 and 5, deviations 2 and 4: the mean 3; the variance (4 + 16)/2 + (4 + 4)/2 = 14
    y_hat = np.array([[[1.0, 2.0]], [[5.0, 4.0]]])
    np.testing.assert_allclose(LOSSES["gaussian_nll"]().average(y_hat), [[3.0, np.sqrt(14.0)]])
    # shares 3/4 and 1/4: mean 2, variance (3·4 + 16)/4 + (3·1 + 9)/4 = 10
    share = np.array([[[0.75]], [[0.25]]])
    found = LOSSES["gaussian_nll"]().average(y_hat, share)
    np.testing.assert_allclose(found, [[2.0, np.sqrt(10.0)]])
