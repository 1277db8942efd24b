"""What a page consists of: sections of text, tables and charts. A template draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    """A paragraph of plain text; `code` keeps its lines and spaces."""

    text: str
    code: bool = False


@dataclass(frozen=True)
class Table:
    """A table of plain texts and numbers.

    caption   one sentence
    rows      as many cells as the header; a number is shown with four significant digits
    sortable  whether a click on a column's header sorts by it
    """

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[object]]
    sortable: bool = False


@dataclass(frozen=True)
class Chart:
    """A picture, with what a screen reader reads in its place.

    title        a few words
    description  what it shows, in one or two sentences with its numbers
    svg          the drawing, an <svg> element whose colours are variables of the page's style
    table        the numbers that are drawn
    """

    title: str
    description: str
    svg: str
    table: Table


Block = Text | Table | Chart


@dataclass(frozen=True)
class Section:
    """A part of a page.

    name   of its anchor
    title  its heading
    """

    name: str
    title: str
    blocks: Sequence[Block]
