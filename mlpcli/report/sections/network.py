"""The network drawn: its layers with units, activations and what is kept of them in training."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

from mlpcli.data.targets import ClassTarget
from mlpcli.errors import counted
from mlpcli.nn.network import Architecture
from mlpcli.plain import format_number
from mlpcli.report.blocks import Block, Chart, Section, Table, Text
from mlpcli.report.drawing import INK, MUTED, SERIES, SURFACE, draw, figure, label
from mlpcli.report.reported_run import ReportedRun
from mlpcli.training.cost import LayerCost, layers_of

MOST_UNITS = 7  # of a layer that are drawn; of a larger one the first and last three
ENDS = 3
USUAL_COLUMNS = 4  # that stand in the width of a usual chart
COLUMN_WIDTH = 130.0  # pixels, of a network with more
HEIGHT = 250.0
RADIUS = 7.0


@dataclass(frozen=True)
class Column:
    """The units of one layer, side by side with the next.

    lines  below them
    names  of the units, where they have some and all are drawn
    """

    units: int
    lines: tuple[str, ...]
    names: tuple[str, ...] = ()

    @property
    def places(self) -> list[int | None]:
        """The units that are drawn, from the top; None: a gap."""
        if self.units <= MOST_UNITS:
            return [*range(self.units)]
        return [*range(ENDS), None, *range(self.units - ENDS, self.units)]


def network(run: ReportedRun) -> Section:
    """Return the section of the network."""
    architecture = run.model.network.architecture
    costs, columns = layers_of(architecture), _columns(run)
    blocks: list[Block] = [_chart(architecture, costs, columns)]
    lanes = math.prod(run.model.network.lane_shape)
    if lanes > 1:
        kind = "" if run.model.spec.ensemble is None else f" ({run.model.spec.ensemble.kind})"
        blocks.append(Text(f"The model is the mean of {lanes} such networks{kind}."))
    if architecture.members is not None:
        name, k = architecture.members.sharing.name, architecture.members.k
        blocks.append(Text(f"{name}: {k} members share these weights; the model is their mean."))
    return Section("network", "Network", blocks)


def _columns(run: ReportedRun) -> list[Column]:
    architecture, encoding = run.model.network.architecture, run.model.encoding
    names = tuple(encoding.inputs.feature_names) if encoding.inputs.n_features <= MOST_UNITS else ()
    columns = [Column(architecture.n_inputs, ("inputs",), names)]
    if architecture.embedding is not None:
        columns.append(Column(architecture.fan_in, (architecture.embedding.member.name,)))
    for layer in architecture.hidden:
        norm = () if layer.norm is None else (f"{layer.norm.name} norm",)
        kept = () if layer.keep_prob == 1 else (f"keep {layer.keep_prob:g}",)
        columns.append(Column(layer.units, (layer.activation.name, *norm, *kept)))
    target, n = encoding.target, architecture.n_outputs
    outputs: tuple[str, ...] = tuple(target.names)
    if isinstance(target, ClassTarget):
        outputs = tuple(map(str, target.classes[len(target.classes) - target.n_outputs :]))
    fits = len(outputs) == n <= MOST_UNITS
    columns.append(Column(n, (architecture.output_activation.name,), outputs if fits else ()))
    return columns


def _chart(architecture: Architecture, costs: list[LayerCost], columns: list[Column]) -> Chart:
    n_params, loss = architecture.layout.n_params, architecture.loss.name
    widths = " – ".join(f"{column.units:,}" for column in columns)
    layers = "; ".join(
        f"{cost.name}: {counted(cost.fan_out, 'unit')}, {cost.activation}" for cost in costs
    )
    return Chart(
        f"{widths}: {n_params:,} parameters",
        f"From left to right {counted(columns[0].units, 'input')}; {layers}. The loss is {loss}.",
        _drawn(columns),
        Table(
            "Layers",
            ["layer", "shape", "norm", "activation", "keep_prob", "initializer", "parameters"],
            [
                [
                    cost.name,
                    f"{cost.fan_in:,} → {cost.fan_out:,}",
                    cost.norm or "",
                    cost.activation,
                    format_number(cost.keep_prob),
                    cost.initializer,
                    cost.parameters,
                ]
                for cost in costs
            ],
        ),
        is_wide=len(columns) > USUAL_COLUMNS,
    )


def _drawn(columns: list[Column]) -> str:
    n_lines = max(len(column.lines) for column in columns)
    wide = len(columns) > USUAL_COLUMNS
    width = max(860.0, COLUMN_WIDTH * len(columns)) if wide else 420.0
    left = 92.0 if columns[0].names else 34.0
    right = 92.0 if columns[-1].names else 34.0
    across = [left + k * (width - left - right) / (len(columns) - 1) for k in range(len(columns))]
    down = [_heights(column) for column in columns]
    bottom = HEIGHT + 14.0 * n_lines + 16.0
    with figure(width, bottom) as (canvas, axes):
        canvas.set_layout_engine("none")
        axes.set_position((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(0, width)
        axes.set_ylim(bottom, 0)
        _draw_edges(axes, across, down)
        for k, column in enumerate(columns):
            colour = SERIES[2] if k == 0 else SERIES[1] if k == len(columns) - 1 else SERIES[0]
            _draw_column(axes, column, across[k], down[k], colour)
        _draw_names(axes, columns, across, down)
        return draw(canvas)


def _heights(column: Column) -> list[float]:
    """Return where each drawn unit, or gap, is from the top."""
    n = len(column.places)
    step = min(34.0, (HEIGHT - 24.0) / n)
    return [HEIGHT / 2 + step * (k - (n - 1) / 2) for k in range(n)]


def _draw_edges(axes: Any, across: list[float], down: list[list[float]]) -> None:
    """Draw all lines between layers as one path, which takes a tenth of the bytes."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    points = [
        point
        for (x, ys), (to_x, to_ys) in pairwise(zip(across, down, strict=True))
        for y, to_y in product(ys, to_ys)
        for point in ((x, y), (to_x, to_y))
    ]
    codes = [Path.MOVETO, Path.LINETO] * (len(points) // 2)
    path = Path(points, codes)
    axes.add_patch(PathPatch(path, fill=False, edgecolor=MUTED, linewidth=0.7, alpha=0.35))


def _draw_column(axes: Any, column: Column, x: float, ys: list[float], colour: str) -> None:
    for place, y in zip(column.places, ys, strict=True):
        if place is None:
            axes.plot([x], [y], "o", color=SURFACE, markersize=16)
            axes.plot([x] * 3, [y - 6, y, y + 6], "o", color=MUTED, markersize=2.5)
        else:
            axes.plot(
                [x],
                [y],
                "o",
                color=colour,
                markersize=2 * RADIUS,
                markeredgecolor=SURFACE,
                markeredgewidth=2,
            )
    centred = {"ha": "center", "va": "baseline"}
    axes.text(x, HEIGHT + 10, f"{column.units:,}", color=INK, weight="bold", **centred)
    for k, line in enumerate(column.lines, 1):
        axes.text(x, HEIGHT + 10 + 14 * k, label(line, 16), color=MUTED, size=10, **centred)


def _draw_names(
    axes: Any, columns: list[Column], across: list[float], down: list[list[float]]
) -> None:
    for k, shift, side in ((0, -14, "right"), (-1, 14, "left")):
        for name, y in zip(columns[k].names, down[k], strict=False):
            text = label(name, 14)
            axes.text(across[k] + shift, y + 3.5, text, color=MUTED, size=10, ha=side)
