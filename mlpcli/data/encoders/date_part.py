"""A part of a date as a number: the day it is, its year, month, day of the week, or hour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.columns import Dates
from mlpcli.data.encoders.numeric import NumericColumn, fit_numbers
from mlpcli.data.table import Table, quoted

SECONDS_PER_DAY = 86_400
MONDAY = 3  # days from a Monday to 1970-01-01


def _days(seconds: Array) -> Array:
    return np.floor_divide(seconds, SECONDS_PER_DAY)


def _day_of_year(days: Array) -> Array:
    """Return 1 on the first of January; days since 1970-01-01."""
    day = days.astype("M8[D]")
    return (day - day.astype("M8[Y]").astype("M8[D]")).astype(np.int64) + 1


# Of seconds since 1970-01-01 (rows,), whole numbers as int64; months and years by NumPy's calendar.
PARTS: dict[str, Callable[[Array], Array]] = {
    "number": lambda seconds: seconds / SECONDS_PER_DAY,
    "year": lambda seconds: seconds.astype("M8[s]").astype("M8[Y]").astype(np.int64) + 1970,
    "month": lambda seconds: seconds.astype("M8[s]").astype("M8[M]").astype(np.int64) % 12 + 1,
    "day_of_year": lambda seconds: _day_of_year(_days(seconds)),
    "day_of_week": lambda seconds: (_days(seconds) + MONDAY) % 7,
    "hour": lambda seconds: seconds % SECONDS_PER_DAY // 3600,
}
RECURRING = (
    "month",
    "day_of_year",
    "day_of_week",
    "hour",
)  # that later dates share with earlier ones
PERIODS = {"month": 365 * SECONDS_PER_DAY, "day_of_year": 365 * SECONDS_PER_DAY}  # seconds
PERIODS["day_of_week"] = 7 * SECONDS_PER_DAY
PERIODS["hour"] = SECONDS_PER_DAY


@dataclass(frozen=True)
class DatePart(NumericColumn):
    """z = (part − shift) / scale of one part of a date, scaled as a number is.

    part  number, days since 1970-01-01 with the time as a fraction; year; month, 1 to 12;
          day_of_year, 1 to 366; day_of_week, Monday 0 to Sunday 6; hour, 0 to 23
    """

    kind: ClassVar[str] = "date_part"
    part: str = "number"

    @property
    def feature_names(self) -> list[str]:
        """`name.part`."""
        return [f"{self.name}.{self.part}"]

    def source(self, table: Table) -> Array:
        """Return the part of each row's date (rows,), float64, NaN where it is missing."""
        return date_part(dates(table, self.name), self.part)

    def replacement(self, n: int) -> str:
        what = "1 missing date has" if n == 1 else f"{n} missing dates have"
        return f"{what} {self.missing_rule}"

    @property
    def missing_rule(self) -> str:
        """The median of each part replaces it."""
        return "each part set to its training median"


def dates(table: Table, name: str) -> Array:
    """Return a column's dates (rows,), datetime64[s]. Raises DataError where it has none."""
    column = table.column(name)
    if isinstance(column, Dates):
        return column.values
    present = ~column.missing
    if not present.any():
        return np.full(len(column), "NaT", "M8[s]")
    problem, cell = "is not a date; the model was trained on dates here", column.cell
    raise table.cells_error(present, name, lambda row: f"{quoted(cell(row))} {problem}")


def date_part(values: Array, part: str) -> Array:
    """Return a part of each date (rows,), float64, NaN where it is missing.

    values  (rows,) datetime64[s]

    >>> date_part(np.array(["1969-12-31T18:30:00", "2024-02-29"], "M8[s]"), "day_of_week")
    array([2., 3.])
    """
    missing = np.isnat(values)
    found = PARTS[part](np.where(missing, np.datetime64(0, "s"), values).astype(np.int64))
    return np.where(missing, np.nan, found.astype(np.float64))


def fit_date(
    table: Table, rows: Array, name: str, scale: str, *, recurring_only: bool = False
) -> list[DatePart]:
    """Return the parts of a column of dates that vary in the training rows; of no varying, the day.

    The day of the year is a part where the training rows span one.

    recurring_only  month, day of the year, day of the week and hour alone, as in a column that the
                    rows are split by: its days and years are others in the test rows than in
                    training. So is the month, where the training rows are not of a whole year
    """
    values = dates(table, name)[rows]
    fitted = []
    known = values[~np.isnat(values)].astype(np.int64)
    seconds = int(np.ptp(known)) if len(known) else 0
    for part in RECURRING if recurring_only else PARTS:
        whole = recurring_only or part == "day_of_year"  # within a year the number says it
        if whole and seconds < PERIODS[part]:
            continue
        found = date_part(values, part)
        if np.nanmin(found, initial=np.inf) < np.nanmax(found, initial=-np.inf):
            settings = fit_numbers(found, scale, f"{table.name}: {name}.{part}")
            fitted.append(DatePart(name, **settings, part=part))
    if not fitted and not recurring_only:
        settings = fit_numbers(date_part(values, "number"), scale, f"{table.name}: {name}")
        fitted.append(DatePart(name, **settings, part="number"))
    return fitted
