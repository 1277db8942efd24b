"""Rows without a target: left out of every part, counted, and named by their lines."""

import numpy as np
import pytest

from mlpcli.data.columns import Coded, Numbers
from mlpcli.data.diagnosis import baseline
from mlpcli.data.splitting import LEFT_OUT, split_by_share

GAPS = "x,y\n1,0.5\n2,\n3,1.5\n4,NA\n5,2.5\n6,3.5\n"  # no target in the lines 3 and 5


def test_rows_without_a_target_are_left_out_and_said(dataset):
    found = dataset(GAPS, validation=0, test=0, scale="none")
    assert found.parts["train"].labels[:, 0].tolist() == [0.5, 1.5, 2.5, 3.5]
    assert found.parts["train"].X[:, 0].tolist() == [1, 3, 5, 6]
    assert [(guess.kind, guess.columns) for guess in found.guesses] == [("rows", ("y",))]
    assert found.guesses[0].text == (
        "d.csv: 2 of 6 rows have no y and are left out: line 3, line 5; to stop there "
        "instead: data.missing_target: fail"
    )


def test_the_codes_are_of_all_rows_of_the_file(dataset):
    found = dataset(GAPS, validation=0.25, test=0.25, seed=4)
    of_four = split_by_share(4, 0.25, 0.25, 4)  # the rows with a target are dealt, no others
    assert found.codes.tolist() == [
        of_four[0],
        LEFT_OUT,
        of_four[1],
        LEFT_OUT,
        of_four[2],
        of_four[3],
    ]
    assert sorted(len(part) for part in found.parts.values()) == [1, 1, 2]


def test_a_row_without_any_of_several_targets_is_left_out(dataset):
    content = "x,a,b\n1,1.5,2.5\n2,,3.5\n3,2.5,\n4,,\n5,4.5,1.5\n"
    found = dataset(content, targets=["a", "b"], validation=0, test=0)
    assert found.parts["train"].labels.tolist() == [[1.5, 2.5], [4.5, 1.5]]
    assert found.guesses[0].text.startswith(
        "d.csv: 3 of 5 rows have no value in one of a, b and are left out: line 3, line 4, line 5;"
    )


def test_one_row_and_many_rows(dataset):
    one = dataset("x,y\n1,0.5\n2,\n3,1.5\n", validation=0, test=0).guesses[0].text
    assert one.startswith("d.csv: 1 of 3 rows has no y and is left out: line 3; to stop")
    rows = "".join(f"{k},{'' if k % 5 else k / 4}\n" for k in range(50))
    many = dataset("x,y\n" + rows, validation=0, test=0).guesses[0].text
    places = "line 3, line 4, line 5, … (40 in all); to stop"
    assert many.startswith(f"d.csv: 40 of 50 rows have no y and are left out: {places}")


def test_each_file_has_its_own(dataset, write):
    files = {"train": "d.csv", "test": write("x,y\n1,\n2,1.5\n3,\n", "t.csv")}
    found = dataset(GAPS, path=None, files=files)
    assert {name: len(part) for name, part in found.parts.items()} == {"train": 4, "test": 1}
    assert [guess.text.partition(" and ")[0] for guess in found.guesses] == [
        "d.csv: 2 of 6 rows have no y",
        "t.csv: 2 of 3 rows have no y",
    ]


def test_no_row_left(no_dataset):
    assert no_dataset("x,y\n1,\n2,NA\n") == ("d.csv: no row has a target: 2 rows, each with no y")


def test_a_message_names_the_line_of_the_file(no_dataset):
    content = "x,y\n1,0.5\n2,\n3,1.5\n4,inf\n5,2.5\n"
    assert no_dataset(content).startswith("d.csv:5:3: y: the number is infinite")


def test_classes_are_stratified_among_the_rows_that_have_one(dataset):
    rows = [("a", "b", "")[k % 3] for k in range(60)]
    content = "x,y\n" + "".join(f"{k},{label}\n" for k, label in enumerate(rows))
    found = dataset(content, validation=0.2, test=0.2)
    assert {n: np.bincount(p.labels).tolist() for n, p in found.parts.items()} == {
        "train": [12, 12],
        "validation": [4, 4],
        "test": [4, 4],
    }
    assert (found.codes == LEFT_OUT).tolist() == [label == "" for label in rows]


def test_a_split_s_column_may_be_empty_where_the_target_is(dataset):
    content = "x,part,y\n1,train,0.5\n2,,\n3,test,1.5\n4,train,2.5\n"
    found = dataset(content, split_column="part")
    assert found.codes.tolist() == [0, LEFT_OUT, 2, 0]


def test_a_gap_does_not_make_whole_numbers_amounts(dataset):
    content = "x,y\n1,0\n2,\n3,1\n4,0\n5,1\n"
    assert dataset(content, validation=0, test=0).encoding.target.classes == (0, 1)


def test_the_baseline_is_of_the_rows_left(dataset):
    found = dataset(GAPS, validation=0, test=0)  # 0.5, 1.5, 2.5, 3.5 around their mean, 2
    assert baseline(found).scores["train"] == pytest.approx(np.sqrt((1.5**2 + 0.5**2) / 2))


def test_columns_keep_the_values_that_some_row_has():
    taken = Coded(np.array([0, 2, -1, 1, 2]), ["a", "b", "c"]).take(np.array([1, 2, 4]))
    assert (taken.codes.tolist(), taken.values) == ([0, -1, 0], ["c"])
    assert Numbers(np.array([3, 4, 5])).take(np.array([0, 2])).values.tolist() == [3, 5]


def test_a_table_taken_twice_knows_its_rows_in_the_file(table):
    twice = table("x\n10\n11\n12\n13\n14\n").take(np.array([1, 2, 4])).take(np.array([0, 2]))
    assert twice.column("x").values.tolist() == [11, 14]
    assert (twice.kept.tolist(), twice.n_file_rows) == ([1, 4], 5)
    assert twice.locate(1, "x") == "d.csv:6:1"
    assert twice.in_file(np.array([7, 8], np.uint8), 255).tolist() == [255, 7, 255, 255, 8]
