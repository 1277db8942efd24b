"""Loss curves in the terminal: one strip a run, all on the same scales."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence

from mlpcli.cli.console import format_number, print_result, writes_utf

BLOCKS, ASCII_BLOCKS = " ▁▂▃▄▅▆▇█", " .:|"  # of one cell, empty to full
MAX_WIDTH = 100
MAX_HEIGHT, TOTAL_HEIGHT = 6, 16  # lines of one strip, and of all of them about
LOG_FROM = 10.0  # the ratio of the largest to the smallest loss from which the scale is a log


def print_curves(named: Sequence[tuple[str, list[dict[str, float]]]]) -> None:
    """Print the loss of each epoch of each run, that of the validation rows where all have it.

    named  each run's name, and its rows of metrics.csv
    """
    watched = all("val_loss" in row for _, rows in named for row in rows)
    column = "val_loss" if watched else "train_loss"
    curves = {k: [row.get(column, math.nan) for row in rows] for k, (_, rows) in enumerate(named)}
    finite = [loss for curve in curves.values() for loss in curve if math.isfinite(loss)]
    if not finite:
        return
    low, high = min(finite), max(finite)
    log = low > 0 and high / low >= LOG_FROM
    n_epochs = max(len(curve) for curve in curves.values())
    scale = f"{'log scale, ' if log else ''}{format_number(low)} to {format_number(high)}"
    print_result(f"\n{column} of epochs 1 to {n_epochs}; {scale}")
    width = max(1, min(MAX_WIDTH, shutil.get_terminal_size().columns) - 2)
    height = max(1, min(MAX_HEIGHT, TOTAL_HEIGHT // len(named)))
    for k, (name, _) in enumerate(named):
        print_result(f"{name}: {_summary(curves[k])}")
        means = _columns(curves[k], n_epochs, width)
        for line in _strip([_level(x, low, high, log=log) for x in means], height):
            print_result(f" |{line}".rstrip())


def _summary(curve: list[float]) -> str:
    """Return the lowest loss, and its epoch."""
    finite = [(loss, epoch) for epoch, loss in enumerate(curve, 1) if math.isfinite(loss)]
    if not finite:
        return "none"
    loss, epoch = min(finite)
    return f"lowest {format_number(loss)} in epoch {epoch} of {len(curve)}"


def _columns(curve: list[float], n_epochs: int, width: int) -> list[float]:
    """Return for each column of characters the mean of its epochs' losses; NaN: there is none.

    With more columns than epochs each epoch has several.
    """
    width = min(width, n_epochs * max(1, width // n_epochs))
    means = []
    for k in range(width):
        start = k * n_epochs // width
        losses = curve[start : max(start + 1, (k + 1) * n_epochs // width)]
        finite = [loss for loss in losses if math.isfinite(loss)]
        means.append(sum(finite) / len(finite) if finite else math.nan)
    return means


def _level(loss: float, low: float, high: float, *, log: bool) -> float:
    """Return where a loss stands, 0 for the lowest and 1 for the highest."""
    if not high > low or math.isnan(loss):
        return loss * 0
    if log:
        return math.log(loss / low) / math.log(high / low)
    return (loss - low) / (high - low)


def _strip(levels: list[float], height: int) -> list[str]:
    """Return the lines of one curve, filled below; even the lowest loss has a mark."""
    blocks = BLOCKS if writes_utf() else ASCII_BLOCKS
    full = len(blocks) - 1
    filled = [0 if math.isnan(x) else 1 + round(x * (height * full - 1)) for x in levels]
    return [
        "".join(blocks[min(max(n - line * full, 0), full)] for n in filled)
        for line in reversed(range(height))
    ]
