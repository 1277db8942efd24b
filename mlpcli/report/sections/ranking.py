"""How well scores rank the rows of a class above the others: ROC, precision and recall."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.targets import ClassTarget
from mlpcli.plain import format_number
from mlpcli.report.blocks import Block, Chart, Section, Table, Text
from mlpcli.report.drawing import INK, MUTED, SERIES, draw, figure
from mlpcli.report.labels import distinct_labels
from mlpcli.report.numbers import percent
from mlpcli.report.reported_run import ReportedRun
from mlpcli.training.metrics import Outcome
from mlpcli.training.ranking_curves import RankingCurve, drawn_points, ranking_curve

MOST_ROWS = 100  # of the table of classes
MOST_CURVES = 6  # in a chart; of more classes the ones ranked worst
MOST_POINTS = 200  # of a curve: 3 kB
THRESHOLDS = (0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05)  # rows of a table
QUANTILES = 11  # thresholds of scores that are no probabilities
LONGEST = 20  # characters of a name in the legend
LINES = ["solid", "dashed", "dashdot", "dotted", (0, (5, 1)), (0, (1, 1))]


@dataclass(frozen=True)
class _Named:
    """A curve of the class or label `name` against the rest."""

    name: str
    curve: RankingCurve


def ranking(run: ReportedRun) -> Section | None:
    """Return ROC and precision–recall curves of the judged rows; None of a regression."""
    seen, target = run.scores[run.judged].outcome, run.model.encoding.target
    if seen.task == "regression":
        return None
    names = target.classes if isinstance(target, ClassTarget) else target.names
    curves = _curves(seen, [str(name) for name in names])
    if not curves:
        return None
    scores = run.document["scores"][run.judged]
    if seen.task == "binary":
        blocks = _of_two_classes(curves[0], seen, scores, run.judged)
    else:
        blocks = _of_several(curves, scores["roc_auc"], run.judged, seen.task)
        if len(curves) < len(names):
            lacking = f"{len(names) - len(curves)} of {len(names)} have no curve"
            blocks.append(Text(f"{lacking}: none of the rows is so, or every one."))
    return Section("ranking", "ROC and precision–recall", blocks)


def _curves(seen: Outcome, names: list[str]) -> list[_Named]:
    """Return the curve of the second class of two, else of each class or label that has one."""
    if seen.task == "binary":
        found = {names[1]: ranking_curve(seen.target == 1, seen.score[:, 0])}
    elif seen.task == "multiclass":
        pairs = zip(names, seen.score.T, strict=True)
        found = {n: ranking_curve(seen.target == k, score) for k, (n, score) in enumerate(pairs)}
    else:
        each = zip(names, seen.target.T, seen.score.T, strict=True)
        found = {name: ranking_curve(is_so > 0, score) for name, is_so, score in each}
    return [_Named(name, curve) for name, curve in found.items() if curve is not None]


def _of_two_classes(
    named: _Named, seen: Outcome, scores: dict[str, float], part: str
) -> list[Block]:
    name, curve = named.name, named.curve
    at = curve.above(seen.threshold)
    recall, alarm = curve.true_positive_rate[at], curve.false_positive_rate[at]
    precision, base = curve.precision[at], curve.n_positive / (curve.n_positive + curve.n_negative)
    where = f"At the threshold {seen.threshold:g} (the dot)"
    roc = (
        f"The area under the curve is {format_number(scores['roc_auc'])}: so often a row of "
        f"{name} scores above one that is not. {where}, {percent(recall)} of the rows of {name} "
        f"are found, and {percent(alarm)} of the others are taken for it."
    )
    called = f"{percent(precision)} of those called {name} are" if at else "no row is called so"
    pr = (
        f"Average precision is {format_number(curve.average_precision)}, where chance has "
        f"{format_number(base)}. {where}, {percent(recall)} of the rows of {name} are found, and "
        f"{called}."
    )
    table = _thresholds(name, curve, seen)
    return [
        Chart(f"ROC curve of {name}, {part} rows", roc, _roc([named], at), table),
        Chart(f"Precision and recall of {name}, {part} rows", pr, _pr([named], base, at), table),
    ]


def _of_several(curves: list[_Named], mean: float, part: str, task: str) -> list[Block]:
    worst = sorted(curves, key=lambda each: each.curve.area)
    drawn = worst[:MOST_CURVES]
    rows: list[list[object]] = [
        [each.name, each.curve.n_positive, each.curve.area, each.curve.average_precision]
        for each in worst[:MOST_ROWS]
    ]
    what = "label" if task == "multilabel" else "class"
    against = f"Each {what} against the rest" if task == "multiclass" else f"Each {what}"
    more = f"; the first {MOST_ROWS} of {len(worst)}" * (len(worst) > MOST_ROWS)
    header = [what, "rows", "ROC AUC", "average precision"]
    table = Table(f"{against}, the hardest first{more}.", header, rows, sortable=True)
    which = f" Drawn are the {MOST_CURVES} hardest." * (len(worst) > MOST_CURVES)
    whole = f"The mean area is {format_number(mean)}. " if math.isfinite(mean) else ""
    first, last = worst[0], worst[-1]
    areas = [format_number(each.curve.area) for each in (first, last)]
    found = f"The hardest is {first.name} with {areas[0]}, the easiest {last.name} with {areas[1]}."
    if areas[0] == areas[1]:
        found = "No one is harder than the others."
    roc = f"{against}. {whole}{found}"
    least = min(worst, key=lambda each: each.curve.average_precision)
    pr = (
        f"{against}; average precision is least for {least.name}: "
        f"{format_number(least.curve.average_precision)}."
    )
    return [
        Chart(f"ROC curves, {part} rows", roc + which, _roc(drawn), table),
        Chart(f"Precision and recall, {part} rows", pr + which, _pr(drawn), table),
    ]


def _thresholds(name: str, curve: RankingCurve, seen: Outcome) -> Table:
    """Return what some thresholds do, from the highest: what one chooses another by."""
    wanted = {*THRESHOLDS, seen.threshold}
    if not seen.probability:
        wanted = {*np.quantile(seen.score, np.linspace(0, 1, QUANTILES)), seen.threshold}
    rows: list[list[object]] = []
    for threshold in sorted(map(float, wanted), reverse=True):
        k = curve.above(threshold)
        called, recall = int(curve.called[k]), float(curve.true_positive_rate[k])
        alarm, precision = float(curve.false_positive_rate[k]), float(curve.precision[k])
        rows.append([threshold, called, recall, alarm, precision if called else None])
    caption = (
        f"Rows that score above a threshold are called {name}; the model's own is "
        f"{seen.threshold:g}."
    )
    header = ["threshold", "rows called", "recall", "false positive rate", "precision"]
    return Table(caption, header, rows)


def _roc(curves: list[_Named], at: int | None = None) -> str:
    return _drawn(
        curves,
        lambda curve: (curve.false_positive_rate, curve.true_positive_rate),
        ("false positive rate", "true positive rate (recall)"),
        [(0, 1), (0, 1)],
        at,
        "default",
    )


def _pr(curves: list[_Named], base: float | None = None, at: int | None = None) -> str:
    chance = [] if base is None else [(0, 1), (base, base)]
    return _drawn(
        curves,
        # Above all scores no row is called positive: precision has no value to draw there.
        lambda curve: (curve.true_positive_rate[1:], curve.precision[1:]),
        ("recall", "precision"),
        chance,
        None if at is None else at - 1,
        "steps-pre",  # between two recalls there is no precision to interpolate
    )


def _drawn(
    curves: list[_Named],
    points: Callable[[RankingCurve], tuple[Array, Array]],
    axis_labels: tuple[str, str],
    chance: list[tuple[float, float]],
    at: int | None,
    steps: str,
) -> str:
    names = distinct_labels([each.name for each in curves], LONGEST)
    several = len(curves) > 1
    lines = (len(curves) + 1) // 2 * several  # of the legend
    with figure(380, 330 + 18 * lines) as (canvas, axes):
        if chance:
            axes.plot(*chance, color=MUTED, linewidth=1, linestyle="dotted")
        for k, each in enumerate(curves):
            x, y = points(each.curve)
            kept = drawn_points(x, y, MOST_POINTS)
            name = names[k] if several else None
            style = {"color": SERIES[k], "linestyle": LINES[k % len(LINES)]}
            axes.plot(x[kept], y[kept], label=name, drawstyle=steps, **style)
        if at is not None and at >= 0:
            x, y = points(curves[0].curve)
            axes.plot(x[at], y[at], "o", color=INK, markersize=7)
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        axes.set(xlabel=axis_labels[0], ylabel=axis_labels[1], aspect="equal")
        if several:
            canvas.legend(loc="outside lower center", ncols=2)
        return draw(canvas)
