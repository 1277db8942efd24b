"""The time of day alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import ClassVar

import numpy as np

from mlpcli.data.columns import Column, Numbers
from mlpcli.data.readings.date_form import DIGITS, TIME, regex, tidied
from mlpcli.data.readings.reading import READINGS, Evidence, Fit, Reading, cell_error, stripped
from mlpcli.data.readings.words import further_words
from mlpcli.data.table import Table
from mlpcli.family import setting


@READINGS.add("time")
class Time(Reading):
    """The time of day in hours, 0 to 24: h + min / 60 + s / 3600, of 14:30, 14:30:15 or 2:30 pm."""

    noun: ClassVar[str] = "time of day"

    missing: tuple[str, ...] = setting((), "further texts that mean: no value")

    def fit(self, evidence: Evidence) -> Fit:
        present = [text for text in evidence.counts if text not in self.missing]
        odd = [text for text in present if hours(text) is None]
        words = further_words(odd) if evidence.words and len(odd) < len(present) else []
        found = replace(self, missing=(*self.missing, *words))
        n = evidence.n_cells - sum(evidence.counts.get(word, 0) for word in found.missing)
        return Fit(found, [*(t for t in odd if t not in words), *evidence.others], n)

    def adapted(self, evidence: Evidence) -> Reading:
        return self.fit(evidence).reading

    def read(self, table: Table, name: str, missing: Collection[str] = ()) -> Column:
        column = table.column(name)
        if isinstance(column, Numbers):
            return column
        codes, texts = table.coded_texts(name)
        gone = {*missing, *self.missing}
        found = {text: np.nan if text in gone else hours(text) for text in map(stripped, texts)}
        odd = [text for text, value in found.items() if value is None]
        if odd:
            raise cell_error(table, name, odd, "is not a time of day, such as 14:30")
        each = [found[stripped(text)] for text in texts]
        return Numbers(np.array([*each, np.nan], np.float64)[codes])


def hours(text: str) -> float | None:
    """Return the hours of a time of day since midnight; None where a text is none.

    >>> hours("14:30"), hours("2:30 p.m."), hours("12:00 AM"), hours("25:00")
    (14.5, 14.5, 0.0, None)
    """
    tidy = tidied([text])
    found = regex(TIME).fullmatch(tidy.texts[0].translate(DIGITS))
    if found is None or tidy.offsets[0] is not None:
        return None
    part = {name: tidy.texts[0][slice(*found.span(name))] for name in "HMSfp"}
    hour, minute, second = int(part["H"]), int(part["M"]), int(part["S"] or 0)
    if part["p"]:
        if not 1 <= hour <= 12:  # noqa: PLR2004
            return None
        hour = hour % 12 + (12 if part["p"].lower() == "pm" else 0)
    if hour > 23 or minute > 59 or second > 59:  # noqa: PLR2004
        return None
    return hour + minute / 60 + (second + float(f"0.{part['f'] or 0}")) / 3600
