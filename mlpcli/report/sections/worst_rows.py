"""The rows predicted worst, with their values or as images: the only rows of the data in a page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.targets import ClassTarget, RegressionTarget
from mlpcli.plain import format_number, harmless
from mlpcli.report.blocks import Block, Chart, Rounded, Section, Table, Text
from mlpcli.report.drawing import label
from mlpcli.report.images import draw_images
from mlpcli.report.numbers import percent
from mlpcli.report.reported_run import ReportedRun
from mlpcli.runs.file_cells import file_cells
from mlpcli.training.evaluation import row_losses
from mlpcli.training.metrics import Outcome

MOST_ROWS = 10
MOST_COLUMNS = 8  # of the file
MOST_TARGETS = 3
LONGEST = 40  # characters of a cell

DIGITS = 7  # of a number with float noise
NOISY = 15  # digits, from which on a fraction's last ones are those of its float
FRACTION = re.compile(r"-?\d+([.,])\d+([eE][+-]?\d+)?")

Columns = dict[str, Sequence[object]]


def worst_rows(run: ReportedRun) -> Section | None:
    """Return the judged rows with the greatest loss, as they are in the file."""
    part, seen, model = run.parts[run.judged], run.scores[run.judged].outcome, run.model
    losses = row_losses(model.network, model.encoding, part, model.temperature)
    order = np.argsort(-np.nan_to_num(losses, nan=np.inf), kind="stable")[:MOST_ROWS]
    worst = seen.take(order)
    columns: Columns = _predicted(run, worst)
    columns["loss"] = losses[order].tolist()
    image = model.spec.data.image
    names = _inputs(run) if image is None else []
    # Where they stand is asked for with any column.
    found = file_cells(model, run.data, run.judged, part.rows[order], names or _any_input(run))
    if found is None:
        columns = {"row": part.rows[order].tolist(), **columns}
    else:
        columns = {found.unit: found.places, **columns}
    header, rows = list(columns), [list(row) for row in zip(*columns.values(), strict=True)]
    if found is not None and names:
        header += [shown_text(name) for name in names]
        pairs = zip(rows, found.cells, strict=True)
        rows = [[*row, *map(shown_cell, cells)] for row, cells in pairs]
    total, worst_loss = float(np.sum(losses)), float(np.sum(losses[order]))
    text = f"The {len(order)} of {len(part):,} {run.judged} rows with the greatest loss"
    text += f" have {percent(worst_loss / total)} of it all." if 0 < total < np.inf else "."
    n_inputs = len(model.encoding.inputs.names)
    if found is not None and 0 < len(names) < n_inputs:
        text += f" Of {n_inputs:,} columns the {len(names)} that matter most are shown."
    if header[0] == "row":
        text += " Rows are counted from 0."
    caption = "Rows predicted worst; values as they are in the file."
    table = Table(caption, header, rows, sortable=True)
    blocks: list[Block] = [Text(text), table]
    if image is not None:
        images = model.encoding.inputs.raw(part.X[order]).reshape(-1, *image.shape)
        table = replace(table, caption="Rows predicted worst.")
        titles = _titles(columns)
        blocks = [Chart("Images predicted worst", text, draw_images(images, titles), table)]
    return Section("worst-rows", "Rows predicted worst", blocks)


def _any_input(run: ReportedRun) -> list[str]:
    return run.model.encoding.inputs.names[:1]


def _titles(columns: Columns) -> list[str]:
    """Return what to write above each image: its place, and how it is predicted."""
    place, *others = columns
    rows = zip(*columns.values(), strict=True)
    if "actual" not in others:
        return [f"{place} {row[0]}" for row in rows]
    shown = [dict(zip(columns, row, strict=True)) for row in rows]
    texts = [[format_number(row[key]) for key in ("actual", "predicted")] for row in shown]
    return [f"{label(actual, 9)} → {label(predicted, 9)}" for actual, predicted in texts]


def _inputs(run: ReportedRun) -> list[str]:
    """Return the columns of the file to show, the most important first."""
    if run.importance is None:
        return run.model.encoding.inputs.names[:MOST_COLUMNS]
    ranked = [column.name for column in run.importance.columns]
    return [*ranked, *run.importance.screened][:MOST_COLUMNS]


def _predicted(run: ReportedRun, worst: Outcome) -> Columns:
    target = run.model.encoding.target
    if isinstance(target, RegressionTarget):
        return _numbers(target.names, worst)
    if isinstance(target, ClassTarget):
        return _classes([str(each) for each in target.classes], worst)
    return {
        "missed": _labels(target.names, (worst.target > 0) & (worst.predicted == 0)),
        "wrongly found": _labels(target.names, (worst.target == 0) & (worst.predicted > 0)),
    }


def _numbers(names: Sequence[str], worst: Outcome) -> Columns:
    columns: Columns = {}
    for k, name in enumerate(names[:MOST_TARGETS]):
        end = "" if len(names) == 1 else f" {shown_text(name)}"
        actual, predicted = worst.target[:, k], worst.score[:, k]
        columns[f"actual{end}"], columns[f"predicted{end}"] = actual.tolist(), predicted.tolist()
        columns[f"residual{end}"] = (actual - predicted).tolist()
    return columns


def _classes(classes: Sequence[str], worst: Outcome) -> Columns:
    columns: Columns = {
        "actual": [shown_text(classes[k]) for k in worst.target],
        "predicted": [shown_text(classes[k]) for k in worst.predicted],
    }
    if worst.probability:
        chance = worst.score
        if worst.task == "binary":
            chance = np.hstack([1 - chance, chance])
        row = np.arange(len(chance))
        columns["its probability"] = chance[row, worst.predicted].tolist()
        columns["probability of the actual"] = chance[row, worst.target].tolist()
    return columns


def _labels(names: Sequence[str], which: Array) -> list[str]:
    return [
        shown_text(", ".join(name for name, is_so in zip(names, row, strict=True) if is_so))
        for row in which.tolist()
    ]


def shown_text(text: str) -> str:
    r"""Return a text of the file in one line, cut where it is long, with nothing unprintable.

    >>> shown_text("two\nlines, \x1b[31mred\u202e")
    'two\\nlines, \\x1b[31mred\\u202e'
    """
    cut = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    return harmless(cut)


def shown_cell(text: str) -> Rounded | str:
    """Return a cell of the file, a number with float noise rounded.

    >>> str(shown_cell("0.30000000000000004")), shown_cell("12345678901234567"), shown_cell("0.25")
    ('0.3', '12345678901234567', '0.25')
    """
    found = FRACTION.fullmatch(text)
    mantissa = re.split("[eE]", text)[0]
    if found is None or len(re.sub(r"\D", "", mantissa).lstrip("0")) < NOISY:
        return shown_text(text)
    short = f"{float(text.replace(',', '.')):.{DIGITS}g}"
    return Rounded(short.replace(".", found[1]), text)
