"""YAML read strictly, with the position of every value.

YAML 1.2's core scalars (`1e-3` is a number, `no` is text). Refused, with a sentence: duplicate
keys, anchors and aliases, tags, several documents, more than MAX_BYTES or MAX_DEPTH. Nothing in a
file can name a Python object, because values are built here, from the parser's events.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from mlpcli.errors import Fault, SpecError

MAX_BYTES = 1 << 18  # the slowest such file, `[a,a,…]`, takes PyYAML's parser 2.6 s
MAX_DEPTH = 32
MAX_SCALAR = 1024  # characters of a number; Python refuses to write out the longest ones it reads

_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}

DASH = 'a - alone is text in quotes: "-"'
# What to do about the mistakes that are made most, by what the parser says of them.
HINTS = {
    r"'\t' that cannot start": "indent with spaces, not with tabs",
    "sequence entries are not allowed here": DASH,
    "mapping values are not allowed here": "put text with a colon in quotes, and check the indent",
}
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Mark:
    """Where a key or an entry of a list begins; lines and columns count from 1."""

    file: str
    line: int
    column: int

    def fault(self, path: Path, problem: str, allowed: str = "", nearest: str = "") -> Fault:
        """Return a fault that stands here."""
        return Fault(self.file, self.line, self.column, dotted(path), problem, allowed, nearest)


@dataclass(frozen=True)
class Problem:
    """What is wrong at a path of a spec; `Document.fault` adds the position."""

    path: Path
    problem: str
    allowed: str = ""
    nearest: str = ""


@dataclass
class Document:
    """A file's values as plain data, the mark of each, and the faults found while reading.

    marks   of values; `keys` of the keys in front of them, where there are keys
    """

    file: str
    data: Any = None
    marks: dict[Path, Mark] = field(default_factory=dict)
    keys: dict[Path, Mark] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def mark(self, path: Path, *, key: bool = False) -> Mark:
        """Return the mark of a value (or its key), or of the nearest thing around it."""
        while path and path not in self.marks:
            path = path[:-1]
        if key and path in self.keys:
            return self.keys[path]
        return self.marks.get(path, Mark(self.file, 1, 1))

    def fault(self, found: Problem) -> Fault:
        """Return a problem with its position in the file."""
        mark = self.mark(found.path)
        return mark.fault(found.path, found.problem, found.allowed, found.nearest)


def dotted(path: Path) -> str:
    """Return a path as users write it.

    >>> dotted(("model", "layers", 0, "units"))
    'model.layers[0].units'
    """
    text = ""
    for part in path:
        word = part if isinstance(part, int) or part.isprintable() else repr(part)
        text += f"[{word}]" if isinstance(part, int) else f".{word}"
    return text.removeprefix(".")


def resolve_scalar(text: str) -> Any:
    """Return what a plain scalar means in YAML 1.2's core schema.

    >>> [resolve_scalar(s) for s in ("1e-3", "no", "010", "0x10", "~")]
    [0.001, 'no', 10, 16, None]
    """
    if text in _WORDS:
        return _WORDS[text]
    if len(text) <= MAX_SCALAR:
        if _INT.fullmatch(text):
            return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
        if _FLOAT.fullmatch(text):
            return float(text)
    return text


def read_yaml(text: str, file: str) -> Document:
    """Return the document in `text`; faults of structure are in its `faults`.

    file  the name that messages bear
    Raises SpecError where the text is not YAML at all.
    """
    document = Document(file)
    if len(text) > MAX_BYTES:
        raise SpecError([Fault(file, 1, 1, "", f"larger than {MAX_BYTES} characters")])
    builder = _Builder(document)
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark or error.context_mark
        line, column = (at.line + 1, at.column + 1) if at else (1, 1)
        problem = f"not valid YAML: {error.problem or error.context}"
        hint = next((hint for sign, hint in HINTS.items() if sign in problem), "")
        raise SpecError([*document.faults, Fault(file, line, column, "", problem, hint)]) from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        problem = f"the character {chr(int(error.character))!r} is not allowed in YAML"
        raise SpecError([Fault(file, line, column, "", problem)]) from None
    return document


@dataclass
class _Open:
    """A collection whose end has not been reached."""

    value: Any
    path: Path
    key: str | None = None


class _Builder:
    """Builds plain data from events, with a stack of its own: depth costs no recursion."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.open: list[_Open] = []
        self.documents = 0

    def take(self, event: yaml.Event) -> None:
        """Take one event of the parser."""
        if isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                self._refuse(event, (), "a second document begins here", "one document a file")
        if self.documents > 1:
            return
        if isinstance(event, yaml.AliasEvent):
            self._check_key_is_text(event)
            self._refuse(event, self._path(), "anchors and aliases are not allowed", "write it out")
            self._place(None, event)
        elif isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.MappingStartEvent):
            self._begin({}, event)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._begin([], event)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self.open.pop()

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        self._check(event)
        inside = self.open[-1] if self.open else None
        if inside and isinstance(inside.value, dict) and inside.key is None:
            self._key(inside, event)
        else:
            plain = event.style is None  # a tag has been refused already
            self._place(resolve_scalar(event.value) if plain else event.value, event)

    def _key(self, inside: _Open, event: yaml.ScalarEvent) -> None:
        key, mark = event.value, self._mark(event)
        path = (*inside.path, key)
        if key in inside.value:
            first = self.document.keys[path]
            self.document.faults.append(
                mark.fault(path, "this key stands twice", f"first in line {first.line}")
            )
        else:
            self.document.keys[path] = mark
        inside.key = key

    def _begin(self, value: Any, event: yaml.NodeEvent) -> None:
        self._check(event)
        self._check_key_is_text(event)
        path = self._path()
        if len(self.open) == MAX_DEPTH:
            mark = self._mark(event)
            raise SpecError([mark.fault((), f"nested deeper than {MAX_DEPTH} levels")])
        self._place(value, event)
        self.open.append(_Open(value, path))

    def _check_key_is_text(self, event: yaml.Event) -> None:
        inside = self.open[-1] if self.open else None
        if inside and isinstance(inside.value, dict) and inside.key is None:
            hint = "put text with braces or brackets in quotes"
            fault = self._mark(event).fault(inside.path, "a key must be text", hint)
            raise SpecError([*self.document.faults, fault])

    def _place(self, value: Any, event: yaml.Event) -> None:
        path = self._path()
        if not self.open:
            self.document.data = value
        else:
            inside = self.open[-1]
            if isinstance(inside.value, list):
                inside.value.append(value)
            else:
                inside.value.setdefault(inside.key, value)
                inside.key = None
        self.document.marks.setdefault(path, self._mark(event))

    def _path(self) -> Path:
        if not self.open:
            return ()
        inside = self.open[-1]
        if isinstance(inside.value, list):
            return (*inside.path, len(inside.value))
        return inside.path if inside.key is None else (*inside.path, inside.key)

    def _check(self, event: Any) -> None:
        if event.anchor is not None:
            self._refuse(event, self._path(), "anchors and aliases are not allowed", "write it out")
        if event.tag is not None:
            self._refuse(event, self._path(), f"the tag {event.tag} is not allowed", "no tags")

    def _refuse(self, event: yaml.Event, path: Path, problem: str, allowed: str) -> None:
        self.document.faults.append(self._mark(event).fault(path, problem, allowed))

    def _mark(self, event: yaml.Event) -> Mark:
        at = event.start_mark
        assert at is not None
        return Mark(self.document.file, at.line + 1, at.column + 1)
