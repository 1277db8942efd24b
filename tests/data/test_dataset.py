"""Whole data sets: what a column holds, several files, files of other kinds at evaluation."""

import numpy as np
import pytest

from mlpcli.data.data_options import DataOptions
from mlpcli.data.loading import load_dataset
from mlpcli.data.readers import ReadOptions
from mlpcli.errors import DataError


def advice(text):
    missing = f"{{name: number, missing: [{text}]}}"
    return (
        f"mend it, or, where it means no value, write data.columns: {{x: {missing}}}; to take the "
        "column as texts, write data.columns: {x: text}"
    )


T = ",0.5\n"  # the end of a row: the target, regression


def column(*cells):
    return "x,y\n" + "".join(f"{cell}{T}" for cell in cells)


@pytest.mark.parametrize(
    ("cells", "names"),
    [
        (["1", "2", "3"], ["x"]),
        (["1", "", "NA"], ["x"]),
        (["1e3", " 5 ", "+7", "-.5"], ["x"]),
        (["007", "8", "9"], ["x"]),
        (["99999999999999999999", "1"], ["x"]),
        (["true", "false", "TRUE"], ["x=False", "x=True"]),
        (["True", "", "False"], ["x=False", "x=True", "x=(missing)"]),
        (["a", "b", "2"], ["x=2", "x=a", "x=b"]),
        (["yes", "no"], ["x=no", "x=yes"]),
        (["1,5", "2,5"], None),  # decimal commas in an unquoted file are further columns
        (['"1,5"', "b", "c"], ["x=1,5", "x=b", "x=c"]),
        (["2020-01-01", "2020-01-02"], ["x.number", "x.day_of_week"]),
        (["0x10", "0x11"], ["x=0x10", "x=0x11"]),
        (["5%", "6%"], ["x"]),
        (["１", "２"], ["x=１", "x=２"]),
        (["a ", "a", " a", "b"], ["x=a", "x=b"]),
        ([str(2**53 + 1), str(2**53)], ["x"]),
    ],
)
def test_what_a_column_holds(dataset, no_dataset, cells, names):
    content = column(*cells)
    if names is None:
        assert "the row is too long" in no_dataset(content)
    else:
        found = dataset(content, validation=0, test=0)
        assert found.encoding.inputs.feature_names == names


@pytest.mark.parametrize(
    ("cell", "shown", "typed"),
    [
        ("abc", "'abc'", "abc"),
        ("1_000", "'1_000'", '"1_000"'),
        ("5 kg", "'5 kg'", '"5 kg"'),
        ("true", "'true'", '"true"'),
        ("0x10", "'0x10'", '"0x10"'),
        ("--1", "'--1'", '"--1"'),
        ("x" * 1_000_000, "'" + "x" * 58 + "…", None),
        ("\x1b[31m", r"'\x1b[31m'", '"\\u001b[31m"'),
    ],
)
def test_text_in_a_column_of_numbers(no_dataset, cell, shown, typed):
    content = column("1", '"2"', "\n3", cell, "4")
    says = advice(typed) if typed else "mend it; to take the column as texts, write data.columns: "
    assert no_dataset(content).startswith(f"d.csv:6:1: x: {shown} is not a number; {says}")


@pytest.mark.parametrize("cell", ["?", "nan", "NaN", "null", "-", '" "', "n/a", "Unknown", "None"])
def test_words_for_no_value_among_numbers(dataset, cell):
    found = dataset(column("1", "2", "3", cell, "4"), validation=0, test=0, scale="none")
    assert found.parts["train"].X[:, 0].tolist() == [1, 2, 3, 2.5, 4]  # the median


@pytest.mark.parametrize(("cell", "number"), [('"1,000"', 1000), ("$5", 5), ("(5)", -5)])
def test_numbers_with_more_than_digits(dataset, cell, number):
    found = dataset(column("1", "2", "3", cell, "4"), validation=0, test=0, scale="none")
    assert found.parts["train"].X[:, 0].tolist() == [1, 2, 3, number, 4]


@pytest.mark.parametrize("cell", ["inf", "-inf", "Infinity", "1e400", "-1e309"])
def test_an_infinite_number(no_dataset, cell):
    problem = "x: the number is infinite; remove the row or the value"
    assert no_dataset(column("1", cell, "2")) == f"d.csv:3:1: {problem}"
    # also where the column has been read as text, because of another cell
    assert no_dataset(column("1", cell, "2"), read=ReadOptions(["5", "6"])).endswith(problem)


def test_an_empty_cell_is_text_where_data_missing_does_not_list_it(no_dataset):
    assert no_dataset(column("1", "", "2"), read=ReadOptions(["NA"])) == (
        f"d.csv:3:1: x: '' is not a number; {advice(chr(34) * 2)}"
    )


def test_numbers_may_be_listed_as_categories(dataset):
    content = "zip,n,y\n" + "".join(f"0{i % 3},{i}{T}" for i in range(9))
    found = dataset(content, categorical=["zip"], validation=0, test=0)
    assert found.encoding.inputs.feature_names == ["zip=00", "zip=01", "zip=02", "n"]


