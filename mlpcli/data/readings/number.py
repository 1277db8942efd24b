"""Numbers with a unit, separated thousands, a decimal comma, or words for: no value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.cells import is_number, number
from mlpcli.data.columns import Column, Dates, Numbers
from mlpcli.data.readings.number_form import (
    PER_CENT,
    PLAIN,
    STYLES,
    UNITS,
    Form,
    form_of,
    number_in,
    shape_of,
)
from mlpcli.data.readings.reading import READINGS, Evidence, Fit, Reading, cell_error, stripped
from mlpcli.data.readings.words import further_words
from mlpcli.data.table import Table
from mlpcli.errors import DataError, listing
from mlpcli.family import setting


@READINGS.add("number")
class Number(Reading):
    """Numbers: with a currency or %, separated thousands, a decimal comma, brackets for below 0."""

    noun: ClassVar[str] = "number"

    decimal: Literal["auto", ".", ","] = setting("auto", "sign before the fraction")
    thousands: Literal["auto", "", ".", ",", "'", " "] = setting(
        "auto", "sign between groups of digits; a blank stands for every kind of blank"
    )
    unit: str = setting(
        "auto", "% or a currency, as symbol or code, which amounts may leave out; '': none"
    )
    missing: tuple[str, ...] = setting((), "further texts that mean: no value")

    def problem(self) -> str | None:
        if self.unit not in ("auto", "") and self.unit not in UNITS:
            return f"{self.unit!r} is not a unit: % or a currency, such as € or EUR"
        if self.decimal == self.thousands != "auto":
            return f"decimal and thousands are both {self.decimal!r}"
        return None

    def fit(self, evidence: Evidence) -> Fit:
        texts = _Texts.of(evidence, self.missing)
        words = texts.words if evidence.words and len(texts.words) < len(texts.shapes) else []
        unit = self._choose_unit(texts)
        forms = {shape: form for shape, form in texts.forms.items() if _has_unit(form, unit)}
        style, is_open = self._choose_style(forms, texts.cells, evidence.decimal or ".")
        decimal, thousands = STYLES[style].decimal, STYLES[style].thousands
        if all(
            PLAIN[decimal] in form.styles or style not in form.styles for form in forms.values()
        ):
            thousands = ""
        found = replace(
            self,
            decimal=decimal if self.decimal == "auto" else self.decimal,
            thousands=thousands if self.thousands == "auto" else self.thousands,
            unit=unit,
            missing=(*self.missing, *words),
        )
        odd = [text for text in found.unread(texts) if text not in words]
        note = texts.note(unit, odd)
        n_missing = sum(evidence.counts.get(word, 0) for word in found.missing)
        return Fit(found, odd, evidence.n_cells - n_missing, open=is_open, note=note)

    def adapted(self, evidence: Evidence) -> Reading:
        evidence = replace(evidence, decimal=evidence.decimal or _said(self.decimal))
        found = replace(self, decimal="auto", thousands="auto", unit="auto").fit(evidence).reading
        assert isinstance(found, Number)
        if UNITS.get(found.unit) == UNITS.get(self.unit) or "" in (found.unit, self.unit):
            return found
        return replace(found, unit=self.unit)

    def widened(self, training: Reading) -> Reading:
        """Keep the currency, and the sign of thousands, that amounts need not show at once."""
        if not isinstance(training, Number):
            return self
        thousands, unit = self.thousands, self.unit
        if not thousands and training.thousands:
            swapped = training.decimal != self.decimal and self.decimal == training.thousands
            thousands = training.decimal if swapped else training.thousands
        if not unit and UNITS.get(training.unit, PER_CENT) != PER_CENT:
            unit = training.unit
        return replace(self, thousands=thousands, unit=unit)

    def read(self, table: Table, name: str, missing: Collection[str] = ()) -> Column:
        column = table.column(name)
        if isinstance(column, Numbers):
            return column
        if isinstance(column, Dates):
            raise DataError(f"{table.name}: {name}: the column has dates, not numbers")
        if "auto" in (self.decimal, self.thousands, self.unit):
            counts = {v.strip(): 1 for v in column.values if isinstance(v, str)}
            counts = {text: 1 for text in counts if text not in missing}
            return self.fit(Evidence(counts)).reading.read(table, name, missing)
        gone = {*missing, *self.missing}
        each, odd = self._values(map(stripped, column.values), gone)
        if odd:
            raise cell_error(table, name, odd, self._refusal)
        gone_numbers = [number(word) for word in gone if is_number(word)]
        if gone_numbers:
            each = np.where(np.isin(each, gone_numbers), np.nan, each)
        return Numbers(np.append(each, np.nan)[column.codes])

    @property
    def _refusal(self) -> str:
        unit = f" in {self.unit}" if self.unit else ""
        return f"is not a number{unit} with the decimal sign {self.decimal!r}"

    def _values(self, values: Iterator[object], missing: Collection[str]) -> tuple[Array, set[str]]:
        """Return each value's number, NaN where it means no value; and the texts that are none."""
        styles, found, odd = self._styles, [], set()
        chosen: dict[str, tuple[Form, int] | None] = {}
        for value in values:
            if not isinstance(value, str):
                found.append(number(value))
            elif value in missing:
                found.append(np.nan)
            else:
                shape = shape_of(value)
                if shape not in chosen:
                    chosen[shape] = self._form(shape, styles)
                form = chosen[shape]
                if form is not None:
                    found.append(number_in(value, *form))
                elif _is_infinite(value):
                    found.append(number(value))
                else:
                    odd.add(value)
        return np.array(found, np.float64), odd

    def _form(self, shape: str, styles: Collection[int]) -> tuple[Form, int] | None:
        form = form_of(shape)
        if form is None or not _has_unit(form, self.unit):
            return None
        style = next((style for style in styles if style in form.styles), None)
        return None if style is None else (form, style)

    @property
    def _styles(self) -> list[int]:
        """The numbers of the styles with these signs, or with those of them that are not auto."""
        return [
            k
            for k, style in enumerate(STYLES)
            if self.decimal in ("auto", style.decimal)
            and self.thousands in ("auto", style.thousands)
        ]

    def unread(self, texts: _Texts) -> list[str]:
        """Return the texts that are no numbers as this reading has them."""
        styles = self._styles
        read = {shape for shape in texts.cells if self._form(shape, styles) is not None}
        return [t for t, shape in texts.shapes.items() if shape not in read and not _is_infinite(t)]

    def _choose_unit(self, texts: _Texts) -> str:
        """Return the unit that most cells have, as it is mostly spelt."""
        if self.unit != "auto":
            return self.unit
        cells: Counter[str] = Counter()
        for shape, form in texts.forms.items():
            cells[form.unit] += texts.cells[shape]
        by_unit: Counter[str] = Counter()
        for spelling, n in cells.items():
            by_unit[UNITS.get(spelling, "")] += n
        without = by_unit[""]  # amounts may leave their currency out
        read = {u: n if u in ("", PER_CENT) else n + without for u, n in by_unit.items()}
        most = max(read, key=read.__getitem__, default="")
        spellings = [unit for unit in cells if UNITS.get(unit, "") == most]
        return max(spellings, key=cells.__getitem__, default="")

    def _choose_style(
        self, forms: Mapping[str, Form], cells: Mapping[str, int], decimal: str
    ) -> tuple[int, bool]:
        """Return the style in which all numbers are well formed, or most; and whether it is open.

        Where there are several, one with the decimal sign given; it is open where one with the
        other sign says other numbers.
        """
        styles = sorted(self._styles, key=lambda k: STYLES[k].decimal != decimal)
        whole = [k for k in styles if all(k in form.styles for form in forms.values())]
        if not whole:
            read = {k: sum(cells[s] for s, f in forms.items() if k in f.styles) for k in styles}
            return max(styles, key=read.__getitem__), False
        signs = any(form.signs for form in forms.values())
        return whole[0], signs and len({STYLES[k].decimal for k in whole}) > 1


