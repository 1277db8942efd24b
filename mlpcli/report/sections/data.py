"""The data: its parts, what is odd in them, and how each column became inputs."""

from __future__ import annotations

from pathlib import Path

from mlpcli.data.dialect import DELIMITERS
from mlpcli.data.encoders import ColumnEncoder
from mlpcli.data.readings import Reading
from mlpcli.data.readings.reading import reading_to_plain
from mlpcli.errors import counted, listing
from mlpcli.report.blocks import Block, Facts, Points, Section, Table, Text
from mlpcli.report.reported_run import ReportedRun
from mlpcli.report.words import sentence
from mlpcli.spec.data_section import SplitSpec

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
    blocks += [Text(sentence(note)) for note in run.notes]
    blocks += [Facts(_facts(run)), _parts(run)]
    blocks.append(_columns(run))
    return Section("data", "Data", blocks)


def _facts(run: ReportedRun) -> list[tuple[str, object, str]]:
    """Return the file, the split, what is left out, and weights, as far as there is something."""
    spec = run.model.spec.data
    name = Path(run.data or spec.path or "").name or listing(run.model.sha256)
    facts: list[tuple[str, object, str]] = [("file", name, _dialect(run) if spec.path else "")]
    if run.data is None:
        facts.append(("split", _split(run, spec.split), ""))
    if spec.exclude:
        facts.append(("left out as inputs", listing(spec.exclude), ""))
    if spec.scale != "none":
        facts.append(("scale of numbers", spec.scale, ""))
    weights = [f"column {spec.sample_weight}"] * (spec.sample_weight is not None)
    weights += ["class"] * (spec.class_weight is not None)
    if weights:
        facts.append(("rows weigh by", " and ".join(weights), ""))
    return facts


def _dialect(run: ReportedRun) -> str:
    spec = run.model.spec.data
    words = [str(spec.encoding)] * (spec.encoding is not None)
    if spec.delimiter is not None:
        words.append(f"delimiter {DELIMITERS.get(spec.delimiter, repr(spec.delimiter))}")
        words.append(f"decimal {'comma' if spec.decimal == ',' else 'point'}")
    return ", ".join(words)


def _split(run: ReportedRun, split: SplitSpec) -> str:
    """Return how the rows came to their parts."""
    if split.files is not None:
        return "a file for each part"
    if split.column is not None:
        return f"by the column {split.column}"
    if split.time is not None:
        return f"by time, the last rows of {split.time} for the test"
    how = f"groups of equal {split.group}" if split.group is not None else "rows"
    has_classes = run.model.encoding.task in ("binary", "multiclass")
    stratified = ", with the classes' shares in each part" if split.stratify and has_classes else ""
    return f"{how} drawn at random{stratified}; seed {split.seed}"


def _parts(run: ReportedRun) -> Table:
    total = sum(len(part) for part in run.parts.values())
    is_calibrated = bool((run.manifest.get("result") or {}).get("calibration"))
    uses = {
        "train": "the weights are fitted to them",
        "validation": f"they choose the epoch{' and the temperature' * is_calibrated}",
        "test": "for these figures alone",
        "all": "given for this report",
    }
    rows = [
        [name, len(part), f"{100 * len(part) / total:.1f} %", uses[name]]
        for name, part in run.parts.items()
    ]
    return Table("Rows", ["part", "rows", "share", "what for"], rows)


def _kinds(encoders: list[ColumnEncoder]) -> str:
    return ", ".join(dict.fromkeys(KINDS.get(each.kind, each.kind) for each in encoders))


def _reading(reading: Reading | None) -> str:
    """Return how a column's texts are read, where that is more than its kind."""
    plain = {} if reading is None else reading_to_plain(reading)
    usual: tuple[object, ...] = (None, "", ".", "auto", (), [])
    words = [f"{k} {v!r}" for k, v in plain.items() if k != "name" and v not in usual]
    return f" ({', '.join(words)})" if words else ""


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
            _kinds(encoders) + _reading(run.model.encoding.readings.get(name)),
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
