"""Inputs that know the target; and those that are merely good."""

import numpy as np
import pytest

N = 300
OUT = "a leak? To leave it out: data.exclude: [x]"


def test_a_copy_of_the_target(odd, plain):
    columns = plain()
    assert odd("leak", {**columns, "x": columns["y"]}) == [
        f"x: the target y, value for value: {OUT}"
    ]


@pytest.mark.parametrize(
    ("make", "how"),
    [
        (lambda y: 100 * y, "0.01 times it"),
        (lambda y: (y - 7) / -2, "-2 times it + 7"),
        (lambda y: 0.5 * y + 2, "2 times it − 4"),
    ],
)
def test_a_linear_function_of_the_target(odd, plain, make, how):
    columns = plain()
    x = make(np.array(columns["y"]))
    assert odd("leak", {**columns, "x": x}) == [f"x: the target y is {how}: {OUT}"]
    assert odd("leak", {"x": x, "y": columns["y"]}) != []  # said even where nothing else is there


def test_a_copy_with_gaps(odd, plain):
    columns = plain()
    x = np.where(np.arange(N) % 3 > 0, columns["y"], np.nan)
    assert odd("leak", {**columns, "x": x}) == [f"x: the target y, value for value: {OUT}"]


@pytest.mark.parametrize(
    ("make", "how"), [(lambda y: np.log(y + 100), ""), (lambda y: 1 / (y + 100), "reversed ")]
)
def test_the_target_in_another_form_by_its_order(odd, plain, make, how):
    columns = plain()
    found = odd("leak", {**columns, "x": make(np.array(columns["y"]))})
    assert found == [
        f"x: its rows are in the {how}order of the target y, as its logarithm would be: {OUT}"
    ]


def test_a_function_of_one_column_is_no_leak(odd):
    x = np.linspace(1, 9, N)
    assert odd("leak", {"x": x, "y": x**2}) == []


def test_categories_that_determine_the_target(odd, plain):
    columns = plain()
    y = np.array(["low", "middle", "high"])[np.digitize(columns["y"], [-5, 5])]
    x = np.array([f"code {label}" for label in y])
    found = odd("leak", {**columns, "y": y, "x": x})
    assert found == [f"x: each of its 3 values goes with one value of the target y: {OUT}"]
    x[::50] = "code low"  # a few are wrong: still nearly alone
    assert len(odd("leak", {**columns, "y": y, "x": x})) <= 1
    x = np.random.default_rng(0).permutation(x)
    assert odd("leak", {**columns, "y": y, "x": x}) == []


def test_numbers_that_are_the_classes(odd, plain):
    columns = plain()
    y = (np.array(columns["y"]) > 0).astype(int)
    assert odd("leak", {**columns, "y": y, "x": 1 - y}) == [
        f"x: each of its 2 values goes with one value of the target y: {OUT}"
    ]


def noisy(y, noise, seed=7):
    y = np.array(y)
    return (y + noise * y.std() * np.random.default_rng(seed).normal(size=len(y))).round(4)


def weak(n):
    """Return a target that a and b say little of."""
    columns = {
        name: np.random.default_rng(k).normal(size=n).round(4) for k, name in enumerate("ab")
    }
    y = columns["a"] + 2 * np.random.default_rng(5).normal(size=n)
    return {**columns, "y": y.round(4)}


def test_a_column_that_predicts_numbers_nearly_alone(odd):
    columns = weak(1000)
    (found,) = odd("leak", {**columns, "x": noisy(columns["y"], 0.05)})  # R² about 1 − 0.0025
    assert found.startswith("x: predicts the target y nearly alone (R² 0.99")
    others = float(found.split("all other columns ")[1].split(")")[0])
    assert 0.1 < others < 0.35  # var a / (var a + 4) = 0.2
    assert found.endswith(f"): {OUT}")
    assert odd("leak", {**columns, "x": noisy(columns["y"], 0.3)}) == []  # R² 0.91
    # Where all columns are as good, the task is easy.
    easy = {**columns, "x": noisy(columns["y"], 0.05), "z": noisy(columns["y"], 0.06, 8)}
    assert odd("leak", easy) == []
    nearly = {**columns, "x": noisy(columns["y"], 0.02), "z": noisy(columns["y"], 0.13, 8)}
    assert odd("leak", nearly) == []  # 0.9996 beside 0.983


@pytest.mark.parametrize("gaps", [False, True])
def test_a_column_that_predicts_classes_nearly_alone(odd, gaps):
    columns = weak(1000)
    y = columns["y"] > 0
    x = columns["y"].copy()
    if gaps:  # whether there is a date of return
        x = np.where(y, np.nan, np.random.default_rng(0).normal(size=1000))
    (found,) = odd("leak", {**columns, "y": np.where(y, "yes", "no"), "x": x})
    assert found.startswith("x: predicts the target y nearly alone (AUC ")
    assert float(found.split("AUC ")[1].split()[0]) > 0.99
    x = noisy(columns["y"], 1)
    assert odd("leak", {**columns, "y": np.where(y, "yes", "no"), "x": x}) == []


def test_a_column_below_the_bound_that_is_ten_times_as_close_as_all_others(odd):
    """AUC of two normal classes d deviations apart: Φ(d / √2), 0.985 of 3.07; 0.65, 0.90 beside."""
    rng = np.random.default_rng(3)
    y = rng.integers(0, 2, 3000)

    def column(d):
        return (d * y + rng.normal(size=len(y))).round(4)

    target = np.where(y == 1, "yes", "no")
    (found,) = odd("leak", {"a": column(0.545), "x": column(3.07), "y": target})
    assert 0.98 < float(found.split("(AUC ")[1].split()[0]) < 0.99
    assert found.endswith(f"): {OUT}")
    assert odd("leak", {"a": column(1.81), "x": column(3.07), "y": target}) == []
    assert odd("leak", {"a": column(0.545), "x": column(2.6), "y": target}) == []  # 0.967


def test_a_column_that_predicts_several_classes_nearly_alone(odd):
    columns = weak(1500)
    y = np.array(["l", "m", "h"])[np.digitize(columns["y"], [-1, 1])]
    (found,) = odd("leak", {**columns, "y": y, "x": columns["y"]})
    assert found.startswith("x: predicts the target y nearly alone (accuracy ")
    assert float(found.split("accuracy ")[1].split()[0]) > 0.99


def test_no_leak_in_a_sound_table(odd, plain):
    assert odd("leak", plain()) == []
    assert odd("leak", plain(20)) == []
