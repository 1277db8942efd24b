"""The data: its parts, what is odd in them, and how each column became inputs."""

from __future__ import annotations

from mlpcli.data.encoders import ColumnEncoder
from mlpcli.errors import counted
from mlpcli.report.blocks import Block, Points, Section, Table, Text
from mlpcli.report.reported_run import ReportedRun
from mlpcli.report.words import sentence

MOST_COLUMNS = 50  # that are listed
KINDS = {
    "numeric": "number",
    "category": "one-hot categories",
    "target_mean": "categories by the target's mean",
    "date_part": "date",
    "missing": "is missing: 0 or 1",
}


def data(run: ReportedRun) -> Section:
    """Return the section of the data."""
    blocks: list[Block] = []
    dataset = run.dataset
    if dataset is None:
        why = (
            "other data were given"
            if run.data is not None
            else "its training data cannot be split as then"
        )
        blocks.append(Text(f"Not looked at for oddities: {why}."))
    else:
        found = run.oddities
        if found:
            some = counted(len(found), "thing is", "things are")
            blocks.append(Text(f"{some} odd in the data, as mlp check says it:"))
            blocks.append(Points([sentence(each.text) for each in found]))
        else:
            blocks.append(Text("mlp check finds nothing odd in the data."))
        left_out = run.model.spec.data.exclude
        if left_out:
            blocks.append(Text(f"Left out as inputs: {', '.join(left_out)}."))
    blocks += [Text(sentence(note)) for note in run.notes]
    blocks.append(_parts(run))
    blocks.append(_columns(run))
    return Section("data", "Data", blocks)


def _parts(run: ReportedRun) -> Table:
    total = sum(len(part) for part in run.parts.values())
    uses = {
        "train": "the weights are fitted to them",
        "validation": "they choose the epoch and the temperature",
        "test": "for these figures alone",
        "all": "given for this report",
    }
    rows = [
        [name, len(part), f"{100 * len(part) / total:.1f} %", uses[name]]
        for name, part in run.parts.items()
    ]
    return Table("Rows", ["part", "rows", "share", "what for"], rows)


def _columns(run: ReportedRun) -> Table:
    """Return the columns of the file that are inputs, each once."""
    by_name: dict[str, list[ColumnEncoder]] = {}
    for column in run.model.encoding.inputs.columns:
        by_name.setdefault(column.name, []).append(column)
    replaced: dict[str, int] = {}
    for counts in ({} if run.dataset is None else run.dataset.replaced).values():
        for name, n in counts.items():
            replaced[name] = replaced.get(name, 0) + n
    rows: list[list[object]] = [
        [
            name,
            ", ".join(dict.fromkeys(KINDS.get(each.kind, each.kind) for each in encoders)),
            sum(each.width for each in encoders),
            replaced.get(name, 0),
            encoders[0].missing_rule if replaced.get(name) else "",
        ]
        for name, encoders in list(by_name.items())[:MOST_COLUMNS]
    ]
    more = len(by_name) - len(rows)
    if more > 0:
        rows.append([f"and {more:,} more columns", "", "", "", ""])
    header = ["column", "read as", "inputs", "missing or unknown", "then taken as"]
    n_inputs = run.model.encoding.inputs.n_features
    title = f"{counted(len(by_name), 'column')} as {counted(n_inputs, 'input')}"
    return Table(title, header, rows, folded=True)
