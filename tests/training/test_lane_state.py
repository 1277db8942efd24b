"""Early stopping: what counts as better, when patience runs out, and what is kept."""

import math

import numpy as np
import pytest

from mlpcli.training.lane_state import EarlyStopping, LaneState


def watch(figures, patience=None, min_delta=0.0, *, greater_is_better=False):
    """Return whether each epoch improved and whether patience had run out after it."""
    stopping = EarlyStopping(patience, min_delta, greater_is_better=greater_is_better)
    improved, exhausted = [], []
    for epoch, figure in enumerate(figures, start=1):
        improved.append(stopping.update(epoch, figure))
        exhausted.append(stopping.exhausted)
    return stopping, improved, exhausted


def epochs(flags):
    return [epoch for epoch, flag in enumerate(flags, start=1) if flag]


@pytest.mark.parametrize(
    ("figures", "better"),
    [
        ([3, 2, 1], [1, 2, 3]),
        ([3, 3, 3], [1]),  # as good is not better
        ([1, 2, 0.5, 0.7], [1, 3]),
        ([math.nan, 2, math.nan, 1], [2, 4]),
        ([math.inf, 2, -math.inf, -math.inf], [2, 3]),
    ],
)
def test_smaller_is_better(figures, better):
    stopping, improved, _ = watch(figures)
    assert epochs(improved) == better
    assert stopping.best_epoch == better[-1]


def test_greater_is_better_where_the_metric_says_so():
    _, improved, _ = watch([0.5, 0.4, 0.7, math.nan, 0.7], greater_is_better=True)
    assert epochs(improved) == [1, 3]


@pytest.mark.parametrize(
    ("figures", "better"),
    [
        ([1.0, 0.75], [1]),  # by exactly min_delta: not by more
        ([1.0, 0.7499], [1, 2]),
        ([1.0, 0.9, 0.8, 0.7, 0.6], [1, 4]),  # slow progress is measured from the best
    ],
)
@pytest.mark.parametrize("greater_is_better", [False, True])
def test_an_improvement_is_by_more_than_min_delta(figures, better, greater_is_better):
    sign = -1 if greater_is_better else 1
    signed = [sign * figure for figure in figures]
    _, improved, _ = watch(signed, None, 0.25, greater_is_better=greater_is_better)
    assert epochs(improved) == better


@pytest.mark.parametrize(
    ("figures", "patience", "out"),
    [
        ([3, 2, 2.5, 2.4, 2.3], 3, [5]),  # three epochs without a better one
        ([3, 2, 2.5, 2.4, 1.9, 2, 2], 3, []),  # a better one begins the count anew
        ([3, 3], 1, [2]),
        ([3, math.nan, math.nan], 2, [3]),  # what is not a number costs patience
        ([1, 2, 3, 4, 5], None, []),
    ],
)
def test_patience(figures, patience, out):
    assert epochs(watch(figures, patience)[2]) == out


def test_nothing_is_best_before_there_is_a_number():
    stopping, improved, exhausted = watch([math.nan, math.nan], 2)
    assert (improved, exhausted) == ([False, False], [False, True])
    assert stopping.best_epoch == 0


def test_the_best_numbers_are_a_copy_made_once(training):
    state = LaneState(training().prepared[0], has_validation=True, n_steps=4)
    theta, rows = np.array([1.0, 2.0]), [{"train_loss": 1.0, "val_loss": v} for v in (1, 0.5, 0.6)]
    state.end_epoch(rows[0], theta)
    theta[...] = 9.0  # training goes on, in place
    np.testing.assert_array_equal(state.vector, [1.0, 2.0])
    kept = state.vector
    state.end_epoch(rows[1], theta)
    assert state.vector is kept
    np.testing.assert_array_equal(kept, [9.0, 9.0])
    theta[...] = 3.0
    state.end_epoch(rows[2], theta)
    np.testing.assert_array_equal(kept, [9.0, 9.0])
    vector, epoch, row = state.selected(theta)
    assert (vector is kept, epoch, row is rows[1]) == (True, 2, True)
