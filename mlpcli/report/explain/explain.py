"""A step explained: from what was recorded to chapters of formulas with their numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from mlpcli.errors import counted
from mlpcli.report.explain.backward import backward_chapter
from mlpcli.report.explain.context import Context
from mlpcli.report.explain.document import document_of
from mlpcli.report.explain.exact import exact_step
from mlpcli.report.explain.explanation import Chapter, Explanation
from mlpcli.report.explain.forward import batch_chapter, forward_chapter
from mlpcli.report.explain.loss import loss_chapter
from mlpcli.report.explain.source import ExplainedStep
from mlpcli.report.explain.term import Pen
from mlpcli.report.explain.update import update_chapter
from mlpcli.report.explain.weight_path import parse_weight, weight_chapters
from mlpcli.training.step_trace import StepTrace, take_step


@dataclass(frozen=True)
class Shown:
    """What is shown of a step.

    rows    of the batch that are used; None: all of them, of which at most eight are shown
    units   of each layer
    digits  significant ones
    fractions  whether numbers are shown as fractions where they are rational
    weight  one weight to follow, as in hidden.1[2,3]; None: the whole step
    """

    rows: int | None = 3
    units: int = 4
    digits: int = 6
    fractions: bool = False
    weight: str | None = None


def explain_step(step: ExplainedStep, shown: Shown) -> Explanation:
    """Take a step, and explain it."""
    with np.errstate(all="ignore"):  # what overflows is shown as it is
        return _explained(step, shown)


def _explained(step: ExplainedStep, shown: Shown) -> Explanation:
    trace = take_step(step.reached, shown.rows)
    exact, end = exact_step(trace) if shown.fractions else ({}, "")
    pen = Pen(shown.digits, shown.fractions)
    target = step.encoding.target
    context = Context(trace, pen, target, most_units=shown.units, exact=exact)
    if shown.rows is not None:
        context.most_rows = max(context.most_rows, shown.rows)
    about = _about(step, trace)
    if end:
        about.append(f"fractions: {end}")
    if shown.weight is None:
        chapters = _chapters(step, context)
    else:
        weight = parse_weight(shown.weight, context)
        part = weight.part
        context.chosen = {part.name: weight.j, context.name_below(part): weight.i}
        chapters = weight_chapters(context, weight)
    title = f"step {step.reached.number} of {step.name}"
    return Explanation(title, about, chapters, partial(document_of, step, context))


def _chapters(step: ExplainedStep, context: Context) -> list[Chapter]:
    """Return the whole step, in the lecture's order."""
    return [
        batch_chapter(context, step.encoding),
        forward_chapter(context),
        loss_chapter(context),
        backward_chapter(context),
        update_chapter(context),
    ]


def _about(step: ExplainedStep, trace: StepTrace) -> list[str]:
    reached, n = step.reached, trace.n_rows
    where = f"epoch {reached.epoch}, step {(reached.number - 1) % reached.n_steps + 1}"
    numbers = ", ".join(map(str, step.rows[:n].tolist()))
    rows = "row" if n == 1 else "rows"
    found = [
        f"{where} of {reached.n_steps}, from {step.begins}, in float64",
        f"{step.file}: {rows} {numbers} of the file",
    ]
    if n < reached.batch.n:
        found.append(
            f"the training's own batch has {counted(reached.batch.n, 'row')}: here J and its "
            f"gradient are means over the first {n} of them; --rows all takes all"
        )
    return found
