"""Targets: which task their values mean, which classes, and how numbers are scaled."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

from mlpcli.data.readers import ReadOptions
from mlpcli.data.readings import READINGS
from mlpcli.data.targets import (
    ClassTarget,
    MultilabelTarget,
    RegressionTarget,
    target_from_plain,
    target_to_plain,
)
from mlpcli.data.task_choice import MAX_AUTO_CLASSES
from mlpcli.errors import DataError


def column(*values):
    return "x,y\n" + "".join(f"{i},{v}\n" for i, v in enumerate(values))


TASKS = [
    (["0", "1"] * 5, "binary", (0, 1)),
    (["0.0", "1.0", "1"] * 4, "binary", (0, 1)),
    (["-1", "1"] * 5, "binary", (-1, 1)),
    (["3", "1", "2"] * 5, "multiclass", (1, 2, 3)),
    ([*range(MAX_AUTO_CLASSES)], "multiclass", tuple(range(MAX_AUTO_CLASSES))),
    ([*range(MAX_AUTO_CLASSES + 1)], "regression", None),
    (["0.5", "1.5"] * 5, "regression", None),
    (["1", "2", "2.5"] * 5, "regression", None),
    (["5.5"] * 5, "regression", None),
    (["yes", "no"] * 5, "binary", ("no", "yes")),
    (["true", "false"] * 5, "binary", ("False", "True")),
    (["TRUE", "False", "true"] * 5, "binary", ("False", "True")),
    (["b", "a", "C", "ä"] * 5, "multiclass", ("C", "a", "b", "ä")),
    ([f"t{i:02}" for i in range(60)] * 10, "multiclass", tuple(f"t{i:02}" for i in range(60))),
    (["1", "x", "y"] * 5, "multiclass", ("1", "x", "y")),
    (["10", "9", "x", "y", "z"] * 5, "multiclass", ("10", "9", "x", "y", "z")),  # as text
    (["01", "1", "x", "y", "z"] * 5, "multiclass", ("01", "1", "x", "y", "z")),
    (["1000000000000000001", "1000000000000000000"] * 5, "binary", (10**18, 10**18 + 1)),
    ([f"{i}00000000000000000000" for i in range(30)], "regression", None),  # beyond 64 bits
]


def test_one_bad_cell_does_not_make_a_numeric_target_classes(no_dataset):
    assert no_dataset(column("11.5", "few", "12.5", "13")) == (
        "d.csv:3:3: y: 'few' is not a number; mend it, or, where it means no value, write "
        "data.columns: {y: {name: number, missing: [few]}}; if these are classes, write "
        "data.task: multiclass"
    )


def test_a_decimal_comma_is_read_where_the_spec_has_a_point(dataset):
    content = column('"1,5"', '"2,5"')
    found = dataset(content, read=ReadOptions(decimal="."), validation=0, test=0)
    assert found.parts["train"].labels[:, 0].tolist() == [1.5, 2.5]
    assert "decimal sign ','" in found.guesses[0].text


def test_dates_are_no_classes_unasked(dataset, no_dataset):
    content = column(*["2020-01-01", "2020-01-02"] * 5)
    assert "y: the target is dates; predict a number, such as the days since" in no_dataset(content)
    found = dataset(content, columns={"y": READINGS["text"]()})
    assert found.encoding.target.classes == ("2020-01-01", "2020-01-02")


@pytest.mark.parametrize(("values", "task", "classes"), TASKS)
def test_auto_takes_the_task_that_the_values_mean(dataset, values, task, classes):
    encoding = dataset(column(*values), validation=0.1, test=0.1).encoding
    assert encoding.task == encoding.target.task == task
    if classes is None:
        assert encoding.target.n_outputs == 1
    else:
        assert encoding.target.classes == classes
        assert [type(c) for c in encoding.target.classes] == [type(c) for c in classes]
        assert encoding.target.n_outputs == (1 if task == "binary" else len(classes))


@pytest.mark.parametrize(
    ("rows", "task"),
    [
        (["0,1", "1,1", "0,0"], "multilabel"),
        (["true,false", "false,false", "true,true"], "multilabel"),
        (["0,1", "1,2", "0,0"], "regression"),
        (["0.5,1", "1,0", "0,0"], "regression"),
    ],
)
def test_several_targets(dataset, rows, task):
    content = "x,a,b\n" + "".join(f"{i},{row}\n" for i, row in enumerate(rows * 4))
    found = dataset(content, targets=["a", "b"], validation=0, test=0.25)
    assert found.encoding.task == task
    assert found.encoding.target.n_outputs == 2
    assert found.encoding.inputs.feature_names == ["x"]
    assert found.parts["train"].y.shape == (9, 2)


def test_a_task_that_is_said_is_not_guessed(dataset):
    whole = column(*[i % 3 for i in range(12)])
    assert dataset(whole, task="regression").encoding.task == "regression"
    halves = dataset(column(*["0.5", "1.5"] * 6), task="binary").encoding.target
    assert (halves.task, halves.classes) == ("binary", (0.5, 1.5))
    two = dataset(column(*["a", "b"] * 6), task="multiclass").encoding.target
    assert (two.task, two.n_outputs) == ("multiclass", 2)
    one = dataset(column(*["0", "1"] * 6), task="multilabel").encoding.target
    assert (one.task, one.n_outputs) == ("multilabel", 1)


@pytest.mark.parametrize(
    ("values", "options", "problem"),
    [
        (["a"] * 4, {}, "d.csv: y: every row has the same class, 'a'"),
        (["5"] * 4, {}, "d.csv: y: every row has the same class, 5"),
        (
            ["1", "2", "3"] * 2,
            {"task": "binary"},
            ("d.csv: y: a binary target has two classes, not 3: 1, 2, 3"),
        ),
        (
            ["1.5", "x"],
            {"task": "regression"},
            (
                "d.csv:3:3: y: 'x' is not a number; a regression target is numbers; for classes, "
                "write data.task: multiclass"
            ),
        ),
        (
            ["1.5", "inf", "2"],
            {},
            "d.csv:3:3: y: the number is infinite; remove the row or the value",
        ),
        (
            ["1.5", "1e400", "2"],
            {},
            ("d.csv:3:3: y: the number is infinite; remove the row or the value"),
        ),
        (
            ["1.5", "", "2"],
            {"missing_target": "fail"},
            (
                "d.csv:3:3: y: the target has no value here; remove the row, or fill it in; or "
                "leave such rows out: data.missing_target: drop"
            ),
        ),
        (
            ["a", "NA", "b", ""],
            {"missing_target": "fail"},
            (
                "d.csv:3:3: y: the target has no value here (2 rows in all); remove the row, or "
                "fill it in; or leave such rows out: data.missing_target: drop"
            ),
        ),
        (["0", "2", "1"], {"task": "multilabel"}, "d.csv:3:3: y: a label is 0 or 1, not 2"),
        ([f"{i}.5e306" for i in range(30)], {}, "d.csv: y: the numbers are too large to be scaled"),
        (
            ["1.5", "2.5"],
            {"targets": ["Y"]},
            ("d.csv has no column 'Y'; its columns: x, y; did you mean 'y'?"),
        ),
        (["1.5", "2.5"], {"exclude": ["z", "X"]}, "d.csv has no column 'z'; its columns: x, y"),
        (
            ["1.5", "2.5"],
            {"exclude": ["X"]},
            ("d.csv has no column 'X'; its columns: x, y; did you mean 'x'?"),
        ),
        (
            ["1.5", "2.5"],
            {"categorical": ["X"]},
            ("d.csv has no column 'X'; its columns: x, y; did you mean 'x'?"),
        ),
        (["1.5", "2.5"], {"exclude": ["x"]}, "d.csv: beside the target there is no column"),
    ],
)
def test_targets_that_do_not_serve(no_dataset, values, options, problem):
    assert no_dataset(column(*values), **options) == problem


def test_a_file_without_a_header_line(no_dataset):
    assert no_dataset("5.1,3.5,0\n4.9,3,1\n") == (
        "d.csv has no column 'y'; its columns: 5.1, 3.5, 0; the first line looks like data, so "
        "perhaps there is no header line"
    )


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"targets": ["Y"]}, ("data", "target")),
        ({"exclude": ["Z"]}, ("data", "exclude")),
        ({"categorical": ["Z"]}, ("data", "categorical")),
        ({"exclude": ["x"]}, ("data", "target")),
        ({"task": "binary"}, ("data", "task")),
    ],
)
def test_a_fault_that_comes_from_the_spec_knows_its_key(dataset, options, key):
    with pytest.raises(DataError) as caught:
        dataset(column("1", "2", "3"), **options)
    assert caught.value.key == key


def test_regression_targets_are_standardized_as_by_scikit_learn(dataset):
    rng = np.random.default_rng(0)
    y = rng.normal(250_000, 90_000, (60, 2)) * [1, 1e-9]
    parts = rng.choice(["train", "test"], 60)
    content = "x,part,y,z\n" + "".join(
        f"{i},{part},{a!r},{b!r}\n"
        for i, (part, (a, b)) in enumerate(zip(parts, y.tolist(), strict=True))
    )
    found = dataset(content, targets=["y", "z"], split_column="part")
    oracle = StandardScaler().fit(y[parts == "train"])
    for name, part in found.parts.items():
        np.testing.assert_array_equal(part.labels, y[parts == name])  # the target's own unit
        np.testing.assert_allclose(part.y, oracle.transform(y[parts == name]), rtol=0, atol=1e-12)
        np.testing.assert_allclose(found.encoding.target.decode(part.y), part.labels, rtol=1e-14)
    plain = dataset(content, targets=["y", "z"], split_column="part", scale_target="none")
    np.testing.assert_array_equal(plain.parts["train"].y, y[parts == "train"])
    divided = dataset(content, targets=["y", "z"], split_column="part", scale_target="mean")
    mean = np.abs(y[parts == "train"]).mean(axis=0)
    for name, part in divided.parts.items():
        np.testing.assert_allclose(part.y, y[parts == name] / mean, rtol=1e-15)
        np.testing.assert_allclose(divided.encoding.target.decode(part.y), part.labels, rtol=1e-14)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30), st.floats(-1e9, 1e9))
def test_decoding_gives_the_target_back(values, shift):
    labels = np.array(values)[:, np.newaxis] + shift
    target = RegressionTarget(("y",), (float(labels.mean()),), (max(float(labels.std()), 1e-3),))
    decoded = target.decode(target.encode(labels))
    assert np.abs(decoded - labels).max() <= 4 * np.spacing(np.abs(labels).max() + 1)


@pytest.mark.parametrize("value", ["0.1", "5.5", "-1e-300", "1e100"])
def test_a_constant_target_is_not_divided_by_its_rounding(dataset, value):
    # The standard deviation of 0.1, 25 times, is 1e-17.
    content = column(*[value] * 25)
    found = dataset(content, task="regression", validation=0, test=0)
    assert found.encoding.target.scale == (1,)
    np.testing.assert_allclose(found.parts["train"].y, 0, atol=1e-12 * max(1, float(value)))


def test_a_target_too_large_for_the_network_s_type(no_dataset, dataset):
    content = "x,part,y\n" + "".join(f"{i},train,{i}.5\n" for i in range(5)) + "5,test,1e300\n"
    assert no_dataset(content, split_column="part", dtype="float32") == (
        "d.csv:7:8: y: 1e+300 is too large for float32, scaled as the training rows are"
    )
    assert dataset(content, split_column="part").parts["test"].y[0, 0] > 1e299


def test_classes_are_those_of_every_part(dataset):
    content = "x,part,y\n1,train,b\n2,train,c\n3,test,a\n4,train,b\n"
    found = dataset(content, split_column="part")
    assert found.encoding.target.classes == ("a", "b", "c")
    assert found.parts["train"].labels.tolist() == [1, 2, 1]
    assert found.parts["test"].labels.tolist() == [0]


plain_targets = st.one_of(
    st.builds(
        lambda n, s: RegressionTarget(tuple(n), tuple(s[: len(n)]), tuple(s[: len(n)])),
        st.lists(st.text(max_size=4), min_size=1, max_size=3),
        st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=3),
    ),
    st.builds(lambda n: MultilabelTarget(tuple(n)), st.lists(st.text(max_size=4), min_size=1)),
    st.builds(
        lambda n, c, t: ClassTarget((n,), tuple(c), t),
        st.text(max_size=4),
        st.lists(st.integers(), min_size=2)
        | st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2)
        | st.lists(st.text(max_size=4), min_size=2),
        st.sampled_from(["binary", "multiclass"]),
    ),
)


@given(plain_targets)
def test_a_target_goes_through_json_and_comes_back_the_same(target):
    again = target_from_plain(json.loads(json.dumps(target_to_plain(target))))
    assert again == target
    if isinstance(target, ClassTarget):
        assert [type(c) for c in again.classes] == [type(c) for c in target.classes]


@pytest.mark.parametrize("values", [[k / 4 for k in range(30)], range(100)])
def test_text_in_one_file_makes_no_classes_of_anothers_numbers(values, no_dataset, write):
    files = {"test": write(column("yes", "no"), "new.csv")}
    assert no_dataset(column(*values), path=None, files={"train": "d.csv", **files}) == (
        "new.csv:2:3: y: 'yes' is not a number; mend it, or, where it means no value, write "
        "data.columns: {y: {name: number, missing: [yes, no]}}; if these are classes, write "
        "data.task: multiclass"
    )


def test_columns_that_are_listed_are_not_read_but_texts_and_amounts_are_told_apart(
    no_dataset, write
):
    files = {"test": write(column(*["yes", "no"] * 40), "new.csv")}
    values, given = [k / 4 for k in range(30)], {"path": None, "categorical": []}
    assert no_dataset(column(*values), files={"train": "d.csv", **files}, **given) == (
        "new.csv: y: text here, and in other files numbers that are no classes; mend it, or, if "
        "these are classes, write data.task: multiclass"
    )


def test_texts_in_one_file_and_few_numbers_in_another_are_classes(dataset, write):
    files = {"test": write(column("few", "many", "few"), "new.csv")}
    found = dataset(column(*"0122" * 5), path=None, files={"train": "d.csv", **files})
    assert found.encoding.target.classes == ("0", "1", "2", "few", "many")
