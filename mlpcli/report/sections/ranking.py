"""How well scores rank the rows of a class above the others: ROC, precision and recall."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.targets import ClassTarget
from mlpcli.report.blocks import Block, Chart, Section, Table, Text
from mlpcli.report.drawing import INK, MUTED, SERIES, draw, figure, label
from mlpcli.report.numbers import number, percent
from mlpcli.report.reported_run import ReportedRun
from mlpcli.training.metrics import Outcome
from mlpcli.training.ranking_curves import RankingCurve, drawn_points, ranking_curve

MOST_CURVES = 6  # in a chart; of more classes the ones ranked worst
MOST_POINTS = 200  # of a curve: 3 kB
THRESHOLDS = 15  # rows of a table
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
        blocks = _of_several(curves, scores, run.judged, len(names))
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
    at = int(np.searchsorted(-curve.thresholds, -seen.threshold, side="left")) - 1
    at = max(at, 0)  # the last threshold above the one that decides: a row at it is called no
    recall, alarm = curve.true_positive_rate[at], curve.false_positive_rate[at]
    precision, base = curve.precision[at], curve.n_positive / (curve.n_positive + curve.n_negative)
    where = f"At the threshold {seen.threshold:g} (the dot)"
    roc = (
        f"The area under the curve is {number(scores['roc_auc'])}: so often a row of {name} scores "
        f"above one that is not. {where}, {percent(recall)} of the rows of {name} are found, and "
        f"{percent(alarm)} of the others are taken for it."
    )
    called = f"{percent(precision)} of those called {name} are" if at else "no row is called so"
    pr = (
        f"Average precision is {number(curve.average_precision)}, where chance has "
        f"{number(base)}. {where}, {percent(recall)} of the rows of {name} are found, and {called}."
    )
    table = _thresholds(name, curve, seen.threshold)
    return [
        Chart(f"ROC curve of {name}, {part} rows", roc, _roc([named], at), table),
        Chart(f"Precision and recall of {name}, {part} rows", pr, _pr([named], base, at), table),
    ]


def _of_several(
    curves: list[_Named], scores: dict[str, float], part: str, n_names: int
) -> list[Block]:
    worst = sorted(curves, key=lambda each: each.curve.area)
    drawn = worst[:MOST_CURVES]
    rows: list[list[object]] = [
        [each.name, each.curve.n_positive, each.curve.area, each.curve.average_precision]
        for each in worst
    ]
    header = ["class", "rows", "ROC AUC", "average precision"]
    table = Table("Each class against the rest, the hardest first.", header, rows, sortable=True)
    which = f" Drawn are the {MOST_CURVES} hardest." * (len(worst) > MOST_CURVES)
    mean = scores["roc_auc"]
    whole = f"The mean area is {number(mean)}. " if mean == mean else ""  # noqa: PLR0124
    first, last = worst[0], worst[-1]
    roc = (
        f"Each class against the rest. {whole}The hardest is {first.name} with "
        f"{number(first.curve.area)}, the easiest {last.name} with {number(last.curve.area)}."
    )
    least = min(worst, key=lambda each: each.curve.average_precision)
    pr = (
        f"Each class against the rest; average precision is least for {least.name}: "
        f"{number(least.curve.average_precision)}."
    )
    blocks: list[Block] = [
        Chart(f"ROC curves, {part} rows", roc + which, _roc(drawn), table),
        Chart(f"Precision and recall, {part} rows", pr + which, _pr(drawn), table),
    ]
    if len(curves) < n_names:
        lacking = n_names - len(curves)
        blocks.append(Text(f"{lacking} of {n_names} have no curve: none or all rows are of it."))
    return blocks


def _thresholds(name: str, curve: RankingCurve, decides: float) -> Table:
    """Return what some thresholds do, from the highest: what one chooses another by."""
    kept = np.unique(np.linspace(1, len(curve.thresholds) - 1, THRESHOLDS).astype(int))
    rows: list[list[object]] = [
        [
            float(curve.thresholds[k]),
            int(curve.called[k]),
            float(curve.true_positive_rate[k]),
            float(curve.false_positive_rate[k]),
            float(curve.precision[k]),
        ]
        for k in kept
    ]
    caption = f"Rows that score at least so much are called {name}; the model's own is {decides:g}."
    return Table(
        caption, ["threshold", "rows called", "recall", "false positive rate", "precision"], rows
    )


def _roc(curves: list[_Named], at: int | None = None) -> str:
    return _drawn(
        curves,
        lambda curve: (curve.false_positive_rate, curve.true_positive_rate),
        ("false positive rate", "true positive rate (recall)"),
        [(0, 1), (0, 1)],
        at,
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
    )


def _drawn(
    curves: list[_Named],
    points: Callable[[RankingCurve], tuple[Array, Array]],
    axis_labels: tuple[str, str],
    chance: list[tuple[float, float]],
    at: int | None,
) -> str:
    with figure(380, 320) as (canvas, axes):
        if chance:
            axes.plot(*chance, color=MUTED, linewidth=1, linestyle="dotted")
        for k, each in enumerate(curves):
            x, y = points(each.curve)
            kept = drawn_points(x, y, MOST_POINTS)
            name = label(each.name) if len(curves) > 1 else None
            style = {"color": SERIES[k], "linestyle": LINES[k % len(LINES)]}
            axes.plot(x[kept], y[kept], label=name, **style)
        if at is not None and at >= 0:
            x, y = points(curves[0].curve)
            axes.plot(x[at], y[at], "o", color=INK, markersize=7)
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        axes.set(xlabel=axis_labels[0], ylabel=axis_labels[1], aspect="equal")
        if len(curves) > 1:
            axes.legend(loc="lower right" if chance else "lower left")
        return draw(canvas)
