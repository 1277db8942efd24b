"""Which reading each column of texts has, where the spec does not say."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from mlpcli.data.advice import as_yaml
from mlpcli.data.cells import are_codes
from mlpcli.data.columns import Coded, Dates
from mlpcli.data.guesses import Guess
from mlpcli.data.readings.apply import evidence_of
from mlpcli.data.readings.boolean import is_boolean
from mlpcli.data.readings.reading import READINGS, Evidence, Fit, Reading, cell_error
from mlpcli.data.readings.say import Chosen, guesses_of
from mlpcli.data.readings.words import has_further_words
from mlpcli.data.table import Table, quoted
from mlpcli.errors import DataError

NEARLY_ALL = 0.95  # of the cells: where so many are numbers, the others are taken for mistakes
SAMPLE = 2000  # different texts, by which a kind of reading is ruled out
RULED_OUT = 0.3  # of the sample's cells: where fewer can be read
FEW_NUMBERS = 20  # different ones, which may be the names of categories as well
MAX_LISTED, MAX_LENGTH = 5, 40  # odd texts that an advice lists, and their characters
KEY = ("data", "columns")


@dataclass(frozen=True)
class Columns:
    """What the spec says about columns.

    given    the readings of single columns
    targets  their names
    task     None: by the targets' values
    weight   the column of the rows' weights; None: there is none
    ignored  columns that are not read, such as those in data.exclude
    listed   whether data.categorical says which columns are categories: then no column is read
             but those in `given`
    missing  texts that mean: no value
    """

    given: Mapping[str, Reading]
    targets: Collection[str]
    task: str | None
    weight: str | None
    ignored: Collection[str | None]
    listed: bool
    missing: Collection[str]

    def allowed(self, name: str) -> tuple[str, ...]:
        """Return the readings that a column may have beside those as texts."""
        if name in self.targets and self.task in ("binary", "multiclass"):
            return ()
        return ("number",) if self.must_be_numbers(name) else ("number", "date", "time")

    def must_be_numbers(self, name: str) -> str:
        """Return why a column can be nothing but numbers; "" where it can."""
        if name == self.weight:
            return "a weight is a number, 0 or more"
        if name not in self.targets or self.task in ("binary", "multiclass"):
            return ""
        if self.task == "multilabel":
            return "a label is 0 or 1"
        if len(self.targets) > 1:
            return "a regression target is numbers"
        advice = "a regression target is numbers; for classes, write data.task: multiclass"
        return advice if self.task == "regression" else ""


def choose_readings(
    tables: Sequence[Table], columns: Columns
) -> tuple[dict[str, Reading], list[Guess]]:
    """Return the reading of each column that has one, and what was found in which.

    A column of plain numbers has none. Of all others the different texts in all tables decide:
    numbers, dates, times of day or booleans where all of them are; else they are texts.

    tables  the first holds the training rows
    Raises DataError where the spec names a column that is not there, or has a reading that does
    not fit; where nearly all of a column is numbers or dates.
    """
    for name in columns.given:
        tables[0].column(name, (*KEY, name))
    chosen: dict[str, Chosen] = {}
    for name in tables[0].columns:
        if name in columns.given:
            chosen[name] = Chosen(_given(tables, name, columns), Evidence({}), given=True)
        elif name not in columns.ignored and _are_dates(tables, name):
            chosen[name] = Chosen(Fit(READINGS["date"](), (), 0), Evidence({}), given=True)
        elif name not in columns.ignored and _has_texts(tables, name):
            found = _choose(tables, name, columns)
            if found is not None:
                chosen[name] = found
    chosen = dict(_ordered_alike(chosen))
    return {name: each.fit.reading for name, each in chosen.items()}, guesses_of(chosen)


def _are_dates(tables: Sequence[Table], name: str) -> bool:
    """Whether the files themselves say that a column is dates: other files may have texts."""
    return all(isinstance(table.data.get(name), Dates) for table in tables)


def _has_texts(tables: Sequence[Table], name: str) -> bool:
    return any(isinstance(table.data.get(name), Coded) for table in tables)


def _evidence(tables: Sequence[Table], name: str, columns: Columns) -> Evidence:
    return evidence_of(
        [table.data[name] for table in tables if name in table.data],
        columns.missing,
        words=has_further_words(columns.missing),
        decimal=tables[0].decimal,
    )


def _given(tables: Sequence[Table], name: str, columns: Columns) -> Fit:
    """Return the spec's reading of a column, its settings found."""
    reading, texts = columns.given[name], _evidence(tables, name, columns)
    if reading.name == "date" and _are_dates(tables, name):
        return Fit(reading, (), 0)
    if reading.name == "date":  # of numbers such as 20200131, too
        texts = replace(texts, counts=_all_texts(tables, name, texts))
    fit = reading.fit(replace(texts, given=True))
    if fit.odd:
        raise _error(tables, name, fit)
    return fit


