"""Which classes are taken for which, or of several labels which are missed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.targets import ClassTarget
from mlpcli.errors import counted
from mlpcli.plain import format_number
from mlpcli.report.blocks import Block, Chart, Section, Table, Text
from mlpcli.report.drawing import BAD, GOOD, INK, SURFACE, draw, figure
from mlpcli.report.labels import distinct_labels
from mlpcli.report.numbers import percent
from mlpcli.report.reported_run import ReportedRun

MOST_CLASSES = 25  # of a matrix that is drawn
WITH_SHARES = 8  # classes: cells of more have no room for a second line
MOST_CONFUSIONS = 25  # rows of a table
STRONGEST = 0.48  # opacity of a cell: text on it stays readable, in the light and in the dark
CELL, LEAST_CELL, MARGIN, LETTER = 46, 24, 70, 7  # CSS pixels
LONGEST = 16  # characters beside the matrix


def confusion(run: ReportedRun) -> Section | None:
    """Return the confusion matrix of the judged rows; of several labels their hits and misses."""
    seen = run.scores[run.judged].outcome
    target = run.model.encoding.target
    if seen.task == "multilabel":
        blocks: list[Block] = [_labels(target.names, seen.target, seen.predicted)]
        return Section("confusion", "Labels found and missed", blocks)
    counts = run.document["confusion"][run.judged]
    if counts is None or not isinstance(target, ClassTarget):
        return None
    classes, matrix = [str(each) for each in target.classes], np.array(counts)
    if len(classes) > MOST_CLASSES:
        return Section("confusion", "Confusions", _largest(classes, matrix, run.judged))
    return Section("confusion", "Confusion matrix", [_matrix(classes, matrix, run.judged)])


def _matrix(classes: Sequence[str], counts: Array, part: str) -> Chart:
    total, right = int(counts.sum()), int(np.trace(counts))
    rows = counts.sum(axis=1)
    share = counts / np.maximum(rows, 1)[:, np.newaxis]
    title = f"Actual against predicted class, {part} rows"
    text = f"{right:,} of {counted(total, 'row')} are on the diagonal: their class is right."
    wrong = np.where(np.eye(len(counts), dtype=bool), 0, counts)
    if wrong.any():
        i, j = divmod(int(np.argmax(wrong)), len(wrong))
        text += (
            f" The most frequent confusion: {counted(int(wrong[i, j]), 'row')} of {classes[i]} "
            f"taken for {classes[j]} ({percent(share[i, j])} of that class)."
        )
    return Chart(title, text, _drawn(classes, counts, share), _table(classes, counts, part))


def _table(classes: Sequence[str], counts: Array, part: str) -> Table:
    """Return the counts, with the share of each actual and each predicted class that is right."""
    right, rows, columns = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    recall, precision = _ratio(right, rows), _ratio(right, columns)
    body: list[list[object]] = [
        [name, *each, int(n), share]
        for name, each, n, share in zip(classes, counts.tolist(), rows, recall, strict=True)
    ]
    body += [["rows", *columns.tolist(), int(rows.sum()), None]]
    body += [["precision", *precision, None, None]]
    caption = f"Counts of {part} rows: actual class down, predicted class across."
    return Table(caption, ["actual", *classes, "rows", "recall"], body)


def _ratio(part: Array, whole: Array) -> list[float | None]:
    pairs = zip(part.tolist(), whole.tolist(), strict=True)
    return [some / all_ if all_ else None for some, all_ in pairs]


def _drawn(classes: Sequence[str], counts: Array, share: Array) -> str:
    n = len(classes)
    names = distinct_labels(classes, LONGEST)
    side, letters = n * max(CELL - n, LEAST_CELL), LETTER * max(map(len, names))
    turned = 0 if _is_short(names) else letters
    size = MARGIN + letters + max(side, 260), MARGIN + turned + max(side, 150)
    with figure(*size) as (canvas, axes):
        axes.grid(visible=False)
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.set(xlim=(-0.5, n - 0.5), ylim=(n - 0.5, -0.5))
        ends = np.arange(n + 1) - 0.5
        colours = [
            # A square root: one wrong row of a hundred is still seen.
            (GOOD if i == j else BAD, float(STRONGEST * np.sqrt(share[i, j])))
            for i in range(n)
            for j in range(n)
        ]
        mesh = axes.pcolormesh(ends, ends, counts, edgecolor=SURFACE, linewidth=1.5)
        mesh.set_array(None)
        mesh.set_facecolor(colours)
        for i in range(n):
            for j in range(n):
                _write_cell(axes, i, j, int(counts[i, j]), share[i, j], n)
        axes.set_xticks(range(n), names, rotation=90 if turned else 0)
        axes.set_yticks(range(n), names)
        axes.set(xlabel="predicted", ylabel="actual")
        axes.tick_params(length=0)
        return draw(canvas)


def _is_short(names: Sequence[str]) -> bool:
    longest = max(map(len, names))
    return longest * len(names) <= 40 or longest <= 2  # noqa: PLR2004  characters below the axis


def _write_cell(axes: Any, i: int, j: int, count: int, share: float, n: int) -> None:
    if not count and n > WITH_SHARES:
        return
    style = {"ha": "center", "va": "center", "color": INK}
    if n > WITH_SHARES:
        axes.text(j, i, f"{count:,}", fontsize=9, **style)
        return
    axes.text(j, i - 0.13, f"{count:,}", fontsize=12, **style)
    axes.text(j, i + 0.2, percent(share), fontsize=9, **style)


def _largest(classes: Sequence[str], counts: Array, part: str) -> list[Block]:
    """Return the most frequent confusions of many classes, and the classes found least often."""
    total, right, rows = int(counts.sum()), np.diag(counts), counts.sum(axis=1)
    wrong = np.where(np.eye(len(counts), dtype=bool), 0, counts)
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_CONFUSIONS]
    found: list[list[object]] = []
    for i, j in zip(*np.unravel_index(order, wrong.shape), strict=True):
        if wrong[i, j]:
            share = wrong[i, j] / rows[i]
            found.append([classes[i], classes[j], int(wrong[i, j]), float(share)])
    recall = np.where(rows > 0, right / np.maximum(rows, 1), np.inf)
    weakest = np.argsort(recall, kind="stable")[:MOST_CONFUSIONS]
    by_class: list[list[object]] = [
        [classes[k], int(rows[k]), int(right[k]), float(recall[k])] for k in weakest if rows[k]
    ]
    text = (
        f"{int(right.sum()):,} of {total:,} {part} rows are predicted right. The matrix of "
        f"{len(classes)} classes is too large to be drawn: these are its largest entries; "
        "mlp eval --json has all."
    )
    header = ["actual", "predicted", "rows", "share of the actual class"]
    weak = ["class", "rows", "right", "recall"]
    return [
        Text(text),
        Table("The most frequent confusions.", header, found, sortable=True),
        Table("The classes with the lowest recall.", weak, by_class, sortable=True),
    ]


def _labels(names: Sequence[str], target: Array, predicted: Array) -> Table:
    rows: list[list[object]] = []
    for k, name in enumerate(names):
        is_so, said = target[:, k] > 0, predicted[:, k] > 0
        both = int(np.sum(is_so & said))
        found, missed = int(np.sum(said & ~is_so)), int(np.sum(is_so & ~said))
        precision, recall = _ratio(np.array([both] * 2), np.array([both + found, both + missed]))
        f1 = 2 * both / max(2 * both + found + missed, 1)
        rows.append([name, both, found, missed, precision, recall, f1])
    header = ["label", "found", "wrongly found", "missed", "precision", "recall", "F1"]
    worst = min(rows, key=lambda row: float(str(row[-1])))
    lowest = f"{worst[0]}: {format_number(worst[-1])}"
    caption = f"How well each label is found. The lowest F1 is that of {lowest}."
    return Table(caption, header, rows, sortable=True)
