"""Splits by groups and by time: which rows, how many, and what is said where there are too few."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpcli.data.columns import Coded, Numbers
from mlpcli.data.split_keys import group_numbers, times
from mlpcli.data.splitting import split_by_group, split_by_time, time_blocks
from mlpcli.data.table import Table
from mlpcli.errors import DataError

shares = st.sampled_from([0, 0.1, 0.15, 0.3])


class Dates(Numbers):
    """A column of dates, as a reading makes them."""

    @property
    def missing(self):
        return np.isnat(self.values)


def table_of(column):
    return Table({"c": column}, "d.csv", "", lambda row, _: f"d.csv:{row + 2}:1")


# ------------------------------------------------------------ groups


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=200), shares, shares, st.integers(0, 2**62)
)
def test_a_group_is_in_one_part_and_every_part_has_one(values, validation, test, seed):
    groups = np.unique(values, return_inverse=True)[1]
    parts = {0} | ({1} if round(validation * len(groups)) else set())
    parts |= {2} if round(test * len(groups)) else set()
    if groups.max() + 1 < len(parts):
        with pytest.raises(DataError, match="too few for the parts"):
            split_by_group(groups, validation, test, seed)
        return
    codes = split_by_group(groups, validation, test, seed)
    assert set(codes.tolist()) == parts
    for group in range(groups.max() + 1):
        assert len(set(codes[groups == group].tolist())) == 1


def test_groups_of_one_size_meet_the_shares():
    groups = np.repeat(np.arange(40), 5)
    for seed in range(10):
        assert np.bincount(split_by_group(groups, 0.15, 0.2, seed)).tolist() == [130, 30, 40]


@pytest.mark.parametrize(
    ("sizes", "counts"),
    [
        # 10 test and 10 validation rows of 100 are wanted, of groups that are all larger:
        # the two smallest are nearest.
        ([30, 35, 35], [35, 35, 30]),
        # A group of 97 is in no part but training, whenever it is drawn.
        ([97, 1, 1, 1], [97, 1, 2]),
        # 11 + 0 is nearer to 10 than 0 is, 25 is not.
        ([11, 11, 25, 25, 28], [78, 11, 11]),
    ],
)
def test_groups_larger_than_a_share_by_hand(sizes, counts):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    for seed in range(20):
        assert np.bincount(split_by_group(groups, 0.1, 0.1, seed)).tolist() == counts


def test_groups_are_drawn_by_the_seed_and_not_by_the_order_of_the_file():
    rng = np.random.default_rng(0)
    names = np.array([f"c{k}" for k in rng.integers(0, 50, 400)])
    first = split_by_group(group_numbers(coded(names), "c"), 0.15, 0.15, 3)
    order = rng.permutation(400)
    again = split_by_group(group_numbers(coded(names[order]), "c"), 0.15, 0.15, 3)
    np.testing.assert_array_equal(first[order], again)
    assert (first != split_by_group(group_numbers(coded(names), "c"), 0.15, 0.15, 4)).any()


def coded(texts):
    values = list(dict.fromkeys(t for t in texts if t is not None))
    codes = [-1 if t is None else values.index(t) for t in texts]
    return table_of(Coded(np.array(codes, np.int32), values))


def test_every_group_is_equally_likely_to_be_tested():
    groups, tested = np.repeat(np.arange(10), 3), np.zeros(10)
    for seed in range(1000):
        tested += split_by_group(groups, 0.2, 0.2, seed)[::3] == 2
    # 2 of 10 groups, 1000 times: 200 ± 12.6 each
    assert np.abs(tested - 200).max() < 5 * np.sqrt(1000 * 0.2 * 0.8)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (Numbers(np.array([7, 3, 7, 3])), [1, 0, 1, 0]),
        (Numbers(np.array([7.0, np.nan, 7.0, np.nan])), [0, 1, 0, 2]),
        (Coded(np.array([1, 0, -1, 1, -1], np.int32), ["b", "a"]), [0, 1, 2, 0, 3]),
        # 5 and 5.0 are one value, as they are where a column holds categories.
        (Coded(np.array([0, 1, 2], np.int32), ["x", 5.0, "5"]), [1, 0, 0]),
        (Dates(np.array(["2020-01-02", "2020-01-01", "2020-01-02"], "M8[s]")), [1, 0, 1]),
        (Dates(np.array(["2020-01-02", "NaT", "NaT"], "M8[s]")), [0, 1, 2]),
        (Coded(np.array([-1, -1], np.int32), []), [0, 1]),
    ],
)
def test_equal_values_are_a_group_and_missing_ones_each_their_own(column, expected):
    assert group_numbers(table_of(column), "c").tolist() == expected


def test_the_group_is_no_input_and_an_unknown_one_is_refused(dataset):
    content = "x,customer,y\n" + "".join(f"{i},c{i % 20},{i}.5\n" for i in range(100))
    found = dataset(content, group="customer", validation=0.2, test=0.2)
    assert found.encoding.inputs.feature_names == ["x"]
    assert [len(part) for part in found.parts.values()] == [60, 20, 20]
    customers = [set((part.rows % 20).tolist()) for part in found.parts.values()]
    assert not customers[0] & customers[1]
    assert not (customers[0] | customers[1]) & customers[2]
    np.testing.assert_array_equal(
        np.unique(found.split_key.groups, return_inverse=True)[1],
        np.unique([f"c{r % 20}" for r in found.parts["train"].rows], return_inverse=True)[1],
    )
    assert found.guesses == ()
    with pytest.raises(DataError) as caught:
        dataset(content, group="costumer")
    assert caught.value.key == ("data", "split", "group")
    assert "did you mean 'customer'?" in str(caught.value)


def test_too_few_groups_are_said_with_what_to_write(dataset, no_dataset):
    content = "x,g,y\n" + "".join(f"{i},g{i % 2},{i}.5\n" for i in range(40))
    assert no_dataset(content, group="g") == (
        "d.csv: column 'g' has 2 groups, too few for the parts train, validation, test; "
        "name another column, or do without: data.split.validation: 0"
    )
    assert set(dataset(content, group="g", validation=0).parts) == {"train", "test"}
    one = content.replace("g1", "g0")
    assert no_dataset(one, group="g").endswith("data.split.validation: 0 and data.split.test: 0")
    assert set(dataset(one, group="g", validation=0, test=0).parts) == {"train"}


def test_parts_far_from_their_shares_are_said(dataset):
    content = "x,g,y\n" + "".join(f"{i},g{i % 3},{i}.5\n" for i in range(300))
    (guess,) = dataset(content, group="g").guesses
    assert (guess.kind, guess.columns) == ("split", ("g",))
    assert guess.text == (
        "column g: whole groups are in one part, so there are 100 validation rows in place of 45 "
        "and 100 test rows in place of 45"
    )


# ------------------------------------------------------------ time


@given(
    st.lists(st.integers(0, 15), min_size=1, max_size=150).map(lambda v: np.array(v, float)),
    shares,
    shares,
)
def test_later_parts_have_later_times_and_equal_times_one_part(found, validation, test):
    wanted = {2: round(test * len(found)), 1: round(validation * len(found))}
    parts = {0} | {part for part, rows in wanted.items() if rows}
    if len(set(found.tolist())) < len(parts):
        with pytest.raises(DataError, match="too few for the parts"):
            split_by_time(found, validation, test)
        return
    codes = split_by_time(found, validation, test)
    assert set(codes.tolist()) == parts
    in_time = codes[np.argsort(found, kind="stable")].astype(int)
    assert (np.diff(in_time) >= 0).all()
    for time in set(found.tolist()):
        assert len(set(codes[found == time].tolist())) == 1
    if len(set(found.tolist())) == len(found):
        assert {part: int(np.sum(codes == part)) for part in parts - {0}} == {
            part: rows for part, rows in wanted.items() if rows
        }


def test_ties_go_to_the_later_part_by_hand():
    # 20 rows; the last 3 are tested, and the three before them validate: times 9 and 8 of either
    # side of a cut go to the later part.
    found = np.array([0, 1, 2, 3, 4, 5, 6, 7, 7, 7, 7, 7, 7, 8, 8, 8, 9, 9, 9, 9.0])
    assert np.bincount(split_by_time(found, 0.15, 0.15)).tolist() == [13, 3, 4]
    assert split_by_time(found[::-1].copy(), 0.15, 0.15).tolist() == [2] * 4 + [1] * 3 + [0] * 13


def test_no_part_is_empty_where_one_time_has_nearly_all_rows():
    found = np.array([1.0] * 90 + [2] * 5 + [3] * 5)
    assert np.bincount(split_by_time(found, 0.15, 0.15)).tolist() == [90, 5, 5]
    found = np.array([1.0] * 5 + [2] * 5 + [3] * 90)
    assert np.bincount(split_by_time(found, 0.15, 0.15)).tolist() == [5, 5, 90]


def test_blocks_begin_with_a_new_time():
    found = np.array([3.0, 1, 2, 2, 2, 5, 4])  # in order 1 2 2 2 3 4 5; cuts before 2 and 3
    assert time_blocks(found, [2, 4]).tolist() == [2, 0, 1, 1, 1, 2, 2]
    assert time_blocks(found, []).tolist() == [0] * 7


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (Numbers(np.array([3, 1, 2])), [3.0, 1.0, 2.0]),
        (Coded(np.array([1, 0, 1], np.int32), [2.5, "1e3"]), [1000.0, 2.5, 1000.0]),
        (
            Coded(
                np.array([0, 1, 2, 3], np.int32),
                ["1970-01-02", "1970-02", "1970-01-01T00:01Z", "1970-01-01 02:00:01+02:00"],
            ),
            [86400.0, 2678400.0, 60.0, 1.0],
        ),
        (Dates(np.array(["1970-01-03", "1969-12-31"], "M8[s]")), [172800.0, -86400.0]),
    ],
)
def test_times_are_seconds_since_1970_or_the_numbers_themselves(column, expected):
    assert times(table_of(column), "c").tolist() == expected


@pytest.mark.parametrize(
    ("column", "problem"),
    [
        (Numbers(np.array([3, np.nan])), "d.csv:3:1: c: there is no value here; a split by time"),
        (Coded(np.array([0, -1], np.int32), ["2020-01-01"]), "d.csv:3:1: c: there is no value"),
        (
            Coded(np.array([0, 1], np.int32), ["2020-01-01", "soon"]),
            "d.csv:3:1: c: 'soon' is neither a date nor a number; a split by time needs a date or",
        ),
        (Dates(np.array(["2020-01-01", "NaT"], "M8[s]")), "d.csv:3:1: c: there is no value here"),
        (Numbers(np.array([3, np.inf])), "d.csv:3:1: c: the number is infinite"),
    ],
)
def test_a_row_without_a_time_is_refused_with_its_place(column, problem):
    with pytest.raises(DataError) as caught:
        times(table_of(column), "c")
    assert str(caught.value).startswith(problem)
    assert caught.value.exit_code == 3


def test_the_last_rows_are_tested_and_numbers_of_time_are_no_input(dataset):
    order = np.random.default_rng(0).permutation(100)
    content = "x,year,y\n" + "".join(f"{i % 7},{1900 + i},{i}.5\n" for i in order)
    found = dataset(content, time="year", validation=0.2, test=0.1)
    years = {name: sorted((order[part.rows]).tolist()) for name, part in found.parts.items()}
    assert years == {
        "train": list(range(70)),
        "validation": list(range(70, 90)),
        "test": list(range(90, 100)),
    }
    assert found.encoding.inputs.feature_names == ["x"]
    assert found.split_key.times.tolist() == (1900 + order[found.parts["train"].rows]).tolist()
    (guess,) = found.guesses
    assert (guess.kind, guess.columns) == ("split", ("year",))
    assert guess.text == (
        "column year is the time of the split, and later rows have later times than any that was "
        "trained on: it is no input"
    )


def test_too_few_times_are_said_with_what_to_write(dataset, no_dataset):
    content = "x,year,y\n" + "".join(f"{i},{2000 + i % 2},{i}.5\n" for i in range(40))
    assert no_dataset(content, time="year") == (
        "d.csv: column 'year' has 2 different times, too few for the parts train, validation, "
        "test; name another column, or do without: data.split.validation: 0"
    )
    assert set(dataset(content, time="year", validation=0).parts) == {"train", "test"}


def test_classes_change_nothing_where_groups_or_times_split(dataset):
    content = "x,g,y\n" + "".join(f"{i},{i // 5},{'ab'[i % 2]}\n" for i in range(100))
    for way in ("group", "time"):
        numbers = content.replace(",a\n", ",0.5\n").replace(",b\n", ",1.25\n")
        found = [dataset(text, **{way: "g"}).codes for text in (content, numbers)]
        np.testing.assert_array_equal(*found)