@dataclass(frozen=True)
class _Texts:
    """The texts of a column by their shapes.

    shapes  of each text
    cells   of each shape
    forms   of each shape that is that of a number
    """

    shapes: dict[str, str]
    cells: Counter[str]
    forms: dict[str, Form]

    @staticmethod
    def of(evidence: Evidence, missing: Collection[str]) -> _Texts:
        shapes = {text: shape_of(text) for text in evidence.counts if text not in missing}
        cells: Counter[str] = Counter()
        for text, shape in shapes.items():
            cells[shape] += evidence.counts[text]
        forms = {shape: form_of(shape) for shape in cells}
        return _Texts(shapes, cells, {s: form for s, form in forms.items() if form is not None})

    @property
    def words(self) -> list[str]:
        """Texts that are no numbers, and may mean: no value."""
        return further_words([t for t, shape in self.shapes.items() if shape not in self.forms])

    def note(self, unit: str, odd: Collection[str]) -> str:
        """Return what numbers in other units keep a column of numbers from being."""
        if 2 * sum(self.cells[shape] for shape in self.forms) < self.cells.total():
            return ""
        found = [self.forms.get(self.shapes[text]) for text in odd]
        others = {form.unit for form in found if form is not None and not _has_unit(form, unit)}
        shown = sorted(each or "none" for each in others | {unit})
        return f"the units differ: {listing(shown)}" if others else ""


def _has_unit(form: Form, unit: str) -> bool:
    """Whether a number is in a unit; one without any is in a currency, but not in per cent."""
    return UNITS.get(form.unit) == UNITS.get(unit) or (not form.unit and UNITS[unit] != PER_CENT)


def _is_infinite(text: str) -> bool:
    return text.casefold().lstrip("+-") in ("inf", "infinity") and bool(np.isinf(number(text)))


def _said(sign: str) -> str | None:
    return None if sign == "auto" else sign