def test_what_is_not_listed_is_numbers(dataset, no_dataset):
    content = "c,x,y\n" + "".join(f"{'uv'[i % 2]},{i}{T}" for i in range(9))
    assert no_dataset(content, categorical=["x"]) == (
        "d.csv:2:1: c: 'u' is not a number; data.categorical does not list the column"
    )
    flags = "f,y\n" + "".join(f"{['true', 'false'][i % 2]}{T}" for i in range(4))
    found = dataset(flags, categorical=[], validation=0, test=0, scale="none")
    assert found.parts["train"].X[:, 0].tolist() == [1, 0, 1, 0]


def test_a_column_of_mostly_different_texts_is_left_out_where_nothing_names_it(dataset):
    content = "id,n,y\n" + "".join(f"id{i},{i % 7},{i % 10}.5\n" for i in range(100))
    found = dataset(content, validation=0, test=0)
    assert found.encoding.inputs.feature_names == ["n"]
    assert [(guess.kind, guess.columns) for guess in found.guesses] == [("left_out", ("id",))]
    for options, n in (({"exclude": ["id"]}, 1), ({"categorical": ["id"]}, 101)):
        found = dataset(content, validation=0, test=0, **options)
        assert (found.encoding.inputs.n_features, found.guesses) == (n, ())


def test_ten_thousand_categories_are_enough(no_dataset):
    words = [f"w{i}" for i in range(10_001)]
    assert no_dataset(column(*words), categorical=["x"], validation=0, test=0) == (
        "d.csv: x: 10001 categories are more than 10000; write data.max_categories: 100, or "
        "data.exclude: [x]"
    )


FILES = {
    "train.csv": "n,c,y\n1,u,a\n3,v,b\n5,u,a\n",
    "val.tsv": "c\ty\textra\tn\nw\tb\t?\t9\nu\ta\t?\t\n",
    "test.jsonl": '{"y": "b", "n": 3, "c": "v"}\n',
}
PARTS = {"train": "train.csv", "validation": "val.tsv", "test": "test.jsonl"}


def files(write, **changes):
    for name, content in {**FILES, **changes}.items():
        write(content, name)
    options = DataOptions(targets=["y"], files=PARTS, dtype="float64", scale="minmax")
    return load_dataset(options)


def test_a_file_for_each_part(write):
    found = files(write)
    assert found.codes is None
    assert found.encoding.inputs.feature_names == ["n", "c=u", "c=v"]
    assert {name: part.X.tolist() for name, part in found.parts.items()} == {
        "train": [[0, 1, 0], [0.5, 0, 1], [1, 1, 0]],
        "validation": [[2, 0, 0], [0.5, 1, 0]],  # the missing number is the training rows' median
        "test": [[0.5, 0, 1]],
    }
    assert {name: part.labels.tolist() for name, part in found.parts.items()} == {
        "train": [0, 1, 0],
        "validation": [1, 0],
        "test": [1],
    }
    assert found.replaced == {"train": {}, "validation": {"c": 1, "n": 1}, "test": {}}
    assert list(found.sha256) == ["train", "validation", "test"]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("train.csv", "n,c,y\n1,u,a\n3,v\n", "train.csv:3:4: the row is too short: 2 fields"),
        ("val.tsv", "c\tn\nu\t1\n", "val.tsv has no column 'y'; its columns: c, n"),
        (
            "val.tsv",
            "c\ty\tN\nu\ta\t1\n",
            "val.tsv has no column 'n'; its columns: c, y, N; did you",
        ),
        ("test.jsonl", '{"y": "b", "n": "three", "c": "v"}', "test.jsonl:1: n: 'three' is not a "),
        ("test.jsonl", '{"y": null, "n": 3, "c": "v"}', "test.jsonl: no row has a target: 1 row,"),
    ],
)
def test_a_fault_in_one_of_several_files_names_the_file(write, name, content, problem):
    with pytest.raises(DataError) as caught:
        files(write, **{name: content})
    assert str(caught.value).startswith(problem)


def test_the_task_is_that_of_all_files(write):
    found = files(write, **{"test.jsonl": '{"y": "c", "n": 3, "c": "v"}'})
    assert found.encoding.task == "multiclass"
    assert found.encoding.target.classes == ("a", "b", "c")


def test_what_the_training_file_does_not_have_is_not_there(write):
    content = {**FILES, "train.csv": "n,y\n1,a\n3,b\n"}
    found = files(write, **content)
    assert found.encoding.inputs.feature_names == ["n"]


def test_the_rows_of_a_part_are_those_of_the_file(dataset):
    content = "x,y\n" + "".join(f"{i},{i}.25\n" for i in range(40))
    found = dataset(content, scale="none", seed=5)
    together = np.sort(np.concatenate([part.rows for part in found.parts.values()]))
    np.testing.assert_array_equal(together, np.arange(40))
    for part in found.parts.values():
        np.testing.assert_array_equal(part.X[:, 0], part.rows)
        np.testing.assert_array_equal(part.labels[:, 0], part.rows + 0.25)
        assert len(part) == len(part.rows)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_inputs_have_the_network_s_type(dataset, dtype):
    assert dataset(column(1, 2, 3, 4), dtype=dtype).parts["train"].X.dtype == dtype
