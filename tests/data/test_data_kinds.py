"""Values mean the same in files of all kinds: labels, categories and numbers at evaluation."""

import io
import json

import numpy as np
import pytest

from mlpcli.data.readers import read_table
from mlpcli.errors import DataError

T = ",0.5\n"  # the end of a row: the target, regression


def npz(**arrays):
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


# Labels of the training file, and the same labels, 0, 1 (and 2), as other files write them.
LABELS = [
    (["0", "1"], "e.csv", "x,y\n5,0.0\n5,1.0\n"),
    (["0", "1"], "e.jsonl", '{"x": 5, "y": 0}\n{"x": 5, "y": 1.0}\n'),
    (["0", "1"], "e.npz", npz(x=[5, 5], y=np.array([0, 1], np.float32))),
    (["0.0", "1.0"], "e.csv", "x,y\n5,0\n5,1\n"),
    (["1.5", "2.25"], "e.csv", "x,y\n5,1.50\n5,225e-2\n"),
    (["a", "b"], "e.jsonl", '{"x": 5, "y": "a"}\n{"x": 5, "y": "b"}\n'),
    (["a", "b"], "e.npz", npz(x=[5, 5], y=np.array([b"a", b"b"]))),
    (["false", "true"], "e.csv", "x,y\n5,FALSE\n5,True\n"),
    (["false", "true"], "e.jsonl", '{"x": 5, "y": false}\n{"x": 5, "y": true}\n'),
    (["false", "true"], "e.npz", npz(x=[5, 5], y=np.array([False, True]))),
    (["1", "2", "x"], "e.csv", "x,y\n5,1\n5,2\n"),  # without the x, the column looks like numbers
    (["1", "2", "x"], "e.jsonl", '{"x": 5, "y": 1}\n{"x": 5, "y": 2}\n'),
    (["1", "2", "x"], "e.npz", npz(x=[5, 5], y=np.array([1.0, 2.0]))),
    (["01", "02", "x"], "e.csv", "x,y\n5,01\n5,02\n"),
    (["1.10", "1.20", "x"], "e.csv", "x,y\n5,1.10\n5,1.20\n"),
    (["false", "true", "x"], "e.csv", "x,y\n5,false\n5,true\n"),
    (
        ["1000000000000000000", "1000000000000000001"],
        "e.csv",
        "x,y\n5,1000000000000000000\n5,1000000000000000001\n",
    ),
]


@pytest.mark.parametrize(("labels", "name", "content"), LABELS)
def test_labels_are_matched_in_files_of_all_kinds(dataset, write, labels, name, content):
    rows = "".join(f"{i},{label}\n" for i, label in enumerate(labels * 6))
    task = "binary" if len(labels) == 2 else "multiclass"
    encoding = dataset(f"x,y\n{rows}", task=task).encoding
    part, _ = encoding.encode(read_table(write(content, name), encoding.read), "float64")
    assert part.labels.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("label", "shown"),
    [("c", "'c'"), ("A", "'A'"), ("x" * 1000, "'" + "x" * 58 + "…")],
)
def test_a_label_that_is_no_class(dataset, write, label, shown):
    encoding = dataset("x,y\n" + "1,a\n2,b\n" * 6).encoding
    table = read_table(write(f"x,y\n5,a\n5,{label}\n", "e.csv"), encoding.read)
    with pytest.raises(DataError) as caught:
        encoding.encode(table, "float64")
    assert str(caught.value) == f"e.csv:3:3: y: {shown} is not a class; the classes: a, b"


def test_a_number_that_is_no_class_is_shown_as_a_number(dataset, write):
    encoding = dataset("x,y\n" + "1,1\n2,2\n" * 6).encoding
    for cell, shown in (("3", "3"), ("1.5", "1.5"), ("a", "'a'")):
        table = read_table(write(f"x,y\n5,1\n5,{cell}\n", "e.csv"), encoding.read)
        with pytest.raises(DataError, match=f"y: {shown} is not a class; the classes: 1, 2$"):
            encoding.encode(table, "float64")


# Categories of the training file, and the same two as other files write them.
CATEGORIES = [
    (["false", "true"], "e.csv", "x\nfalse\ntrue\n"),
    (["FALSE", "TRUE"], "e.csv", "x\nFalse\ntrue\n"),
    (["false", "true"], "e.jsonl", '{"x": false}\n{"x": true}\n'),
    (["false", "true"], "e.npz", npz(x=np.array([False, True]))),
    (["false", "true", ""], "e.csv", "x\nfalse\ntrue\n"),
    (["a", "b"], "e.jsonl", '{"x": "a"}\n{"x": "b"}\n'),
    (["1", "2", "u", "v", "w"], "e.csv", "x\n1\n2\n"),
    (["1", "2", "u", "v", "w"], "e.npz", npz(x=[1.0, 2.0])),
    (["01", "02", "u", "v", "w"], "e.csv", "x\n01\n02\n"),
    (["1.10", "1.20", "u", "v", "w"], "e.csv", "x\n1.10\n1.20\n"),
]


@pytest.mark.parametrize(("words", "name", "content"), CATEGORIES)
def test_categories_are_matched_in_files_of_all_kinds(dataset, write, words, name, content):
    encoding = dataset("x,y\n" + "".join(f"{w}{T}" for w in words * 6), test=0).encoding
    table = read_table(write(content, name), encoding.read)
    X, replaced = encoding.inputs.encode(table, "float64")
    assert X[:, :2].tolist() == [[1, 0], [0, 1]]
    assert replaced == {}


HUGE = "9" * 25  # more than 64 bits hold: pandas leaves text, or Python's integers


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        ([HUGE, "1"], [1e25, 1]),
        ([HUGE, "NA", "-2"], [1e25, np.nan, -2]),
        (["NA", HUGE, "2.5"], [np.nan, 1e25, 2.5]),
        ([str(2**64 - 1), "NA"], [2.0**64, np.nan]),
        ([str(2**63), "-1"], [2.0**63, -1]),
        (["9" * 400, "NA"], [np.inf, np.nan]),
    ],
)
def test_whole_numbers_that_64_bits_do_not_hold(table, cells, numbers):
    found = table("x,y\n" + "".join(f"{cell},1\n" for cell in cells))
    np.testing.assert_array_equal(found.column("x").values, numbers)


def test_missing_values_are_missing_beside_a_number_that_64_bits_do_not_hold(table):
    found = table(f"x,y\nNA,1\nu,1\n{HUGE},1\n,1\n")
    assert found.texts("x").tolist() == [None, "u", HUGE, None]


def test_numbers_are_read_to_the_last_bit_from_files_of_all_kinds(table):
    numbers = np.random.default_rng(0).normal(size=200) * 10.0 ** np.arange(-100, 100)
    csv = "x\n" + "\n".join(map(repr, numbers.tolist())) + "\n"
    lines = "\n".join(json.dumps({"x": x}) for x in numbers.tolist())
    for name, content in (("d.csv", csv), ("d.jsonl", lines), ("d.npz", npz(x=numbers))):
        np.testing.assert_array_equal(table(content, name).numbers("x", ""), numbers)
