"""An explanation as a self-contained HTML page, in the style of the reports."""

from __future__ import annotations

from collections.abc import Iterator

from mlpcli.report.blocks import Block, Derivation, Points, Section, Text
from mlpcli.report.explain.explanation import Chapter, Explanation
from mlpcli.report.explain.text import reference
from mlpcli.report.page import Page, render


def web_page(explanation: Explanation) -> bytes:
    """Return the page. Needs Jinja2."""
    about = Section("about", "What is explained", [Points(explanation.about)])
    chapters = [
        Section(f"part-{number}", chapter.title, list(_blocks(chapter)))
        for number, chapter in enumerate(explanation.chapters, 1)
    ]
    subtitle = "One step of training, number by number, as docs/maths.md derives it"
    return render(Page(explanation.title, subtitle, [about, *chapters], program="mlp explain"))


def _blocks(chapter: Chapter) -> Iterator[Block]:
    for note in chapter.notes:
        yield Text(note)
    for formula in chapter.formulas:
        lines = [(*line.sides(), line.beside) for line in formula.lines]
        yield Derivation(formula.text, reference(formula), lines, formula.notes)
