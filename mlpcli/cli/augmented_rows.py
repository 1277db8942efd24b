"""Augmented rows for people and scripts: a table, pictures in the terminal, CSV, JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.cli.console import format_number, print_note, print_result, table, writes_utf
from mlpcli.cli.csv_text import csv_text
from mlpcli.data.dataset import Encoding
from mlpcli.data.targets import ClassTarget
from mlpcli.training.augmented import AugmentedRows

MAX_FEATURES = 12  # columns of a table that one can still read
PICTURE_WIDTH = 64  # characters; a larger image is shown smaller
LINE_WIDTH = 100
SHADES, ASCII_SHADES = " ░▒▓█", " .:+#"  # dark to bright
# A number that was scaled in float32 and back has about six digits of its own.
DIGITS = {"float32": "%.6g", "float64": "%.12g"}


def target_columns(encoding: Encoding, rows: AugmentedRows) -> dict[str, Array]:
    """Return the columns of the target: its label or number, or where mixed its classes' shares."""
    target = encoding.target
    values = rows.target
    if not isinstance(target, ClassTarget):
        return dict(zip(target.names, target.decode(values).T, strict=True))
    name = target.names[0]
    if values.ndim > 1:
        shares = values if values.shape[1] > 1 else np.hstack([1 - values, values])
        if rows.mixes:
            names = [f"{name}={label}" for label in target.classes]
            return dict(zip(names, shares.astype(np.float64).T, strict=True))
        values = np.argmax(shares, axis=1)
    return {name: np.array(target.classes, dtype=object)[values]}


def rows_to_csv(encoding: Encoding, rows: AugmentedRows, dtype: str) -> bytes:
    """Return a CSV file: the source row, counted from 1, each feature, the target's columns."""
    features = zip(encoding.inputs.feature_names, rows.raw.T, strict=True)
    columns = [("source_row", rows.source + 1), *features, *target_columns(encoding, rows).items()]
    return csv_text(columns, DIGITS[dtype]).encode()


def rows_to_plain(encoding: Encoding, rows: AugmentedRows, dtype: str) -> dict[str, Any]:
    """Return plain data for --json."""
    targets, digits = target_columns(encoding, rows), DIGITS[dtype]
    found = []
    for i, raw in enumerate(rows.raw.tolist()):
        features = zip(encoding.inputs.feature_names, raw, strict=True)
        found.append(
            {
                "source_row": int(rows.source[i]) + 1,
                "synthetic": bool(rows.synthetic[i]),
                "features": {name: float(digits % value) for name, value in features},
                "target": {name: _plain(values[i], digits) for name, values in targets.items()},
            }
        )
    return {"rows_per_epoch": rows.n_slots, "rows": found}


def _plain(value: Any, digits: str) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    return float(digits % value) if isinstance(value, float) else value


def print_rows(
    encoding: Encoding, rows: AugmentedRows, image: tuple[int, int, int] | None, name: str
) -> None:
    """Print a table of the rows, or where they are images a picture of each.

    name  of the file that the training rows are from
    """
    what = f"{len(rows.source):,} of the {rows.n_slots:,} rows of epoch 1, as training sees them"
    print_result(f"\n{what}; numbered from 1 as in {name}:")
    targets = _texts(encoding, rows)
    marks = np.where(rows.synthetic, "+", "")
    numbers = [f"{k + 1}{mark}" for k, mark in zip(rows.source, marks, strict=True)]
    if image is None:
        _print_table(encoding, rows, numbers, targets)
    else:
        titles = [f"{k}: {text}" for k, text in zip(numbers, targets, strict=True)]
        _print_pictures(rows.raw.reshape(-1, *image), titles)
    if rows.synthetic.any():
        print_result("+: added, made from the row of this number and others")


def _texts(encoding: Encoding, rows: AugmentedRows) -> list[str]:
    """Return each row's target in a word or a few."""
    targets = target_columns(encoding, rows)
    if rows.mixes and isinstance(encoding.target, ClassTarget):
        shares = np.array(list(targets.values()))
        classes = encoding.target.classes
        return [
            " + ".join(
                str(classes[k]) if row[k] == 1 else f"{row[k]:.2g} {classes[k]}"
                for k in np.flatnonzero(row)
            )
            for row in shares.T
        ]
    return [
        ", ".join(format_number(_plain(value, "%.9g")) for value in row)
        for row in zip(*targets.values(), strict=True)
    ]


def _print_table(
    encoding: Encoding, rows: AugmentedRows, numbers: list[str], targets: list[str]
) -> None:
    names = encoding.inputs.feature_names
    shown = names[:MAX_FEATURES]
    cells = [
        [number, *values[: len(shown)], text]
        for number, values, text in zip(numbers, rows.raw.tolist(), targets, strict=True)
    ]
    table(["row", *shown, ", ".join(encoding.target.names)], cells)
    if len(names) > len(shown):
        print_note(f"{len(names) - len(shown)} more features are in --json and --output")


def _print_pictures(images: Array, titles: list[str]) -> None:
    """Print images side by side, as many as a line takes."""
    pictures = [list(lines) for lines in _pictures(images)]
    width = max(len(text) for text in [*titles, *pictures[0]]) + 2
    each = max(1, LINE_WIDTH // width)
    for start in range(0, len(pictures), each):
        group = slice(start, start + each)
        print_result("".join(title.ljust(width) for title in titles[group]).rstrip())
        for lines in zip(*pictures[group], strict=True):
            print_result("".join(line.ljust(width) for line in lines).rstrip())
        print_result()


def _pictures(images: Array) -> Iterator[Iterator[str]]:
    """Yield the lines of each image: a character, or two, a pixel, by its channels' mean."""
    brightness = images.mean(axis=3)
    step = -(-brightness.shape[2] // PICTURE_WIDTH)
    if step > 1:
        brightness = _smaller(brightness, step)
    low, high = min(0.0, brightness.min()), brightness.max()
    level = (brightness - low) / (high - low) if high > low else brightness * 0
    shades = SHADES if writes_utf() else ASCII_SHADES
    wide = 2 if 2 * brightness.shape[2] <= PICTURE_WIDTH else 1  # a character is twice as high
    for picture in np.minimum(level * len(shades), len(shades) - 1).astype(int):
        yield ("".join(shades[k] * wide for k in line) for line in picture)


def _smaller(brightness: Array, step: int) -> Array:
    """Return the means of squares of step × step pixels; what is left over at the end is cut."""
    n, height, width = brightness.shape
    rows, columns = max(1, height // step), width // step
    step_down = min(step, height)
    cut = brightness[:, : rows * step_down, : columns * step]
    return cut.reshape(n, rows, step_down, columns, step).mean(axis=(2, 4))
