"""Bootstrap samples and folds: which rows, how many of each class, and from which numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.model_selection import TimeSeriesSplit

from mlpcli.data.resampling import (
    bootstrap_rows,
    draw_bootstrap,
    draw_folds,
    folds,
    group_bootstrap_rows,
    group_folds,
    most_folds,
    out_of_bag,
)
from mlpcli.data.split_keys import SplitKey
from mlpcli.randomness import STREAMS


def drawn(seed, *part):
    """Return NumPy's generator of the stream, written out."""
    key = (STREAMS.index("bootstrap"), 0, *part)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_a_sample_is_n_draws_from_n_in_rising_order(seed):
    rows = bootstrap_rows(50, seed)
    assert rows.tolist() == sorted(drawn(seed).integers(0, 50, 50).tolist())
    assert set(rows) <= set(range(50))


def test_every_row_is_drawn_as_often_as_the_others():
    n, samples = 20, 500
    counts = sum(np.bincount(bootstrap_rows(n, seed), minlength=n) for seed in range(samples))
    assert counts.sum() == n * samples
    assert stats.chisquare(counts).pvalue > 0.01


def test_the_share_out_of_the_bag():
    n, samples = 30, 400
    left = [len(out_of_bag(bootstrap_rows(n, seed), n)) / n for seed in range(samples)]
    # (1 − 1/30)³⁰ = 0.3617; the deviation of one sample's share is about 0.055
    assert np.mean(left) == pytest.approx((29 / 30) ** 30, abs=3 * 0.055 / np.sqrt(samples))


def test_out_of_bag_by_hand():
    assert out_of_bag(np.array([0, 2, 2, 5]), 7).tolist() == [1, 3, 4, 6]
    assert out_of_bag(np.array([0, 1]), 2).tolist() == []
    assert bootstrap_rows(1, 3).tolist() == [0]