def _all_texts(tables: Sequence[Table], name: str, texts: Evidence) -> Mapping[str, int]:
    counts = dict(texts.counts)
    for table in tables:
        if name in table.data and not isinstance(table.data[name], Coded | Dates):
            counts |= dict.fromkeys(table.coded_texts(name)[1], 1)
    return counts


def _choose(tables: Sequence[Table], name: str, columns: Columns) -> Chosen | None:
    """Return the reading that a column's texts show; None where it stays as it is."""
    texts = _evidence(tables, name, columns)
    is_target = name in columns.targets
    if columns.listed:
        if is_target and columns.task is None:
            _check_no_number(tables, name, texts)
        return None
    remark, why = "", columns.must_be_numbers(name)
    if not why and not texts.others and are_codes([*texts.counts]):
        return Chosen(READINGS["text"]().fit(texts), texts, _remark_on_codes(name, texts))
    plain = _are_booleans(texts) or not (why or texts.others or _have_digits(texts))
    for kind in () if plain else columns.allowed(name):
        reading = READINGS[kind]()
        if _is_ruled_out(reading, texts) and not why:
            continue
        fit = reading.fit(texts)
        if fit.n and not fit.odd:
            return Chosen(fit, texts)
        if fit.odd and (why or _are_mistakes(fit, texts, is_target=is_target)):
            raise _error(tables, name, fit, why, is_target=is_target)
        remark = remark or _remark(fit, texts)
    if is_boolean(texts) and not (is_target and columns.task == "multiclass"):
        return Chosen(READINGS["boolean"]().fit(texts), texts)
    return Chosen(READINGS["text"]().fit(texts), texts, remark)


def _remark_on_codes(name: str, texts: Evidence) -> str:
    example = quoted(next(text for text in texts.counts if text.startswith("0")))
    advice = f"as numbers, write data.columns: {{{as_yaml(name)}: number}}"
    return f"digits with leading zeros, such as {example}, are codes; {advice}"


def _are_booleans(texts: Evidence) -> bool:
    return not texts.counts and all(isinstance(value, bool) for value in texts.others)


def _have_digits(texts: Evidence) -> bool:
    """Whether some text has a digit: without one, none is a number, a date or a time."""
    digit = re.compile("[0-9]")
    return any(digit.search(text) for text in texts.counts)


def _is_ruled_out(reading: Reading, texts: Evidence) -> bool:
    """Whether a sample of the texts shows that most are something else."""
    step = len(texts.counts) // SAMPLE
    if step < 2:  # noqa: PLR2004
        return False
    sample = replace(texts, counts=dict(islice(texts.counts.items(), 0, None, step)), others={})
    fit = reading.fit(sample)
    return fit.n - _cells(sample, fit.odd) < RULED_OUT * fit.n and not fit.note


def _cells(texts: Evidence, values: Collection[object]) -> int:
    return sum(texts.cells(value) for value in values)


