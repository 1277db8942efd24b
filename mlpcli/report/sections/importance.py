"""Which columns of the file the predictions rest on."""

from __future__ import annotations

from mlpcli.plain import format_number
from mlpcli.report.blocks import Block, Chart, Section, Table, Text
from mlpcli.report.drawing import INK, MUTED, SERIES, draw, few_ticks, figure, label
from mlpcli.report.reported_run import ReportedRun
from mlpcli.training.importance import Importance

MOST_BARS = 15
MOST_ROWS = 200  # of the table
SHOWN = {"roc_auc": "ROC AUC", "accuracy": "accuracy", "rmse": "RMSE", "r2": "R²"}


def importance(run: ReportedRun) -> Section | None:
    """Return the permutation importance of each column for the judged rows."""
    found = run.importance
    if found is None:
        return None
    metric = SHOWN[found.metric]
    worse = "rises" if found.metric == "rmse" else "falls"
    first = found.columns[0]
    of = " of the rows drawn" if found.n_rows < found.n_all else ""
    text = f"{metric[0].upper()}{metric[1:]}{of} is {format_number(found.value)}. "
    if first.interval.estimate > 0:
        text += (
            f"With {first.name} shuffled it {worse} by {format_number(first.interval.estimate)}."
        )
    else:
        text += f"With no column shuffled it {worse}: the model makes no use of any."
    clear = sum(column.interval.low > 0 for column in found.columns)
    n = len(found.columns) + len(found.screened)
    of = f"{clear} of {n} columns" if n > 1 else "the column"
    text += f" The 95 % interval of {of} is above 0."
    drawn = found.columns[:MOST_BARS]
    if len(drawn) < n:
        text += f" Drawn are the {len(drawn)} that matter most."
    title = f"How much {metric} {worse} with a column shuffled, {run.judged} rows"
    blocks: list[Block] = [Chart(title, text, _drawn(found, worse, metric), _table(found))]
    blocks.append(Text(_how(found)))
    return Section("importance", "Importance of the columns", blocks)


def _how(found: Importance) -> str:
    rows = f"{found.n_rows:,} rows"
    if found.n_rows < found.n_all:
        rows = f"{found.n_rows:,} of {found.n_all:,} rows, drawn at random"
    text = (
        f"Each column is shuffled {found.repeats} times among {rows}, and the model predicts "
        "again: what it loses is what it takes from this column alone. Columns that say the same "
        "share their importance: each can be done without, though not both. The intervals are of "
        "the rows and the shuffles, not of a model that is trained again."
    )
    if found.screened:
        text += (
            f" {len(found.screened):,} columns mattered less in a first shuffle on few rows, and "
            "were left at that."
        )
    return text


def _table(found: Importance) -> Table:
    rows: list[list[object]] = [
        [each.name, each.interval.estimate, each.interval.low, each.interval.high]
        for each in found.columns
    ]
    caption = f"Change of {SHOWN[found.metric]} with each column shuffled, and its 95 % interval."
    if len(rows) > MOST_ROWS:
        caption += f" The first {MOST_ROWS} of {len(rows)}."
    return Table(caption, ["column", "change", "low", "high"], rows[:MOST_ROWS], sortable=True)


def _drawn(found: Importance, worse: str, metric: str) -> str:
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
        axes.set(ylim=(n - 0.4, -0.6), xlabel=f"{metric} {worse} by")
        axes.grid(visible=False, axis="y")
        few_ticks(axes)
        return draw(canvas)
