"""The specs and data sets that are shipped with mlp."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mlpcli.spec.draft.writing import BINDING, SCHEMA_FILE

# In a wheel they lie in the package; in a copy of the repository beside it.
PACKAGE = Path(__file__).parents[2]
PLACES = (PACKAGE / "examples", PACKAGE.parent)
DATA = re.compile(r"^  path: (\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Example:
    """A shipped spec and its data.

    text   of the spec, its data named as a file beside it
    about  its first comment
    weights  parameters for `mlp explain --weights`, where it has some
    """

    name: str
    text: str
    about: str
    data: Path
    weights: Path | None = None


@cache
def examples() -> dict[str, Example]:
    """Return the shipped examples by name; none where they were not installed."""
    place = next((each for each in PLACES if (each / "configs" / "iris.yaml").is_file()), None)
    if place is None:
        return {}
    return {path.stem: _example(path) for path in sorted((place / "configs").glob("*.yaml"))}


def _example(path: Path) -> Example:
    text = path.read_text(encoding="utf-8")
    about = text.partition("\n")[0].removeprefix("#").strip()
    found = DATA.search(text)
    assert found is not None
    data = path.parent / found[1]
    old, new = f"path: {found[1]}", f"path: {data.name}"
    text = text.replace(old + " ", f"{new:<{len(old)}} ").replace(old, new).replace("configs/", "")
    weights = path.with_suffix(".json")
    text = f"{BINDING}{SCHEMA_FILE}\n{text}"
    return Example(path.stem, text, about, data, weights if weights.is_file() else None)
