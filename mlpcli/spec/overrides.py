"""Changes to a document before validation: --set overrides, and the lecture's letters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from mlpcli.errors import SpecError, UsageError, counted
from mlpcli.spec.yaml_reader import MAX_DEPTH, Document, Mark, Path, dotted, read_yaml

# The lecture's letters, by the key they stand for and the mappings in which they stand.
SPELLINGS = {
    "learning_rate": (("λ", "lambda"), re.compile(r"training\.optimizer")),
    "l2": (("α", "alpha"), re.compile(r"regularization")),
    "keep_prob": (("p_k", "p"), re.compile(r"model\.layers\[\d+\]")),
}


def override(document: Document, text: str, label: str = "") -> None:
    """Set one key from `a.b[0].c=value`; whether the key exists, validation will say."""
    name, equals, value_text = text.partition("=")
    label = label or f"--set {text}"
    path = _canonical(tuple(_parts(name.strip())))
    if not equals or not 0 < len(path) <= MAX_DEPTH:
        raise UsageError(f"{label}: write it as key=value, such as training.epochs=20")
    try:
        value = read_yaml(value_text, label)
    except SpecError as error:  # no YAML
        quoted = f"a text goes in quotes: --set '{name}=\"{value_text}\"'"
        raise SpecError([replace(each, allowed=quoted) for each in error.faults]) from None
    document.faults += value.faults
    mark = Mark(label, 0, 0)
    parent = document.data = {} if document.data is None else document.data
    for depth, part in enumerate(path, 1):
        here = path[:depth]
        if not _has_place(parent, part, last=here == path):
            places = _places(parent, part)
            raise SpecError([mark.fault(here, "there is nothing to set here", places)])
        if here == path:
            parent[part] = value.data
        else:
            parent = _inside(document, parent, here, mark)
    for marks in (document.marks, document.keys):
        for inner in [each for each in marks if each[: len(path)] == path]:
            del marks[inner]
    document.marks[path] = mark


def _inside(document: Document, parent: Any, here: Path, mark: Mark) -> Any:
    """Return what stands at `here`, made a mapping where it is not a collection yet.

    A family member's bare name grows into a mapping with that name, `auto` and null into {}.
    """
    part: Any = here[-1]
    inner = parent.get(part) if isinstance(parent, dict) else parent[part]
    if isinstance(parent, list) or isinstance(inner, dict | list):
        return inner
    parent[part] = {}
    if isinstance(inner, str) and inner != "auto":
        parent[part]["name"] = inner
        document.marks[*here, "name"] = document.mark(here)
    document.marks[here] = mark
    return parent[part]


def _places(parent: Any, part: str | int) -> str:
    if isinstance(parent, list):
        return f"the list has {counted(len(parent), 'entry', 'entries')}, counted from 0"
    return "the spec has no list here; set the whole list" if isinstance(part, int) else ""


def _has_place(parent: Any, part: str | int, *, last: bool) -> bool:
    if isinstance(part, int):
        return isinstance(parent, list) and part < len(parent)
    return isinstance(parent, dict) and (last or not isinstance(parent.get(part), int | float))


def _parts(name: str) -> Iterator[str | int]:
    """Yield the parts of `a.b[0].c`; nothing where it is not of that form."""
    if re.fullmatch(r"\w+(\[[0-9]{1,9}\])*(\.\w+(\[[0-9]{1,9}\])*)*", name):
        for word, index in re.findall(r"(\w+)|\[([0-9]+)\]", name):
            yield word or int(index)


def _canonical(path: Path) -> Path:
    """Return a path whose last part, if it is one of the lecture's letters, is the key's name."""
    for canonical, (spellings, where) in SPELLINGS.items():
        if path and path[-1] in spellings and where.fullmatch(dotted(path[:-1])):
            return (*path[:-1], canonical)
    return path


def spell(document: Document) -> None:
    """Rename the lecture's letters to the keys they stand for; both at once is a fault."""
    for path, mapping in list(_mappings(document.data, ())):
        for canonical, (spellings, where) in SPELLINGS.items():
            if where.fullmatch(dotted(path)):
                written = [s for s in (canonical, *spellings) if s in mapping]
                for other in written[1:]:
                    mark = document.mark((*path, other), key=True)
                    problem = f"{other} and {written[0]} are the same setting"
                    fault = mark.fault((*path, other), problem, "write one of them")
                    document.faults.append(fault)
                for spelling in written:
                    _rename(document, mapping, path, spelling, canonical)


def _rename(document: Document, mapping: Any, path: Path, old: str, new: str) -> None:
    if old != new:
        value = mapping.pop(old)
        mapping.setdefault(new, value)
        for marks in (document.marks, document.keys):
            if (*path, old) in marks:
                marks.setdefault((*path, new), marks[(*path, old)])


def _mappings(value: Any, path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield every mapping of plain data with its path; depth is capped by the reader."""
    if isinstance(value, dict):
        yield path, value
        for key in list(value):
            yield from _mappings(value[key], (*path, key))
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _mappings(entry, (*path, index))
