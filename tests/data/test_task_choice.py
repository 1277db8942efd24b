"""What `data.task: auto` says of its choice, and which texts it does not take for classes."""

import re

import pytest

from mlpcli.spec.load import load_spec
from mlpcli.training.build import load_dataset


def column(values):
    return "x,y\n" + "".join(f"{k % 7},{value}\n" for k, value in enumerate(values))


def guesses(found):
    return [guess.text for guess in found.guesses if guess.kind == "task"]


WHOLE = [
    ([0, 1] * 9, "2 different whole numbers (0, 1), so taken as classes (binary)", "regression"),
    (
        [3, 4, 5, 6, 7, 8] * 9,
        "6 different whole numbers (3, 4, 5, 6, 7, …), so taken as classes (multiclass)",
        "regression",
    ),
    (["1.0", "2.0", "3"] * 9, "3 different whole numbers (1, 2, 3), so taken as classes", None),
    (
        [*range(50)] * 2,
        "50 different whole numbers, so taken as amounts (regression)",
        "multiclass",
    ),
]


@pytest.mark.parametrize(("values", "says", "other"), WHOLE)
def test_whole_numbers_are_said_to_be_taken_as_what(dataset, values, says, other):
    [text] = guesses(dataset(column(values)))
    assert text.startswith(f"y: {says}")
    if other:
        assert text.endswith(f"write data.task: {other}")
        assert guesses(dataset(column(values), task=other)) == []


@pytest.mark.parametrize("values", [["0.5", "1.5"], ["yes", "no"], ["true", "false"], "abc"])
def test_nothing_is_said_where_nothing_is_doubtful(dataset, values):
    assert guesses(dataset(column([*values] * 9))) == []


def test_labels_of_several_columns_are_said(dataset):
    rows = "".join(f"{k},{k % 2},{k % 3 % 2}\n" for k in range(12))
    found = dataset("x,a,b\n" + rows, targets=["a", "b"])
    assert guesses(found)[0] == (
        "a, b: each 0 or 1, so taken as labels, of which a row has any number (multilabel); to "
        "predict them as numbers, write data.task: regression"
    )


MANY = [
    ([f"Anna{chr(65 + k // 26)}{chr(65 + k % 26)}" for k in range(400)], "names"),
    ([f"id-{k:04}-x" for k in range(400)], "an identifier"),
    ([f"a long remark on number {k}" for k in range(400)], "free text"),
    ([f"{k}.5 kg" for k in range(60)], "numbers with something beside them"),
    ([f"{'$€'[k % 2]}{k}.99" for k in range(60)], "numbers with something beside them"),
    ([f"day 2020-{k // 28 + 1:02}-{k % 28 + 1:02}"[4:] + "?" for k in range(60)], "dates"),
    (["$5", "€6", "£7.50"] * 30, "numbers with something beside them"),  # however few they are
    ([f"t{k}" for k in range(101)] * 20, "names"),  # more than 100, each of them often
    ([f"t{k}" for k in range(21)] * 9 + ["t0"] * 20, "names"),  # more than 20, 9.95 rows each
]


@pytest.mark.parametrize(("values", "like"), MANY)
def test_many_texts_are_no_classes(no_dataset, values, like):
    found = no_dataset(column(values))
    n = len(set(values))
    assert found.startswith(f"d.csv: y: {n} different texts in {len(values):,} rows, such as '")
    assert f"look like {like}" in found
    assert found.endswith("if they are classes all the same, write data.task: multiclass")


@pytest.mark.parametrize(
    "values",
    [[f"t{k}" for k in range(100)] * 10, [f"t{k}" for k in range(21)] * 10, "abcdefghijklmnopqrst"],
)
def test_as_many_texts_may_be_classes(dataset, values):
    found = dataset(column(values))
    assert len(found.encoding.target.classes) == len(set(values))


ADVISED = [
    [f"Anna{chr(65 + k // 26)}{chr(65 + k % 26)}" for k in range(130)],
    [*range(30)] * 2,
    [*range(3)] * 9,
]


@pytest.mark.parametrize("values", ADVISED)
def test_the_advice_works_as_it_stands(write, values):
    write(column(values))
    write("data:\n  path: d.csv\n  target: y\n", "spec.yaml")
    try:
        text = load_dataset(load_spec("spec.yaml")).guesses[0].text
    except Exception as error:  # noqa: BLE001  whichever it is, its advice is followed
        text = str(error)
    key, value = re.search(r"write (data\.task): (\w+)", text).groups()
    dataset = load_dataset(load_spec("spec.yaml", [f"{key}={value}"]))
    assert dataset.encoding.task == value
