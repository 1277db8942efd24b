"""Missing values, numbers that stand for none, and outliers."""

import numpy as np
import pytest
import yaml

from mlpcli.data.diagnosis.values import find_sentinel
from mlpcli.data.readers import MISSING, ReadOptions

N = 600


def mixed(values, value, n):
    """Return the values with another in n places."""
    values = np.array(values, dtype=float)
    values[np.random.default_rng(9).choice(len(values), n, replace=False)] = value
    return values


RNG = np.random.default_rng(0)
AGES = RNG.integers(18, 90, N)
PRESSURE = RNG.normal(72, 12, N).round().clip(24, 122)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (mixed(AGES, -999, 20), -999),
        (mixed(AGES, -1, 20), -1),
        (mixed(AGES, 999, 3), 999),
        (mixed(AGES, 9999, 200), 9999),
        (mixed(AGES, 555, 9), 555),
        (mixed(RNG.normal(size=N), -99, 5), -99),
        (mixed(RNG.normal(size=N), 1e9, 5), 1e9),
        (mixed(PRESSURE, 0, 35), 0),  # blood pressure
        (mixed(AGES, -999, 2), None),  # not repeated
        (mixed(AGES, 99, 20), None),  # an age
        (AGES, None),
        (mixed(RNG.normal(size=N), -3.5, 5), None),
        (mixed(RNG.integers(0, 2, N), -1, 50), None),  # a code of three values
        (mixed(RNG.normal(size=N), -1, 20), None),  # among others below 0
        (mixed(PRESSURE, 0, 300), None),  # half of all: an amount of nothing
        (mixed(RNG.lognormal(7, 1, N), 0, 100), None),  # amounts with many small ones
        (RNG.poisson(0.1, N), None),
        (RNG.poisson(9, N), None),
        (np.full(N, -999.0), None),
    ],
)
def test_numbers_that_may_stand_for_no_value(values, expected):
    found = find_sentinel(np.asarray(values, dtype=float))
    assert (found and found.value) == expected
    if found:
        others = values[values != expected]
        assert (found.n, found.low, found.high) == (
            np.count_nonzero(values == expected), others.min(), others.max(),
        )  # fmt: skip


def test_what_is_said_of_a_sentinel_and_how_it_is_emptied(odd, plain):
    columns = plain(N, age=mixed(AGES, -999, 20), hours=mixed(AGES, -999, 5))
    (of_age, of_hours) = odd("sentinel", columns)
    low, high = (int(f(columns["age"][columns["age"] != -999])) for f in (np.min, np.max))
    said, advice = of_age.split("; if it means no value: data.missing: ")
    assert said == f"age: -999 in 20 of 600 rows, far from the others ({low} to {high})"
    assert yaml.safe_load(advice) == [*MISSING, "-999"]
    assert of_hours.endswith(advice)
    again = odd("sentinel", columns, read=ReadOptions(missing=yaml.safe_load(advice)))
    assert again == []


def test_a_sentinel_that_other_columns_need(odd, plain):
    columns = plain(N, age=mixed(AGES, -1, 20), z=np.arange(N) % 5 - 2)
    (found,) = odd("sentinel", columns)
    assert found.endswith(
        'if it means no value: data.columns: {age: {name: number, missing: ["-1"]}}'
    )
    columns = plain(N, age=mixed(AGES, -1, 20))
    columns["y"] = np.arange(N) % 2 * 2 - 1  # the classes −1 and 1
    (found,) = odd("sentinel", columns)
    assert found.endswith('data.columns: {age: {name: number, missing: ["-1"]}}')


def test_an_outlier_with_its_place(odd, plain):
    columns = plain()
    assert odd("outlier", columns) == []
    b = np.array(columns["b"])
    b[7] = 5000
    others = np.delete(b, 7)
    middle, spread = np.median(b), others.std()
    assert odd("outlier", {**columns, "b": b}) == [
        (
            f"d.csv:9:{len(str(columns['a'][7])) + 2}: b: 5000 is {(5000 - middle) / spread:.0f} "
            f"standard deviations from the median, {middle:.6g}; the others are within "
            f"{np.abs(others - middle).max():.6g} of it"
        )
    ]
    b[8] = 4000
    assert odd("outlier", {**columns, "b": b})[0].endswith(" of it (2 rows of this kind)")


@pytest.mark.parametrize("values", [
    np.random.default_rng(0).lognormal(0, 1, 300),
    np.random.default_rng(0).standard_t(3, 300),
    np.append(np.zeros(299), 9),  # nearly constant, and said to be so
    mixed(np.arange(300) % 70, -999, 1),  # one outlier
])  # fmt: skip
def test_heavy_tails_are_no_outliers(odd, plain, values):
    expected = 1 if values.min() < -900 else 0
    assert len(odd("outlier", plain(x=values.round(4)))) == expected


def test_missing_values_and_their_fate(odd, plain):
    x = [None if k % 10 == 0 else k % 7 for k in range(300)]
    c = [None if k % 10 == 0 else "uv"[k % 2] for k in range(300)]
    assert odd("missing", plain(x=x, c=c), missing_indicator=[]) == [
        "x: missing in 30 of 300 rows; set to the training median, 3",
        "c: missing in 30 of 300 rows; a category of its own",
    ]
    (found,) = odd("missing", plain(**{f"x{k}": x for k in range(7)}), missing_indicator=[])
    assert found.startswith("missing values in 7 columns: x0 (30 of 300), x1 (30 of 300), ")


@pytest.mark.parametrize(
    ("other", "n", "is_odd"),
    [("1900-01-01", 9, True), ("9999-12-31", 9, True), ("1900-01-01", 2, False),
     ("2019-12-31", 9, False)],
)  # fmt: skip
def test_dates_that_may_stand_for_no_value(odd, plain, other, n, is_odd):
    days = [f"20{20 + k // 100}-{1 + k % 12:02}-{1 + k % 28:02}" for k in range(300)]
    days[:n] = [other] * n
    found = odd("sentinel", plain(day=days))
    said = f"day: {other} in 9 of 300 rows, far from the others ({min(days[n:])} to {max(days[n:])}"
    said += "); if it means no value: empty its cells in the file"
    assert found == [said] * is_odd
