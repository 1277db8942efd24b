"""A formula as symbols, as numbers, and as its value, built once by ordinary arithmetic.

>>> pen = Pen(digits=3)
>>> x, w, b = pen.leaf("x₁", 2.0), pen.leaf("W₁", -1 / 3), pen.leaf("b", 0.1)
>>> u = x * w + b
>>> u.symbols, u.numbers, pen.shown(u.value)
('x₁ W₁ + b', '2 · (-0.333) + 0.1', '-0.567')
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

ATOM, PRODUCT, SUM = range(3)  # how tightly the outermost operation binds
MOST_DIGITS = 12  # of a numerator or a denominator that is shown


@dataclass(frozen=True)
class Term:
    """An expression.

    symbols  in the lecture's letters
    numbers  the same with its numbers, rounded as they are shown
    value    from all digits of its numbers, and
    seen     from the digits that are shown: what a reader who computes with these finds
    exact    as a fraction, where it is rational and its numbers are known so
    """

    symbols: str
    numbers: str
    value: float
    seen: float
    exact: Fraction | None = None
    level: int = ATOM

    def __add__(self, other: Term) -> Term:
        minus = other.level < SUM and other.numbers.startswith("-")
        sign, numbers = (" - ", other.numbers[1:]) if minus else (" + ", other.numbers)
        return Term(
            f"{self.symbols} + {other.symbols}",
            self.numbers + sign + numbers,
            self.value + other.value,
            self.seen + other.seen,
            None if self.exact is None or other.exact is None else self.exact + other.exact,
            SUM,
        )

    def __sub__(self, other: Term) -> Term:
        return Term(
            f"{self.symbols} - {_in_brackets(other.symbols, other.level, SUM)}",
            f"{self.numbers} - {_in_brackets(other.numbers, other.level, SUM)}",
            self.value - other.value,
            self.seen - other.seen,
            None if self.exact is None or other.exact is None else self.exact - other.exact,
            SUM,
        )

    def __mul__(self, other: Term) -> Term:
        symbols = (_in_brackets(each.symbols, each.level, SUM) for each in (self, other))
        numbers = (_in_brackets(each.numbers, each.level, SUM) for each in (self, other))
        return Term(
            " ".join(symbols),
            " · ".join(numbers),
            self.value * other.value,
            self.seen * other.seen,
            None if self.exact is None or other.exact is None else self.exact * other.exact,
            PRODUCT,
        )

    def __truediv__(self, other: Term) -> Term:
        above = [_in_brackets(text, self.level, SUM) for text in (self.symbols, self.numbers)]
        below = [
            _in_brackets(text, other.level, PRODUCT) for text in (other.symbols, other.numbers)
        ]
        exact = None
        if self.exact is not None and other.exact:
            exact = self.exact / other.exact
        value, seen = _quotient(self.value, other.value), _quotient(self.seen, other.seen)
        return Term(
            f"{above[0]} / {below[0]}", f"{above[1]} / {below[1]}", value, seen, exact, PRODUCT
        )

    def __neg__(self) -> Term:
        symbols = f"-{_in_brackets(self.symbols, self.level, SUM)}"
        numbers = f"-{_in_brackets(self.numbers, self.level, SUM)}"
        exact = None if self.exact is None else -self.exact
        return Term(symbols, numbers, -self.value, -self.seen, exact, PRODUCT)

    def squared(self) -> Term:
        """The square."""
        symbols, numbers = self.symbols, self.numbers
        if self.level != ATOM:
            symbols = f"({symbols})"
        if self.level != ATOM or numbers.startswith("-"):
            numbers = f"({numbers})"
        exact = None if self.exact is None else self.exact**2
        value, seen = self.value * self.value, self.seen * self.seen  # ** raises where it overflows
        return Term(f"{symbols}²", f"{numbers}²", value, seen, exact)

    def named(self, symbols: str) -> Term:
        """The same numbers under other symbols."""
        return Term(symbols, self.numbers, self.value, self.seen, self.exact, self.level)


def _in_brackets(text: str, level: int, at: int) -> str:
    """Return a factor or a divisor in brackets, where it needs them: a sum, a negative number."""
    return f"({text})" if level >= at or text.startswith("-") else text


def _quotient(a: float, b: float) -> float:
    return a / b if b else math.nan


@dataclass(frozen=True)
class Pen:
    """How numbers are written.

    digits     significant ones
    fractions  as fractions, where they are known as such and short enough
    """

    digits: int = 6
    fractions: bool = False

    def shown(self, value: float, exact: Fraction | None = None) -> str:
        """Return a number as it is shown."""
        if self.fractions and exact is not None and _is_short(exact):
            return str(exact)
        if value == 0:
            return "0"
        return f"{value:.{self.digits}g}"

    def leaf(self, symbols: str, value: float, exact: Fraction | None = None) -> Term:
        """Return a number under its symbol."""
        value = float(value)
        text = self.shown(value, exact)
        seen = float(Fraction(text)) if "/" in text else float(text)
        level = PRODUCT if "/" in text else ATOM
        return Term(symbols, text, value, seen, exact, level)

    def number(self, value: float) -> Term:
        """Return a number that is written in the formula itself."""
        found = self.leaf("", value, Fraction(repr(float(value))))
        return found.named(found.numbers)

    def call(
        self, name: str, function: Callable[[Any], Any], of: Term, *, rational: bool = False
    ) -> Term:
        """Return a function of a term; rational: of a fraction its value is one."""
        exact = Fraction(function(of.exact)) if rational and of.exact is not None else None
        return Term(
            f"{name}({of.symbols})",
            f"{name}({of.numbers})",
            _guarded(function, of.value),
            _guarded(function, of.seen),
            exact,
        )

    def total(self, terms: Sequence[Term]) -> Term:
        """Return the sum of terms, of at least one."""
        found = terms[0]
        for term in terms[1:]:
            found = found + term
        return found


def _guarded(function: Callable[[float], float], value: float) -> float:
    try:
        return float(function(value))
    except OverflowError:  # exp, of what is above 709
        return math.inf
    except ValueError:
        return math.nan


def _is_short(exact: Fraction) -> bool:
    return max(len(str(abs(exact.numerator))), len(str(exact.denominator))) <= MOST_DIGITS
