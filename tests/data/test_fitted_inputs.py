"""Which encoders columns get, by the training rows; what is said; what the spec can choose."""

import numpy as np
import pytest

from mlpcli.data.columns import Dates, column_of
from mlpcli.data.encoders import CategoryColumn, Frequency, TargetMean
from mlpcli.data.fitted_inputs import InputOptions, auto_scale, fit_inputs
from mlpcli.data.table import Table
from mlpcli.data.targets import fit_target
from mlpcli.data.training_target import TrainingTarget
from mlpcli.errors import DataError


@pytest.fixture(scope="module", autouse=True)
def way():
    """Stand for both ways in which a file's values are read."""


def table(**columns):
    made = {
        name: Dates(values) if getattr(values, "dtype", np.dtype("O")).kind == "M" else
        column_of(np.asarray(values, object).tolist())
        for name, values in columns.items()
    }  # fmt: skip
    return Table(made, "t.csv", "", lambda row, _: f"t.csv:{row + 2}")


def fit(made, names=None, rows=None, task="regression", **options):
    names = [n for n in made.columns if n not in ("y", "z")] if names is None else names
    rows = np.arange(len(made)) if rows is None else rows
    targets = ["y"] if task != "multilabel" else ["y", "z"]
    target = fit_target(task, [made], rows, targets, scale="standard")
    given = InputOptions(**{"scale": "none"} | options)
    return fit_inputs(made, rows, names, given, TrainingTarget(target, made, rows))


def words(*counts):
    """Return w0, w1, … as often as that."""
    return [f"w{k}" for k, n in enumerate(counts) for _ in range(n)]


# ---------------------------------------------------------------- rare categories


def test_categories_of_fewer_training_rows_are_one():
    made = table(c=[*words(5, 2, 1, 3), None, "w2", "w2"], y=np.arange(14.0))
    fitted = fit(made, rows=np.arange(12), rare=3)  # of the rows w2 w2 none is in training
    (column,) = fitted.encoder.columns
    assert column == CategoryColumn("c", ("w0", "w3", None), ("w1", "w2"))
    assert column.feature_names == ["c=w0", "c=w3", "c=(missing)", "c=(rare)"]
    X, replaced = fitted.encoder.encode(made, "float64")
    assert X[[0, 5, 7, 8, 11, 12]].tolist() == [
        [1, 0, 0, 0],
        [0, 0, 0, 1],
        [0, 0, 0, 1],
        [0, 1, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 0, 1],
    ]
    assert replaced == {}
    (guess,) = fitted.guesses
    assert (guess.kind, guess.columns) == ("category", ("c",))
    assert guess.text == (
        "categories of fewer than 3 training rows are one, (rare): c 2; data.rare: 0 keeps each"
    )


def test_a_new_category_is_a_rare_one_and_a_missing_value_is_none():
    encoder = fit(table(c=words(5, 1), y=np.arange(6.0)), rare=2).encoder
    X, replaced = encoder.encode(table(c=["w1", "new", None, "w0"]), "float64")
    assert X.tolist() == [[0, 1], [0, 1], [0, 0], [1, 0]]
    assert replaced == {"c": 2}
    assert encoder.columns[0].replacement(2) == (
        "2 values are missing or in no category of the training rows: a new one is a rare one, "
        "a missing one has all its columns 0"
    )


def test_without_a_rare_category_a_new_one_sets_no_column():
    encoder = fit(table(c=words(5, 2), y=np.arange(7.0)), rare=2).encoder
    X, _ = encoder.encode(table(c=["new"]), "float64")
    assert X.tolist() == [[0, 0]]


@pytest.mark.parametrize(
    ("n", "listed", "rare"),
    [(199, False, 0), (599, False, 2), (600, False, 3), (50_000, False, 10), (50_000, True, 0)],
)
def test_what_is_rare_by_the_number_of_training_rows(n, listed, rare):
    counts = [n - 66, *range(1, 12)]
    made = table(c=words(*counts), y=np.arange(float(n)))
    (column,) = fit(made, categorical=["c"] if listed else None).encoder.columns
    assert column.rare == tuple(sorted(f"w{k}" for k in range(1, 12) if k < rare))


# ---------------------------------------------------------------- many categories


def test_more_categories_than_the_bound_are_one_number():
    n = 4695
    cells = [f"k{k}" for k in range(n)] * 3
    made = table(c=cells, d=np.where(np.arange(3 * n) % 2, "a", "b"), y=np.arange(3.0 * n))
    fitted = fit(made)
    assert fitted.encoder.feature_names == ["c.target", "d=a", "d=b"]
    assert fitted.encoder.text_columns == ["c", "d"]
    (guess,) = fitted.guesses
    assert guess.text == (
        "more than 100 categories: c 4,695; each such column is one input, the target's mean in "
        "the row's category; data.max_categories is the bound"
    )
    assert fit(made, high_cardinality="frequency").encoder.feature_names[0] == "c.frequency"


