"""The text of a first spec: what was found, decided, and what each key means."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import numpy as np

from mlpcli.data.advice import as_yaml
from mlpcli.data.dataset import Dataset
from mlpcli.data.readings.reading import Reading, reading_to_plain
from mlpcli.data.targets import ClassTarget
from mlpcli.errors import counted
from mlpcli.spec.draft.column_facts import ColumnFacts, facts_of, number_text, short
from mlpcli.spec.draft.draft import Draft
from mlpcli.spec.draft.layout import commented, padded, remark
from mlpcli.spec.draft.network_text import model_text, training_text

MOST_COLUMNS = 60  # that are described
MOST_CLASSES = 6  # that are counted in a comment
RARE = 0.2  # of the rows, in the rarest of two classes, or of the average class
SCHEMA_FILE = "mlp.schema.json"
BINDING = "# yaml-language-server: $schema="
PLAIN_PATH = re.compile(r"[A-Za-z./][\w./-]*")
FOUND_ANYWAY: tuple[Any, ...] = (
    "",
    (),
    [],
    None,
    "auto",
)  # settings of a reading that need not be written
USUAL = {"decimal": ".", "zone": "local"}


def spec_text(draft: Draft) -> str:
    """Return the spec as YAML with comments."""
    lines = [
        *_head(draft),
        *_data(draft),
        *model_text(draft),
        *training_text(draft),
    ]
    return "\n".join(lines) + "\n"


def _head(draft: Draft) -> Iterator[str]:
    yield BINDING + SCHEMA_FILE
    name = shlex.quote(draft.spec)
    yield from remark(
        f"A first spec for {draft.path}, written by `mlp init`. To be changed freely."
    )
    yield from padded(
        [
            (f"  mlp check {name}", "what is in the data, and what a model has to beat"),
            (f"  mlp train {name}", "train, and evaluate on the test rows"),
        ],
        0,
        most=60,
    )
    yield from commented("seed: 0", "of the split, the initial weights and the order of rows")


def _data(draft: Draft) -> Iterator[str]:
    yield "data:"
    yield from commented(f"  path: {_path(draft.path)}", "relative to this file")
    yield from _dialect(draft)
    names = [as_yaml(name) for name in draft.targets]
    target = names[0] if len(names) == 1 else f"[{', '.join(names)}]"
    yield from commented(f"  target: {target}", target_text(draft.dataset))
    yield from commented(f"  task: {draft.task}", _task_comment(draft))
    if draft.dataset.tables["data"].kept is not None:
        yield from commented(
            "  missing_target: drop", "rows without a target are left out; or fail"
        )
    yield from _inputs(draft)
    yield from _excluded(draft)
    yield from _readings(draft)
    yield from _split(draft)
    yield from _weights(draft)
    if draft.task == "regression":
        comment = "standard; log: the logarithm, of a target above 0"
        yield from commented("  scale_target: auto", comment)
    yield from _notes(draft)


def task_guess(dataset: Dataset) -> str:
    """Return what the task was told by, where the user may know better; else nothing."""
    found = (guess.text for guess in dataset.guesses if guess.kind == "task")
    return "" if dataset.encoding.task == "binary" else next(found, "")


def _task_comment(draft: Draft) -> str:
    guess = task_guess(draft.dataset)
    if guess:
        return guess.partition(": ")[2].replace(", write data.task: ", ": ")
    tasks = ("regression", "binary", "multiclass", "multilabel")
    return f"or {', '.join(task for task in tasks if task != draft.task)}"


def _path(path: str) -> str:
    return path if PLAIN_PATH.fullmatch(path) else as_yaml(path)


def _dialect(draft: Draft) -> Iterator[str]:
    """Yield how a text file is written, where that is not as usual."""
    dialect = draft.dataset.tables["data"].dialect
    if dialect is None:
        return
    usual = "\t" if draft.path.lower().removesuffix(".gz").endswith(".tsv") else ","
    if dialect.encoding.lower() not in ("utf-8", "utf-8-sig", "ascii"):
        yield from commented(f"  encoding: {as_yaml(dialect.encoding)}", "of the file's characters")
    if dialect.delimiter not in (None, usual):
        assert dialect.delimiter is not None
        yield from commented(f"  delimiter: {as_yaml(dialect.delimiter)}", "between two fields")
    if dialect.decimal not in (None, "."):
        assert dialect.decimal is not None
        yield from commented(f"  decimal: {as_yaml(dialect.decimal)}", "of numbers, as in 1,5")


def target_text(dataset: Dataset) -> str:
    """Return what the target is, in a few words."""
    encoding = dataset.encoding
    target = encoding.target
    if isinstance(target, ClassTarget):
        counts = class_counts(dataset)
        shown = [f"{short(str(c))} ({n:,})" for c, n in list(counts.items())[:MOST_CLASSES]]
        more = ", …" if len(counts) > MOST_CLASSES else ""
        return f"{len(counts)} classes: {', '.join(shown)}{more}"
    if encoding.task == "multilabel":
        return f"{len(target.names)} labels, each 0 or 1"
    labels = np.concatenate([part.labels for part in dataset.parts.values()])
    ends = [f"{number_text(y.min())} to {number_text(y.max())}" for y in labels.T]
    return f"numbers, {', '.join(ends[:3])}"


def class_counts(dataset: Dataset) -> dict[Any, int]:
    """Return how many rows each class has."""
    target = dataset.encoding.target
    assert isinstance(target, ClassTarget)
    n = len(target.classes)
    counts = sum(np.bincount(part.labels, minlength=n) for part in dataset.parts.values())
    return dict(zip(target.classes, np.asarray(counts).tolist(), strict=True))


def _inputs(draft: Draft) -> Iterator[str]:
    """Yield a comment on each input column."""
    inputs, table = draft.dataset.encoding.inputs, draft.dataset.tables["data"]
    shown = inputs.names[:MOST_COLUMNS]
    of = f" of {len(inputs.names)} columns" if len(shown) < len(inputs.names) else ""
    yield from remark(f"Inputs{of}, {counted(inputs.n_features, 'number')} to the network:", 2)
    rows = [(short(name), _input_text(facts_of(table, name), draft)) for name in shown]
    yield from padded([(f"  {name}", text) for name, text in rows], 2, most=26)
    if of:
        yield from remark(f"  … and {len(inputs.names) - len(shown):,} more", 2)


def _input_text(facts: ColumnFacts, draft: Draft) -> str:
    width = sum(c.width for c in draft.dataset.encoding.inputs.columns if c.name == facts.name)
    return facts.text + (f"; {width} inputs" if width > 1 else "")


def _excluded(draft: Draft) -> Iterator[str]:
    left_out = draft.decisions.exclude
    if not left_out:
        yield from commented("  exclude: []", "columns that are not to be inputs")
        return
    yield from commented("  exclude:", "columns that are no inputs; delete a line to use one")
    for name in draft.dataset.tables["data"].columns:
        if name in left_out:
            yield from commented(f"    - {as_yaml(name)}", left_out[name])


def _readings(draft: Draft) -> Iterator[str]:
    readings = draft.decisions.kept_readings
    if not readings:
        return
    yield from commented("  columns:", "how texts are read; text: as categories")
    for name in draft.dataset.tables["data"].columns:
        if name in readings:
            line = f"    {as_yaml(name)}: {member(readings[name])}"
            yield from commented(line, draft.decisions.why_read[name])


def member(reading: Reading) -> str:
    """Return a reading as `data.columns` has it, without what is found by itself."""
    plain = reading_to_plain(reading)
    name = plain.pop("name")
    if name in ("boolean", "text"):
        return str(name)
    if name == "date":
        plain.pop("format", None)
    told = {k: v for k, v in plain.items() if v not in FOUND_ANYWAY and USUAL.get(k) != v}
    if not told:
        return str(name)
    settings = ", ".join(f"{key}: {_value(value)}" for key, value in told.items())
    return f"{{name: {name}, {settings}}}"


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return as_yaml(str(value))


def _split(draft: Draft) -> Iterator[str]:
    use = {"train": "", "validation": " (when to stop)", "test": " (how good it is)"}
    parts = [f"{len(part):,} {name}{use[name]}" for name, part in draft.dataset.parts.items()]
    yield from remark(f"Rows: {', '.join(parts)}", 2)
    found = draft.decisions.split
    if "column" in found:
        line, other = f"{{column: {as_yaml(found['column'])}}}", draft.decisions.why_split
    elif found:
        ((key, name),) = found.items()
        line = f"{{validation: 0.15, test: 0.15, {key}: {as_yaml(name)}}}"
        other = draft.decisions.why_split
    elif draft.task in ("binary", "multiclass"):
        line = "{validation: 0.15, test: 0.15, stratify: true}"
        other = "also by group, time or column: a column"
    else:
        line = "{validation: 0.15, test: 0.15}"
        other = "also by group, time or column: a column"
    yield from commented(f"  split: {line}", other)


def _weights(draft: Draft) -> Iterator[str]:
    if not isinstance(draft.dataset.encoding.target, ClassTarget):
        return
    comment = "or balanced: each class counts the same"
    if is_imbalanced(draft.dataset):
        comment = "few rows of a class: balanced finds more of them, at the price of false alarms "
        comment += "and of probabilities that are too high; look at balanced_accuracy"
    yield from commented("  class_weight: null", comment)


def is_imbalanced(dataset: Dataset) -> bool:
    """Whether a class has far fewer rows than the classes have on average."""
    counts = class_counts(dataset)
    return min(counts.values()) * len(counts) < 2 * RARE * sum(counts.values())


def _notes(draft: Draft) -> Iterator[str]:
    if draft.decisions.notes:
        yield from remark("Found, and left as it is:", 2)
        for note in draft.decisions.notes:
            yield from remark(f"- {note}", 2, hang=2)
