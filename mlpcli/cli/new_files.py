"""Where `mlp init` writes, and that it replaces nothing unasked."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from mlpcli.errors import FileError, UsageError
from mlpcli.spec.draft.writing import SCHEMA_FILE

ENDINGS = re.compile(
    r"(\.(csv|tsv|txt|jsonl|ndjson|parquet|npz|gz|bz2|xz|zst|zip))+$", re.IGNORECASE
)


def place_of(data: str, output: str | None) -> Path | None:
    """Return where the spec is written: --output, NAME.yaml in that folder or here; None: stdout.

    NAME is the data's without the endings of its kind, and not hidden: a.b.csv.gz gives a.b.yaml.
    """
    if output == "-":
        return None
    if output == "":
        raise UsageError("--output '' is not the name of a file")
    name = f"{ENDINGS.sub('', Path(data).name).lstrip('.') or 'spec'}.yaml"
    if output is None:
        return Path(name)
    return Path(output) / name if Path(output).is_dir() else Path(output)


def schema_beside(place: Path) -> Path:
    """Return where the schema of a spec is written."""
    return place.parent / SCHEMA_FILE


def schema_text() -> str:
    """Return what `mlp schema` prints."""
    from mlpcli.spec.json_schema import json_schema

    return json.dumps(json_schema(), indent=1) + "\n"


def check_new(place: Path, *, force: bool, ours: bool = False) -> None:
    """Raise UsageError where a file is there that is not to be replaced.

    ours  whether an older schema of mlp's may be
    """
    if not ours and place.name == SCHEMA_FILE:
        raise UsageError(f"{place}: is where the schema is written; choose another --output")
    if place.is_dir():
        raise UsageError(f"{place}: is a folder, not a file")
    if not place.parent.is_dir():
        raise FileError(f"{place}: there is no folder {place.parent}")
    if place.exists() and not place.is_file():
        raise UsageError(f"{place}: is no regular file; for standard output: --output -")
    if force or not (place.exists() or place.is_symlink()):
        return
    if ours and _is_our_schema(place):
        return
    other = "" if ours else "; choose another name with --output, or"
    raise UsageError(f"{place}: is there already{other or ';'} replace it with --force")


def _is_our_schema(place: Path) -> bool:
    try:
        found = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and found.get("title") == "Spec" and "$schema" in found


def write_new(place: Path, text: str) -> None:
    """Write a spec, and the schema that it names beside it, each whole."""
    from mlpcli.runs.files import write_whole

    schema, content = schema_beside(place), schema_text().encode()
    if not (schema.is_file() and schema.read_bytes() == content):
        write_whole(schema, content)
    write_whole(place, text.encode())


def path_in_spec(data: str, folder: Path) -> str:
    """Return the data's path for a spec in a folder: relative, where they have one in common.

    A link to the data is kept; those above it are followed, as `LoadedSpec.path` does.
    """
    whole = Path(data).absolute()
    whole = whole.parent.resolve() / whole.name
    start = folder.resolve()
    common = os.path.commonpath([whole, start])
    return str(whole) if common == os.sep else os.path.relpath(whole, start)
