"""Bootstrap samples and folds: which rows, how many of each class, and from which numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mlpcli.data.resampling import bootstrap_rows, folds, out_of_bag
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
