"""The names of a CSV file's columns, from its header."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mlpcli.data.cells import is_number
from mlpcli.data.guesses import Guess
from mlpcli.data.table import quoted
from mlpcli.errors import DataError, listing

NAMELESS = "\0"  # that no file has in it
INDEX = "Unnamed: 0"  # what pandas calls a first column without a name


@dataclass(frozen=True)
class Header:
    """The names of the columns, in the order of the file.

    names     the last ones may be NAMELESS and a number: to be dropped if empty
    guesses   what was changed in them
    """

    names: list[str]
    guesses: tuple[Guess, ...] = ()


class HeaderError(DataError):
    """A field of the header that is no name, for the place to be added.

    field  counted from 0
    """

    def __init__(self, field: int, problem: str) -> None:
        super().__init__(problem)
        self.field = field


def column_names(file: str, fields: Sequence[str], spelt: Collection[str]) -> Header:
    """Return the header's names, without the blanks around them.

    A first name that is empty is `Unnamed: 0`, as pandas has it, where there are others.

    file   for the guesses
    spelt  names that are known with blanks around them, and keep them
    Raises HeaderError where a name is empty, or two are equal.
    """
    names = [name if name in spelt else name.strip() for name in fields]
    if len(set(filter(None, names))) < len(list(filter(None, names))):
        names = list(fields)  # what blanks tell apart
    stripped = tuple(n for n, field in zip(names, fields, strict=True) if n != field and n)
    guesses = []
    if stripped:
        text = f"{file}: blanks left out around names of columns: {listing(map(repr, stripped))}"
        guesses.append(Guess("header", text, stripped))
    if len(names) > 1 and not names[0].strip() and any(name.strip() for name in names):
        names[0] = INDEX
        text = f"{file}: the first column has no name, as an index has none: it is {INDEX!r} here"
        guesses.append(Guess("header", text, (INDEX,)))
    for k in range(1, len(names)):
        if names[-k].strip():
            break
        names[-k] = f"{NAMELESS}{k}"
    _check(names)
    return Header(names, tuple(guesses))


def _check(names: Sequence[str]) -> None:
    seen: dict[str, int] = {}
    for number, name in enumerate(names, start=1):
        if not name.strip():
            raise HeaderError(number - 1, f"column {number} has no name")
        if name in seen:
            problem = f"columns {seen[name]} and {number} are both named {quoted(name)}"
            hint = "; is there a header line?" if is_number(name) else ""
            raise HeaderError(number - 1, problem + hint)
        seen[name] = number
