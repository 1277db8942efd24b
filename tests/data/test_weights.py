"""Row weights: by hand and against scikit-learn, and what is refused."""

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

from mlpcli.data.readers import read_table
from mlpcli.data.weights import balanced
from mlpcli.errors import DataError

# The split column comes last: four training rows, one validation row, one test row.
TEXT = """\
x,w,y,part
1,2,a,train
2,0,b,train
3,1.5,a,train
4,0.5,c,train
5,3,b,val
6,8,a,test
"""
SPLIT = {"split_column": "part"}


@pytest.fixture
def weights(dataset):
    """Return a function that gives each part's weights as lists."""

    def weights(content=TEXT, **options):
        found = dataset(content, **SPLIT, **options)
        return {name: part.weight.tolist() for name, part in found.parts.items()}

    return weights


def test_without_either_key_there_are_no_weights(dataset):
    found = dataset(TEXT, **SPLIT)
    assert all(part.weight is None for part in found.parts.values())
    assert found.encoding.weights is None
    assert "w" in found.encoding.inputs.feature_names


def test_a_column_by_hand(dataset, weights):
    # The training rows' mean is (2 + 0 + 1.5 + 0.5) / 4 = 1.
    assert weights(sample_weight="w") == {
        "train": [2, 0, 1.5, 0.5],
        "validation": [3],
        "test": [8],
    }
    found = dataset(TEXT, **SPLIT, sample_weight="w")
    assert found.encoding.inputs.feature_names == ["x"]  # and it is no input


def test_the_weights_unit_does_not_matter(weights):
    grams = TEXT.replace(",2,a", ",2000,a").replace("1.5", "1500").replace(",0.5", ",500")
    grams = grams.replace("5,3,b", "5,3000,b").replace("6,8,a", "6,8000,a")
    assert weights(grams, sample_weight="w") == weights(sample_weight="w")


def test_weights_of_classes_by_hand(weights):
    # a has 3, c has 2, b is left out: 1. Training rows a, b, a, c: mean (3 + 1 + 3 + 2) / 4.
    found = weights(class_weight={"a": 3, "c": 2.0})
    mean = 9 / 4
    assert found["train"] == pytest.approx([3 / mean, 1 / mean, 3 / mean, 2 / mean], rel=1e-15)
    assert found["validation"] == pytest.approx([1 / mean], rel=1e-15)
    assert found["test"] == pytest.approx([3 / mean], rel=1e-15)


def test_both_are_multiplied(weights):
    # 2 · 3, 0 · 1, 1.5 · 3, 0.5 · 7: the mean is (6 + 4.5 + 3.5) / 4 = 3.5.
    found = weights(sample_weight="w", class_weight={"a": 3, "c": 7})
    assert found["train"] == pytest.approx([6 / 3.5, 0, 4.5 / 3.5, 1], rel=1e-15)
    assert found["test"] == pytest.approx([24 / 3.5], rel=1e-15)


def test_balanced_is_scikit_learn_s():
    rng = np.random.default_rng(0)
    labels = np.append(rng.choice(4, 97, p=[0.5, 0.3, 0.15, 0.05]), [0, 1, 2, 3])
    expected = compute_class_weight("balanced", classes=np.arange(4), y=labels)
    np.testing.assert_allclose(balanced(labels, np.ones(101), 4), expected, rtol=1e-14)


def test_balanced_of_the_training_rows_is_scikit_learn_s(dataset):
    classes = "aaaaaaabbbcc"
    lines = [f"{k},{c},train" for k, c in enumerate(classes)]
    lines += [f"{k},c,test" for k in range(20)]  # not counted
    found = dataset("\n".join(["x,y,part", *lines]), **SPLIT, class_weight="balanced")
    expected = compute_sample_weight("balanced", list(classes))
    np.testing.assert_allclose(found.parts["train"].weight, expected / expected.mean(), rtol=1e-14)
    of_c = 12 / (3 * 2)
    np.testing.assert_allclose(found.parts["test"].weight, np.full(20, of_c), rtol=1e-14)
    # scikit-learn's weights have mean 1 already: Σ_k n_k n / (K n_k) = n.
    assert found.encoding.weights.mean == pytest.approx(1, rel=1e-14)


