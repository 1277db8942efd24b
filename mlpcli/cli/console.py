"""Printing: results to standard output, everything else to standard error."""

from __future__ import annotations

import json
import os
import shutil
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any

from mlpcli import plain
from mlpcli.cli.output import redirect_to_null
from mlpcli.plain import harmless, without_nan


def print_result(text: str = "") -> None:
    """Print results for people, control characters escaped; on a terminal wrapped at spaces."""
    print_raw(_fitted(_harmless(text), 0, sys.stdout))


def print_raw(text: str) -> None:
    """Print results unchanged, for a program; on a terminal with control characters escaped."""
    if sys.stdout is not None:
        sys.stdout.write((_harmless(text) if sys.stdout.isatty() else text) + "\n")


def print_piece(text: bytes) -> None:
    """Print a piece of results in UTF-8, as `print_raw` prints a text, without an end of line."""
    if sys.stdout is not None:
        piece = text.decode()
        sys.stdout.write(_harmless(piece) if sys.stdout.isatty() else piece)


def flush() -> None:
    """Flush standard output. Raises OutputError."""
    if sys.stdout is not None:
        sys.stdout.flush()


def writes_utf(stream: Any = None) -> bool:
    """Whether a stream, by default standard output, can write every character."""
    stream = sys.stdout if stream is None else stream
    return (getattr(stream, "encoding", None) or "utf-8").lower().startswith("utf")


def print_json(document: Any) -> None:
    """Print one JSON document in ASCII; NaN and infinity become null."""
    print_raw(json.dumps(without_nan(document), indent=1))


def print_note(text: str, hang: int = 0) -> None:
    """Print to standard error, control characters escaped; errors in writing are ignored.

    A terminal gets it wrapped at spaces, a pipe whole.

    hang  how many spaces further lines begin with
    """
    if sys.stderr is not None:
        try:
            sys.stderr.write(_fitted(_harmless(text), hang, sys.stderr) + "\n")
            sys.stderr.flush()
        except OSError:
            redirect_to_null(sys.stderr)


def print_sentence(text: str, hang: int = 0) -> None:
    """Print a line of results; a terminal gets it wrapped at spaces, a pipe whole.

    hang  how many spaces further lines begin with
    """
    print_raw(_fitted(_harmless(text), hang, sys.stdout))


def _fitted(text: str, hang: int, stream: Any) -> str:
    if not on_terminal(stream):
        return text
    width = shutil.get_terminal_size().columns
    return "\n".join(wrapped(line, width, hang) for line in text.split("\n"))


def wrapped(text: str, width: int, hang: int = 0) -> str:
    """Return a text in lines of at most so many cells; words are not broken.

    Nor is a command of mlp's at its end, so that it can be copied.

    >>> print(wrapped("odd: income: missing in 3 of 9 rows", 18, hang=5))
    odd: income:
         missing in 3
         of 9 rows
    >>> print(wrapped("to go on: mlp train --resume runs/iris", 20))
    to go on:
    mlp train --resume runs/iris
    """
    if width_of(text) <= width:
        return text
    sentence, colon, command = text.rpartition(": mlp ")
    whole = [f"mlp {command}"] if colon and "; " not in command else []
    lines: list[str] = []
    words = [*f"{sentence}:".split(" "), *whole] if whole else text.split(" ")
    line = words[0]
    for word in words[1:]:
        longer = f"{line} {word}"
        if line.strip() and width_of(longer) > width:
            lines.append(line)
            longer = " " * hang + word
        line = longer
    return "\n".join([*lines, line])


def print_error(text: str) -> None:
    """Print an error."""
    for line in text.split("\n"):
        print_note(f"mlp: {line}", hang=2)


def on_terminal(stream: Any) -> bool:
    """Whether a stream is a terminal that understands more than plain lines."""
    return bool(stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb")


format_number = plain.format_number  # by which the verbs know it
GAP = "   "  # between two columns of a table


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table as Rich would, without its long import; numbers right-aligned.

    On a terminal too narrow for it the columns come in groups below each other, each beginning
    with the first one; in a pipe no line is ever broken.
    """
    if sys.stdout is None:
        return
    numeric = [any(isinstance(row[k], int | float) for row in rows) for k in range(len(header))]
    texts = [header, *(map(format_number, row) for row in rows)]
    cells = [list(map(harmless, row)) for row in texts]
    width = shutil.get_terminal_size().columns if on_terminal(sys.stdout) else None
    for k, columns in enumerate(_groups(_widths(cells), width)):
        part = [[row[column] for column in columns] for row in cells]
        print_raw("\n" * (k > 0) + _drawn(part, [numeric[column] for column in columns]))


def _widths(cells: list[list[str]]) -> list[int]:
    return [max(map(width_of, column)) for column in zip(*cells, strict=True)]


def _groups(widths: list[int], available: int | None) -> list[list[int]]:
    """Return the columns that stand side by side in the available width; None: all of them."""
    groups, used = [[0]], widths[0]
    for column, width in enumerate(widths[1:], 1):
        used += len(GAP) + width
        if available is not None and used > available and len(groups[-1]) > 1:
            groups.append([0])
            used = widths[0] + len(GAP) + width
        groups[-1].append(column)
    return groups


def _drawn(cells: list[list[str]], numeric: Sequence[bool]) -> str:
    """Return the lines of a table, the header's first."""
    widths = _widths(cells)
    lines = []
    for row in cells:
        spaces = [" " * (width - width_of(cell)) for cell, width in zip(row, widths, strict=True)]
        placed = zip(row, spaces, numeric, strict=True)
        lines.append(GAP.join(s + cell if right else cell + s for cell, s, right in placed))
    rule = ("─" if writes_utf() else "-") * (sum(widths) + len(GAP) * (len(widths) - 1))
    return "\n".join([lines[0], rule, *lines[1:]])


def _harmless(text: str) -> str:
    return "\n".join(map(harmless, text.split("\n")))


def width_of(text: str) -> int:
    """Return how many cells of a terminal a text fills: wide letters two, combining ones none."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return len(text) + wide - sum(unicodedata.combining(letter) > 0 for letter in text)
