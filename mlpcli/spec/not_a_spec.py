"""A table where a spec is asked for: told from a spec, with what to type instead."""

from __future__ import annotations

import contextlib
import re
import shlex
import zlib
from itertools import count
from pathlib import Path

from mlpcli.errors import listing

READ = (".csv", ".tsv", ".jsonl", ".parquet", ".npz")
ENDINGS = (*READ, ".xlsx", ".xls", ".gz")
START = 1 << 16  # bytes that are looked at
GZIP = b"\x1f\x8b"
MAGIC = (GZIP, b"PK\x03\x04", b"PAR1", b"\xd0\xcf\x11\xe0")
SPEC_KEY = re.compile(rb"^[ \t{]*['\"]?data['\"]?[ \t]*:", re.MULTILINE)
CUT = re.compile(r"[,;\t|]")


def table_problem(path: str, raw: bytes) -> str:
    """Return that a file is a table, and how to write a first spec for it; else nothing.

    By its name or its first bytes, unless it has a key `data`, as every spec has; of standard
    input, by lines that commas, semicolons, tabs or bars cut into equally many fields.

    path  as it was given; `-` is standard input
    raw   the first bytes
    """
    if SPEC_KEY.search(raw):
        return ""
    is_named = path.lower().endswith(ENDINGS)
    if not (is_named or raw.startswith(MAGIC) or (path == "-" and _columns(raw))):
        return ""
    if path == "-":
        return (
            "-: standard input is a table, not a spec; save it as FILE.csv, and mlp init FILE.csv"
        )
    if not is_named:
        what = "a table, not a spec, though its name does not end as a table's does"
        return f"{path}: is {what}: rename it to end in {listing(READ)}, then: mlp init FILE"
    return f"{path}: is a table, not a spec; {_advice(path, _columns(raw))}"


def _columns(raw: bytes) -> list[str]:
    """Return the names in the first line of a table of text; nothing where it is none."""
    start = raw[:START]
    if raw.startswith(GZIP):
        with contextlib.suppress(zlib.error):
            start = zlib.decompressobj(31).decompress(raw, START)
    if b"\0" in start:
        return []
    lines = start.decode("utf-8", "replace").removeprefix("\ufeff").splitlines()[:5]
    for sign in ",;\t|":
        cut = {line.count(sign) for line in lines if line.strip()}
        if len(lines) > 1 and len(cut) == 1 and 0 not in cut:
            return [name.strip().strip('"') for name in lines[0].split(sign)]
    return []


def _advice(path: str, columns: list[str]) -> str:
    """Return what to type in a shell: it writes a new spec beside no other, and trains it.

    columns  of the table, as far as its text shows them
    """
    data = shlex.quote(path if not path.startswith("-") else f"./{path}")
    if not columns:
        return f"its columns, and how to write a spec for one of them: mlp init {data}"
    stem = Path(path).name.partition(".")[0] or "spec"
    names = (f"{stem}{k or ''}.yaml" for k in count())
    name = next(name for name in names if not Path(name).exists())
    output = "" if name == f"{stem}.yaml" else f" -o {shlex.quote(name)}"
    target = f"--target{'=' if columns[-1].startswith('-') else ' '}{shlex.quote(columns[-1])}"
    return (
        f"to see its columns: mlp init {data}; to write a spec that predicts the last one, and "
        f"train it: mlp init {data} {target}{output} && mlp train {shlex.quote(name)}"
    )
