"""Odd columns, rows and targets: what each rule finds, and what it must not."""

import numpy as np
import pytest

N = 300
RNG = np.random.default_rng(3)
COLOURS = np.array(["red", "green", "blue"])[RNG.integers(0, 3, N)]


def test_a_split_column_that_is_an_input(odd, plain):
    parts = np.array(["Train", "test"])[RNG.integers(0, 2, N)]
    columns = plain(Split=parts)
    assert odd("split_column", columns, categorical=["Split"]) == [
        (
            "Split: an input that says test, train, as a split does; if it is one: "
            "data.split: {column: Split}"
        )
    ]
    assert odd("split_column", plain(Split=COLOURS), categorical=["Split"]) == []
    assert odd("split_column", plain(c=parts), categorical=["c"]) == []


@pytest.mark.parametrize(
    ("name", "values", "what"),
    [
        ("nr", np.arange(N), "an identifier by its name"),
        ("id", RNG.permutation(9000)[:N] + 1000, "an identifier by its name"),
        ("k", np.arange(N), "numbers the rows, from 0 to 299"),
        ("day", np.arange(N) + 700, "numbers the rows, in steps of 1"),
        ("c", [f"C{k}" for k in range(N)], "an identifier, 300 different texts in 300 rows"),
        ("mail", [f"u{k}@example.org" for k in range(N)], "addresses or the like"),
        ("price", RNG.permutation(9000)[:N], None),
        ("c", COLOURS, None),
    ],
)
def test_identifiers_that_are_used(odd, plain, name, values, what):
    listed = [name] if isinstance(values[0], str) else []
    found = odd("identifier", plain(**{name: values}), categorical=listed, rare=0)
    if what is None:
        assert found == []
    else:
        (found,) = found
        assert found.startswith(f"{name}: {what}")
        assert found.endswith(f"; to leave it out: data.exclude: [{name}]")


def test_columns_that_are_constant_or_nearly(odd, plain):
    few = np.zeros(N)
    few[:2] = 1
    columns = plain(k=np.ones(N), few=few, some=np.arange(N) % 50 == 0, c=["u"] * (N - 1) + ["v"])
    options = {"validation": 0, "test": 0, "categorical": ["c"], "rare": 0}
    assert odd("constant", columns, **options) == ["constant in the training rows, so of no use: k"]
    assert odd("nearly_constant", columns, **options) == [
        "one value in all but a few of the 300 training rows: few (2), c (1)"
    ]


@pytest.mark.parametrize(
    ("make", "how"),
    [
        (lambda a: a, "value for value the same as a"),
        (lambda a: 2.54 * a, "2.54 times a"),
        (lambda a: 1.8 * a + 32, "1.8 x + 32, where x is a"),
        (lambda a: -a, "-1 times a"),
        (lambda a: a + RNG.normal(0, 1e-3, N), None),
        (lambda a: a**2, None),
        (lambda a: np.where(np.arange(N) == 5, np.nan, a), None),  # says more: what is missing
    ],
)
def test_columns_twice_the_same(odd, plain, make, how):
    columns = plain()
    found = odd("same_columns", {**columns, "x": make(np.array(columns["a"]))})
    assert found == ([] if how is None else [f"x: {how}; one of the two is enough"])


def test_flags_and_categories_one_to_one(odd, plain):
    flag = RNG.integers(0, 2, N)
    found = odd("same_columns", plain(f=flag, g=1 - flag))
    assert found == ["g: says the same as f; one of the two is enough"]
    codes = np.char.upper(np.char.array(COLOURS).astype("U1"))
    found = odd("same_columns", plain(c=COLOURS, d=codes))
    assert found == ["d: category for category the same as c; one of the two is enough"]
    assert odd("same_columns", plain(c=COLOURS, d=RNG.permutation(codes))) == []


def test_many_inputs(odd, plain):
    towns = [f"T{k % 110}" for k in range(N)]
    options = {"categorical": ["t"], "rare": 0, "validation": 0, "test": 0}
    assert odd("many_categories", plain(t=towns), **options) == [
        (
            "t: 110 categories, each an input of 0 and 1, from 300 training rows; fewer: "
            "data.max_categories: 100"
        )
    ]
    assert odd("more_features_than_rows", plain(t=towns), **options) == []
    several = plain(t=towns, u=np.roll(towns, 1), v=np.roll(towns, 2))
    found = odd("more_features_than_rows", several, **{**options, "categorical": ["t", "u", "v"]})
    assert found[0].startswith("332 inputs and 300 training rows: ")
    assert odd("many_categories", plain(t=towns), max_categories=100) == []


def test_dates_as_categories(odd, plain):
    days = [f"2024-01-{1 + k % 28:02}" for k in range(N)]
    assert odd("dates", plain(day=days), categorical=["day"]) == [
        (
            "day: dates, each a category of its own; to read them as dates: take day out of "
            "data.categorical, if it is there, and write data.columns: {day: date}"
        )
    ]


def test_texts_that_differ_in_capitals_alone(odd, plain):
    words = np.where(np.arange(N) % 9, COLOURS, "RED ")
    assert odd("variants", plain(c=words), categorical=["c"]) == [
        "c: different in capitals or spaces alone: 'RED ', 'red'"
    ]


# ---------------------------------------------------------------- rows


def test_rows_that_are_training_rows(odd, plain):
    columns = plain()
    parts = np.array(["train"] * 200 + ["test"] * 100)
    columns = {
        name: [*values[:200], *values[:40], *values[240:]] for name, values in columns.items()
    }
    found = odd("duplicate", {**columns, "part": parts}, split_column="part")
    assert found == ["40 of the 100 test rows are training rows too, value for value"]


