"""What the choice of readings has found, as sentences for the user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from mlpcli.data.advice import as_yaml
from mlpcli.data.cells import is_number
from mlpcli.data.columns import Numbers, coded
from mlpcli.data.guesses import Guess
from mlpcli.data.readings.reading import Evidence, Fit
from mlpcli.data.table import Table, quoted
from mlpcli.errors import counted, listing

MAX_ADVISED = 3  # columns that an advice names
SAMPLE = 1000  # texts, of which the longest is the example


@dataclass(frozen=True)
class Chosen:
    """The reading of a column, and the texts that it was found from.

    remark  why it is texts, where it looks like something else
    given   whether the spec says which reading it is
    """

    fit: Fit
    texts: Evidence
    remark: str = ""
    given: bool = False


def guesses_of(chosen: Mapping[str, Chosen]) -> list[Guess]:
    """Return a guess for all columns that were read the same way."""
    found = {name: each for name, each in chosen.items() if not each.given}
    groups: dict[str, list[str]] = {}
    for name, each in found.items():
        how = _how(each)
        if how:
            groups.setdefault(how, []).append(name)
    guesses = [
        Guess(_kind(found[names[0]]), _sentence(names, how, found[names[0]]), tuple(names))
        for how, names in groups.items()
    ]
    return [*guesses, *_missing(found)]


def _kind(each: Chosen) -> str:
    return "text" if each.remark else "reading"


def _how(each: Chosen) -> str:
    """Return how a column was read; nothing where there is nothing to say."""
    reading: Any = each.fit.reading
    if reading.name == "number":
        return _how_numbers(reading, each.texts)
    if reading.name == "date":
        zone = ", in UTC" if reading.zone == "UTC" else ""
        order = "" if reading.first == "auto" else f", {reading.first} first"
        return f"read as dates{order}{zone}"
    if reading.name == "time":
        return "time of day, read as hours"
    if reading.name == "boolean":
        many = len(each.texts.counts) > 2  # noqa: PLR2004
        return f"read as {reading.true} and {reading.false}" if many else ""
    if each.remark:
        return f"taken as text: {each.remark}"
    return "blanks at the ends left out" if each.texts.with_blanks else ""


def _how_numbers(reading: Any, texts: Evidence) -> str:
    plain = all(is_number(text) or text in reading.missing for text in texts.counts)
    if plain and not reading.thousands:
        return ""
    signs = [f"thousands separated by {_sign(reading.thousands)}"] * bool(reading.thousands)
    signs += [f"decimal sign {_sign(reading.decimal)}"] * (reading.decimal != ".")
    signs += [f"unit {reading.unit}"] * bool(reading.unit)
    return "read as numbers" + (f" ({'; '.join(signs)})" if signs else "")


def _sign(sign: str) -> str:
    return "blanks" if sign == " " else f"'{sign}'" if sign != "'" else "apostrophes"


def _sentence(names: list[str], how: str, each: Chosen) -> str:
    """Return a guess: the columns, how they were read, an example, and what to write otherwise."""
    if each.remark:
        return f"{listing(names)}: {how}"
    if each.fit.reading.name == "text":
        return f"{listing(names)}: {how}, as {_example(each)}"
    condition, member = _otherwise(each.fit)
    columns = ", ".join(f"{as_yaml(name)}: {member}" for name in names[:MAX_ADVISED])
    advice = f"; {condition}, write data.columns: {{{columns}}}"
    return f"{listing(names)}: {how}: {_example(each)}{advice}"


def _otherwise(fit: Fit) -> tuple[str, str]:
    """Return when a column is something else, and how data.columns says so."""
    reading: Any = fit.reading
    if fit.open and reading.name == "date":
        first = "day" if reading.first == "month" else "month"
        return f"if the {first} comes first", f"{{name: date, first: {first}}}"
    if fit.open and reading.name == "number":
        sign = "," if reading.decimal == "." else "."
        return f"if {_sign(sign)} is the decimal sign", f'{{name: number, decimal: "{sign}"}}'
    return "if not", "text"


def _example(each: Chosen) -> str:
    """Return a text, and what it was read as."""
    reading: Any = each.fit.reading
    texts = each.texts
    missing = getattr(reading, "missing", ())
    some = [text for text in islice(texts.counts, SAMPLE) if text not in missing]
    if reading.name == "text":
        return f"{quoted(texts.with_blanks)} is {quoted(texts.with_blanks.strip())}"
    if reading.name == "boolean":
        yes = [quoted(text) for text in some if reading.meaning(text)]
        return f"{listing(yes, most=6)} are {reading.true}"
    text = max(some, key=len)
    table = Table({"": coded([text])}, "", "", lambda _row, _column: "")
    column = reading.read(table, "")
    value = column.cell(0)
    return (
        f"{quoted(text)} is {value:.12g}"
        if isinstance(column, Numbers)
        else f"{quoted(text)} is {value}"
    )


def _missing(found: Mapping[str, Chosen]) -> list[Guess]:
    """Return a guess where further words were taken for no value."""
    words: dict[str, int] = {}
    names = []
    for name, each in found.items():
        here = getattr(each.fit.reading, "missing", ())
        if here:
            names.append(name)
        for word in here:
            words[word] = words.get(word, 0) + each.texts.counts.get(word, 0)
    if not names:
        return []
    shown, n = listing(map(quoted, words)), counted(sum(words.values()), "cell")
    columns = ", ".join(f"{as_yaml(name)}: text" for name in names[:MAX_ADVISED])
    text = (
        f"{listing(names)}: {shown} taken for missing values ({n}); to keep them as texts, write "
        f"data.columns: {{{columns}}}"
    )
    return [Guess("missing", text, tuple(names))]
