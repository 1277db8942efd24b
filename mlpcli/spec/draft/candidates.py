"""The columns of a table, and what each would be as input and as target."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mlpcli.data.data_options import DataOptions
from mlpcli.data.readings import Reading
from mlpcli.data.readings.apply import apply_readings
from mlpcli.data.readings.choose import choose_readings
from mlpcli.data.roles import free_text, no_value, one_text, why_no_input
from mlpcli.data.table import Table
from mlpcli.data.target_rows import rows_with_target
from mlpcli.data.target_values import labels_of
from mlpcli.data.task_choice import choose_task
from mlpcli.errors import DataError
from mlpcli.spec.draft.column_facts import (
    BOOLEANS,
    CATEGORIES,
    DATES,
    NOTHING,
    NUMBERS,
    ColumnFacts,
    facts_of,
)
from mlpcli.spec.draft.unreadable import (
    columns_of,
    mend,
    open_table,
    raw_table,
    without_infinite,
)

# Names that targets have, the surest first; as a whole name, or as a word of one.
TARGET_NAMES = tuple(
    re.findall(
        r"\w+",
        "target label labels class y outcome response output result species diagnosis survived "
        "churn churned default approved fraud price quality rating grade score sales revenue "
        "demand amount charges income ziel klasse preis",
    )
)
ROLES = {
    NUMBERS: "number",
    DATES: "date",
    CATEGORIES: "category",
    BOOLEANS: "boolean",
    NOTHING: "empty",
}
RULED: dict[object, str] = {
    no_value: "empty",
    one_text: "constant",
    free_text: "text",
}  # by rules; identifiers: others
WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Candidate:
    """A column, and what it would be.

    role       number, date, category, boolean; or identifier, text, constant, empty: no input
    no_input   why it would be no input; "": it would be one
    task       as a target; "": it would be none
    classes    of a target of classes; 0: none
    no_target  why it would be no target
    """

    facts: ColumnFacts
    role: str
    no_input: str
    task: str
    classes: int
    no_target: str


@dataclass(frozen=True)
class Listing:
    """A table's columns, and the one that is most likely its target, or None."""

    rows: int
    columns: Sequence[Candidate]
    suggestion: str | None


def list_columns(path: str) -> Listing:
    """Return what the columns of a table would be. Raises DataError where it cannot be read."""
    options, table = open_table(DataOptions(targets=(), path=path))
    infinite = {name: each.reading for name, each in without_infinite(table, options).items()}
    if infinite:  # to be read again, as texts
        options = replace(options, columns=infinite)
        table = raw_table(options)
    readings = _readings(table, options)
    table = apply_readings(table, readings, options.read.missing)
    columns = [_candidate(table, name) for name in table.columns]
    return Listing(len(table), columns, _suggestion(columns))


def _readings(table: Table, options: DataOptions) -> dict[str, Reading]:
    try:
        return choose_readings([table], columns_of(options, options.columns))[0]
    except DataError:
        mended = {name: each.reading for name, each in mend(table, options).items()}
        return choose_readings([table], columns_of(options, {**options.columns, **mended}))[0]


def _candidate(table: Table, name: str) -> Candidate:
    facts = facts_of(table, name)
    found = why_no_input(table, name)
    role, no_input = ROLES[facts.kind], ""
    if found is not None:
        role, no_input = RULED.get(found[0].finds, "identifier"), found[0].why
    elif facts.is_constant:
        role, no_input = "constant", "one value in every row"
    task, classes, no_target = "", 0, no_input
    if not no_input:
        try:
            task, classes = _as_target(table, name)
        except DataError as error:
            no_target = _brief(str(error))
        if classes == 1:  # beside missing values
            task, classes, no_target = "", 0, "one value in every row that has one"
    return Candidate(facts, role, no_input, task, classes, no_target)


def _as_target(table: Table, name: str) -> tuple[str, int]:
    rows, _ = rows_with_target(table, [name], "drop")
    task = choose_task([rows], [name]).task
    return task, 0 if task == "regression" else len(labels_of(rows, name)[1])


def _brief(problem: str) -> str:
    """Return why a column is no target: what it looks like."""
    if "the target is dates" in problem:
        return "dates"
    return problem.partition("look like ")[2].partition(":")[0] or problem


def _suggestion(columns: Sequence[Candidate]) -> str | None:
    """Return the likely target: by its name; else the last that could be one, as is usual."""
    names = [column.facts.name for column in columns if column.task]
    for whole in (True, False):
        for word in TARGET_NAMES:
            for name in names:
                words = [each.lower() for each in WORD.findall(name)]
                if (name.strip().lower() == word) if whole else (word in words):
                    return name
    return names[-1] if names else None
