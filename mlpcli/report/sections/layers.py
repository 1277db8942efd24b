"""Weights and gradients by layer, at the weights that the model has."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.dataset import Part
from mlpcli.errors import counted
from mlpcli.nn.backprop import Backprop
from mlpcli.nn.evaluation import float_targets
from mlpcli.nn.network import Network
from mlpcli.plain import format_number
from mlpcli.report.blocks import Block, Chart, Section, Table, Text
from mlpcli.report.drawing import INK, SERIES, draw, figure, log_scale
from mlpcli.report.reported_run import ReportedRun
from mlpcli.training.build import loss_target

MOST_ROWS = 2000  # of the training rows that the gradient is of
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


def layers(run: ReportedRun) -> Section:
    """Return the section of weights and gradients."""
    network = _first(run.model.network)
    weights = {
        tensor.name.removesuffix(".weight"): np.ravel(tensor.view(run.model.network.vector))
        for tensor in network.architecture.layout.weights
    }
    blocks: list[Block] = [_weights_chart(weights)]
    part = run.parts.get("train")
    if part is not None:
        rows = part if len(part) <= MOST_ROWS else part.take(_drawn_rows(len(part)))
        found = gradients(network, run, rows)
        blocks.append(_gradients_chart(found, len(rows)))
        if run.model.network.lane_shape:
            n = math.prod(run.model.network.lane_shape)
            text = f"The chart of the weights is of all {n} networks, the chart of the gradient of "
            blocks.append(Text(f"{text}the first network alone."))
    return Section("layers", "Layers", blocks)


def _first(network: Network) -> Network:
    """Return the network, or the first of a stack, in float64."""
    vector = network.vector.reshape(-1, network.vector.shape[-1])[0]
    return Network(network.architecture, vector.astype(np.float64))


def _drawn_rows(n: int) -> Array:
    """Return MOST_ROWS of n rows, the same in every report."""
    return np.sort(np.random.default_rng(0).choice(n, MOST_ROWS, replace=False))


def gradients(network: Network, run: ReportedRun, part: Part) -> dict[str, Array]:
    """Return ∂J/∂W of each layer, flat, J the mean loss of a part's rows.

    Without dropout, noise, penalties and weights of rows; running moments normalize.

    network  float64
    """
    architecture, encoding = network.architecture, run.model.encoding
    target = loss_target(encoding, part.y, np.float64)
    backprop = Backprop(network, len(part), training=False)
    with np.errstate(all="ignore"):
        u = backprop.forward(part.X.astype(np.float64))
        y = float_targets(architecture.loss, target, architecture.n_outputs, u)
        y = np.broadcast_to(y, (*u.shape[:-1], y.shape[-1]))
        scale = np.asarray(1 / math.prod(u.shape[:-1]))
        architecture.loss.delta(u, y, scale, backprop.delta, architecture.loss.scratch(u))
        backprop.backward()
    return {
        tensor.name.removesuffix(".weight"): np.ravel(tensor.view(backprop.grad))
        for tensor in architecture.layout.weights
    }


def _quantiles(values: Array) -> list[float]:
    finite = values[np.isfinite(values)]
    return [float(q) for q in np.quantile(finite, LEVELS)] if len(finite) else [math.nan] * 5


def _rms(values: Array) -> float:
    with np.errstate(all="ignore"):
        return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


def _weights_chart(weights: dict[str, Array]) -> Chart:
    found = {name: _quantiles(values) for name, values in weights.items()}
    said = ", ".join(f"{name} {format_number(_rms(w))}" for name, w in weights.items())
    return Chart(
        "Weights by layer",
        "The thick bars hold the middle half of the weights, the thin ones 90 %, the dot is the "
        f"median. Root mean square: {said}.",
        _drawn(found, "weight", log=False),
        _table("Weights", weights, found),
    )


def _gradients_chart(gradient: dict[str, Array], n_rows: int) -> Chart:
    sizes = {name: np.abs(values) for name, values in gradient.items()}
    found = {name: _quantiles(values) for name, values in sizes.items()}
    said = ", ".join(f"{name} {format_number(_rms(g))}" for name, g in gradient.items())
    return Chart(
        "Gradient by layer",
        f"|∂J/∂W| at the model's weights, J the mean loss of {counted(n_rows, 'training row')}. "
        f"Root mean square: {said}.",
        _drawn(found, "|∂J/∂W|", log=True),
        _table("|∂J/∂W|", gradient, found),
    )


def _table(what: str, values: dict[str, Array], found: dict[str, list[float]]) -> Table:
    header = ["layer", "number", *(f"{100 * level:g} %" for level in LEVELS), "root mean square"]
    rows = [[name, len(values[name]), *q, _rms(values[name])] for name, q in found.items()]
    return Table(f"{what}: quantiles by layer", header, rows)


def _drawn(found: dict[str, list[float]], what: str, *, log: bool) -> str:
    smallest = min((v for q in found.values() for v in q if v > 0), default=1.0)
    with figure(height=60 + 34 * len(found)) as (canvas, axes):
        for k, (name, quantiles) in enumerate(found.items()):
            # Of units that are never active the gradient is 0, which a logarithmic axis has not.
            low, first, middle, third, high = (max(v, smallest) if log else v for v in quantiles)
            colour = SERIES[1] if name == "output" else SERIES[0]
            axes.plot([low, high], [k, k], color=colour, linewidth=1.5)
            axes.plot([first, third], [k, k], color=colour, linewidth=7, solid_capstyle="butt")
            axes.plot([middle], [k], "o", color=INK, markersize=4.5)
        _style(axes, list(found), what)
        if log:
            log_scale(axes, "x")
        return draw(canvas)


def _style(axes: Any, names: list[str], what: str) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(what)
