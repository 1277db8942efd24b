"""pydantic's errors as sentences: what is wrong, what is allowed, the nearest match."""

from __future__ import annotations

import functools
from typing import Any

from pydantic import ValidationError

from mlpcli.errors import Fault, listing, nearest
from mlpcli.spec.yaml_reader import DASH, Document, Path

# What people coming from other tools write, and what it is called here.
ELSEWHERE = {
    "lr": "learning_rate",
    "learning_rate_init": "learning_rate",
    "eta": "learning_rate",
    "rate": "learning_rate",
    "weight_decay": "l2",
    "hidden_layer_sizes": "layers",
    "hidden_layers": "layers",
    "neurons": "units",
    "size": "units",
    "width": "units",
    "act": "activation",
    "max_iter": "epochs",
    "n_epochs": "epochs",
    "batch": "batch_size",
    "label": "target",
    "y": "target",
    "file": "path",
    "random_state": "seed",
    "n_iter_no_change": "patience",
    "val": "validation",
    "type": "name",
    "kind": "name",
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


def faults_of(error: ValidationError, document: Document) -> list[Fault]:
    """Return one fault for each of pydantic's errors, with its position in the document."""
    return [_fault(e, document) for e in error.errors(include_url=False)]


def _fault(error: Any, document: Document) -> Fault:
    path = _path(error["loc"], document.data, missing=error["type"] == "missing")
    kind, context, given = error["type"], error.get("ctx", {}), error["input"]
    problem, allowed, near = f"{error['msg'].lower()}, not {shown(given)}", "", ""
    key = False
    if kind == "missing":
        problem, names = "this key is required", _words(error["loc"])
        allowed = f"allowed: {listing(names, most=24)}" if names else ""
    elif kind == "extra_forbidden":
        key = True
        word, keys = str(path[-1]), _allowed_keys(error["loc"])
        problem, allowed = "there is no such key", f"allowed here: {listing(keys, most=20)}"
        near = ELSEWHERE.get(word.lower(), "")
        near = near if near in keys else nearest(word, keys)
        if word.lower() in ("dropout", "dropout_rate", "drop_prob", "drop"):
            problem, allowed = DROPOUT
            near = ""
    elif kind in ("union_tag_invalid", "literal_error"):
        names = [n.strip().strip("'") for n in _expected(context).replace(" or ", ",").split(",")]
        names += ["auto"] if "auto" in _words(error["loc"]) and "auto" not in names else []
        word = given["name"] if isinstance(given, dict) else given
        path = (*path, "name") if (*path, "name") in document.marks else path
        problem, allowed = f"{shown(word)} is not allowed", f"allowed: {listing(names, most=24)}"
        near = nearest(str(word), names)
    elif kind == "union_tag_not_found":
        problem, allowed = "the name is missing", "write {name: …}, or the bare name"
    elif kind in KINDS:
        auto = ", or auto" if "auto" in _words(error["loc"]) else ""
        problem = f"must be {KINDS[kind]}{auto}, not {shown(given)}"
        allowed = EXAMPLES.get(_last_key(path), "") if kind == "model_type" else ""
        allowed = DASH if given == [None] else allowed  # what a - alone is to YAML
    elif kind.startswith(("greater_than", "less_than")):
        words = {"gt": "greater than", "ge": "at least", "lt": "less than", "le": "at most"}
        bound = next(k for k in words if k in context)
        problem = f"must be {words[bound]} {_number(context[bound])}, not {shown(given)}"
    elif kind in ("too_short", "too_long"):
        problem = _length(context)
        allowed = EXAMPLES.get(_last_key(path), "") if kind == "too_short" else ""
    elif kind == "value_error":
        problem = str(context["error"])
    return document.mark(path, key=key).fault(path, problem, allowed, near)


def _length(context: Any) -> str:
    """Return what is wrong with how many entries a list or a mapping has."""
    n, least = context["actual_length"], context.get("min_length")
    if least is None or n >= least:
        return f"takes at most {context['max_length']} entries, not {n}"
    return (
        f"must have at least {'one entry' if least == 1 else f'{least} entries'}, not {n or 'none'}"
    )


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


def _last_key(path: Path) -> str:
    return str(next((part for part in reversed(path) if isinstance(part, str)), ""))


def _number(bound: float) -> str:
    return str(bound) if isinstance(bound, int) else f"{bound:g}"


def _expected(context: Any) -> str:
    return str(context.get("expected_tags") or context.get("expected") or "")


def _path(loc: Path, data: Any, *, missing: bool) -> Path:
    """Return pydantic's location without the names of union members that it puts in between.

    What does not stand in the data is the name of a union's member, or the key that is missing.
    """
    path: list[str | int] = []
    for place, part in enumerate(loc):
        inside = isinstance(data, list) if isinstance(part, int) else isinstance(data, dict)
        known = inside and (isinstance(part, int) or part in data)
        if known or (missing and place == len(loc) - 1):
            path.append(part)
        if known:
            data = data[part]
    return tuple(path)


def _allowed_keys(loc: Path) -> list[str]:
    """Return the keys of the mapping in which the last part of a location is not allowed."""
    node = _schema()
    definitions = node.get("$defs", {})
    for part in loc[:-1]:
        node = _child(node, part, definitions)
    return sorted(_object(node, definitions, None).get("properties", {}))


def _words(loc: Path) -> list[str]:
    """Return the words that the key at one of pydantic's locations takes; [] where it takes any."""
    node = _schema()
    definitions = node.get("$defs", {})
    for part in loc:
        node = _child(node, part, definitions)
    options = [node, *node.get("anyOf", [])]
    words = [word for each in options for word in each.get("enum", [])]
    return words + [each["const"] for each in options if isinstance(each.get("const"), str)]


@functools.cache
def _schema() -> Any:
    from mlpcli.spec.schema import Spec

    return Spec.model_json_schema()


def _child(node: Any, part: str | int, definitions: Any) -> Any:
    whole = _object(node, definitions, None)
    if isinstance(part, int):
        return whole.get("items", {})
    if part in whole.get("properties", {}):
        return whole["properties"][part]
    if isinstance(whole.get("additionalProperties"), dict):  # a mapping with keys of the user's own
        return whole["additionalProperties"]
    return _object(node, definitions, part)  # the name of a union's member


def _object(node: Any, definitions: Any, name: str | int | None) -> Any:
    """Return the schema of the mapping or list that a node means, in its unions by name."""
    if "$ref" in node:
        node = definitions[node["$ref"].rsplit("/", 1)[1]]
    options = node.get("anyOf") or node.get("oneOf") or []
    for option in options:
        found = _object(option, definitions, name)
        if name is None and found.get("type") in ("object", "array"):
            return found
        if name is not None and _named(found, name):
            return found
    return node


def _named(node: Any, name: str | int) -> bool:
    return bool(node.get("properties", {}).get("name", {}).get("const") == name)
