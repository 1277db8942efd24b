"""Dates, with or without a time."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.columns import Column, Dates
from mlpcli.data.readings.date_form import (
    DIGITS,
    DateForm,
    convert,
    form_of,
    possible_orders,
    tidied,
)
from mlpcli.data.readings.reading import READINGS, Evidence, Fit, Reading
from mlpcli.data.readings.words import further_words
from mlpcli.data.table import Table, quoted
from mlpcli.family import setting

DAY_MONTH: tuple[Any, ...] = ("day", "month")


@READINGS.add("date")
class Date(Reading):
    """Dates, with or without a time: ISO 8601, day or month first, names of months."""

    noun: ClassVar[str] = "date"

    format: str = setting("auto", "as strptime takes it, such as %d.%m.%Y; auto: each text's own")
    first: Literal["auto", "day", "month", "year"] = setting(
        "auto", "which of the three comes first, where a text leaves that open"
    )
    zone: Literal["auto", "local", "UTC"] = setting(
        "auto", "local: the time as it is written; auto: UTC where the texts' zones differ"
    )
    missing: tuple[str, ...] = setting((), "further texts that mean: no value")

    def problem(self) -> str | None:
        if self.format != "auto" and "%" not in self.format:
            return f"{self.format!r} is not a format such as %d.%m.%Y"
        return None

    @property
    def needs_texts(self) -> bool:
        return re.fullmatch("(?:%[A-Za-z])+", self.format) is not None  # digits alone

    def fit(self, evidence: Evidence) -> Fit:
        texts = _Texts.of(evidence.counts, self.missing, compact=evidence.given)
        found, is_open = self, False
        if self.format == "auto":
            first, is_open = self._choose_first(texts, evidence)
            found = replace(self, first=first, format=texts.one_format(first))
        if self.zone == "auto":
            found = replace(found, zone=texts.zone)
        absent = np.isnat(found.values(texts))
        odd = [text for text, is_odd in zip(texts.raw, absent, strict=True) if is_odd]
        words = further_words(odd) if evidence.words and len(odd) < len(absent) else []
        found = replace(found, missing=(*self.missing, *words))
        n = evidence.n_cells - sum(evidence.counts.get(word, 0) for word in found.missing)
        odd = [text for text in odd if text not in words]
        return Fit(found, [*odd, *evidence.others], n, open=is_open)

    def adapted(self, evidence: Evidence) -> Reading:
        kept = self.fit(evidence)
        if kept.odd:
            # In other signs, as of 05.04.2023 after 4/5/23, the order may be another, too.
            sign = "" if self.format == "auto" else self.format[2:3]
            alike = bool(sign) and all(sign in text for text in evidence.counts)
            first = self.first if alike and self.first != "auto" else None
            changed = replace(self, format="auto", first="auto").fit(replace(evidence, first=first))
            kept = changed if len(changed.odd) < len(kept.odd) else kept
        return replace(self, format="auto", first="auto") if kept.open else kept.reading

    def read(self, table: Table, name: str, missing: Collection[str] = ()) -> Column:
        column = table.column(name)
        if isinstance(column, Dates):
            return column
        codes, found = table.coded_texts(name)
        stripped = [text.strip() for text in found]
        texts = _Texts.of(stripped, {*missing, *self.missing}, compact=True)
        values = dict(zip(texts.raw, self.values(texts), strict=True))
        odd = [k for k, text in enumerate(stripped) if text in values and np.isnat(values[text])]
        if odd:

            def problem(row: int) -> str:
                text = found[codes[row]]
                refusal = self._refusal(_Texts.of([text.strip()], set(), compact=True))
                return f"{quoted(text)} {refusal}"

            raise table.cells_error(np.isin(codes, odd), name, problem)
        nat = np.datetime64("NaT", "s")
        each = np.array([*(values.get(text, nat) for text in stripped), nat], "M8[s]")
        return Dates(each[codes])

    def _refusal(self, texts: _Texts) -> str:
        if self.first == "auto" and any(form is not None and form.parts for form in texts.forms):
            return "could have the day or the month first; write it as 2020-01-31"
        return "is not a date" + ("" if self.format == "auto" else f" of the form {self.format}")

    def _choose_first(self, texts: _Texts, evidence: Evidence) -> tuple[Any, bool]:
        """Return which of day, month and year comes first, and whether a convention says so."""
        if self.first != "auto":
            return self.first, False
        dates = [(t, f) for t, f in zip(texts.tidy, texts.forms, strict=True) if f and f.parts]
        if not dates:
            return "auto", False
        orders = possible_orders([text for text, _ in dates], [form for _, form in dates])
        if evidence.first in orders:
            return str(evidence.first), False
        if not orders:  # some text is wrong: the order that reads the most
            odd = {f: np.isnat(replace(self, first=f).values(texts)).sum() for f in DAY_MONTH}
            return min(odd, key=odd.__getitem__), False
        closed = [order for order in DAY_MONTH if order in orders]
        if len(closed) != len(DAY_MONTH):
            return (closed or orders)[0], len(orders) > 1
        points = all(text[form.parts[0].stop] == "." for text, form in dates if form.parts)
        return ("day" if points or evidence.decimal == "," else "month"), True

    def values(self, texts: _Texts) -> Array:
        """Return the dates (texts,), datetime64[s]; NaT where a text is none."""
        found = np.full(len(texts.raw), "NaT", "M8[s]")
        if self.format == "auto":
            places = defaultdict(list)
            for k, form in enumerate(texts.forms):
                if form is not None and (not form.parts or self.first != "auto"):
                    places[form.in_order(self.first)].append(k)
            for format_, here in places.items():
                found[here] = convert([texts.tidy[k] for k in here], format_)
        else:
            found[:] = convert(
                texts.tidy, self.format.replace("%z", "").replace("%B", "%b").strip()
            )
            odd = np.flatnonzero(np.isnat(found))
            found[odd] = convert([texts.raw[k] for k in odd], self.format)
        if self.zone == "UTC":
            found -= np.array([offset or 0 for offset in texts.offsets], "m8[s]")
        return found


@dataclass(frozen=True)
class _Texts:
    """Different texts, and what their shapes show.

    raw      as they are
    tidy     as `tidied` has them, without the time zone
    offsets  of the time zone, in seconds; None: the text has none
    forms    None: not that of a date
    """

    raw: list[str]
    tidy: list[str]
    offsets: list[int | None]
    forms: list[DateForm | None]

    @staticmethod
    def of(texts: Iterable[str], missing: Collection[str], *, compact: bool) -> _Texts:
        raw = list(dict.fromkeys(text for text in texts if text not in missing))
        found = tidied(raw)
        shapes = [text.translate(DIGITS) for text in found.texts]
        forms = [form_of(shape, compact=compact) for shape in shapes]
        return _Texts(raw, found.texts, found.offsets, forms)

    @property
    def zone(self) -> Literal["local", "UTC"]:
        """UTC where the time zones differ."""
        return "UTC" if len(set(self.offsets) - {None}) > 1 else "local"

    def one_format(self, first: str) -> str:
        """Return the format that all have, or auto where there are several."""
        formats = {form.in_order(first) for form in self.forms if form is not None}
        zones = {offset is None for offset in self.offsets}
        if len(formats) != 1 or len(zones) != 1:
            return "auto"
        return formats.pop() + ("" if zones.pop() else "%z")