def test_rows_of_few_values_are_alike_by_chance(odd):
    columns = {"c": COLOURS, "f": RNG.integers(0, 2, N), "y": RNG.integers(0, 2, N)}
    for kind in ("duplicate", "repeated_rows", "contradiction"):
        assert odd(kind, columns) == []


def test_repeated_and_contradictory_rows(odd, plain):
    columns = plain()
    twice = {name: [*values[:270], *values[:30]] for name, values in columns.items()}
    options = {"validation": 0, "test": 0}
    (found,) = odd("repeated_rows", twice, **options)
    assert found.startswith("30 of the 300 training rows repeat another, value for value")
    assert odd("contradiction", twice, **options) == []
    other = {**twice, "y": [*columns["y"][:270], *(y + 100 for y in columns["y"][:30])]}
    assert odd("repeated_rows", other, **options) == []
    assert odd("contradiction", other, **options) == [
        (
            "60 training rows of 300 have the inputs of another, and another target: no model can "
            "tell them apart"
        )
    ]
    nearly = {**twice, "y": [*columns["y"][:270], *(y + 0.1 for y in columns["y"][:30])]}
    assert odd("contradiction", nearly, **options) == []


# ---------------------------------------------------------------- targets


def test_five_positives_in_six_hundred(odd, plain):
    columns = plain(600)
    columns["y"] = ["yes" if k % 120 == 0 else "no" for k in range(600)]
    assert odd("few_rows", columns) == [
        (
            "y: of 600 rows few have the class yes (5: 3 train, 1 validation, 1 test); accuracy "
            "hides them: look at training.metrics: [balanced_accuracy], try data.class_weight: "
            "balanced"
        )
    ]
    assert "class_weight" not in odd("few_rows", columns, class_weight="balanced")[0]


@pytest.mark.parametrize(("n_rows", "every", "is_few"), [
    (12, 3, False), (100, 2, False), (100, 12, True), (3000, 120, True), (3000, 90, False),
])  # fmt: skip
def test_where_few_rows_begin(odd, plain, n_rows, every, is_few):
    columns = plain(n_rows)
    columns["y"] = ["no" if k % every else "yes" for k in range(n_rows)]
    assert bool(odd("few_rows", columns)) == is_few


def test_numbers_that_may_be_classes(odd, plain):
    columns = {**plain(), "y": np.arange(N) % 5}
    assert odd("perhaps_classes", columns, task="regression") == [
        "y: 5 different whole numbers; if they are classes: data.task: multiclass"
    ]
    assert odd("perhaps_classes", {**columns, "y": np.arange(N) % 90}, task="regression") == []
    assert odd("perhaps_classes", {**columns, "y": np.arange(N) % 5 / 2}, task="regression") == []


# ---------------------------------------------------------------- parts


def with_parts(columns, n_test=100):
    n = len(columns["y"])
    return {**columns, "part": ["train"] * (n - n_test) + ["test"] * n_test}


def test_parts_that_are_distributed_differently(odd, plain):
    columns = plain()
    assert odd("shift", with_parts(columns), split_column="part") == []
    later = {**columns, "a": np.array(columns["a"]) + 20 * (np.arange(N) >= 200)}
    later["c"] = np.where(np.arange(N) < 200, COLOURS, np.where(np.arange(N) % 5, "red", COLOURS))
    (found,) = odd("shift", with_parts(later), split_column="part")
    assert found.startswith(
        "the test rows have another distribution than the training rows: a (median"
    )
    assert "c (" in found
    assert "b (" not in found
    assert "target" not in found
    target = {**columns, "y": np.array(columns["y"]) + 40 * (np.arange(N) >= 200)}
    (found,) = odd("shift", with_parts(target), split_column="part")
    assert found.split("rows: ")[1].startswith("the target y (median ")


def test_rows_drawn_at_random_do_not_shift(odd, plain):
    for seed in range(20):
        assert odd("shift", plain(c=COLOURS), seed=seed) == []


def test_a_small_shift_of_many_rows_does_not_matter(odd):
    rng = np.random.default_rng(0)
    x = rng.normal(size=20_000) + 0.1 * (np.arange(20_000) >= 10_000)  # p 1e-9, distance 0.04
    columns = with_parts({"x": x.round(4), "y": rng.normal(size=20_000).round(4)}, 10_000)
    assert odd("shift", columns, split_column="part") == []


def test_categories_that_no_training_row_has(odd, plain):
    c = np.where(np.arange(N) < 220, COLOURS, "violet")
    assert odd("unseen", with_parts(plain(c=c)), split_column="part") == [
        "c: 80 of the 100 test rows have a category that no training row has, such as 'violet'"
    ]
    towns = [f"T{k}" for k in RNG.integers(0, 200, N)]  # drawn alike, many are new
    assert odd("unseen", plain(c=towns), categorical=["c"]) == []


@pytest.mark.parametrize("name", ["zip", "ZIP Code", "home_postcode", "PLZ", "zip_code_5"])
def test_postal_codes_are_no_amounts(odd, plain, name):
    codes = RNG.integers(1067, 99998, N)
    advice = f'{{"{name}": text}}' if " " in name else f"{{{name}: text}}"
    [text] = odd("postal_code", plain(**{name: codes}))
    assert text.startswith(f"{name}: postal codes taken for amounts, as ")
    assert text.endswith(f": data.columns: {advice}")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("zip", RNG.integers(0, 90, N)),
        ("zip", RNG.normal(5000, 10, N)),
        ("zipped", RNG.integers(1067, 99998, N)),
        ("postage", RNG.integers(1067, 99998, N)),
    ],
)
def test_what_is_no_postal_code(odd, plain, name, values):
    assert odd("postal_code", plain(**{name: values})) == []
