"""What `mlp init DATA` prints without a target: the columns, and what each would be."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import Any

from mlpcli.cli.console import print_json, print_result, print_sentence, table
from mlpcli.data.cells import is_number
from mlpcli.errors import counted
from mlpcli.spec.draft.candidates import Candidate, list_columns

MOST = 100  # columns that are printed
LONGEST = 26  # characters of a cell


def show_columns(data: str, *, json: bool, quiet: bool) -> None:
    """List the columns of a table, and suggest its target."""
    found = list_columns(data)
    if json:
        columns = [_plain(column) for column in found.columns]
        print_json(
            {"data": data, "rows": found.rows, "columns": columns, "suggestion": found.suggestion}
        )
        return
    if quiet:
        return
    n = counted(len(found.columns), "column")
    print_sentence(f"{data}: {counted(found.rows, 'row')}, {n}", hang=2)
    print_result()
    if 2 * sum(is_number(each.facts.name) for each in found.columns) >= len(found.columns):
        print_sentence("note: the first line looks like data, so perhaps there is no header line")
    gaps = any(each.facts.missing for each in found.columns)
    header = ["column", "values", *["missing"] * gaps, "as input", "as target"]
    table(header, [_row(column, gaps=gaps) for column in found.columns[:MOST]])
    if len(found.columns) > MOST:
        print_result(f"… and {len(found.columns) - MOST:,} more; all of them: --json")
    print_result()
    if found.suggestion is None:
        print_sentence("no column looks like a target: numbers, or classes of some rows each")
        return
    command = f"mlp init {shlex.quote(data)} --target {shlex.quote(found.suggestion)}"
    print_sentence(f"next, with the column to predict, perhaps {found.suggestion}:")
    print_result(command)


def _row(column: Candidate, *, gaps: bool) -> list[Any]:
    """Return a column's cells.

    gaps  whether there is one for the missing values
    """
    facts = column.facts
    as_target = f"{column.classes} classes" if column.task == "multiclass" else column.task or "–"
    as_input = f"no: {column.role}" if column.no_input else column.role
    missing = [f"{facts.missing / facts.rows:.1%}" if facts.missing else ""] * gaps
    return [_cut(facts.name), _cut(facts.values), *missing, as_input, as_target]


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _plain(column: Candidate) -> dict[str, Any]:
    """Return a column as plain data."""
    facts = asdict(column.facts)
    facts.pop("rows")
    return {
        **facts,
        "role": column.role,
        "is_input": not column.no_input,
        "no_input_because": column.no_input or None,
        "task": column.task or None,
        "classes": column.classes or None,
        "no_target_because": column.no_target or None,
    }
