"""Parts of dates as pandas gives them; scaled as numbers; only those that vary in training."""

import numpy as np
import pandas as pd
import pytest

from mlpcli.data.columns import Coded, Dates
from mlpcli.data.encoders import DatePart
from mlpcli.data.encoders.date_part import PARTS, date_part, fit_date
from mlpcli.data.encoders.numeric import fit_numbers
from mlpcli.data.table import Table
from mlpcli.errors import DataError

RNG = np.random.default_rng(0)
MOMENTS = np.append(
    RNG.integers(-(10**10), 10**10, 500).astype("M8[s]"),  # years 1653 to 2286
    np.array(["1969-12-31T23:59:59", "1970-01-01", "2000-02-29", "1600-03-01", "NaT"], "M8[s]"),
)


def table(values):
    return Table({"d": values}, "t.csv", "", lambda row, _: f"t.csv:{row + 2}:1")


@pytest.mark.parametrize("part", PARTS)
def test_parts_are_those_of_pandas(part):
    series = pd.Series(MOMENTS).dt
    if part == "number":
        expected = pd.Index(MOMENTS).to_julian_date() - 2440587.5
    else:
        expected = getattr(series, part)
    np.testing.assert_allclose(date_part(MOMENTS, part), expected, rtol=1e-15, atol=1e-8)


def test_parts_that_vary_are_scaled_as_numbers_are():
    dates = np.array(["2020-01-31T06:00", "2020-03-31T06:00", "NaT", "2020-07-31T06:00"], "M8[s]")
    fitted = fit_date(table(Dates(dates)), np.arange(4), "d", "standard")
    assert [f.feature_names for f in fitted] == [["d.number"], ["d.month"], ["d.day_of_week"]]
    month = fitted[1]
    # 1, 3, 7, and 3, their median, where there is none: mean 3.5, variance 4.75
    assert (month.fill, month.shift, month.scale) == (3.0, 3.5, 4.75**0.5)
    out = np.empty((4, 1))
    assert month.write(month.source(table(Dates(dates))), out) == 1
    np.testing.assert_allclose(out[:, 0], (np.array([1, 3, 3, 7]) - 3.5) / 4.75**0.5, rtol=1e-15)


@pytest.mark.parametrize("scale", ["asinh", "minmax", "none"])
def test_a_part_is_scaled_as_a_column_of_its_numbers(scale):
    rows = np.arange(len(MOMENTS))
    for fitted in fit_date(table(Dates(MOMENTS)), rows, "d", scale):
        expected = fit_numbers(date_part(MOMENTS, fitted.part), scale, "")
        assert {k: getattr(fitted, k) for k in expected} == expected


def test_only_the_training_rows_say_what_varies():
    dates = np.array(["2020-01-06", "2020-01-07", "2021-06-07T12:00"], "M8[s]")
    fitted = fit_date(table(Dates(dates)), np.array([0, 1]), "d", "none")
    assert [f.part for f in fitted] == ["number", "day_of_week"]


def test_of_the_column_that_rows_are_split_by_only_what_recurs():
    fitted = fit_date(
        table(Dates(MOMENTS)), np.arange(len(MOMENTS)), "d", "none", recurring_only=True
    )
    assert [f.part for f in fitted] == ["month", "day_of_year", "day_of_week", "hour"]


def test_the_day_of_the_year_is_a_part_of_dates_that_span_one():
    """In fewer days the number of the day says it; 365 days are a year."""
    for last, is_part in (("2020-12-30", False), ("2020-12-31", True)):
        dates = np.array(["2020-01-01", "2020-05-01", last], "M8[s]")
        fitted = fit_date(table(Dates(dates)), np.arange(3), "d", "none")
        assert ("day_of_year" in [f.part for f in fitted]) == is_part


def test_a_constant_date_is_its_day_and_of_time_nothing():
    dates = np.array(["2020-01-06", "2020-01-06", "NaT"], "M8[s]")
    fitted = fit_date(table(Dates(dates)), np.arange(3), "d", "standard")
    assert [(f.part, f.fill, f.scale) for f in fitted] == [("number", 18267.0, 1.0)]
    assert fit_date(table(Dates(dates)), np.arange(3), "d", "none", recurring_only=True) == []


def test_no_date_at_all_in_the_training_rows():
    dates = np.array(["NaT", "NaT", "2020-01-06"], "M8[s]")
    (day,) = fit_date(table(Dates(dates)), np.arange(2), "d", "standard")
    assert (day.part, day.fill, day.shift, day.scale) == ("number", 0.0, 0.0, 1.0)


def test_a_column_that_has_no_dates_any_more():
    day = DatePart("d", 0.0, 0.0, 1.0)
    with pytest.raises(DataError) as caught:
        day.source(table(Coded(np.array([-1, 0]), ["soon"])))
    assert str(caught.value) == (
        "t.csv:3:1: d: 'soon' is not a date; the model was trained on dates here"
    )
    assert np.isnan(day.source(table(Coded(np.array([-1, -1]), [])))).all()


def test_a_column_of_dates_where_numbers_or_texts_are_asked_for():
    dates = Dates(np.array(["NaT", "2020-01-06", "2020-01-06T12:30"], "M8[s]"))
    with pytest.raises(DataError, match=r"t.csv: d: the column has dates, not numbers; why"):
        table(dates).numbers("d", "why")
    assert not table(dates).is_text("d")
    assert table(dates).texts("d").tolist() == [None, "2020-01-06", "2020-01-06T12:30:00"]
    assert [dates.cell(k) for k in range(3)] == [None, "2020-01-06", "2020-01-06T12:30:00"]