@given(st.integers(2, 60), st.data(), st.integers(0, 9))
def test_folds_have_as_many_rows_and_each_class_its_share(n, data, seed):
    k = data.draw(st.integers(2, n))
    classes = np.array(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    for given_classes in (None, classes):
        fold = folds(n, k, seed, given_classes)
        sizes = np.bincount(fold, minlength=k)
        assert sizes.sum() == n
        assert sizes.max() - sizes.min() <= 1
    for one in np.unique(classes):
        share = np.bincount(fold[classes == one], minlength=k)
        assert share.max() - share.min() <= 1


def test_folds_are_shuffled_by_their_seed_alone():
    first, again, other = folds(100, 5, 0), folds(100, 5, 0), folds(100, 5, 1)
    assert (first == again).all()
    assert (first != other).any()
    found = np.empty(100, int)
    found[drawn(0, 1).permutation(100)] = np.arange(100) % 5
    assert (first == found).all()


def test_folds_of_sorted_classes_do_not_follow_the_file():
    """A file sorted by class, and within it by time: no fold is a run of rows."""
    fold = folds(90, 3, 0, np.repeat([0, 1, 2], 30))
    for one in range(3):
        assert np.bincount(fold[30 * one : 30 * one + 30]).tolist() == [10, 10, 10]
        assert np.bincount(fold[30 * one : 30 * one + 10], minlength=3).max() < 10


GROUPS = st.lists(st.integers(0, 12), min_size=2, max_size=80).map(np.array)


@given(GROUPS, st.data(), st.integers(0, 9))
def test_a_group_is_whole_in_one_fold_and_no_fold_is_empty(groups, data, seed):
    n_groups = len(set(groups.tolist()))
    k = data.draw(st.integers(1, n_groups))
    fold = group_folds(groups, k, seed)
    assert set(fold.tolist()) == set(range(k))
    for group in set(groups.tolist()):
        assert len(set(fold[groups == group].tolist())) == 1
    # Graham: the fullest fold has at most 4/3 of the least that is possible, and a little more.
    largest = np.bincount(groups).max()
    assert np.bincount(fold).max() <= max(largest, 4 / 3 * max(largest, len(groups) / k) + 1e-9)


def test_group_folds_by_hand():
    # 5, 4, 3, 3, 3 rows in two folds: 5 | 4, 5 | 4 + 3, 5 + 3 | 7, 8 | 7 + 3: 8 and 10 rows.
    groups = np.repeat([0, 1, 2, 3, 4], [5, 4, 3, 3, 3])
    for seed in range(20):
        fold = group_folds(groups, 2, seed)
        assert fold[0] != fold[5]
        assert sorted(np.bincount(fold).tolist()) == [8, 10]
    different = {tuple(group_folds(groups, 2, seed).tolist()) for seed in range(20)}
    assert len(different) > 1  # which of the three of 3 rows goes where is drawn


@given(GROUPS, st.integers(0, 99))
def test_a_bootstrap_sample_has_whole_groups_as_many_as_there_are(groups, seed):
    rows = group_bootstrap_rows(groups, seed)
    assert rows.tolist() == sorted(rows.tolist())
    times_drawn = np.bincount(rows, minlength=len(groups))
    numbers = sorted(set(groups.tolist()))
    drawn_groups = 0
    for group in numbers:
        own = set(times_drawn[groups == group].tolist())
        assert len(own) == 1  # each of its rows as often as the others
        drawn_groups += own.pop()
    assert drawn_groups == len(numbers)
    expected = drawn(seed).integers(0, len(numbers), len(numbers))
    assert {numbers[k] for k in expected} == set(groups[rows].tolist())


def test_groups_of_one_row_are_the_bootstrap_of_rows():
    for seed in range(5):
        found = group_bootstrap_rows(np.arange(40), seed)
        assert found.tolist() == bootstrap_rows(40, seed).tolist()


def test_out_of_the_bag_are_the_groups_that_were_not_drawn():
    groups = np.repeat(np.arange(10), 4)
    rows, held_out = draw_bootstrap(40, 3, SplitKey("g", groups=groups))
    assert set(groups[rows]) | set(groups[held_out]) == set(range(10))
    assert not set(groups[rows]) & set(groups[held_out])
    assert len(held_out) > 0


def test_rows_with_times_have_none_out_of_the_bag():
    rows, held_out = draw_bootstrap(40, 3, SplitKey("t", times=np.arange(40.0)))
    assert rows.tolist() == bootstrap_rows(40, 3).tolist()
    assert held_out is None


@pytest.mark.parametrize(("n", "k"), [(12, 5), (60, 2), (60, 5), (7, 6)])
def test_folds_in_time_are_those_of_scikit_learn(n, k):
    """Where k + 1 divides the rows; else its first block has what is left over, ours are even."""
    order = np.random.default_rng(0).permutation(n)
    times = np.empty(n)
    times[order] = np.arange(n)
    found = draw_folds(n, k, 0, key=SplitKey("t", times=times))
    for (rows, held), (train, test) in zip(found, TimeSeriesSplit(k).split(order), strict=True):
        if n % (k + 1) == 0:
            assert (set(rows), set(held)) == (set(order[train]), set(order[test]))
        assert times[rows].max() < times[held].min()
        assert len(rows) + len(held) <= n


@given(st.lists(st.integers(0, 9), min_size=3, max_size=60), st.data())
def test_a_fold_in_time_is_later_than_all_it_is_trained_on(times, data):
    times = np.array(times, np.float64)
    key = SplitKey("t", times=times)
    k = data.draw(st.integers(1, max(1, most_folds(len(times), key))))
    if most_folds(len(times), key) == 0:
        return
    found = draw_folds(len(times), k, 0, key=key)
    held_out = np.concatenate([held for _, held in found])
    assert len(set(held_out.tolist())) == len(held_out)
    for rows, held in found:
        assert len(rows)
        assert len(held)
        assert times[rows].max() < times[held].min()
    assert times[found[-1][1]].max() == times.max()


def test_how_many_folds_there_can_be():
    assert most_folds(9, None) == 9
    assert most_folds(9, SplitKey("g", groups=np.array([4, 4, 0, 4, 0, 0, 7, 7, 7]))) == 3
    assert most_folds(9, SplitKey("t", times=np.array([4.0, 4, 0, 4, 0, 0, 7, 7, 7]))) == 2
