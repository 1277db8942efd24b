"""Intervals by the influence of rows: by hand, beside the bootstrap, and by groups."""

import numpy as np
import pytest

from mlpcli.training.baselines.influence import INFLUENCES, metric_interval
from mlpcli.training.intervals import bootstrap_interval, share_interval, student_quantile
from mlpcli.training.metrics import METRICS, Outcome


def drawn(name, n=300, seed=0):
    rng = np.random.default_rng(seed)
    if name in ("rmse", "r2"):
        y = rng.normal(size=(n, 2))
        return Outcome("regression", y, y + rng.normal(size=(n, 2)) * [0.5, 0.8], probability=False)
    if name == "roc_auc":
        y = (rng.random(n) < 0.3).astype(int)
        return Outcome("binary", y, np.round(rng.normal(size=(n, 1)) + y[:, np.newaxis], 1))
    y = rng.choice(3, n, p=[0.6, 0.3, 0.1])
    return Outcome("multiclass", y, np.eye(3)[y] + rng.normal(size=(n, 3)) * 0.6)


def halves(outcome):
    n = len(outcome.target)
    return outcome.take(np.arange(n // 2)), outcome.take(np.arange(n // 2, n))


@pytest.mark.parametrize("name", INFLUENCES)
def test_the_influence_is_the_derivative_by_a_rows_share(name):
    # A row 1 % of the sample more: the metric of 100 copies of all and one more of that row.
    outcome = drawn(name, n=40)
    value = METRICS[name]().value(outcome)
    influence, _ = INFLUENCES[name](outcome)
    assert influence.sum() == pytest.approx(0, abs=1e-9)
    copies = np.tile(np.arange(40), 200)
    for row in range(8):
        more = METRICS[name]().value(outcome.take(np.append(copies, row)))
        # (value + ψ ε), ε = 1 / (200 · 40 + 1) the share that row has more.
        assert (more - value) * (len(copies) + 1) == pytest.approx(influence[row], abs=0.02)


@pytest.mark.parametrize("name", INFLUENCES)
def test_about_as_wide_as_the_bootstrap_says(name):
    outcome = drawn(name)
    metric = METRICS[name]()
    found = metric_interval(name, outcome)
    peer = bootstrap_interval(lambda rows: metric.value(outcome.take(rows)), len(outcome.target))
    assert found.estimate == peer.estimate
    assert found.high - found.low == pytest.approx(peer.high - peer.low, rel=0.15)
    assert found.low == pytest.approx(peer.low, abs=0.2 * (peer.high - peer.low))


def test_accuracy_is_wilsons():
    outcome = drawn("accuracy")
    hits = int((outcome.predicted == outcome.target).sum())
    assert metric_interval("accuracy", outcome) == share_interval(hits, 300)


def test_the_area_by_hand():
    # Scores 1 3 | 2 4 of negatives and positives: of 4 pairs 3 are in order. Placements of the
    # positives 1/2 and 1, of the negatives 1 and 1/2; DeLong: variance 1/8 / 2 + 1/8 / 2.
    outcome = Outcome("binary", np.array([0, 0, 1, 1]), np.array([[0.1], [0.3], [0.2], [0.4]]))
    influence, rows = INFLUENCES["roc_auc"](outcome)
    np.testing.assert_allclose(influence, 4 * np.array([0.25, -0.25, -0.25, 0.25]) / 2)
    assert rows == np.inf
    assert metric_interval("roc_auc", outcome).estimate == 0.75


@pytest.mark.parametrize("name", INFLUENCES)
def test_rows_that_come_in_groups_count_as_groups(name):
    # Each row five times in a group of its own says what the row says once.
    outcome = drawn(name, n=200)
    groups = np.repeat(np.arange(200), 5)
    once = metric_interval(name, outcome, np.arange(200))
    five = metric_interval(name, outcome.take(groups), groups)
    alone = metric_interval(name, outcome.take(groups))
    assert five.estimate == pytest.approx(once.estimate)
    assert five.low == pytest.approx(once.low)
    assert five.high == pytest.approx(once.high)
    assert alone.high - alone.low < 0.6 * (five.high - five.low)


def test_the_error_of_a_single_output_by_hand():
    errors = np.array([1.0, 2.0, 3.0, 4.0])
    outcome = Outcome("regression", np.zeros((4, 1)), errors[:, np.newaxis], probability=False)
    rmse = np.sqrt(7.5)
    error = np.std(errors**2, ddof=1) / np.sqrt(4) / (2 * rmse)  # the delta method
    factor = np.exp(student_quantile(0.975, 3) * error / rmse)
    found = metric_interval("rmse", outcome)
    assert (found.low, found.high) == (
        pytest.approx(rmse / factor),
        pytest.approx(rmse * factor),
    )


@pytest.mark.parametrize("name", ["roc_auc", "balanced_accuracy"])
def test_a_constant_prediction_needs_no_interval(name):
    outcome = Outcome("binary", np.array([0, 0, 1]), np.full((3, 1), 0.3))
    found = metric_interval(name, outcome)
    assert found.estimate == 0.5
    assert np.isnan(found.low)


def test_no_interval_where_there_is_nothing_to_tell():
    none = Outcome("binary", np.array([0, 0, 0]), np.array([[0.1], [0.2], [0.3]]))
    assert np.isnan(metric_interval("roc_auc", none).estimate)
    exact = Outcome("regression", np.ones((3, 1)), np.ones((3, 1)), probability=False)
    assert np.isnan(metric_interval("rmse", exact).low)
    alike = Outcome("regression", np.array([[0.5], [1.5]]), np.ones((2, 1)), probability=False)
    assert np.isnan(metric_interval("rmse", alike).low)


@pytest.mark.parametrize("name", ["roc_auc", "accuracy", "balanced_accuracy"])
def test_a_perfect_score_is_not_certain(name):
    outcome = Outcome("binary", np.array([0, 0, 1, 1]), np.array([[0.1], [0.2], [0.8], [0.9]]))
    found = metric_interval(name, outcome)
    assert found.high == 1
    assert 0 < found.low < 0.7
