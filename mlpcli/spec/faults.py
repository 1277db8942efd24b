"""pydantic's errors as sentences: what is wrong, what is allowed, the nearest match."""

from __future__ import annotations

import functools
from typing import Any

from pydantic import ValidationError

from mlpcli.errors import Fault, listing, nearest
from mlpcli.spec.yaml_reader import DASH, Document, Path

# What people coming from other tools write, and what it is called here.
ELSEWHERE = {
    **dict.fromkeys(("lr", "learning_rate_init", "eta", "rate"), "learning_rate"),
    **dict.fromkeys(("hidden_layer_sizes", "hidden_layers"), "layers"),
    **dict.fromkeys(("neurons", "size", "width"), "units"),
    **dict.fromkeys(("max_iter", "n_epochs"), "epochs"),
    **dict.fromkeys(("label", "y"), "target"),
    **dict.fromkeys(("type", "kind"), "name"),
    "act": "activation",
    "batch": "batch_size",
    "file": "path",
    "random_state": "seed",
    "n_iter_no_change": "patience",
    "val": "validation",
    "weight_decay": "l2",
}
DROPOUT = (
    "tools disagree on whether dropout is the probability to keep or to drop",
    "write keep_prob, the probability to keep a unit: dropout 0.2 is keep_prob 0.8",
)
EXAMPLES = {
    "early_stopping": "{monitor: val_loss, patience: 10}, or null for none",
    "layers": "such as {units: 64}",
    "parameters": "such as {training.optimizer.learning_rate: {log_uniform: [1e-3, 1]}}",
    "choice": "such as [relu, tanh]",
    "values": "such as [0.01, 0.1]",
    "uniform": "[low, high]",
    "log_uniform": "[low, high]",
    "int": "[low, high] or [low, high, step]",
}
BOUNDS = {"gt": "greater than", "ge": "at least", "lt": "less than", "le": "at most"}
KINDS = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list of numbers",
    "dict_type": "a mapping of keys and values",
    "model_type": "a mapping of keys and values",
    "model_attributes_type": "a name, or a mapping with a name",
    "none_required": "null: this is not built yet",
    "finite_number": "a finite number",
}


def faults_from(error: ValidationError, document: Document) -> list[Fault]:
    """Return one fault for each of pydantic's errors, with its position in the document."""
    return [_fault(e, document) for e in error.errors(include_url=False)]


def _fault(error: Any, document: Document) -> Fault:
    kind, loc, given, context = error["type"], error["loc"], error["input"], error.get("ctx", {})
    path = _path(loc, document.data, missing=kind == "missing")
    problem, allowed, near = f"{error['msg'].lower()}, not {shown(given)}", "", ""
    if kind == "missing":
        problem, names = "this key is required", _words(loc)
        allowed = f"allowed: {listing(names, most=24)}" if names else ""
    elif kind == "extra_forbidden":
        problem, allowed, near = _unknown_key(str(path[-1]), _allowed_keys(loc))
    elif kind in ("union_tag_invalid", "literal_error"):
        is_member = kind == "union_tag_invalid" and isinstance(given, dict)
        path = (*path, "name") if is_member and (*path, "name") in document.marks else path
        word = given["name"] if is_member else given
        problem, allowed, near = _other_word(word, context, _words(loc))
    elif kind == "union_tag_not_found":
        problem, allowed = "the name is missing", "write {name: …}, or the bare name"
    elif kind in KINDS:
        auto = ", or auto" if "auto" in _words(loc) else ""
        problem = f"must be {KINDS[kind]}{auto}, not {shown(given)}"
        allowed = _example(path) if kind == "model_type" else ""
        allowed = DASH if given == [None] else allowed  # what a - alone is to YAML
    elif kind.startswith(("greater_than", "less_than")):
        words, bound = next((BOUNDS[k], context[k]) for k in BOUNDS if k in context)
        bound = bound if isinstance(bound, int) else f"{bound:g}"
        problem = f"must be {words} {bound}, not {shown(given)}"
    elif kind == "too_short":
        least, n = context["min_length"], context["actual_length"] or "none"
        problem = f"must have at least {'one entry' if least == 1 else f'{least} entries'}, not {n}"
        allowed = _example(path)
    elif kind == "too_long":
        problem = f"takes at most {context['max_length']} entries, not {context['actual_length']}"
    elif kind == "value_error":
        problem = str(context["error"])
    return document.mark(path, key=kind == "extra_forbidden").fault(path, problem, allowed, near)


