"""Two models on the same rows: differences of every metric, and of the rows it is a mean of."""

import numpy as np
import pytest
from scipy import stats

from mlpcli.training.intervals import (
    bootstrap_interval,
    metric_difference,
    rows_difference,
    shares_interval,
)
from mlpcli.training.metrics import METRICS, Outcome

N = 40
OF_NO_ROWS = {"balanced_accuracy", "f1", "roc_auc", "calibration_error", "rmse", "r2"}


def outcome_for(name, seed=0):
    rng = np.random.default_rng(seed)
    target = np.random.default_rng(99)  # both models have the same
    metric = METRICS[name]
    if "multiclass" in metric.tasks:
        score = rng.dirichlet(np.ones(3), N)
        return Outcome("multiclass", target.integers(0, 3, N), score)
    if metric.losses == ("quantile",):
        y, found = target.normal(size=(N, 2)), rng.normal(size=(N, 3, 2))
        return Outcome("regression", y, found[:, 1], levels=(0.1, 0.5, 0.9), quantiles=found)
    y = target.gamma(2.0, size=(N, 2)) + 0.1
    return Outcome("regression", y, y * rng.lognormal(sigma=0.3, size=(N, 2)))


def every_other(name):
    yield outcome_for(name)
    if name in ("accuracy", "log_loss"):
        rng = np.random.default_rng(4)
        yield Outcome("binary", rng.integers(0, 2, N), rng.random((N, 1)))
    if name == "accuracy":
        rng = np.random.default_rng(5)
        yield Outcome("multilabel", rng.integers(0, 2, (N, 2)), rng.random((N, 2)))


@pytest.mark.parametrize("name", METRICS)
def test_a_row_of_a_metric_is_the_metric_of_that_row_alone(name):
    for outcome in every_other(name):
        rows = METRICS[name]().rows(outcome)
        if name in OF_NO_ROWS:
            assert rows is None
            continue
        alone = [METRICS[name]().value(outcome.take(np.array([k]))) for k in range(N)]
        np.testing.assert_allclose(rows, alone, rtol=1e-12)
        assert np.mean(rows) == pytest.approx(METRICS[name]().value(outcome), rel=1e-12)


def test_taking_rows_takes_all_that_belongs_to_them():
    outcome = outcome_for("pinball")
    taken = outcome.take(np.array([3, 3, 7]))
    for name in ("target", "score", "quantiles"):
        whole = getattr(outcome, name)
        np.testing.assert_array_equal(getattr(taken, name), whole[[3, 3, 7]])
    assert (taken.levels, taken.task) == (outcome.levels, outcome.task)


@pytest.mark.parametrize("name", METRICS)
def test_the_difference_is_mine_minus_the_other_and_changes_sign_with_them(name):
    mine, other = outcome_for(name, 1), outcome_for(name, 2)
    found, back = metric_difference(METRICS[name](), mine, other), None
    expected = METRICS[name]().value(mine) - METRICS[name]().value(other)
    assert found.estimate == pytest.approx(expected, rel=1e-9, abs=1e-15)
    assert found.low < expected < found.high
    back = metric_difference(METRICS[name](), other, mine)
    assert (back.low, back.high) == pytest.approx((-found.high, -found.low), rel=1e-6)
    assert (name in OF_NO_ROWS) <= (found.method == "BCa")


def test_right_and_wrong_are_shares():
    mine = np.array([True] * 8 + [False] * 2 + [True] * 28)
    other = np.array([False] * 8 + [True] * 2 + [True] * 28)
    assert rows_difference(mine, other) == shares_interval(8, 2, 38)


def test_any_other_numbers_are_a_paired_t_on_their_differences():
    rng = np.random.default_rng(7)
    hard = rng.exponential(size=100)  # rows differ far more than models do
    mine, other = hard + rng.normal(0.05, 0.1, 100), hard
    found = rows_difference(mine, other)
    expected = stats.ttest_rel(mine, other).confidence_interval()
    assert found.method == "paired t"
    assert (found.low, found.high) == pytest.approx(tuple(expected), rel=1e-9)
    assert found.low > 0
    unpaired = stats.ttest_ind(mine, other).confidence_interval()
    assert unpaired.low < 0  # on the same numbers, unpaired: nothing is seen


def test_a_few_rows_that_decide_all_are_bca():
    mine, other = np.zeros(50), np.zeros(50)
    mine[:3] = 9.0, 7.0, 8.0
    assert rows_difference(mine, other).method == "BCa"


def test_the_resampled_rows_are_the_same_for_both():
    # r2 on rows whose residuals are the same number but for 1 %: drawn apart, the interval would be
    # that of two separate samples, a hundred times as wide.
    rng = np.random.default_rng(3)
    y, r = rng.normal(size=(60, 1)), rng.normal(size=(60, 1))
    mine, other = (Outcome("regression", y, y + k * r) for k in (1.0, 1.01))
    found = metric_difference(METRICS["r2"](), mine, other)
    alone = bootstrap_interval(lambda k: METRICS["r2"]().value(mine.take(k)), 60)
    assert found.high - found.low < 0.05 * (alone.high - alone.low)
    assert found.low > 0


def test_two_models_that_are_the_same():
    mine = np.random.default_rng(0).random(30)
    found = rows_difference(mine, mine.copy())
    assert (found.estimate, found.low, found.high) == (0, 0, 0)
