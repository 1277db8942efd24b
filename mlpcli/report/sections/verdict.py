"""How good a model is: in a sentence, on how many rows, against which baseline."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from mlpcli.errors import counted
from mlpcli.plain import format_number
from mlpcli.report.blocks import Block, Chart, Facts, Notice, Section, Table, Text
from mlpcli.report.drawing import INK, MUTED, SERIES, draw, figure, label
from mlpcli.report.reported_run import ReportedRun
from mlpcli.report.words import between, capital, metric_name, sentence, signed, span
from mlpcli.runs.status import why_not_final
from mlpcli.training.baselines import Baselines, baseline_names
from mlpcli.training.baselines.fitting import METRICS_OF
from mlpcli.training.baselines.influence import metric_difference, metric_interval
from mlpcli.training.intervals import Interval
from mlpcli.training.metrics import greater_is_better

MODEL = "this model"
LEAK = "leak"  # a column that says the target: then the verdict is of that


def verdict(run: ReportedRun) -> Section:
    """Return the section that a page begins with."""
    metric = deciding_metric(run)
    own = model_interval(run, metric)
    blocks: list[Block] = [Text(_sentence(run, metric, own), is_lead=True)]
    blocks += [Notice(text) for text in warnings(run)]
    blocks.append(_tiles(run, metric, own))
    if run.baselines is not None:
        blocks.append(_chart(run, run.baselines, metric, own))
        if run.baselines.notes:
            blocks.append(Text(" ".join(map(sentence, run.baselines.notes))))
    blocks += [_scores(run)]
    note = run.document["loss_note"]
    if note is not None:
        blocks.append(Text(sentence(note)))
    return Section("verdict", "Verdict", blocks)


def deciding_metric(run: ReportedRun) -> str:
    """Return the metric of the verdict: by which the baselines are told apart, where it is."""
    known = run.scores[run.judged].metrics
    first = () if run.baselines is None else (run.baselines.best.metric,)
    task = run.model.encoding.task
    return next(name for name in (*first, *METRICS_OF[task]) if name in known)


def model_interval(run: ReportedRun, metric: str) -> Interval:
    """Return the model's metric on the rows that are judged, with its 95 % interval."""
    groups = None if run.baselines is None else run.baselines.groups
    return metric_interval(metric, run.scores[run.judged].outcome, groups)


def rows_of(run: ReportedRun) -> str:
    """Return the rows that are judged, counted.

    The rows of a file that the model was not trained on are all rows.
    """
    kind = {"all": "", "train": "training "}.get(run.judged, f"{run.judged} ")
    return counted(run.scores[run.judged].rows, f"{kind}row")


def _sentence(run: ReportedRun, metric: str, own: Interval) -> str:
    limits = between(own.low, own.high)
    interval = f" (95 % interval {limits})" if limits else ""
    scores = run.scores[run.judged].metrics
    whose = f" of {run.model.encoding.target.names[0]}" if metric == "rmse" else ""
    more = f", R² {signed(scores['r2'])}" if metric == "rmse" and "r2" in scores else ""
    value = f"{format_number(scores[metric])} on {rows_of(run)}{interval}{more}"
    first = f"The {metric_name(metric)}{whose} is {value}."
    if run.baselines is None:
        return first
    return f"{first} {_against(run, run.baselines, metric)}"


def _against(run: ReportedRun, baselines: Baselines, metric: str) -> str:
    """Return what the same rows show of the model and the best baseline."""
    assert run.dataset is not None
    best = next(
        (s for s in baselines.scores if (s.name, s.metric) == (baselines.best.name, metric)),
        baselines.best,
    )
    name = baseline_names(run.dataset)[best.name]
    against = f"the best baseline, {name}, which reaches {signed(best.value)}"
    seen = run.scores[run.judged].outcome
    found = metric_difference(metric, seen, baselines.outcomes[best.name], baselines.groups)
    limits = between(found.low, found.high)
    size = format_number(abs(found.estimate))
    if not limits:
        how = "the same as" if found.estimate == 0 else f"{size} from"
        return f"That is {how} {against}: the rows give no interval of the difference."
    sign = 1 if greater_is_better(metric) else -1
    if found.low <= 0 <= found.high:
        return (
            f"It is not shown to differ from {against}: the difference is "
            f"{signed(found.estimate)} ({limits})."
        )
    word = "better" if sign * found.estimate > 0 else "worse"
    sizes = between(*sorted((abs(found.low), abs(found.high))))
    return f"That is {word} than {against}, by {size} (95 % interval {sizes})."