def test_balanced_counts_rows_by_their_own_weight():
    # Class 0 weighs 1 + 2, class 1 weighs 5 + 4: 12 / (2 · 3) and 12 / (2 · 9), as in
    # compute_class_weight(…, sample_weight=…) of scikit-learn 1.9.
    found = balanced(np.array([0, 0, 1, 1]), np.array([1.0, 2, 5, 4]), 2)
    assert found == pytest.approx((2.0, 2 / 3), rel=1e-15)


def test_balanced_makes_every_class_count_the_same(dataset):
    found = dataset(
        TEXT.replace("2,0,b", "2,0.25,b"), **SPLIT, sample_weight="w", class_weight="balanced"
    )
    train = found.parts["train"]
    totals = np.bincount(train.labels, weights=train.weight)
    np.testing.assert_allclose(totals, np.full(3, 4 / 3), rtol=1e-14)


def test_a_class_without_training_weight_has_weight_1():
    assert balanced(np.array([0, 0, 2]), np.array([1.0, 1, 0]), 4) == (1.0, 1.0, 1.0, 1.0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_have_the_network_s_type_and_mean_1(dataset, dtype):
    lines = [f"{k},{(k * 7919) % 83 + 0.1},{'ab'[k % 2]}" for k in range(1000)]
    found = dataset(
        "\n".join(["x,w,y", *lines]), sample_weight="w", class_weight={"a": 5}, dtype=dtype
    )
    weight = found.parts["train"].weight
    assert weight.dtype == dtype
    assert weight.shape == (700,)
    assert weight.mean(dtype=np.float64) == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize(
    ("classes", "class_weight"),
    [
        ("0 1 2", {"0": 1, "1": 2, "2": 3}),
        ("0 1 2", {"0.0": 1, "1.0": 2, "2e0": 3}),
        ("0.5 1.5 2.5", {"0.5": 1, "1.50": 2, "2.5": 3}),
        ("no true yes", {"true": 1, "no": 2, "yes": 3}),
        ("0 1 x", {"0": 1, "1": 2, "x": 3}),  # one text among them: all are texts
    ],
)
def test_labels_are_matched_as_cells_are(dataset, classes, class_weight):
    lines = [f"{k},{c},train" for k, c in enumerate(classes.split() * 2)]
    text = "\n".join(["x,y,part", *lines])
    found = dataset(text, **SPLIT, class_weight=class_weight, task="multiclass")
    assert found.encoding.weights.by_class == (1.0, 2.0, 3.0)


@pytest.mark.parametrize("spelling", ["True", "true", "TRUE"])
def test_every_spelling_of_a_boolean_is_the_label(dataset, spelling):
    text = "x,y\n" + "".join(f"{k},{k % 2 == 0}\n" for k in range(20))
    found = dataset(text, class_weight={spelling: 4})
    assert found.encoding.weights.by_class == (1.0, 4.0)  # False, True


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        ("-1", "d.csv:3:3: w: a weight is 0 or more, not -1"),
        ("", "d.csv:3:3: w: the weight has no value here; a weight is a number, 0 or more"),
        ("NA", "d.csv:3:3: w: the weight has no value here; a weight is a number, 0 or more"),
        ("heavy", "d.csv:3:3: w: 'heavy' is not a number; a weight is a number, 0 or more"),
        ("inf", "d.csv:3:3: w: the number is infinite; remove the row or the value"),
    ],
)
def test_a_cell_that_is_no_weight(no_dataset, cell, sentence):
    text = TEXT.replace("2,0,b", f"2,{cell},b")
    assert no_dataset(text, **SPLIT, sample_weight="w") == sentence


def test_a_bad_weight_of_a_validation_row_is_refused_too(no_dataset):
    text = TEXT.replace("5,3,b", "5,-3,b")
    assert no_dataset(text, **SPLIT, sample_weight="w") == (
        "d.csv:6:3: w: a weight is 0 or more, not -3"
    )


def refused(dataset, key, content=TEXT, **options):
    with pytest.raises(DataError) as caught:
        dataset(content, **SPLIT, **options)
    assert caught.value.exit_code == 3
    assert caught.value.key == key
    return str(caught.value)


