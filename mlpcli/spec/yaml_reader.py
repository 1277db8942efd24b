"""YAML read strictly, with the position of every value.

YAML 1.2's core scalars (`1e-3` is a number, `no` is text). Refused, with a sentence: duplicate
keys, anchors and aliases, tags, several documents, more than MAX_BYTES or MAX_DEPTH. Nothing in a
file can name a Python object, because values are built here, from the parser's events.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
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

ALIASES = "anchors and aliases are not allowed"
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

    marks    of values; `keys` of the keys in front of them, where there are keys
    aliases  marks of anchors and aliases: a fault is of the first alone
    """

    file: str
    data: Any = None
    marks: dict[Path, Mark] = field(default_factory=dict)
    keys: dict[Path, Mark] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    aliases: list[Mark] = field(default_factory=list)

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
    try:
        _Reader(document, yaml.parse(text, Loader=yaml.SafeLoader)).read()
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


class _Reader:
    """Builds a document from the parser's events."""

    def __init__(self, document: Document, events: Iterator[yaml.Event]) -> None:
        self.document, self.events = document, events

    def read(self) -> None:
        """Read the first document; another one is a fault."""
        n_documents = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                n_documents += 1
                if n_documents > 1:
                    self._refuse(event, (), "a second document begins here", "one document a file")
                else:
                    self.document.data = self._value(next(self.events), ())

    def _value(self, event: yaml.Event, path: Path) -> Any:
        """Return the value that an event begins."""
        self.document.marks.setdefault(path, self._mark(event))
        self._check(event, path)
        if isinstance(event, yaml.AliasEvent):
            return None
        if isinstance(event, yaml.ScalarEvent):
            return resolve_scalar(event.value) if event.style is None else event.value
        if len(path) == MAX_DEPTH:
            problem = f"nested deeper than {MAX_DEPTH} levels"
            raise SpecError([self._mark(event).fault((), problem)])
        if isinstance(event, yaml.SequenceStartEvent):
            return [self._value(each, (*path, k)) for k, each in enumerate(self._inside())]
        mapping: dict[str, Any] = {}
        for each in self._inside():
            key = self._key(each, path)
            mapping.setdefault(key, self._value(next(self.events), (*path, key)))
        return mapping

    def _inside(self) -> Iterator[yaml.Event]:
        """Yield the first event of each entry, up to the end of the collection."""
        for event in self.events:
            if isinstance(event, yaml.CollectionEndEvent):
                return
            yield event

    def _key(self, event: yaml.Event, path: Path) -> str:
        mark = self._mark(event)
        if not isinstance(event, yaml.AliasEvent):
            self._check(event, path)
        if not isinstance(event, yaml.ScalarEvent):
            fault = mark.fault(
                path, "a key must be text", "put text with braces or brackets in quotes"
            )
            raise SpecError([*self.document.faults, fault])
        key: str = event.value
        first = self.document.keys.setdefault((*path, key), mark)
        if first is not mark:
            self._refuse(
                event, (*path, key), "this key stands twice", f"first in line {first.line}"
            )
        return key

    def _check(self, event: Any, path: Path) -> None:
        if event.anchor is not None:
            self._refuse_alias(event, path)
        if getattr(event, "tag", None) is not None:
            self._refuse(event, path, f"the tag {event.tag} is not allowed", "no tags")

    def _refuse_alias(self, event: yaml.Event, path: Path) -> None:
        """Refuse all anchors and aliases by one fault, which stands at the first."""
        faults, aliases = self.document.faults, self.document.aliases
        aliases.append(self._mark(event))
        if len(aliases) == 1:
            self._refuse(event, path, ALIASES, "write it out")
            return
        n, line = len(aliases) - 1, aliases[1].line
        where = (
            f"one more place, line {line}" if n == 1 else f"{n:,} more places from line {line} on"
        )
        first = next(k for k, fault in enumerate(faults) if fault.problem == ALIASES)
        faults[first] = replace(faults[first], allowed=f"write it out, here and in {where}")

    def _refuse(self, event: yaml.Event, path: Path, problem: str, allowed: str) -> None:
        self.document.faults.append(self._mark(event).fault(path, problem, allowed))

    def _mark(self, event: yaml.Event) -> Mark:
        at = event.start_mark
        assert at is not None
        return Mark(self.document.file, at.line + 1, at.column + 1)
