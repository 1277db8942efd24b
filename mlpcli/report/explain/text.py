"""An explanation as plain text."""

from __future__ import annotations

from collections.abc import Iterator

from mlpcli.report.explain.explanation import Explanation, Formula

PAGE = "docs/maths.md"


def text_lines(explanation: Explanation) -> Iterator[tuple[str, int]]:
    """Yield each line, and how far the further lines of a wrapped one are indented."""
    yield explanation.title, 0
    for sentence in explanation.about:
        yield sentence, 0
    for number, chapter in enumerate(explanation.chapters, 1):
        yield "", 0
        yield f"{number}. {chapter.title}", 0
        for note in chapter.notes:
            yield f"   {note}", 3
        for formula in chapter.formulas:
            yield "", 0
            yield f"   {formula.text}", 6
            yield f"   [{reference(formula)}]", 4
            for line in formula.lines:
                yield f"     {line.text()}", 9
            for note in formula.notes:
                yield f"     ({note})", 6


def reference(formula: Formula) -> str:
    """Return where a formula stands, and what computes it."""
    return f"{PAGE} {formula.section}; {', '.join(formula.functions)}"
