"""An explanation as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from mlpcli.report.explain.explanation import Explanation
from mlpcli.report.explain.text import PAGE


def markdown(explanation: Explanation) -> str:
    """Return the whole page: a heading a chapter, the lines of a formula as a block of code."""
    return "\n".join(_lines(explanation)) + "\n"


def _lines(explanation: Explanation) -> Iterator[str]:
    yield f"# {_escaped(explanation.title)}"
    for sentence in explanation.about:
        yield ""
        yield _escaped(sentence)
    for number, chapter in enumerate(explanation.chapters, 1):
        yield ""
        yield f"## {number} {chapter.title}"
        for note in chapter.notes:
            yield ""
            yield _escaped(note)
        for formula in chapter.formulas:
            functions = ", ".join(f"`{name}`" for name in formula.functions)
            yield ""
            yield f"**{_escaped(formula.text)}** · {PAGE}, section {formula.section} · {functions}"
            if formula.lines:
                yield ""
                yield "```"
                yield from (line.text() for line in formula.lines)
                yield "```"
            for note in formula.notes:
                yield ""
                yield f"({_escaped(note)})"


def _escaped(text: str) -> str:
    """Return a text in which nothing is markup."""
    for sign in "\\`*_[]<>#|":
        text = text.replace(sign, f"\\{sign}")
    return text