@pytest.mark.parametrize(("n", "kind"), [(100, CategoryColumn), (101, TargetMean)])
@pytest.mark.parametrize("missing", [False, True])
def test_the_bound_is_on_categories_and_missing_is_none(n, kind, missing):
    cells = [f"k{k}" for k in range(n)] * 3 + [None] * missing
    made = table(c=cells, y=np.arange(float(len(cells))))
    assert type(fit(made).encoder.columns[0]) is kind
    assert type(fit(made, categorical=["c"]).encoder.columns[0]) is CategoryColumn
    assert type(fit(made, max_categories=n - 1).encoder.columns[0]) is TargetMean
    assert type(fit(made, max_categories=n).encoder.columns[0]) is CategoryColumn


@pytest.mark.parametrize(
    ("task", "names"),
    [
        ("regression", ["c.target"]),
        ("binary", ["c.target"]),
        ("multiclass", ["c.target=0", "c.target=1", "c.target=2"]),
        ("multilabel", ["c.target=y", "c.target=z"]),
    ],
)
@pytest.mark.parametrize("weight", [1.0, 2.0])
def test_one_number_for_each_output(task, names, weight):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3 if task == "multiclass" else 2, 300)
    y = y * weight if task == "regression" else y
    made = table(c=[f"k{k}" for k in rng.integers(0, 9, 300)], y=y, z=1 - y)
    fitted = fit(made, task=task, max_categories=8)
    (column,) = fitted.encoder.columns
    assert column.feature_names == names
    if task == "regression":  # of the scaled target
        y = (y - y.mean()) / y.std()
        np.testing.assert_allclose(column.unknown, 0, atol=1e-12)
    shares = {"multiclass": [(y == k).mean() for k in range(3)], "multilabel": [y.mean(), 1 - y.mean()]}  # fmt: skip  # noqa: E501
    np.testing.assert_allclose(column.unknown, shares.get(task, [y.mean()]), atol=1e-12)
    in_k3 = np.array(made.texts("c") == "k3")
    expected = y[in_k3].mean()
    index = {"multiclass": 1, "multilabel": 0}.get(task, 0)
    expected = (y[in_k3] == 1).mean() if task == "multiclass" else expected
    number = np.array(column.values)[column.categories.index("k3"), index]
    low, high = sorted([expected, column.unknown[index]])
    assert low <= number <= high  # between the category's mean and that of all
    assert fitted.own[0].shape == (300, len(names))


def test_unseen_and_missing_have_the_mean_of_all_or_the_frequency_0():
    rng = np.random.default_rng(0)
    made = table(c=[f"k{k}" for k in rng.integers(0, 9, 90)], y=rng.normal(size=90))
    new = table(c=["new", None, "k1"])
    X, replaced = fit(made, max_categories=8).encoder.encode(new, "float64")
    np.testing.assert_allclose(X[:2], 0, atol=1e-12)
    assert X[2] != 0
    assert replaced == {"c": 2}
    encoder = fit(made, max_categories=8, high_cardinality="frequency").encoder
    assert type(encoder.columns[0]) is Frequency
    X, _ = encoder.encode(new, "float64")
    np.testing.assert_allclose(X[:, 0], [0, 0, (made.texts("c") == "k1").mean()], rtol=1e-15)


def test_missing_is_a_category_where_training_has_it():
    rng = np.random.default_rng(0)
    cells = [f"k{k}" if k else None for k in rng.integers(0, 9, 90)]
    y = np.where([c is None for c in cells], 5.0, 0.0)
    (column,) = fit(table(c=cells, y=y), max_categories=7).encoder.columns
    assert column.categories[-1] is None
    X, replaced = fit(table(c=cells, y=y), max_categories=7).encoder.encode(
        table(c=[None, "k1"]), "float64"
    )
    assert X[0] > X[1] + 1
    assert replaced == {}


def test_training_rows_have_numbers_without_their_own_target():
    rng = np.random.default_rng(0)
    made = table(a=rng.normal(size=90), c=[f"k{k}" for k in np.arange(90) % 30], y=np.arange(90.0))
    fitted = fit(made, max_categories=8, rows=np.arange(60), seed=3)
    X, _ = fitted.encoder.encode(made, "float64")
    train = X[:60].copy()
    fitted.write_own(train)
    np.testing.assert_array_equal(train[:, 0], X[:60, 0])
    assert (train[:, 1] != X[:60, 1]).all()
    assert (fit(made, max_categories=8, rows=np.arange(60), seed=4).own[1] != train[:, 1:]).any()


