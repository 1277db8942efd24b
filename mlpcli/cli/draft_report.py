"""What `mlp init` prints of the spec that it has written."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mlpcli.cli.console import print_result, print_sentence
from mlpcli.cli.new_files import schema_beside
from mlpcli.errors import counted, listing
from mlpcli.spec.draft.column_facts import facts_of
from mlpcli.spec.draft.draft import Draft
from mlpcli.spec.draft.writing import member, target_text, task_guess


def document_of(data: str, draft: Draft, place: Path | None, text: str) -> dict[str, Any]:
    """Return what was found and written, as plain data.

    place  of the spec; None: standard output
    """
    dataset, decisions = draft.dataset, draft.decisions
    table = dataset.tables["data"]
    return {
        "data": data,
        "spec": None if place is None else str(place),
        "schema": None if place is None else str(schema_beside(place)),
        "target": list(draft.targets),
        "task": draft.task,
        "rows": {name: len(part) for name, part in dataset.parts.items()},
        "inputs": [asdict(facts_of(table, name)) for name in dataset.encoding.inputs.names],
        "features": dataset.encoding.inputs.n_features,
        "excluded": [{"column": n, "why": why} for n, why in decisions.exclude.items()],
        "read": [
            {"column": n, "as": member(r), "why": decisions.why_read[n]}
            for n, r in decisions.kept_readings.items()
        ],
        "split": decisions.split,
        "notes": [note for note in (task_guess(dataset), *decisions.notes) if note],
        "text": text,
    }


def print_draft(document: dict[str, Any], draft: Draft) -> None:
    """Print what was found and written."""
    rows = listing(f"{n:,} {name}" for name, n in document["rows"].items())
    print_sentence(f"{document['data']}: {rows} rows", hang=2)
    print_sentence(
        f"target {listing(draft.targets)}: {draft.task}, {target_text(draft.dataset)}", hang=2
    )
    n = counted(len(document["inputs"]), "input column")
    print_sentence(f"{n}, {counted(document['features'], 'input')} to the network", hang=2)
    reasons: dict[str, list[str]] = {}
    for each in document["excluded"]:
        reasons.setdefault(each["why"], []).append(each["column"])
    for why, names in reasons.items():
        print_sentence(f"excluded: {listing(names)}: {why}", hang=10)
    for each in document["read"]:
        print_sentence(f"read: {each['column']} as {each['as']}: {each['why']}", hang=6)
    if draft.decisions.split:
        ((key, name),) = draft.decisions.split.items()
        print_sentence(f"split by {key} {name}: {draft.decisions.why_split}", hang=2)
    for note in document["notes"]:
        print_sentence(f"note: {note}", hang=6)
    print_sentence(f"written: {document['spec']}, and {document['schema']} for editors", hang=9)
    print_result(f"next: mlp train {shlex.quote(document['spec'])}")