def _are_mistakes(fit: Fit, texts: Evidence, *, is_target: bool) -> bool:
    """Whether the odd texts are mistakes, or words for no value, in a column of numbers or dates.

    They are where they are at most 5 % of the cells, or one cell; and up to half of the cells where
    the others are more than 20 different ones, and the column is a target or they are two at most.
    """
    n_odd, n_read = _cells(texts, fit.odd), len(texts.counts) - len(fit.odd)
    if n_odd <= (1 - NEARLY_ALL) * fit.n:
        return True
    if fit.note or 2 * n_odd > fit.n:
        return False
    amounts = n_read > FEW_NUMBERS and (is_target or len(fit.odd) <= 2)  # noqa: PLR2004
    return amounts or n_odd == 1


def _remark(fit: Fit, texts: Evidence) -> str:
    """Return why a column that looks like something else is taken for texts; "": it does not."""
    n_odd = _cells(texts, fit.odd)
    if fit.note or not fit.n or 2 * n_odd > fit.n:
        return fit.note
    share = f"{fit.n - n_odd} of {fit.n} cells are a {fit.reading.noun}"
    return f"{share}, and the others, such as {quoted(next(iter(fit.odd)))}, are not"


def _error(
    tables: Sequence[Table], name: str, fit: Fit, why: str = "", *, is_target: bool = False
) -> DataError:
    """Return the error of the first cell of a column that is odd in it.

    why  the column can be nothing else
    """
    odd, column = set(fit.odd), as_yaml(name)
    table = next(t for t in tables if name in t.data and _has_any(t, name, odd))
    problem = f"is not a {fit.reading.noun}" + (f" ({fit.note})" if fit.note else "")
    if why:
        return cell_error(table, name, odd, f"{problem}; {why}")
    listed = [text for text in fit.odd if isinstance(text, str) and len(text) <= MAX_LENGTH]
    advice = "mend it"
    if len(listed) == len(odd) <= MAX_LISTED and not fit.note:
        words = ", ".join(map(as_yaml, listed))
        member = f"{{name: {fit.reading.name}, missing: [{words}]}}"
        advice += f", or, where it means no value, write data.columns: {{{column}: {member}}}"
    advice += (
        "; if these are classes, write data.task: multiclass"
        if is_target
        else (f"; to take the column as texts, write data.columns: {{{column}: text}}")
    )
    return cell_error(table, name, odd, f"{problem}; {advice}")


def _has_any(table: Table, name: str, odd: Collection[object]) -> bool:
    texts = evidence_of([table.data[name]], ())
    return any(value in odd for value in (*texts.counts, *texts.others))


def _check_no_number(tables: Sequence[Table], name: str, texts: Evidence) -> None:
    """Raise DataError where a target that is not to be read has texts like numbers."""
    fit = READINGS["number"]().fit(texts)
    n_odd = _cells(texts, fit.odd)
    if not texts.counts or 2 * n_odd > fit.n:
        return
    if n_odd:
        raise _error(tables, name, fit, is_target=True)
    if fit.reading != READINGS["number"](".", "", "", ()):
        example = quoted(next(iter(texts.counts)))
        advice = f"write data.columns: {{{as_yaml(name)}: number}}, or text where it is classes"
        raise DataError(f"{tables[0].name}: {name}: {example} looks like a number; {advice}")


def _ordered_alike(chosen: Mapping[str, Chosen]) -> Iterator[tuple[str, Chosen]]:
    """Yield the readings, open dates with the day or month first as in the table's other dates."""
    orders = {
        getattr(each.fit.reading, "first", "")
        for each in chosen.values()
        if each.fit.reading.name == "date" and not each.fit.open
    } & {"day", "month"}
    for name, each in chosen.items():
        if each.fit.reading.name == "date" and each.fit.open and len(orders) == 1:
            texts = replace(each.texts, first=min(orders))
            yield name, replace(each, fit=replace(READINGS["date"]().fit(texts), open=True))
        else:
            yield name, each
