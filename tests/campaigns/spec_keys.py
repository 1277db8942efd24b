"""Every key of the spec's schema, and odd values for each."""

from collections.abc import Iterator

from mlpcli.spec.json_schema import json_schema

ODD = [
    *("{}", "[]", "null", "true", "{a: 1}", "{name: []}", "{name: {}}", "[[]]", "[{}]", "[null]"),
    *('{"": 0}', "-1", "0", "1e300", "9" * 400, "1.5", ".nan", '"a\\nb"', '""', '"\\0"'),
]
# What stands around a key, for it to be reached at all.
AROUND = {
    "sweep": "{parameters: {training.optimizer.learning_rate: {values: [0.1]}}}",
    "ensemble": "{kind: seeds}",
    "data.image": "{height: 2, width: 2}",
    "data.split.files": "{train: t.csv}",
    "model.layers": "[{units: 4}]",
}


class _Walk:
    """Goes through the schema."""

    def __init__(self) -> None:
        self.schema = json_schema()

    def objects(self, node, *, listed=False) -> Iterator[tuple[str | None, bool, dict]]:
        """Yield the mappings that a key may have: the name of the member, if listed, the keys."""
        if "$ref" in node:
            node = self.schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
        if "properties" in node:
            yield node["properties"].get("name", {}).get("const"), listed, node["properties"]
        if node.get("type") == "array":
            yield from self.objects(node.get("items", {}), listed=True)
        for option in [*node.get("anyOf", []), *node.get("oneOf", [])]:
            yield from self.objects(option, listed=listed)

    def keys(self, properties, path="", before=()) -> Iterator[tuple[str, tuple[str, ...]]]:
        for key, node in properties.items():
            here = f"{path}.{key}".lstrip(".")
            yield here, before
            for name, listed, inside in self.objects(node):
                member = "{}" if name is None else f"{{name: {name}}}"
                around = AROUND.get(here, f"[{member}]" if listed else member)
                setting = (*before, f"{here}={around}") if around != "{}" else before
                place = f"{here}[0]" if listed else here
                if listed:
                    yield place, setting
                yield from self.keys(inside, place, setting)


def schema_keys() -> list[tuple[str, tuple[str, ...]]]:
    """Return every key as --set takes it, with what has to be set before it is there."""
    walk = _Walk()
    return list(walk.keys(walk.schema["properties"]))
