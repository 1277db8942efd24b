"""Which columns of the file the predictions rest on."""

from __future__ import annotations

import numpy as np

from mlpcli.plain import format_number
from mlpcli.report.blocks import Block, Chart, Section, Table, Text
from mlpcli.report.drawing import INK, MUTED, SERIES, draw, few_ticks, figure, label
from mlpcli.report.reported_run import ReportedRun
from mlpcli.training.image_patches import image_patches, patch_side
from mlpcli.training.importance import Importance

MOST_BARS = 15
MOST_ROWS = 200  # of the table
SHOWN = {"roc_auc": "ROC AUC", "accuracy": "accuracy", "rmse": "RMSE", "r2": "R²"}


def importance(run: ReportedRun) -> Section | None:
    """Return the permutation importance of each column for the judged rows."""
    found = run.importance
    if found is None:
        return None
    image = run.model.spec.data.image
    what = "column" if image is None else "patch"
    metric, worse = SHOWN[found.metric], "rises" if found.metric == "rmse" else "falls"
    text = _sentence(found, what, metric, worse)
    n = len(found.columns) + len(found.screened)
    if image is not None:
        text += " The stronger the colour, the more a patch matters."
        svg = _map(found, image.shape)
    else:
        text += f" Drawn are the {MOST_BARS} that matter most." * (n > MOST_BARS)
        svg = _bars(found, f"{metric} {worse} by")
    title = f"How much {metric} {worse} with a {what} shuffled, {run.judged} rows"
    blocks: list[Block] = [Chart(title, text, svg, _table(found, what)), Text(_how(found, what))]
    return Section("importance", f"Importance of the {_plural(what)}", blocks)


def _sentence(found: Importance, what: str, metric: str, worse: str) -> str:
    first, n = found.columns[0], len(found.columns) + len(found.screened)
    of = " of the rows drawn" if found.n_rows < found.n_all else ""
    text = f"{metric[0].upper()}{metric[1:]}{of} is {format_number(found.value)}. "
    change = format_number(first.interval.estimate)
    if first.interval.estimate > 0:
        text += f"With {first.name} shuffled it {worse} by {change}."
    else:
        text += f"With no {what} shuffled it {worse}: the model makes no use of any."
    clear = sum(column.interval.low > 0 for column in found.columns)
    which = f"{clear} of {n} {_plural(what)}" if n > 1 else f"the {what}"
    return f"{text} The 95 % interval of {which} is above 0."


def _plural(what: str) -> str:
    return {"column": "columns", "patch": "patches"}[what]


def _how(found: Importance, what: str) -> str:
    rows = f"{found.n_rows:,} rows"
    if found.n_rows < found.n_all:
        rows = f"{found.n_rows:,} of {found.n_all:,} rows, drawn at random"
    text = (
        f"Each {what} is shuffled {found.repeats} times among {rows}, and the model predicts "
        f"again: what it loses is what it takes from this {what} alone. Where two "
        f"{_plural(what)} carry the same information, each looks unimportant, because the model "
        "still has the other. The intervals are of the "
        "rows and the shuffles, not of a model that is trained again."
    )
    if found.screened:
        less = f" {len(found.screened):,} {_plural(what)} mattered less"
        text += f"{less} in a first shuffle on few rows, and were left at that."
    return text


def _table(found: Importance, what: str) -> Table:
    rows: list[list[object]] = [
        [each.name, each.interval.estimate, each.interval.low, each.interval.high]
        for each in found.columns
    ]
    caption = f"Change of {SHOWN[found.metric]} with each {what} shuffled, and its 95 % interval."
    if len(rows) > MOST_ROWS:
        caption += f" The first {MOST_ROWS} of {len(rows)}."
    return Table(caption, [what, "change", "low", "high"], rows[:MOST_ROWS], sortable=True)


def _bars(found: Importance, x_label: str) -> str:
    columns = found.columns[:MOST_BARS]
    n = len(columns)
    with figure(420, 70 + 24 * n) as (canvas, axes):
        for k, each in enumerate(columns):
            one = each.interval
            axes.barh(k, one.estimate, height=0.62, color=SERIES[0])
            if one.low == one.low:
                style = {"color": INK, "linewidth": 1.4}
                axes.plot([one.low, one.high], [k, k], **style)
        axes.axvline(0, color=MUTED, linewidth=0.8)
        axes.set_yticks(range(n), [label(each.name) for each in columns])
        axes.set(ylim=(n - 0.4, -0.6), xlabel=x_label)
        axes.grid(visible=False, axis="y")
        few_ticks(axes)
        return draw(canvas)


def _map(found: Importance, shape: tuple[int, int, int]) -> str:
    """Draw the patches of an image where they are."""
    height, width, _ = shape
    side, changes = patch_side(shape), {c.name: c.interval.estimate for c in found.columns}
    most = max(*changes.values(), 1e-12)
    rows, columns = np.arange(0, height, side), np.arange(0, width, side)
    shades = [
        (SERIES[0], float(np.clip(changes.get(name, 0.0) / most, 0, 1)))
        for name in image_patches(shape)
    ]
    with figure(320, 60 + 260 * height / width) as (canvas, axes):
        axes.grid(visible=False)
        ends = [np.append(starts, end) + 0.5 for starts, end in ((columns, width), (rows, height))]
        mesh = axes.pcolormesh(*ends, np.zeros((len(rows), len(columns))))
        mesh.set_array(None)
        mesh.set_facecolor(shades)
        axes.set(aspect="equal", ylim=(height + 0.5, 0.5), xlabel="column", ylabel="row")
        return draw(canvas)
