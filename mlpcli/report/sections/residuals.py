"""Predicted against actual numbers, and what is left between them."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.targets import RegressionTarget
from mlpcli.errors import counted
from mlpcli.plain import format_number
from mlpcli.report.blocks import Block, Chart, Section, Table, Text
from mlpcli.report.drawing import MUTED, SERIES, draw, figure, label, log_scale
from mlpcli.report.reported_run import ReportedRun
from mlpcli.training.metrics import METRICS, Outcome

MOST_TARGETS = 4  # with charts of their own
MOST_POINTS = 1000  # drawn one by one; more as the density of hexagons
HEXAGONS = 24  # across a chart
SHADES = 5  # of the density: each hexagon writes one of so many styles
LARGEST = 1e150  # that is drawn: its square is a number
BINS = 10  # rows of a table, by the prediction
FEWEST = 5  # rows in a group of a page that may show none
SHOWN = 0.99  # of the residuals lies within their histogram


def residuals(run: ReportedRun) -> Section | None:
    """Return predicted against actual values of the judged rows; None of classes."""
    seen, target = run.scores[run.judged].outcome, run.model.encoding.target
    if not isinstance(target, RegressionTarget):
        return None
    blocks: list[Block] = []
    if len(target.names) > 1:
        blocks.append(_by_target(target.names, seen, run.judged))
    for k, name in enumerate(target.names[:MOST_TARGETS]):
        one = Outcome("regression", seen.target[:, k : k + 1], seen.score[:, k : k + 1])
        with np.errstate(all="ignore"):
            drawable = np.maximum(np.abs(one.target[:, 0]), np.abs(one.score[:, 0])) < LARGEST
        if not drawable.all():
            lost = counted(int(np.sum(~drawable)), "row")
            blocks.append(
                Text(f"{name}: {lost} cannot be drawn: infinite, too large or no number.")
            )
        if drawable.any():
            is_log = target.log_offset is not None
            seen_here = one.take(np.flatnonzero(drawable))
            found = _Target(name, seen_here, run.judged, is_log=is_log, rows=run.rows)
            blocks += [found.against_actual(), found.residuals()]
    if len(target.names) > MOST_TARGETS:
        blocks.append(Text(f"Charts are of the first {MOST_TARGETS} targets."))
    return Section("residuals", "Predicted against actual", blocks)


def _metrics(seen: Outcome) -> dict[str, float]:
    with np.errstate(all="ignore"):
        return {name: METRICS[name]().value(seen) for name in ("rmse", "mae", "r2")}


def _by_target(names: tuple[str, ...], seen: Outcome, part: str) -> Table:
    rows: list[list[object]] = []
    for k, name in enumerate(names):
        one = Outcome("regression", seen.target[:, k : k + 1], seen.score[:, k : k + 1])
        rows.append([name, *_metrics(one).values()])
    caption = f"Each target, {part} rows; errors in its own unit."
    return Table(caption, ["target", "RMSE", "MAE", "R²"], rows, sortable=True)


class _Target:
    """One target's values and predictions, all finite.

    rows  whether a row may be shown; else groups of some by their prediction
    """

    def __init__(self, name: str, seen: Outcome, part: str, *, is_log: bool, rows: bool) -> None:
        self.name, self.seen, self.part, self.rows = name, seen, part, rows
        self.actual, self.predicted = seen.target[:, 0], seen.score[:, 0]
        self.residual = self.actual - self.predicted
        least = min(self.actual.min(), self.predicted.min())
        self.is_log = is_log and bool(least > 0)

    def against_actual(self) -> Chart:
        """Return the chart of predictions over actual values."""
        found = _metrics(self.seen)
        text = (
            f"On the dotted line a prediction is right. RMSE {format_number(found['rmse'])}, "
            f"MAE {format_number(found['mae'])}, R² {format_number(found['r2'])}."
        )

        def line(axes: Any) -> None:
            ends = [_limits(self.actual, self.predicted)] * 2
            axes.plot(*ends, color=MUTED, linewidth=1.2, linestyle="dotted", zorder=3)

        with figure(420, 340) as (canvas, axes):
            self._draw(axes, self.actual, self.predicted, is_log=(self.is_log, self.is_log))
            line(axes)
            axes.set(xlabel=f"actual {label(self.name)}", ylabel="predicted")
            svg = draw(canvas)
        title = f"{self.name}: predicted against actual, {self.part} rows"
        return Chart(title, text + self._density(), svg, self._table())

    def residuals(self) -> Chart:
        """Return the charts of actual − predicted, over the prediction and by frequency."""
        low, middle, high = np.quantile(self.residual, [0.05, 0.5, 0.95])
        largest = self.residual[np.argmax(np.abs(self.residual))]
        of = [format_number(float(each)) for each in (middle, low, high, largest)]
        text = (
            f"Actual − predicted. The median is {of[0]}; nine of ten residuals lie between {of[1]} "
            f"and {of[2]}" + (f", the largest is {of[3]}." if self.rows else ".")
        )
        ends = np.quantile(self.residual, [(1 - SHOWN) / 2, (1 + SHOWN) / 2])
        beyond = int(np.sum((self.residual < ends[0]) | (self.residual > ends[1])))
        if beyond and len(self.residual) > MOST_POINTS:
            text += f" {beyond:,} lie beyond the histogram below."
        else:
            ends = np.array([self.residual.min(), self.residual.max()])
        svg = self._residuals_drawn(ends)
        title = f"{self.name}: residuals, {self.part} rows"
        return Chart(title, text + self._density(), svg, self._table())

    def _residuals_drawn(self, ends: Array) -> str:
        n_bins = int(np.clip(np.sqrt(len(self.residual)), 5, 40))
        with figure(420, 380, nrows=2, height_ratios=[3, 2]) as (canvas, (axes, below)):
            self._draw(axes, self.predicted, self.residual, is_log=(self.is_log, False))
            axes.axhline(0, color=MUTED, linewidth=1.2, linestyle="dotted", zorder=3)
            axes.set(xlabel=f"predicted {label(self.name)}", ylabel="actual − predicted")
            span = (float(ends[0]), float(ends[1])) if ends[1] > ends[0] else None
            counts, edges = np.histogram(self.residual, bins=n_bins, range=span)
            below.bar(edges[:-1], counts, np.diff(edges) * 0.92, align="edge", color=SERIES[0])
            below.axvline(0, color=MUTED, linewidth=1.2, linestyle="dotted", zorder=3)
            below.set(xlabel="actual − predicted", ylabel="rows")
            below.locator_params(axis="y", nbins=4, integer=True)
            return draw(canvas)

    def _draw(self, axes: Any, x: Array, y: Array, *, is_log: tuple[bool, bool]) -> None:
        """Draw the rows, or where none may be shown groups of them."""
        if not self.rows and len(x) <= MOST_POINTS:
            _draw_groups(axes, x, y, self._groups())
        elif len(x) <= MOST_POINTS:
            size = 26 if len(x) <= MOST_POINTS / 4 else 12
            axes.scatter(x, y, s=size, color=SERIES[0], alpha=0.55, linewidth=0)
        else:
            _draw_density(axes, x, y, is_log=is_log)
        if is_log[0]:
            log_scale(axes, "x")
        if is_log[1]:
            log_scale(axes, "y")

    def _groups(self) -> list[Array]:
        """Return the rows in groups, by their prediction."""
        order = np.argsort(self.predicted, kind="stable")
        most = len(order) if self.rows else len(order) // FEWEST
        return np.array_split(order, max(min(BINS, most), 1))

    def _density(self) -> str:
        n = len(self.actual)
        if not self.rows and n <= MOST_POINTS:
            groups = counted(len(self._groups()), "group")
            return f" Drawn are the means of {groups} of rows; the bars hold the middle 80 %."
        return f" The stronger the colour, the more of the {n:,} rows." if n > MOST_POINTS else ""

    def _table(self) -> Table:
        """Return means and quantiles of groups of rows, by their prediction."""
        body: list[list[object]] = []
        for rows in self._groups():
            left = self.residual[rows]
            low, high = np.quantile(left, [0.05, 0.95])
            numbers = [self.predicted[rows].mean(), self.actual[rows].mean(), left.mean()]
            rmse = np.sqrt(np.mean(left**2))
            body.append([len(rows), *map(float, (*numbers, rmse, low, high))])
        caption = f"{self.name}: {self.part} rows in groups, by ascending prediction."
        header = ["rows", "mean predicted", "mean actual", "mean residual", "RMSE", "5 %", "95 %"]
        return Table(caption, header, body)


def _limits(*values: Array) -> tuple[float, float]:
    return float(min(each.min() for each in values)), float(max(each.max() for each in values))


def _draw_groups(axes: Any, x: Array, y: Array, groups: list[Array]) -> None:
    """Draw the mean of each group, with the middle 80 % of its y."""
    for rows in groups:
        middle, (low, high) = x[rows].mean(), np.quantile(y[rows], [0.1, 0.9])
        axes.plot([middle, middle], [low, high], color=SERIES[0], linewidth=1.5)
        axes.plot([middle], [y[rows].mean()], "o", color=SERIES[0], markersize=6)


def _draw_density(axes: Any, x: Array, y: Array, *, is_log: tuple[bool, bool]) -> None:
    scales = ["log" if wanted else "linear" for wanted in is_log]
    grid = (HEXAGONS, round(0.6 * HEXAGONS))
    mesh = axes.hexbin(x, y, gridsize=grid, mincnt=1, xscale=scales[0], yscale=scales[1])
    count = np.log1p(np.asarray(mesh.get_array()))
    shade = np.ceil(SHADES * count / count.max()).clip(1, SHADES) / SHADES
    mesh.set_array(None)
    mesh.set_facecolor([(SERIES[0], float(each)) for each in shade])
    mesh.set_edgecolor("none")
