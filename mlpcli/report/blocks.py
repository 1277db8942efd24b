"""What a page consists of: sections of text, tables and charts. A template draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Text:
    """A paragraph of plain text.

    code     keeps its lines and spaces
    is_lead  whether it is the sentence that the page begins with
    folded   what is to be clicked for it to be seen; empty: it is seen at once
    """

    kind: ClassVar[str] = "text"
    text: str
    code: bool = False
    is_lead: bool = False
    folded: str = ""


@dataclass(frozen=True)
class Notice:
    """A sentence that a reader must not miss."""

    kind: ClassVar[str] = "notice"
    text: str


@dataclass(frozen=True)
class Points:
    """Sentences below each other, each with a bullet."""

    kind: ClassVar[str] = "points"
    texts: Sequence[str]


@dataclass(frozen=True)
class Facts:
    """Names with their values, of which each may have a note below it.

    items      name, value, note
    are_tiles  whether they stand side by side in large letters, else below each other
    """

    kind: ClassVar[str] = "facts"
    items: Sequence[tuple[str, object, str]]
    are_tiles: bool = False


@dataclass(frozen=True)
class Rounded:
    """A cell with a number of a file as it is shown, and the text that the file has."""

    text: str
    full: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Table:
    """A table of plain texts and numbers.

    caption   one sentence
    rows      as many cells as the header; a number is shown with four significant digits
    sortable  whether a click on a column's header sorts by it
    folded    whether it is to be clicked to be seen
    """

    kind: ClassVar[str] = "table"
    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[object]]
    sortable: bool = False
    folded: bool = False


@dataclass(frozen=True)
class Chart:
    """A picture, with what a screen reader reads in its place.

    title        a few words
    description  what it shows, in one or two sentences with its numbers
    svg          the drawing, an <svg> element whose colours are variables of the page's style
    table        the numbers that are drawn
    is_wide      whether it takes the width of two
    """

    kind: ClassVar[str] = "chart"
    title: str
    description: str
    svg: str
    table: Table
    is_wide: bool = False


@dataclass(frozen=True)
class Derivation:
    """A formula with its numbers; subscripts and superscripts in Unicode are set as such.

    formula  its heading
    source   where it stands
    lines    each what leads to a value, the value, and what stands beside it
    notes    below
    """

    kind: ClassVar[str] = "derivation"
    formula: str
    source: str
    lines: Sequence[tuple[str, str, str]]
    notes: Sequence[str] = ()


Block = Derivation | Text | Notice | Points | Facts | Table | Chart


@dataclass(frozen=True)
class Section:
    """A part of a page.

    name   of its anchor
    title  its heading
    """

    name: str
    title: str
    blocks: Sequence[Block]
