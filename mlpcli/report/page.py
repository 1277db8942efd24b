"""A page: sections in a self-contained HTML file. All of it is inline, and it asks for nothing.

The style gives the drawings' colours: in the light, in the dark, and on paper. Without JavaScript
the page is whole; with it, tables can be sorted.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from mlpcli import __version__
from mlpcli.plain import format_number, harmless
from mlpcli.report.blocks import Block, Rounded, Section, Table

TEMPLATES = Path(__file__).parent / "templates"
GENERATOR = "mlp report"  # by which a page is known as one of ours
SUBSCRIPTS, SUPERSCRIPTS = "₀₁₂₃₄₅₆₇₈₉", "⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾ᵀᵗ"
SCRIPTS = (
    (SUBSCRIPTS, str.maketrans(SUBSCRIPTS, "0123456789"), "sub"),
    (SUPERSCRIPTS, str.maketrans(SUPERSCRIPTS, "0123456789()Tt"), "sup"),
)
HEAD = 2048  # bytes, within which a page says so


@dataclass(frozen=True)
class Page:
    """What a page says.

    title     of the window, and the heading
    subtitle  what it is a report of, in a line
    program   that writes it, and replaces its own pages alone
    hidden    the beginnings of paths that are left out of its texts
    """

    title: str
    subtitle: str
    sections: Sequence[Section]
    program: str = GENERATOR
    hidden: Sequence[str] = ()


@dataclass(frozen=True)
class Cell:
    """A cell as the page has it.

    value  a number with all its digits, to sort by; empty for a text
    title  what the file has, where that is longer
    """

    text: str
    value: str
    title: str = ""


def render(page: Page) -> bytes:
    """Return a page as HTML. The same page gives the same bytes."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES, encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def visible(text: str) -> str:
        for path in page.hidden:
            text = text.replace(path, "")
        return text

    environment.filters |= {
        "shown": lambda value: visible(_shown(value)),
        "lines": lambda text: visible(_lines(text)),
        "cells": _cells,
        "numeric": _numeric,
        "svg": Markup,
        "maths": _maths,
        "groups": lambda blocks: list(_groups(blocks)),
    }
    script = (TEMPLATES / "page.js").read_text("utf-8")
    text = environment.get_template("page.html").render(
        page=page,
        generator=f"{page.program} {__version__}",
        version=__version__,
        style=Markup((TEMPLATES / "page.css").read_text("utf-8")),  # noqa: S704  our own file
        script=Markup(script),  # noqa: S704
        # The browser itself refuses every request, and every script but ours.
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    return text.encode(errors="backslashreplace")


def is_page(content: bytes, program: str = GENERATOR) -> bool:
    """Whether a file's first bytes are those of a page that `render` has made for a program."""
    return f'<meta name="generator" content="{program} '.encode() in content[:HEAD]


def _shown(value: object) -> str:
    """Return a text or number in one line, control characters escaped."""
    return harmless(format_number(value))


def _maths(text: str) -> Any:
    """Return a formula with its subscripts and superscripts as elements."""
    from markupsafe import Markup, escape

    found = str(escape(harmless(text)))
    for letters, plain, tag in SCRIPTS:
        runs = re.split(f"([{letters}]+(?:,[{letters}]+)*)", found)  # every second one is a script
        found = "".join(
            f"<{tag}>{run.translate(plain)}</{tag}>" if k % 2 else run for k, run in enumerate(runs)
        )
    return Markup(found)  # noqa: S704  escaped above


def _lines(text: str) -> str:
    return "\n".join(map(harmless, text.split("\n")))


def _numeric(table: Table) -> list[bool]:
    """Return which columns have numbers, and are right-aligned."""
    return [
        any(isinstance(row[k], int | float) for row in table.rows) for k in range(len(table.header))
    ]


def _cells(row: Sequence[object]) -> list[Cell]:
    return [
        Cell(
            _shown(each),
            repr(each) if isinstance(each, int | float) else "",
            each.full if isinstance(each, Rounded) else "",
        )
        for each in row
    ]


def _groups(blocks: Sequence[Block]) -> Iterator[tuple[bool, list[Any]]]:
    """Yield blocks that follow each other, charts together, and whether they are charts."""
    for is_charts, some in groupby(blocks, lambda block: block.kind == "chart"):
        yield is_charts, list(some)
