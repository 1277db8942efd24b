"""An explanation as data: sections of formulas, each with its lines of numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mlpcli.report.explain.term import Term


@dataclass(frozen=True)
class Line:
    """One number: its symbol, the formula with symbols and with numbers, and its value.

    left    its symbol
    term    None where the number is given, or comes from a formula that is not written out
    value   as it is shown
    number  with all its digits
    beside  another number to compare it with, and what that is
    arrow   whether the symbol's number is replaced: ← for the first =
    """

    left: str
    term: Term | None
    value: str
    number: float
    beside: str = ""
    arrow: bool = False

    def text(self, value: str | None = None) -> str:
        """Return the line; value replaces the one that is shown."""
        lead, shown = self.sides(value)
        return lead + shown + (f"   ({self.beside})" if self.beside else "")

    def sides(self, value: str | None = None) -> tuple[str, str]:
        """Return the line up to its value, and the value."""
        sides = [self.left]
        if self.term is not None:
            sides.append(self.term.symbols)
            if self.term.numbers not in (self.term.symbols, self.value.partition(" = ")[0]):
                sides.append(self.term.numbers)
        shown = self.value if value is None else value
        if len(sides) > 1 and sides[-1] == shown:
            del sides[-1]
        first, *others = sides
        lead = f"{first} {'←' if self.arrow else '='} " + "".join(f"{side} = " for side in others)
        return lead, shown


@dataclass(frozen=True)
class Formula:
    """A formula of docs/maths.md with the numbers of this step.

    text       the formula
    section    of docs/maths.md
    functions  that compute it, as MODULE.NAME below the package
    notes      what is not shown, or has to be said
    """

    text: str
    section: str
    functions: tuple[str, ...]
    lines: list[Line]
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Chapter:
    """A part of a step: the batch, forward, the loss, backward, the update."""

    title: str
    formulas: list[Formula]
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Explanation:
    """A whole step.

    title     a few words
    about     what is explained, in sentences
    document_of  makes the document: all its arrays, as plain data, four times as large as they are
    """

    title: str
    about: list[str]
    chapters: list[Chapter]
    document_of: Callable[[], dict[str, Any]]

    @cached_property
    def document(self) -> dict[str, Any]:
        """The document."""
        return self.document_of()

    def lines(self) -> Iterator[tuple[Formula, Line]]:
        """Yield every line with its formula."""
        for chapter in self.chapters:
            for formula in chapter.formulas:
                for line in formula.lines:
                    yield formula, line
