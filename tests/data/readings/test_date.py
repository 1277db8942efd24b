"""Dates in the order and form of the column, against pandas; times of day."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpcli.data.columns import Dates, Numbers, coded
from mlpcli.data.readings import READINGS, date_form
from mlpcli.data.readings.apply import apply_readings, evidence_of
from mlpcli.data.readings.words import MISSING
from mlpcli.data.table import Table
from mlpcli.errors import DataError

# Years of two digits mean these.
FROM = dt.datetime(1970, 1, 1)  # noqa: DTZ001
UNTIL = dt.datetime(2068, 12, 31)  # noqa: DTZ001
WRITTEN = [
    (["2020-01-31"], ["2020-01-31"]),
    (["2020/1/31", "2020/2/1"], ["2020-01-31", "2020-02-01"]),
    (["2020.01.31"], ["2020-01-31"]),
    (["31.12.2020", "1.2.2020"], ["2020-12-31", "2020-02-01"]),
    (["31/12/2020", "01/02/2020"], ["2020-12-31", "2020-02-01"]),
    (["12/31/2020", "01/02/2020"], ["2020-12-31", "2020-01-02"]),
    (["31-12-2020", "01-02-2020"], ["2020-12-31", "2020-02-01"]),
    (["31.12.99", "1.2.05"], ["1999-12-31", "2005-02-01"]),
    (["99-12-31", "05-02-01"], ["1999-12-31", "2005-02-01"]),
    (["31 Jan 2020", "1 February 2020"], ["2020-01-31", "2020-02-01"]),
    (["31-JAN-2020", "01-MAY-2020"], ["2020-01-31", "2020-05-01"]),
    (["31-Jan-20"], ["2020-01-31"]),
    (["31. Januar 2020", "1. März 2020"], ["2020-01-31", "2020-03-01"]),
    (["31 janv. 2020", "1 août 2020"], ["2020-01-31", "2020-08-01"]),
    (["January 31, 2020", "May 1, 2020"], ["2020-01-31", "2020-05-01"]),
    (["Jan 31st 2020", "Mar 2nd 2020"], ["2020-01-31", "2020-03-02"]),
    (["Friday, 31 January 2020"], ["2020-01-31"]),
    (["2020-01", "2020-12"], ["2020-01-01", "2020-12-01"]),
    (["01/2020"], ["2020-01-01"]),
    (["Jan 2020"], ["2020-01-01"]),
    (["2020-01-31T14:05"], ["2020-01-31T14:05:00"]),
    (["2020-01-31 14:05:09"], ["2020-01-31T14:05:09"]),
    (["2020-01-31 14:05:09.123456789"], ["2020-01-31T14:05:09"]),
    (["1969-12-31 23:59:59.9"], ["1969-12-31T23:59:59"]),
    (["31.12.2020 14:05"], ["2020-12-31T14:05:00"]),
    (["12/31/2020 2:05 PM", "1/2/2020 12:00 am"], ["2020-12-31T14:05:00", "2020-01-02"]),
    (["12/31/2020 02:05:09 p.m."], ["2020-12-31T14:05:09"]),
    (["2020-01-31T14:05:09Z"], ["2020-01-31T14:05:09"]),
    (["2020-01-31T14:05:09+02:00"], ["2020-01-31T14:05:09"]),  # the time there
    (["Fri, 31 Jan 2020 14:05:09 GMT"], ["2020-01-31T14:05:09"]),
    (["2020-01-31T14:00+01:00", "2020-06-30T14:00+02:00"],
     ["2020-01-31T13:00:00", "2020-06-30T12:00:00"]),  # UTC, where the offsets differ
    (["2020-01-31T14:00-0130", "2020-06-30T14:00Z"],
     ["2020-01-31T15:30:00", "2020-06-30T14:00:00"]),
    (["2020-01-31", "2020-02-01 10:00"], ["2020-01-31", "2020-02-01T10:00:00"]),
    (["2020-01-31", "31.1.2020"], ["2020-01-31", "2020-01-31"]),
    (["2020-01-31", "", " NA", "0000-00-00", "unknown"], ["2020-01-31", *[None] * 4]),
    (["9999-12-31", "0001-01-01"], ["9999-12-31", "0001-01-01"]),
]  # fmt: skip


@pytest.fixture(params=["datetime", "pandas"])
def by(request, monkeypatch):
    """Convert with datetime, and with pandas."""
    if request.param == "pandas":
        monkeypatch.setattr(date_form, "FEW", -1)


@pytest.mark.usefixtures("by")
@pytest.mark.parametrize(("texts", "days"), WRITTEN)
def test_dates_as_they_are_written(cells, texts, days):
    assert cells("date", *texts) == days


@pytest.mark.parametrize(
    ("texts", "first", "is_open"),
    [
        (["01/02/2020", "03/04/2020"], "month", True),
        (["01.02.2020", "03.04.2020"], "day", True),
        (["13/02/2020", "03/04/2020"], "day", False),
        (["01/13/2020", "03/04/2020"], "month", False),
        (["2020-01-02"], "auto", False),
        (["01/02/20", "31/12/20"], "day", True),  # or the year first: 2001-02-20
        (["01/02/40", "31/12/40"], "day", False),
        (["32/12/01", "33/11/30"], "year", False),
        (["13/02/2020", "03/14/2020", "04/25/2020"], "month", False),  # one of them is wrong
    ],
)
def test_which_comes_first(fit, texts, first, is_open):
    found = fit("date", *texts)
    assert (found.reading.first, found.open) == (first, is_open)


def test_what_else_tells_which_comes_first(fit):
    assert fit("date", "01/02/2020", first="day").reading.first == "day"
    assert fit("date", "01/02/2020", decimal=",").reading.first == "day"
    assert fit("date", "01/13/2020", first="day").reading.first == "month"


@pytest.mark.parametrize(
    "text",
    ["2021-02-30", "13/13/2020", "2020-13-01", "20200131", "1.2.3", "2020", "12:30", "5", "2020-1",
     "31.12", "Jan", "31 Foo 2020", "2020-01-31 25:00", "2020-01-31 10", "10-20-30-40", "x"],
)  # fmt: skip
def test_what_is_no_date(fit, text):
    assert fit("date", "2020-01-01", text).odd == [text]


def test_the_format_that_is_found(fit):
    assert fit("date", "31.12.2020 14:05").reading.format == "%d.%m.%Y %H:%M"
    assert fit("date", "2020-01-31T14:05:09Z").reading.format == "%Y-%m-%dT%H:%M:%S%z"
    assert fit("date", "2020-01-31", "31.12.2020").reading.format == "auto"


@pytest.mark.usefixtures("by")
@pytest.mark.parametrize(
    ("format_", "text", "day"),
    [
        ("%Y%m%d", "20200131", "2020-01-31"),
        ("%d%m%y", "310120", "2020-01-31"),
        ("%A, %d %B %Y", "Friday, 31 January 2020", "2020-01-31"),
        ("%Y week %W day %w", "2020 week 4 day 5", "2020-01-31"),
    ],
)
def test_a_format_of_the_spec(cells, fit, format_, text, day):
    assert cells("date", text, settings={"format": format_}) == [day]
    assert fit("date", "2020-01-31", settings={"format": format_}).odd == ["2020-01-31"]


def test_eight_digits_are_a_date_where_the_spec_says_date(fit, cells):
    assert cells("date", "20200131", given=True) == ["2020-01-31"]
    assert fit("date", "20200131").odd == ["20200131"]
    assert fit("date", "20200131", given=True).reading.needs_texts
    assert not fit("date", "2020-01-31").reading.needs_texts


def adapted(reading, texts):
    column = coded(texts)
    found = reading.adapted(evidence_of([column], MISSING))
    table = Table({"x": column}, "t.csv", "", lambda row, _: f"t.csv:{row + 2}:1")
    read = apply_readings(table, {"x": found}, MISSING).column("x")
    return [read.cell(row) for row in range(len(texts))]


def test_another_way_of_writing_at_prediction(fit):
    german = fit("date", "31.12.2020", "1.2.2020").reading
    assert adapted(german, ["01.02.2020"]) == ["2020-02-01"]
    assert adapted(german, ["2020-02-01"]) == ["2020-02-01"]
    with pytest.raises(DataError, match="could have the day or the month first"):
        adapted(german, ["01/02/2020"])  # with points the day came first, and with bars?
    assert adapted(german, ["01/13/2020", "01/02/2020"]) == ["2020-01-13", "2020-01-02"]
    assert adapted(german, ["1 Feb 2020", "?"]) == ["2020-02-01", None]


def test_what_could_be_either_is_refused_at_prediction(fit):
    iso = fit("date", "2020-12-31").reading
    assert adapted(iso, ["13/02/2020"]) == ["2020-02-13"]
    with pytest.raises(DataError) as caught:
        adapted(iso, ["01/02/2020"])
    assert str(caught.value) == (
        "t.csv:2:1: x: '01/02/2020' could have the day or the month first; write it as 2020-01-31"
    )
    with pytest.raises(DataError, match=r"^t\.csv:3:1: x: 'soon' is not a date of the form %Y-"):
        adapted(iso, ["2020-01-01", "soon"])


@given(
    st.lists(st.datetimes(FROM, UNTIL), min_size=1),
    st.sampled_from(["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%d %b %Y", "%B %d, %Y %I:%M %p",
                     "%d.%m.%Y %H:%M", "%Y/%m/%d"]),
)  # fmt: skip
def test_dates_written_in_a_form_come_back_as_pandas_reads_them(when, format_):
    texts = [f"{each:{format_}}" for each in when]
    found = READINGS["date"]().fit(evidence_of([coded(texts)], MISSING))
    table = Table({"x": coded(texts)}, "t.csv", "", lambda _row, _name: "")
    expected = pd.to_datetime(pd.Series(texts), format=format_).to_numpy().astype("M8[s]")
    np.testing.assert_array_equal(found.reading.read(table, "x").values, expected)


def test_dates_of_other_files():
    days = Dates(np.array(["2020-01-31", "NaT"], "M8[s]"))
    table = Table({"x": days, "n": Numbers(np.array([20200131]))}, "t.npz", "", lambda *_: "")
    assert READINGS["date"]().read(table, "x") is days
    assert READINGS["date"]("%Y%m%d").read(table, "n").cell(0) == "2020-01-31"
    with pytest.raises(DataError, match=r"x: the column has dates, not numbers"):
        READINGS["number"]().read(table, "x")
    with pytest.raises(DataError, match=r"x: the column has dates, not numbers; a hint"):
        table.numbers("x", "a hint")


@pytest.mark.parametrize(
    ("text", "hours"),
    [("14:30", 14.5), ("0:00", 0), ("14:30:36", 14.51), ("2:30 PM", 14.5), ("12:15 a.m.", 0.25),
     ("14:30:36.0", 14.51), ("23:59", 23 + 59 / 60)],
)  # fmt: skip
def test_times_of_day_are_hours(cells, text, hours):
    assert cells("time", text, "-") == pytest.approx([hours, None])


@pytest.mark.parametrize(
    "text", ["24:00", "14:60", "14", "14:3", "13:00 PM", "14:30Z", "1:30:00:00"]
)
def test_what_is_no_time_of_day(fit, text):
    assert fit("time", "14:30", text).odd == [text]
