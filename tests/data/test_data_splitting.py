"""Training, validation and test rows: their counts, their classes, their seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpcli.data.splitting import pack_codes, split_by_share, unpack_codes
from mlpcli.errors import DataError

shares = st.floats(0, 0.49)
seeds = st.integers(0, 2**63 - 1)


@given(st.integers(1, 500), shares, shares, seeds)
def test_counts_are_the_shares_rounded_to_whole_rows(n_rows, validation, test, seed):
    codes = split_by_share(n_rows, validation, test, seed)
    assert np.sum(codes == 1) == round(validation * n_rows)
    assert np.sum(codes == 2) == round(test * n_rows)
    assert np.sum(codes == 0) == n_rows - round(validation * n_rows) - round(test * n_rows)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=300), shares, shares, seeds)
def test_each_part_has_its_share_of_each_class(classes, validation, test, seed):
    classes = np.array(classes)
    codes = split_by_share(len(classes), validation, test, seed, classes)
    n_test, n_validation = np.sum(codes == 2), np.sum(codes == 1)
    assert (n_validation, n_test) == (round(validation * len(codes)), round(test * len(codes)))
    for label in np.unique(classes):
        own = codes[classes == label]
        share = len(own) / len(codes)
        assert abs(np.sum(own == 2) - share * n_test) < 1
        assert abs(np.sum(own == 1) - share * n_validation) < 2
        assert abs(np.sum(own == 0) - share * np.sum(codes == 0)) < 2


def test_a_balanced_split_is_exact():
    classes = np.repeat([0, 1, 2], 40)
    codes = split_by_share(120, 0.25, 0.25, 0, classes)
    for label in range(3):
        assert np.bincount(codes[classes == label]).tolist() == [20, 10, 10]


@pytest.mark.parametrize("rare", [0, 9])
def test_a_class_of_one_row_at_either_end_is_trained_on(rare):
    # Rows are taken from the middles of equal stretches, not from their ends.
    classes = np.array([5] * 99 + [rare])
    for seed in range(20):
        assert split_by_share(100, 0.15, 0.15, seed, classes)[99] == 0


def test_the_same_seed_is_the_same_split_and_another_seed_another():
    classes = np.arange(200) % 3
    for labels in (None, classes):
        first = split_by_share(200, 0.2, 0.2, 7, labels)
        np.testing.assert_array_equal(first, split_by_share(200, 0.2, 0.2, 7, labels))
        assert (first != split_by_share(200, 0.2, 0.2, 8, labels)).any()
    assert (split_by_share(200, 0.2, 0.2, 7) != split_by_share(200, 0.2, 0.2, 7, classes)).any()


def test_rows_are_shuffled_whether_stratified_or_not():
    # In a file sorted by class, no part is a stretch of the file, and the parts are not periodic.
    for classes in (None, np.repeat([0, 1], 500)):
        codes = split_by_share(1000, 0.15, 0.15, 0, classes)
        for part in (1, 2):
            gaps = np.diff(np.flatnonzero(codes == part))
            assert len(set(gaps.tolist())) > 10
            assert abs(np.mean(np.flatnonzero(codes == part)) - 500) < 60  # 2.6 standard errors


def test_every_row_is_equally_likely_to_be_tested():
    classes = np.array([0] * 7 + [1] * 13)
    tested = np.zeros(20)
    for seed in range(2000):
        tested += split_by_share(20, 0.2, 0.25, seed, classes) == 2
    # 5 of 20 rows, 2000 times: 500 ± 19 each
    assert np.abs(tested - 500).max() < 5 * np.sqrt(2000 * 0.25 * 0.75)


def test_stratify_changes_nothing_for_regression(dataset):
    content = "x,y\n" + "".join(f"{i},{i}.5\n" for i in range(50))
    with_, without = (dataset(content, stratify=on, seed=3) for on in (True, False))
    np.testing.assert_array_equal(with_.codes, without.codes)


def test_stratify_is_by_the_classes_of_the_target(dataset):
    content = "x,y\n" + "".join(f"{i},{'abbbb'[i % 5]}\n" for i in range(100))
    parts = dataset(content, validation=0.2, test=0.2).parts
    assert [np.bincount(part.labels).tolist() for part in parts.values()] == [
        [12, 48],
        [4, 16],
        [4, 16],
    ]
    loose = dataset(content, validation=0.2, test=0.2, stratify=False, seed=1).parts
    assert [np.bincount(part.labels).tolist() for part in loose.values()] != [
        [12, 48],
        [4, 16],
        [4, 16],
    ]


def test_a_part_without_a_share_is_not_there(dataset):
    content = "x,y\n" + "".join(f"{i},{i}.5\n" for i in range(50))
    assert list(dataset(content, validation=0, test=0).parts) == ["train"]
    assert list(dataset(content, validation=0, test=0.2).parts) == ["train", "test"]


SPELLINGS = {
    0: ["train", "Train", "TRAINING", " train "],
    1: ["validation", "valid", "val", "Dev", "VALIDATION"],
    2: ["test", "Testing", "TEST "],
}


def test_a_split_column_takes_the_usual_spellings(dataset):
    rows = [(code, word) for code, words in SPELLINGS.items() for word in words]
    content = "x,part,y\n" + "".join(f"{i},{word},{i}.5\n" for i, (_, word) in enumerate(rows))
    found = dataset(content, split_column="part")
    assert found.codes.tolist() == [code for code, _ in rows]
    assert found.encoding.inputs.feature_names == ["x"]  # the column itself is no input
    assert {name: part.rows.tolist() for name, part in found.parts.items()} == {
        "train": [0, 1, 2, 3],
        "validation": [4, 5, 6, 7, 8],
        "test": [9, 10, 11],
    }


@pytest.mark.parametrize(
    ("content", "column", "problem"),
    [
        (
            "x,part,y\n1,train,2\n1,tset,2\n",
            "part",
            (
                "d.csv:3:3: part: 'tset' is not a part; "
                "allowed: train, validation (or valid, val, dev), test"
            ),
        ),
        ("x,part,y\n1,train,2\n1,,2\n", "part", "d.csv:3:3: part: an empty cell is not a part;"),
        ("x,part,y\n1,0,2\n", "part", "d.csv:2:3: part: '0' is not a part; allowed: train,"),
        ("x,part,y\n1,test,2\n", "part", "d.csv: the split leaves no training row"),
        (
            "x,part,y\n1,test,2\n",
            "prat",
            ("d.csv has no column 'prat'; its columns: x, part, y; did you mean 'part'?"),
        ),
    ],
)
def test_a_split_column_that_does_not_serve(no_dataset, content, column, problem):
    assert no_dataset(content, split_column=column).startswith(problem)


def test_the_fault_of_a_split_points_to_its_key(dataset):
    for content, key in (
        ("x,part,y\n1,test,2\n", ("data", "split")),
        ("x,p,y\n1,test,2\n", ("data", "split", "column")),
    ):
        with pytest.raises(DataError) as caught:
            dataset(content, split_column="part")
        assert caught.value.key == key


@given(st.lists(st.integers(0, 2), max_size=200).map(lambda codes: np.array(codes, np.uint8)))
def test_packed_codes_unpack(codes):
    text = pack_codes(codes)
    assert text.isascii()
    np.testing.assert_array_equal(unpack_codes(text, len(codes)), codes)
    for wrong in (len(codes) - 1, len(codes) + 1):
        with pytest.raises(ValueError, match="the split is not of"):
            unpack_codes(text, wrong)


def test_packed_codes_that_were_changed_are_a_value_error_and_no_bomb():
    with pytest.raises(ValueError, match=r"base64|padding|characters"):
        unpack_codes("not base64!", 3)
    bomb = pack_codes(np.zeros(100_000_000, np.uint8))
    with pytest.raises(ValueError, match="the split is not of 3 rows"):
        unpack_codes(bomb, 3)