def warnings(run: ReportedRun) -> Iterator[str]:
    """Yield what a reader must know before believing a figure."""
    training, epochs = run.model.training, run.model.training.get("epochs")
    best = training.get("best_epoch")
    if run.model.changed:
        yield "The model's numbers are not those that were written: damaged, or changed since."
    yield from (f"{each}." for each in run.lost)
    unfinished = why_not_final(run.path.parent, epochs) if run.manifest else ""
    if unfinished:
        yield f"The run has not ended: {unfinished}."
    reason = training.get("reason")
    if reason == "interrupted":
        last = training.get("last_epoch")
        yield f"Training was interrupted in epoch {last}: the weights are those of epoch {best}."
    result = run.manifest.get("result") or {}
    if reason == "diverged":
        found = result.get("divergence") or {}
        why = f" Cause: {found['why']}." if found.get("why") else ""
        yield f"Training diverged; the weights are those of epoch {best}, before that.{why}"
    lost = [one for one in result.get("ensemble", {}).get("replicas", ()) if not one.get("kept")]
    if lost:
        yield f"{counted(len(lost), 'replica')} did not end well: the ensemble is of the others."
    yield from (sentence(each.text) for each in run.oddities if each.kind == LEAK)
    if run.judged == "train":
        yield "There are training rows alone: the figures are of rows that the model has seen."
    elif run.judged == "validation":
        yield "There are no test rows: validation rows chose the epoch, so figures are too good."
    chosen = "validation" in run.parts and not run.replicas  # the epoch, by its metric
    if chosen and best == epochs and reason == "finished" and best not in (None, 0, 1):
        yield (
            f"The best epoch is the last, {epochs}: more epochs may be better "
            "(mlp train --resume RUN --extend EPOCHS)."
        )


def _tiles(run: ReportedRun, metric: str, own: Interval) -> Facts:
    model = run.model
    layout, networks = model.network.architecture.layout, math.prod(model.network.lane_shape)
    limits = between(own.low, own.high)
    items: list[tuple[str, object, str]] = [
        (metric_name(metric), run.scores[run.judged].metrics[metric], limits and f"95 %: {limits}"),
        ("rows judged", run.scores[run.judged].rows, run.judged),
    ]
    if run.baselines is not None:
        assert run.dataset is not None
        best = run.baselines.best
        items.append(("best baseline", best.value, baseline_names(run.dataset)[best.name]))
    each = f"in {networks} networks" if networks > 1 else ""
    items.append(("parameters", layout.n_params * networks, each))
    if model.training.get("epochs"):
        note = f"best: {span(run.best_epochs)}" if run.best_epochs else ""
        items.append(("epochs", model.training["epochs"], note))
    seconds = (run.manifest.get("result") or {}).get("seconds")
    if isinstance(seconds, float):
        items.append(("training", f"{seconds:.3g} s", ""))
    return Facts(items, are_tiles=True)


def _chart(run: ReportedRun, baselines: Baselines, metric: str, own: Interval) -> Chart:
    assert run.dataset is not None
    names = baseline_names(run.dataset)
    of_metric = [score for score in baselines.scores if score.metric == metric]
    rows: list[tuple[str, float, float, float]] = [
        (MODEL, run.scores[run.judged].metrics[metric], own.low, own.high),
        *((names[each.name], each.value, each.low, each.high) for each in of_metric),
    ]
    better = "greater" if greater_is_better(metric) else "smaller"
    said = ", ".join(f"{name} {format_number(value)}" for name, value, *_ in rows)
    title = capital(metric_name(metric))
    return Chart(
        "Against the baselines",
        f"{title} on {rows_of(run)} with 95 % intervals; {better} is better: {said}.",
        _drawn(rows, metric),
        Table(
            f"{metric_name(metric)} on {rows_of(run)}",
            ["model", metric, "95 % from", "to"],
            [list(row) for row in rows],
        ),
    )


def _drawn(rows: list[tuple[str, float, float, float]], metric: str) -> str:
    with figure(height=46 + 30 * len(rows)) as (canvas, axes):
        for k, (name, value, low, high) in enumerate(rows):
            colour = SERIES[0] if name == MODEL else MUTED
            if not math.isnan(low):
                axes.plot([low, high], [k, k], color=colour, linewidth=2.5, solid_capstyle="round")
            axes.plot([value], [k], "o", color=colour, markersize=8 if name == MODEL else 6)
        _style(axes, [label(name) for name, *_ in rows])
        axes.set_xlabel(metric_name(metric))
        return draw(canvas)


def _style(axes: Any, names: list[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.margins(x=0.06)


def _scores(run: ReportedRun) -> Table:
    scores: dict[str, Any] = run.document["scores"]
    names = list(next(iter(scores.values())))
    rows = [[part, *(found[name] for name in names)] for part, found in scores.items()]
    return Table("All figures, by part of the data", ["part", *names], rows)
