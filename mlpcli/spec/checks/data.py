"""What is wrong with the data that a spec asks for: its columns, its split, its weights."""

from __future__ import annotations

from collections.abc import Iterator

from mlpcli.spec.checks.problem import Problem
from mlpcli.spec.schema import Spec, SplitSpec

DEFAULT_SHARE = SplitSpec().validation


def is_delimiter(text: str) -> bool:
    """Whether text can stand between the fields of a CSV file."""
    return len(text) == 1 and text.isascii() and text not in '"\r\n\0'


def check_data(spec: Spec) -> Iterator[Problem]:
    """Check paths, the delimiter, and columns named twice."""
    data = spec.data
    if data.path is None and data.split.files is None:
        yield Problem(("data", "path"), "this key is required", "or give data.split.files")
    if data.path is not None and data.split.files is not None:
        yield Problem(("data", "path"), "data.split.files says already where the rows are")
    if data.delimiter is not None and not is_delimiter(data.delimiter):
        problem = "must be one ASCII character, no quote and no line's end, or auto"
        yield Problem(("data", "delimiter"), problem)
    if data.decimal == "," and data.delimiter in (None, ","):
        yield Problem(("data", "delimiter"), "a decimal comma needs another delimiter, such as ';'")
    for name in data.targets:
        for key, others in (("exclude", data.exclude), ("categorical", data.categorical or [])):
            if name in others:
                path = ("data", key, others.index(name))
                yield Problem(path, f"{name!r} is the target")
    if data.task in ("binary", "multiclass") and len(data.targets) > 1:
        yield Problem(("data", "task"), f"{data.task} has one target column, not several")


def check_missing(spec: Spec) -> Iterator[Problem]:
    """Check that the words for a missing value are texts that a file could have."""
    for k, text in enumerate(spec.data.missing):
        try:
            text.encode()
        except UnicodeEncodeError:
            yield Problem(("data", "missing", k), "no file can have this text: half a character")


def check_weights(spec: Spec) -> Iterator[Problem]:
    """Check the column of weights, and the classes that have some."""
    name, path = spec.data.sample_weight, ("data", "sample_weight")
    if name is not None:
        if name in spec.data.targets:
            yield Problem(path, f"{name!r} is the target")
        if name in (spec.data.categorical or []):
            yield Problem(path, f"{name!r} is in data.categorical, but weights are numbers")
        if name == spec.data.split.column:
            yield Problem(path, f"{name!r} is the split's column")
    if spec.data.task is not None:
        yield from check_weights_of_task(spec, spec.data.task)


def check_weights_of_task(spec: Spec, task: str) -> Iterator[Problem]:
    """Check that there are classes, where they have weights."""
    if spec.data.class_weight is not None and task not in ("binary", "multiclass"):
        problem = f"the task is {task}: there are no classes to weigh"
        yield Problem(("data", "class_weight"), problem, "null, or data.sample_weight, a column")


def check_split(spec: Spec) -> Iterator[Problem]:
    """Check that the rows are split in one way only, and some are left for training."""
    split = spec.data.split
    shares = {"validation": split.validation, "test": split.test}
    if split.column is not None or split.files is not None:
        for key, share in shares.items():
            if share != DEFAULT_SHARE:
                problem = "the split is given by " + ("column" if split.column else "files")
                yield Problem(("data", "split", key), problem, "leave the share out")
    if split.validation + split.test >= 1:
        total = split.validation + split.test
        yield Problem(
            ("data", "split"), f"validation and test take {total:g} of the rows: none are left"
        )
    if split.column is not None and split.files is not None:
        yield Problem(("data", "split"), "column and files exclude each other")
    if split.column is not None and split.column in spec.data.targets:
        yield Problem(("data", "split", "column"), f"{split.column!r} is the target")
