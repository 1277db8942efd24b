"""How a date is written: the order of day, month and year, a time, a time zone.

As with numbers, the shapes of texts are looked at, with 9 for every digit; each shape has a format
as `strptime` takes it, or two, where day and month could be either.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

import numpy as np

from mlpcli.array_types import Array

FEW = 20_000  # different texts: importing pandas takes as long as converting them with datetime
LAST_DAY, LAST_MONTH = 31, 12
DIGITS = str.maketrans("012345678", "999999999")
MONTHS = {
    "jan": "january januar janvier enero gennaio janeiro jän jänner janv ene gen",
    "feb": "february februar février fevrier febrero febbraio fevereiro févr fevr fev",
    "mar": "march märz maerz mars marzo março marco mär mrz mrt maart",
    "apr": "april avril abril aprile avr abr",
    "may": "mai mayo maggio maio mag mei",
    "jun": "june juni juin junio giugno junho giu",
    "jul": "july juli juillet julio luglio julho juil lug",
    "aug": "august août aout agosto ago",
    "sep": "september septembre septiembre settembre setembro sept set",
    "oct": "october oktober octobre octubre ottobre outubro okt ott out",
    "nov": "november novembre noviembre novembro",
    "dec": "december dezember décembre decembre diciembre dicembre dezembro dez déc dic",
}
NAMES = {name: short for short, names in MONTHS.items() for name in (short, *names.split())}
DAYS = (
    "monday|tuesday|wednesday|thursday|friday|saturday|sunday|mon|tues?|wed|thu(?:rs?)?|fri|sat|sun"
)
WORD = r"[^\W\d_]+\.?"
WEEKDAY = rf"^(?:{DAYS})\.?,? +"
ORDINAL = r"(?<=\d)(?:st|nd|rd|th)\b"
LONG_FRACTION = r"([.,]\d{6})\d+"
ZONE = r"(?P<time>:\d\d(?:[.,]\d+)?(?: ?[ap]m)?) ?(?:Z|UTC|GMT|(?P<h>[+-]\d\d)(?::?(?P<m>\d\d))?)$"
AM_PM = r"\b([ap])\. ?m\b\.?"
PLAIN = r"[0-9/.: -]{1,16}|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}"

_MON = "(?P<b>" + "|".join(MONTHS) + ")"
TIME = r"(?P<H>99?):(?P<M>99)(?::(?P<S>99)(?:[.,](?P<f>9{1,6}))?)?(?: ?(?P<p>am|pm))?"
_AFTER = rf"(?:(?:,? |T){TIME})?"
DATES = [
    pattern + _AFTER
    for pattern in (
        r"(?P<Y>9999)([-/. ])(?P<m>99?)\2(?P<d>99?)",
        r"(?P<first>99?)([-/. ])(?P<second>99?)\2(?P<Y>9999)",
        r"(?P<first>99?)([-/.])(?P<second>99?)\2(?P<y>99)",
        rf"(?P<d>99?)(?:\. |[-/. ])?{_MON}[-/., ]{{0,2}}(?P<Y>9999)",
        rf"(?P<d>99?)(?:\. |[-/. ]){_MON}[-/., ]{{1,2}}(?P<y>99)",
        rf"{_MON}[-/. ](?P<d>99?)(?:, ?|[-/ ])(?P<Y>9999)",
        rf"(?P<Y>9999)[-/. ]{_MON}[-/. ](?P<d>99?)",
        r"(?P<Y>9999)-(?P<m>99)",
        r"(?P<m>99)/(?P<Y>9999)",
        rf"{_MON}[-/. ](?P<Y>9999)",
    )
]
COMPACT = "(?P<Y>9999)(?P<m>99)(?P<d>99)(?:T?(?P<H>99)(?P<M>99)(?P<S>99)?)?"


@cache
def regex(pattern: str) -> re.Pattern[str]:
    """Return a pattern compiled, when it is first needed: all of them take 10 ms."""
    return re.compile(pattern, re.IGNORECASE)


FIRST = {"day": "dmy", "month": "mdy", "year": "ymd"}


@dataclass(frozen=True)
class DateForm:
    """What a shape shows.

    format  as strptime takes it; with {0}, {1} and {2} where the order of `parts` is open
    parts   the places of three numbers, of which the last is a year in the orders day first and
            month first; (): the order shows
    short   whether that year has two digits, so that the first number could be the year as well
    """

    format: str
    parts: tuple[slice, ...] = ()
    short: bool = False

    def in_order(self, first: str) -> str:
        """Return the format with the day, the month or the year first."""
        if not self.parts:
            return self.format
        if not self.short:
            return self.format.format(
                *(f"%{p}" for p in FIRST[first if first != "year" else "day"])
            )
        return self.format.format(*(f"%{p}" for p in FIRST[first]))


@lru_cache(maxsize=1 << 12)
def form_of(shape: str, *, compact: bool = False) -> DateForm | None:
    """Return what a shape shows; None where it is not that of a date.

    compact  whether eight digits are a date: year, month and day

    >>> form_of("9999-99-99T99:99").format, form_of("99 jan 9999").format
    ('%Y-%m-%dT%H:%M', '%d %b %Y')
    >>> form_of("9/9/9999").in_order("month")
    '%m/%d/%Y'
    """
    for pattern in [*DATES, COMPACT] if compact else DATES:
        found = regex(pattern).fullmatch(shape)
        if found is not None:
            return _form(found)
    return None


def _form(found: re.Match[str]) -> DateForm:
    spans = {name: found.span(name) for name, text in found.groupdict().items() if text}
    short = "y" in spans
    directive = {name: f"%{name}" for name in spans}
    if "p" in spans:
        directive["H"] = "%I"
    if "first" in spans:
        directive |= {"first": "{0}", "second": "{1}", "y": "{2}", "Y": "{2}"}
    text, at = "", 0
    for name in sorted(spans, key=lambda n: spans[n]):
        text += found.string[at : spans[name][0]] + directive[name]
        at = spans[name][1]
    text += found.string[at:]
    if "first" not in spans:
        return DateForm(text)
    if not short:
        text = text.replace("{2}", "%Y")
    places = (slice(*spans[name]) for name in ("first", "second", "y" if short else "Y"))
    return DateForm(text, tuple(places), short)


@dataclass(frozen=True)
class DateTexts:
    """Texts without what hides their shape.

    texts    month names as jan, feb, …; without the day of the week, and the time zone
    offsets  of the time zone, in seconds east of UTC; None: the text has none
    """

    texts: list[str]
    offsets: list[int | None]


def tidied(texts: Iterable[str]) -> DateTexts:
    """Return texts without what hides their shape.

    >>> tidied(["Fri, 31. Januar 2020 10:00 +01:00"])
    DateTexts(texts=['31. jan 2020 10:00'], offsets=[3600])
    """
    found = DateTexts([], [])
    for text in texts:
        offset = None
        if not regex(PLAIN).fullmatch(text):
            text, offset = _tidied(text)  # noqa: PLW2901
        found.texts.append(text)
        found.offsets.append(offset)
    return found


def _tidied(text: str) -> tuple[str, int | None]:
    text = regex(AM_PM).sub(r"\1m", regex(WEEKDAY).sub("", " ".join(text.split())))
    zone, offset = regex(ZONE).search(text), None
    if zone is not None:
        hours, minutes = zone["h"] or "+00", int(zone["m"] or 0)
        offset = 3600 * int(hours) + 60 * (-minutes if hours[0] == "-" else minutes)
        text = text[: zone.end("time")]
    text = regex(WORD).sub(_month, regex(ORDINAL).sub("", text))
    return regex(LONG_FRACTION).sub(r"\1", text), offset


def _month(word: re.Match[str]) -> str:
    return NAMES.get(word[0].rstrip(".").casefold(), word[0])


def possible_orders(texts: Sequence[str], forms: Sequence[DateForm]) -> list[str]:
    """Return which of day, month and year can come first in all texts whose order is open.

    By the largest numbers: no month is above 12, and no day above 31.
    """
    open_forms = [(text, form) for text, form in zip(texts, forms, strict=True) if form.parts]
    numbers = [[int(text[part]) for part in form.parts] for text, form in open_forms]
    first, second, last = np.max(numbers, axis=0, initial=0) if numbers else (0, 0, 0)
    short = all(form.short for _, form in open_forms)
    fits = {
        "day": first <= LAST_DAY and second <= LAST_MONTH,
        "month": first <= LAST_MONTH and second <= LAST_DAY,
        "year": short and second <= LAST_MONTH and last <= LAST_DAY,
    }
    return [order for order, is_possible in fits.items() if is_possible]


def convert(texts: Sequence[str], format_: str) -> Array:
    """Return texts as dates (texts,), datetime64[s]; NaT where one is not in the format.

    By datetime where they are few, else by pandas.
    """
    if len(texts) > FEW:
        import pandas as pd

        found = pd.to_datetime(pd.Series(texts, dtype=object), format=format_, errors="coerce")
        return found.to_numpy().astype("M8[s]")
    return np.array([_seconds(text, format_) for text in texts], "M8[s]")


def _seconds(text: str, format_: str) -> Any:
    try:
        return np.datetime64(datetime.strptime(text, format_).replace(microsecond=0), "s")  # noqa: DTZ007
    except ValueError:
        return np.datetime64("NaT", "s")