def test_what_the_spec_s_keys_name_wrongly(dataset):
    column, classes = ("data", "sample_weight"), ("data", "class_weight")
    found = refused(dataset, column, sample_weight="v")
    assert found.startswith("d.csv has no column 'v'; its columns: x, w, y, part")
    found = refused(dataset, (*classes, "Aa"), class_weight={"Aa": 1})
    assert found == "'Aa' is not a class; the classes: a, b, c; did you mean 'a'?"
    found = refused(dataset, (*classes, "1"), class_weight={"1": 1})
    assert found == "'1' is not a class; the classes: a, b, c"
    numbers = TEXT.replace(",a,", ",0,").replace(",b,", ",1,").replace(",c,", ",2,")
    found = refused(dataset, (*classes, "1.0"), numbers, class_weight={"1": 1, "1.0": 2})
    assert found == "'1.0' and '1' are the same class"


def test_weights_that_leave_nothing(dataset):
    zero = TEXT.replace("1,2,a", "1,0,a").replace("1.5", "0").replace("0.5", "0")
    found = refused(dataset, ("data", "sample_weight"), zero, sample_weight="w")
    assert found == "d.csv: every training row has the weight 0"
    none = {"a": 0, "b": 0, "c": 0}
    found = refused(dataset, ("data", "class_weight"), class_weight=none)
    assert found == "d.csv: every training row has the weight 0"


def test_weights_beyond_numbers(dataset, no_dataset):
    huge = TEXT.replace("1,2,a", "1,1e308,a").replace("1.5", "1e308")
    found = refused(dataset, ("data", "sample_weight"), huge, sample_weight="w")
    assert found == "d.csv: the training rows' weights are too large to be added"
    huge = TEXT.replace("6,8,a", "6,1e300,a")
    assert no_dataset(huge, **SPLIT, sample_weight="w", dtype="float32") == (
        "d.csv:7:3: w: the weight is too large for float32, divided by the training mean"
    )


@pytest.mark.parametrize("task", ["regression", "multilabel"])
def test_only_classes_have_class_weights(dataset, task):
    text = "x,y,part\n1,0,train\n2,1,train\n"
    found = refused(dataset, ("data", "class_weight"), text, task=task, class_weight="balanced")
    assert found.startswith(f"{task} has no classes to weigh")


# ---------------------------------------------------------------- a fitted encoding on other files


def test_another_file_is_weighed_as_the_training_rows_were(dataset, write):
    encoding = dataset(TEXT, **SPLIT, sample_weight="w", class_weight={"a": 3, "c": 7}).encoding
    new = read_table(write("y,x,w\na,1,7\nc,1,1\n", "new.csv"), encoding.read)
    part, _ = encoding.encode(new, "float64")
    assert part.weight.tolist() == pytest.approx([21 / 3.5, 7 / 3.5], rel=1e-15)


def test_a_file_without_the_column_has_no_weights(dataset, write):
    encoding = dataset(TEXT, **SPLIT, sample_weight="w", class_weight={"a": 3}).encoding
    new = read_table(write("y,x\na,1\n", "new.csv"), encoding.read)
    assert encoding.encode(new, "float64")[0].weight is None
    encoding = dataset(TEXT, **SPLIT, class_weight={"a": 3}, exclude=["w"]).encoding
    assert encoding.encode(new, "float64")[0].weight.tolist() == [3 / 2]


def test_every_file_of_a_split_needs_the_column(dataset, write):
    write("x,y,w\n1,a,1\n2,b,3\n", "train.csv")
    write("x,y\n1,a\n2,b\n", "test.csv")
    with pytest.raises(DataError, match=r"test\.csv has no column 'w'") as caught:
        dataset("", path=None, files={"train": "train.csv", "test": "test.csv"}, sample_weight="w")
    assert caught.value.key == ("data", "sample_weight")
    write("x,y,w\n1,a,2\n", "test.csv")
    files = {"train": "train.csv", "test": "test.csv"}
    found = dataset("", path=None, files=files, sample_weight="w")
    assert found.parts["test"].weight.tolist() == [1]


def test_a_part_of_which_no_row_counts_has_no_mean_loss(dataset):
    column, classes = ("data", "sample_weight"), ("data", "class_weight")
    found = refused(dataset, column, TEXT.replace("5,3,b", "5,0,b"), sample_weight="w")
    assert found == "d.csv: every validation row has the weight 0: there is no mean loss"
    found = refused(dataset, column, TEXT.replace("6,8,a", "6,0,a"), sample_weight="w")
    assert found == "d.csv: every test row has the weight 0: there is no mean loss"
    found = refused(dataset, classes, class_weight={"b": 0})  # the validation row is of class b
    assert found == "d.csv: every validation row has the weight 0: there is no mean loss"