def _other_word(word: Any, context: dict[str, Any], words: list[str]) -> tuple[str, str, str]:
    """Return problem, what is allowed and the nearest of it, for what is none of some words."""
    expected = str(context.get("expected_tags") or context.get("expected") or "")
    names = [n.strip().strip("'") for n in expected.replace(" or ", ",").split(",")]
    names += ["auto"] if "auto" in words and "auto" not in names else []
    allowed = f"allowed: {listing(names, most=24)}"
    return f"{shown(word)} is not allowed", allowed, nearest(str(word), names)


def _unknown_key(word: str, keys: list[str]) -> tuple[str, str, str]:
    if word.lower() in ("dropout", "dropout_rate", "drop_prob", "drop"):
        return *DROPOUT, ""
    near = ELSEWHERE.get(word.lower(), "")
    near = near if near in keys else nearest(word, keys)
    return "there is no such key", f"allowed here: {listing(keys, most=20)}", near


def _example(path: Path) -> str:
    """Return an example of the value of the innermost key of a path, where there is one."""
    return EXAMPLES.get(next((str(key) for key in reversed(path) if isinstance(key, str)), ""), "")


def remove(data: Any, loc: Path) -> Path:
    """Remove the key at one of pydantic's locations from plain data; an entry of a list stays.

    Return the key's path.
    """
    path = _path(loc, data, missing=False)
    for part in path[:-1]:
        data = data[part]
    if path and isinstance(data, dict):
        data.pop(path[-1], None)
    return path


def shown(value: Any) -> str:
    """Return a value as a spec would write it, cut where it gets long."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"  # noqa: PLR2004


def _path(loc: Path, data: Any, *, missing: bool) -> Path:
    """Return pydantic's location without the names of union members that it puts in between.

    What does not stand in the data is the name of a union's member, or the key that is missing.
    """
    path: list[str | int] = []
    for k, part in enumerate(loc):
        inside = isinstance(data, list) if isinstance(part, int) else isinstance(data, dict)
        known = inside and (isinstance(part, int) or part in data)
        if known or (missing and k == len(loc) - 1):
            path.append(part)
        if known:
            data = data[part]
    return tuple(path)


def _allowed_keys(loc: Path) -> list[str]:
    """Return the keys of the mapping in which the last part of a location is not allowed."""
    return sorted(_object(_schema_at(loc[:-1])).get("properties", {}))


def _words(loc: Path) -> list[str]:
    """Return the words that the key at one of pydantic's locations takes; [] where it takes any."""
    node = _schema_at(loc)
    options = [node, *node.get("anyOf", [])]
    words = [word for each in options for word in each.get("enum", [])]
    return words + [each["const"] for each in options if isinstance(each.get("const"), str)]


@functools.cache
def _schema() -> Any:
    from mlpcli.spec.schema import Spec

    return Spec.model_json_schema()


def _schema_at(loc: Path) -> Any:
    """Return the JSON schema at one of pydantic's locations."""
    node = _schema()
    for part in loc:
        whole = _object(node)
        if isinstance(part, int):
            node = whole.get("items", {})
        elif part in whole.get("properties", {}):
            node = whole["properties"][part]
        elif isinstance(whole.get("additionalProperties"), dict):  # keys of the user's own
            node = whole["additionalProperties"]
        else:
            node = _object(node, part)  # the name of a union's member
    return node


def _object(node: Any, name: str | None = None) -> Any:
    """Return the schema of the mapping or list that a node means, in its unions by name."""
    if "$ref" in node:
        node = _schema()["$defs"][node["$ref"].rsplit("/", 1)[1]]
    for option in node.get("anyOf") or node.get("oneOf") or []:
        found = _object(option, name)
        if name is None:
            fits = found.get("type") in ("object", "array")
        else:
            fits = found.get("properties", {}).get("name", {}).get("const") == name
        if fits:
            return found
    return node
