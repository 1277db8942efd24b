"""ROC and precision–recall curves, against scikit-learn's numbers."""

import numpy as np
import pytest

from mlpcli.training.metrics import METRICS, Outcome
from mlpcli.training.ranking_curves import drawn_points, ranking_curve

TARGET = np.array([1, 1, 0, 1, 0, 1, 0, 0, 1, 0])
SCORE = np.array([0.9, 0.8, 0.8, 0.7, 0.6, 0.55, 0.55, 0.55, 0.3, 0.2])


@pytest.fixture
def curve():
    # In another order than by score: sorting is the curve's.
    order = np.random.default_rng(0).permutation(10)
    return ranking_curve(TARGET[order] == 1, SCORE[order])


def test_the_points_are_those_of_scikit_learn(curve):
    # roc_curve(TARGET, SCORE, drop_intermediate=False) and precision_recall_curve of 1.7
    assert curve.thresholds.tolist() == [np.inf, 0.9, 0.8, 0.7, 0.6, 0.55, 0.3, 0.2]
    false = [0.0, 0.0, 0.2, 0.2, 0.4, 0.8, 0.8, 1.0]
    np.testing.assert_allclose(curve.false_positive_rate, false, rtol=1e-15)
    true = [0.0, 0.2, 0.4, 0.6, 0.6, 0.8, 1.0, 1.0]
    np.testing.assert_allclose(curve.true_positive_rate, true, rtol=1e-15)
    precision = [1.0, 1.0, 2 / 3, 0.75, 0.6, 0.5, 5 / 9, 0.5]
    np.testing.assert_allclose(curve.precision, precision, rtol=1e-15)


def test_the_areas_are_those_of_scikit_learn_and_of_the_metric(curve):
    # roc_auc_score and average_precision_score
    assert curve.area == pytest.approx(0.66, rel=1e-14)
    assert curve.average_precision == pytest.approx(0.6944444444444444, rel=1e-14)
    seen = Outcome("binary", TARGET, SCORE[:, np.newaxis])
    assert curve.area == pytest.approx(METRICS["roc_auc"]().value(seen), rel=1e-14)


@pytest.mark.parametrize(
    ("threshold", "called", "hits"),
    # A row at the threshold is not above it: by these a model decides.
    [(0.95, 0, 0), (0.9, 0, 0), (0.8, 1, 1), (0.5, 8, 4), (0.55, 5, 3), (0.1, 10, 5)],
)
def test_a_threshold_calls_the_rows_above_it(curve, threshold, called, hits):
    at = curve.above(threshold)
    assert (curve.called[at], curve.true_positives[at]) == (called, hits)
    assert called == np.sum(threshold < SCORE)


def test_of_one_class_alone_there_is_no_curve():
    assert ranking_curve(np.ones(3, bool), SCORE[:3]) is None
    assert ranking_curve(np.zeros(3, bool), SCORE[:3]) is None
    assert ranking_curve(TARGET == 1, np.where(SCORE > 0.8, np.nan, SCORE)) is None


def test_corners_are_drawn_and_points_between_them_are_not():
    x, y = np.array([0, 0, 0, 0.5, 1.0]), np.array([0, 0.5, 1.0, 1.0, 1.0])
    assert drawn_points(x, y, 200).tolist() == [0, 2, 4]


def test_of_many_points_some_are_drawn_close_to_the_curve():
    x = np.linspace(0, 1, 5001)
    y = x**0.2
    kept = drawn_points(x, y, 200)
    assert len(kept) <= 200
    assert {kept[0], kept[-1]} == {0, 5000}
    assert np.abs(np.interp(x, x[kept], y[kept]) - y).max() < 0.01
