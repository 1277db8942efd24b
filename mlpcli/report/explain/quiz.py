"""A step as a quiz: some of its values are left out, and answers are judged."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from mlpcli.randomness import generator
from mlpcli.report.explain.explanation import Explanation, Formula, Line
from mlpcli.report.explain.text import reference

COARSEST = 0.005  # of the value: an answer of fewer digits is not judged by its last one
BLANK = "____"


@dataclass(frozen=True)
class Question:
    """A line whose value is asked for.

    before  the lines of the explanation from the last question to this one
    """

    formula: Formula
    line: Line
    before: list[str]

    def text(self) -> str:
        """Return the line with a blank; what is beside it would tell the answer."""
        asked = Line(self.line.left, self.line.term, BLANK, math.nan, arrow=self.line.arrow)
        return asked.text()


def questions(explanation: Explanation, n: int, seed: int) -> tuple[list[Question], list[str]]:
    """Return n lines whose value is left out, in their order, and what comes behind the last.

    Of lines with a formula, whose value is not one of the formula's own numbers; drawn by the seed.
    """
    lines = [line for _, line in explanation.lines()]
    fit = [k for k, line in enumerate(lines) if _is_fit(line)]
    rng = generator(seed, "quiz")
    chosen = set(rng.choice(fit, min(n, len(fit)), replace=False).tolist()) if fit else set()
    found: list[Question] = []
    before: list[str] = []
    number = 0
    for text, formula, line in _texts(explanation):
        if line is not None and formula is not None:
            number += 1
            if number - 1 in chosen:
                found.append(Question(formula, line, before))
                before = []
                continue
        before.append(text)
    return found, before


def _is_fit(line: Line) -> bool:
    """Whether a line's value has to be computed, and is a number."""
    if line.term is None or not math.isfinite(line.number):
        return False
    return line.term.numbers != line.value and any(c in line.term.numbers for c in " (²")


def _texts(explanation: Explanation) -> Iterator[tuple[str, Formula | None, Line | None]]:
    for number, chapter in enumerate(explanation.chapters, 1):
        yield f"\n{number}. {chapter.title}", None, None
        for formula in chapter.formulas:
            yield f"\n   {formula.text}", None, None
            yield f"   [{reference(formula)}]", None, None
            for line in formula.lines:
                yield f"     {line.text()}", formula, line


def parse_answer(text: str) -> float | None:
    """Return an answer as a number; None where it is none.

    >>> parse_answer("-0,25"), parse_answer("1/8"), parse_answer("two")
    (-0.25, 0.125, None)
    """
    text = text.strip().replace("−", "-").replace(",", ".")
    above, slash, below = text.partition("/")
    try:
        value = Decimal(above.strip())
        if slash:
            value /= Decimal(below.strip())
        number = float(value)
    except (InvalidOperation, ZeroDivisionError, OverflowError, ValueError, ArithmeticError):
        return None
    return number if math.isfinite(number) else None


def is_right(answer: str, line: Line, digits: int) -> bool:
    """Whether an answer is the line's value, to the digits that it is given with.

    Who computes with the numbers shown finds the value from those, not from all digits: the answer
    may lie between the two, half a unit of its own last digit beyond either, which is at most 0.5 %
    of the value, and half a unit of the last digit that is shown.
    """
    number = parse_answer(answer)
    if number is None:
        return False
    ends = [line.number]
    if line.term is not None and math.isfinite(line.term.seen):
        ends.append(line.term.seen)
    size = abs(line.number)
    shown = 0.5 * 10 ** (math.floor(math.log10(size)) + 1 - digits) if size else 0.0
    allowed = max(shown, min(_half_unit(answer), COARSEST * size))
    slack = 1e-12 * size
    return min(ends) - allowed - slack <= number <= max(ends) + allowed + slack


def _half_unit(answer: str) -> float:
    """Return half a unit of an answer's last digit; 0 of a fraction."""
    if "/" in answer:
        return 0.0
    exponent = Decimal(answer.strip().replace("−", "-").replace(",", ".")).as_tuple().exponent
    return 0.5 * 10.0**exponent if isinstance(exponent, int) else 0.0


def score(answers: Sequence[bool]) -> str:
    """Return how many answers are right, in words."""
    return f"{sum(answers)} of {len(answers)} right"