def test_whole_groups_are_in_one_fold():
    cells = [f"k{k}" for k in np.arange(120) % 3]
    groups = [f"g{k}" for k in np.arange(120) // 12]
    made = table(c=cells, group=groups, y=np.arange(120.0) // 12)
    fitted = fit(made, ["c"], max_categories=2, group_column="group")
    own = fitted.own[0][:, 0].reshape(10, 4, 3)
    assert (own == own[:, :1]).all()  # a group's rows of one category have one number
    # Groups of a target each: with the rows' own group in it, a number would be near the target.
    assert np.corrcoef(own.ravel(), np.arange(120) // 12)[0, 1] < 0


# ---------------------------------------------------------------- dates and missing values


def gaps(n=400, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=n)
    days = np.datetime64("2020-01-01", "s") + rng.integers(0, 10**8, n)
    days[rng.random(n) < 0.3] = np.datetime64("NaT")
    values = rng.normal(size=n)
    return y, days, values


def test_a_second_input_where_missing_says_something_of_the_target():
    y, days, values = gaps()
    told = np.where(y > 0.5, np.nan, values)
    chance = np.where(np.arange(400) % 4, values, np.nan)
    made = table(told=told, again=told * 2, chance=chance, whole=values, day=days, y=y)
    fitted = fit(made)
    assert fitted.encoder.feature_names[:5] == ["told", "told.missing", "again", "chance", "whole"]
    assert fitted.encoder.indicated == ["told"]
    assert "day.missing" not in fitted.encoder.feature_names
    (guess,) = fitted.guesses
    assert (guess.kind, guess.columns) == ("indicator", ("told",))
    assert guess.text == (
        "a missing value says something of the target: told; a second input, NAME.missing, is 1 "
        "there; data.missing_indicator: [] for none"
    )
    X, replaced = fitted.encoder.encode(made, "float64")
    np.testing.assert_array_equal(X[:, 1], np.isnan(told))
    assert replaced["told"] == np.isnan(told).sum()
    late = np.arange(400) >= 390  # only the training rows are asked
    assert fit(table(told=np.where(late, np.nan, values), y=y + 99 * late),
               rows=np.arange(390)).encoder.indicated == []  # fmt: skip


def test_nothing_is_chosen_where_the_spec_lists_the_categories_or_columns_are_pixels():
    y, _, values = gaps()
    made = table(told=np.where(y > 0.5, np.nan, values), y=y)
    assert fit(made, categorical=[]).encoder.indicated == []
    assert fit(made, is_image=True).encoder.indicated == []
    assert fit(made, missing_indicator=[]).encoder.indicated == []


def test_the_spec_can_name_columns_of_numbers_and_dates():
    y, days, values = gaps()
    made = table(a=values, day=days, c=np.where(y > 0, "u", "v"), y=y)
    fitted = fit(made, missing_indicator=["day", "a"], categorical=["c"])
    names = fitted.encoder.feature_names
    assert names[:2] == ["a", "a.missing"]
    assert names[-3:] == ["day.missing", "c=u", "c=v"]
    assert fitted.guesses == ()
    inputs = fitted.encoder
    assert inputs.column_numbers.tolist() == [0, 0, *[1] * (len(names) - 4), 2, 2]
    assert inputs.numeric.tolist() == [True, False, *[True] * (len(names) - 5), *[False] * 3]
    assert inputs.names == ["a", "day", "c"]
    X, replaced = inputs.encode(made, "float64")
    np.testing.assert_array_equal(X[:, -3], np.isnat(days))
    assert replaced == {"day": np.isnat(days).sum()}
    raw = inputs.raw(X)
    assert raw[np.isnat(days), -3].all()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("dya", "'dya' is no input of numbers or dates; there are a, day; did you mean 'day'?"),
        ("c", "'c' is no input of numbers or dates; there are a, day"),
    ],
)
def test_a_second_input_of_no_numbers(name, sentence):
    y, days, values = gaps()
    made = table(a=values, day=days, c=np.where(y > 0, "u", "v"), y=y)
    with pytest.raises(DataError) as caught:
        fit(made, missing_indicator=["a", name])
    assert (str(caught.value), caught.value.key) == (sentence, ("data", "missing_indicator", 1))


def test_the_column_that_rows_are_split_by_in_time():
    y, days, values = gaps()
    made = table(a=values, day=days, y=y)
    names = fit(made, time_column="day").encoder.feature_names
    assert names == ["a", "day.month", "day.day_of_year", "day.day_of_week", "day.hour"]
    assert fit(made, time_column="a").encoder.feature_names[0] == "day.number"
    with pytest.raises(DataError, match="no column is left as an input"):
        fit(made, ["a"], time_column="a")


def test_dates_are_no_pixels_and_have_no_part_in_the_choice_of_a_scale():
    y, days, _ = gaps()
    pixels = {f"p{k}": np.arange(400) % 17 for k in range(16)}
    made = table(**pixels, day=days, y=y)
    options = InputOptions("auto")
    assert auto_scale(made, np.arange(400), [*pixels, "day"], options).name == "standard"
