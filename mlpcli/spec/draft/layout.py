"""Lines of YAML with comments beside or above them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

WIDTH, COLUMN = 100, 36  # of a line, and where a comment begins
LEAST = 40  # characters of a line, for a comment of several lines beside it


def commented(line: str, comment: str = "") -> list[str]:
    """Return a line with a comment beside it; above it where little room is left for that.

    >>> commented("seed: 0", "of the split")
    ['seed: 0                             # of the split']
    """
    start = max(COLUMN, len(line) + 2)
    if not comment:
        return [line]
    if WIDTH - start < LEAST and len(comment) > WIDTH - start - 2:
        return [*remark(comment, len(line) - len(line.lstrip())), line]
    first, *more = remark(comment, start)
    return [line + first[len(line) :], *more]


def remark(text: str, indent: int = 0, hang: int = 0) -> list[str]:
    """Return a comment in lines of its own.

    hang  how far its further lines are moved in
    """
    mark = " " * indent + "# "
    return textwrap.wrap(
        printable(text),
        WIDTH,
        initial_indent=mark,
        subsequent_indent=mark + " " * hang,
        break_long_words=False,
        break_on_hyphens=False,
    )


def padded(rows: Sequence[tuple[str, str]], indent: int, most: int = 24) -> list[str]:
    """Return comments of two columns, the first as wide as its longest text, or `most`."""
    width = min(max((len(first) for first, _ in rows), default=0), most)
    lines = []
    for first, second in rows:
        lines += remark(f"{first:<{width}}  {second}".rstrip(), indent, hang=width + 2)
    return lines


def printable(text: str) -> str:
    """Return a text without characters that would end a comment or hide in it."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
