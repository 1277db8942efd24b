"""A column that says which part a row is in: used where the split is open, never in silence."""

import pytest

ROWS = 24


def content(name="split", words=("train", "train", "val", "test"), rows=ROWS):
    lines = [f"{i % 5},{words[i % len(words)]},{i}.5\n" for i in range(rows)]
    return f"x,{name},y\n" + "".join(lines)


@pytest.mark.parametrize("name", ["split", "Split", "SET", "part", "partition", "fold", "subset"])
@pytest.mark.parametrize("words", [("train", "Train", "VAL", "test"), ("training", "testing")])
def test_it_is_the_split_where_the_spec_says_nothing_of_it(dataset, name, words):
    found = dataset(content(name, words), is_default=True)
    assert found.split_column == name
    assert found.encoding.inputs.feature_names == ["x"]
    assert found.parts["test"].rows.tolist() == list(range(len(words) - 1, ROWS, len(words)))
    assert ("validation" in found.parts) == (len(words) == 4)  # none is cut from the others
    (guess,) = found.guesses
    assert (guess.kind, guess.columns) == ("split", (name,))
    parts = "train, validation, test" if len(words) == 4 else "train, test"
    assert guess.text == (
        f"column {name} holds {parts}: it is taken for the split (data.split.column: {name}); to "
        "draw the parts from all rows instead: data.split.seed: 0"
    )


def test_it_is_left_out_and_said_where_the_spec_splits_otherwise(dataset):
    found = dataset(content(), test=0.25, validation=0.25)
    assert found.split_column is None
    assert found.encoding.inputs.feature_names == ["x"]
    assert [len(part) for part in found.parts.values()] == [12, 6, 6]
    (guess,) = found.guesses
    assert (guess.kind, guess.columns) == ("left_out", ("split",))
    assert guess.text == (
        "column split holds the names of parts: it is no input, and the spec splits the rows "
        "otherwise; to keep it as an input: data.columns: {split: text}"
    )


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("train", "", "test"), "a row without a part"),
        (("val", "test"), "no training rows"),
        (("train", "train"), "one part alone"),
    ],
)
def test_it_is_left_out_and_said_where_it_cannot_be_the_split(dataset, words, why):
    found = dataset(content(words=words), is_default=True)
    assert found.split_column is None, why
    assert found.encoding.inputs.feature_names == ["x"]
    assert set(found.parts) == {"train", "validation", "test"}
    (guess,) = found.guesses
    assert guess.kind == "left_out"
    assert "not the split either: a row has no part, or there are not both training" in guess.text


def test_two_of_them_are_one_split_and_one_left_out(dataset):
    text = "x,fold,set,z,y\n" + "".join(
        f"{i % 5},train,{'train' if i % 2 else 'test'},1,{i}.5\n" for i in range(ROWS)
    )
    found = dataset(text, is_default=True)
    assert found.split_column == "set"
    assert found.encoding.inputs.feature_names == ["x", "z"]
    assert [(g.kind, g.columns) for g in found.guesses] == [
        ("split", ("set",)),
        ("left_out", ("fold",)),
    ]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("split", ("train", "test", "banana")),  # another kind of split
        ("group", ("train", "test")),  # another name
        ("fold", ("0", "1", "2")),  # numbers of folds
        ("set", ("",)),
    ],
)
def test_what_is_no_split_is_left_alone(dataset, name, words):
    found = dataset(content(name, words), is_default=True)
    assert found.split_column is None
    assert not [guess for guess in found.guesses if "names of parts" in guess.text]
    assert not [guess for guess in found.guesses if guess.kind == "split"]


@pytest.mark.parametrize("option", ["exclude", "categorical", "columns"])
def test_a_column_that_the_spec_names_is_what_the_spec_says(dataset, option):
    from mlpcli.data.readings.text import Text

    given = {"columns": {"split": Text()}}.get(option, ["split"])
    found = dataset(
        content(), is_default=True, **{option: given if option == "columns" else ["split"]}
    )
    assert found.split_column is None
    assert found.guesses == ()
    names = found.encoding.inputs.feature_names
    assert names == (
        ["x"] if option == "exclude" else ["x", "split=test", "split=train", "split=val"]
    )


def test_as_the_target_it_is_the_target(dataset):
    found = dataset(content(), is_default=True, targets=["split"])
    assert found.encoding.target.classes == ("test", "train", "val")
    assert found.split_column is None


def test_of_files_it_is_left_out(write, data_options):
    from mlpcli.data.loading import load_dataset

    files = {
        "train": write(content(words=("train",)), "a.csv"),
        "test": write(content(words=("test",)), "b.csv"),
    }
    options = data_options({"targets": ["y"], "files": files})
    found = load_dataset(options)
    assert found.encoding.inputs.feature_names == ["x"]
    (guess,) = found.guesses
    assert (guess.kind, guess.columns) == ("left_out", ("split",))
