"""Loss curves in the terminal: one strip a run, or both losses of one, all on the same scales."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Sequence

from mlpcli.cli.console import format_number, print_note, print_result, width_of, writes_utf

BLOCKS, ASCII_BLOCKS = " ▁▂▃▄▅▆▇█", " .:|"  # of one cell, empty to full
MAX_WIDTH = 100
LEAST_PANEL, MOST_PANEL = 30, 80  # columns of the panel that closes a training
PANEL_HEIGHT = 3  # lines of each of its two strips
LEAST_EPOCHS = 3  # that are worth a curve
MAX_HEIGHT, TOTAL_HEIGHT = 6, 16  # lines of one strip, and of all of them about
LOG_FROM = 10.0  # the ratio of the largest to the smallest loss from which the scale is a log


def print_curves(named: Sequence[tuple[str, list[dict[str, float]]]]) -> None:
    """Print the loss of each epoch of each run, that of the validation rows where all have it.

    named  each run's name, and its rows of metrics.csv
    """
    watched = all("val_loss" in row for _, rows in named for row in rows)
    column = "val_loss" if watched else "train_loss"
    curves = {k: [row.get(column, math.nan) for row in rows] for k, (_, rows) in enumerate(named)}
    scaled = _scale(list(curves.values()))
    if scaled is None:
        return
    low, high, log, scale = scaled
    n_epochs = max(len(curve) for curve in curves.values())
    print_result(f"\n{column} of epochs 1 to {n_epochs}; {scale}")
    width = max(1, min(MAX_WIDTH, shutil.get_terminal_size().columns) - 2)
    height = max(1, min(MAX_HEIGHT, TOTAL_HEIGHT // len(named)))
    for k, (name, _) in enumerate(named):
        print_result(f"{name}: {_summary(curves[k])}")
        means = _columns(curves[k], n_epochs, width)
        for line in _strip(
            [_level(x, low, high, log=log) for x in means], height, utf=writes_utf()
        ):
            print_result(f" |{line}".rstrip())


def print_panel(rows: list[dict[str, float]], best_epoch: int | None) -> None:
    """Print a box with the losses of the training and the validation rows to standard error.

    rows        of metrics.csv
    best_epoch  whose weights are the model's; it is marked
    """
    width = min(MOST_PANEL, shutil.get_terminal_size().columns)
    for line in panel_lines(rows, best_epoch, width, utf=writes_utf(sys.stderr)):
        print_note(line)


def panel_lines(
    rows: list[dict[str, float]], best_epoch: int | None, width: int, *, utf: bool = True
) -> list[str]:
    """Return the lines of the box, so many columns wide; none where there is nothing to see."""
    curves = {
        column: [row[column] for row in rows]
        for column in ("train_loss", "val_loss")
        if all(column in row for row in rows)
    }
    scaled = _scale(list(curves.values()))
    if scaled is None or len(rows) < LEAST_EPOCHS or width < LEAST_PANEL:
        return []
    low, high, log, scale = scaled
    inner = []
    for name, curve in curves.items():
        last = f"last {format_number(curve[-1])}"
        long = f"{name}: {_summary(curve)}, {last}"
        inner.append(long if width_of(long) <= width - 4 else f"{name}: {last}"[: width - 4])
        means = _means(curve, len(rows), width - 4)
        levels = [_level(x, low, high, log=log) for x in means]
        inner += _strip(levels, PANEL_HEIGHT, utf=utf)
    inner.append(_axis(len(rows), best_epoch, width - 4, utf=utf))
    return _box(f"loss, {scale}", inner, width, utf=utf)


def _axis(n_epochs: int, best_epoch: int | None, width: int, *, utf: bool) -> str:
    """Return the line below the strips: the first epoch, the best one, the last one."""
    line, last = "", str(n_epochs)
    if best_epoch is not None and 1 <= best_epoch <= n_epochs:
        mark, text = "▲" if utf else "^", f"best epoch {best_epoch}"
        at = (2 * best_epoch - 1) * width // (2 * n_epochs)  # the middle of the epoch's columns
        fits = at + len(f"{mark} {text}") <= width
        line = " " * at + f"{mark} {text}" if fits else f"{text} {mark}".rjust(at + 1)
    if line[:2].strip() == "":
        line = "1" + line[1:]
    gap = width - len(line) - len(last)
    return line + " " * gap + last if gap > 0 else line


def _box(title: str, inner: Sequence[str], width: int, *, utf: bool) -> list[str]:
    """Return lines in a frame with a title."""
    corners, side, bar = ("╭╮╰╯", "│", "─") if utf else ("++++", "|", "-")
    head = f"{bar} {title} "[: width - 2]
    return [
        corners[0] + head + bar * (width - 2 - width_of(head)) + corners[1],
        *(f"{side} {line}{' ' * (width - 4 - width_of(line))} {side}" for line in inner),
        corners[2] + bar * (width - 2) + corners[3],
    ]


def _scale(curves: Sequence[list[float]]) -> tuple[float, float, bool, str] | None:
    """Return the lowest and the highest loss, whether the scale is a logarithm, and all in words.

    None where no loss is a number.
    """
    finite = [loss for curve in curves for loss in curve if math.isfinite(loss)]
    if not finite:
        return None
    low, high = min(finite), max(finite)
    log = low > 0 and high / low >= LOG_FROM
    words = f"{format_number(low)} to {format_number(high)}"
    return low, high, log, f"log scale, {words}" if log else words


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
    return _means(curve, n_epochs, min(width, n_epochs * max(1, width // n_epochs)))


def _means(curve: list[float], n_epochs: int, width: int) -> list[float]:
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


def _strip(levels: list[float], height: int, *, utf: bool) -> list[str]:
    """Return the lines of one curve, filled below; even the lowest loss has a mark."""
    blocks = BLOCKS if utf else ASCII_BLOCKS
    full = len(blocks) - 1
    filled = [0 if math.isnan(x) else 1 + round(x * (height * full - 1)) for x in levels]
    return [
        "".join(blocks[min(max(n - line * full, 0), full)] for n in filled)
        for line in reversed(range(height))
    ]
