"""What is wrong with the data that a spec asks for: its columns, its split, its weights."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlpcli.data.encodings import encoding_problem
from mlpcli.errors import nearest
from mlpcli.spec.data_section import SplitSpec
from mlpcli.spec.schema import Spec
from mlpcli.spec.yaml_reader import Problem

DEFAULT_SHARE = SplitSpec.model_fields["validation"].default
ENCODINGS = [  # to be suggested; all that Python has are allowed
    *("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "ascii", "latin-1"),
    *("windows-1252", "cp1250", "cp1251", "cp1252", "cp437", "cp850", "iso8859-15", "mac-roman"),
    *("shift_jis", "gb18030", "big5", "euc-kr", "koi8-r"),
]
DELIMITER = re.compile(r'[^"\r\n\0\x80-\U0010ffff]')


def check(spec: Spec) -> Iterator[Problem]:
    """Check paths, columns, missing values, weights and the split."""
    yield from _check_table(spec)
    yield from _check_missing(spec)
    yield from _check_indicators(spec)
    yield from _check_weights(spec)
    yield from _check_split(spec)


def check_task(spec: Spec, task: str) -> Iterator[Problem]:
    """Check that there are classes where they have weights, numbers where logarithms are taken."""
    if spec.data.class_weight is not None and task not in ("binary", "multiclass"):
        problem = f"the task is {task}: there are no classes to weigh"
        yield Problem(("data", "class_weight"), problem, "null, or data.sample_weight, a column")
    if spec.data.scale_target == "log" and task != "regression":
        problem = f"the task is {task}: there is no number to take the logarithm of"
        yield Problem(("data", "scale_target"), problem, "auto, or data.task: regression")


def _check_table(spec: Spec) -> Iterator[Problem]:
    data = spec.data
    if data.path is None and data.split.files is None:
        yield Problem(("data", "path"), "this key is required", "or give data.split.files")
    if data.path is not None and data.split.files is not None:
        yield Problem(("data", "path"), "data.split.files says already where the rows are")
    if data.delimiter is not None and not DELIMITER.fullmatch(data.delimiter):
        problem = "must be one ASCII character, no quote and no line's end, or auto"
        yield Problem(("data", "delimiter"), problem)
    if data.encoding is not None and encoding_problem(data.encoding):
        near = nearest(data.encoding, ENCODINGS)
        allowed = "such as utf-8, utf-16, cp1252 or latin-1, or auto"
        yield Problem(("data", "encoding"), encoding_problem(data.encoding), allowed, near)
    for name in data.targets:
        for key, others in (("exclude", data.exclude), ("categorical", data.categorical or [])):
            if name in others:
                path = ("data", key, others.index(name))
                yield Problem(path, f"{name!r} is the target")
    if data.task in ("binary", "multiclass") and len(data.targets) > 1:
        yield Problem(("data", "task"), f"{data.task} has one target column, not several")


def _check_missing(spec: Spec) -> Iterator[Problem]:
    for k, text in enumerate(spec.data.missing or ()):
        try:
            text.encode()
        except UnicodeEncodeError:
            yield Problem(("data", "missing", k), "no file can have this text: half a character")


def _check_indicators(spec: Spec) -> Iterator[Problem]:
    """Check that the columns with a second input are inputs that are numbers."""
    data = spec.data
    for k, name in enumerate(data.missing_indicator or ()):
        path = ("data", "missing_indicator", k)
        if name in data.targets:
            yield Problem(path, f"{name!r} is the target")
        elif name in data.exclude:
            yield Problem(path, f"{name!r} is in data.exclude, so it is no input")
        elif name in (data.categorical or []):
            problem = f"{name!r} is in data.categorical, where missing is a category of its own"
            yield Problem(path, problem)
    if data.missing_indicator and data.image is not None:
        problem = "data.image says that the columns are pixels, which have no second input"
        yield Problem(("data", "missing_indicator"), problem, "auto, or []")


def _check_weights(spec: Spec) -> Iterator[Problem]:
    name, path = spec.data.sample_weight, ("data", "sample_weight")
    if name is not None:
        if name in spec.data.targets:
            yield Problem(path, f"{name!r} is the target")
        if name in (spec.data.categorical or []):
            yield Problem(path, f"{name!r} is in data.categorical, but weights are numbers")
        if name == spec.data.split.column:
            yield Problem(path, f"{name!r} is the split's column")


def _check_split(spec: Spec) -> Iterator[Problem]:
    split = spec.data.split
    shares = {"validation": split.validation, "test": split.test}
    if split.column is not None or split.files is not None:
        for key, share in shares.items():
            if share != DEFAULT_SHARE:
                problem = "the split is given by " + ("column" if split.column else "files")
                yield Problem(("data", "split", key), problem, "leave the share out")
    total = split.validation + split.test
    if total >= 1:
        problem = f"validation and test take {total:g} of the rows: none are left"
        yield Problem(("data", "split"), problem)
    if split.column is not None and split.column in spec.data.targets:
        yield Problem(("data", "split", "column"), f"{split.column!r} is the target")
    yield from _check_ways_to_split(spec)


def _check_ways_to_split(spec: Spec) -> Iterator[Problem]:
    """Check that rows are split in one way, and by a group or a time that is no input or target."""
    split, data = spec.data.split, spec.data
    given = [key for key in ("column", "files", "group", "time") if getattr(split, key) is not None]
    if len(given) > 1:
        yield Problem(("data", "split"), f"{' and '.join(given)} exclude each other")
    for key, name in (("group", split.group), ("time", split.time)):
        if name is None:
            continue
        if name in data.targets:
            yield Problem(("data", "split", key), f"{name!r} is the target")
        if name in (data.categorical or []):
            problem = f"{name!r} is in data.categorical, but the split's {key} is no input"
            yield Problem(("data", "split", key), problem)
    if split.stratify and (split.group is not None or split.time is not None):
        how = "whole groups are drawn" if split.group is not None else "rows are split in time"
        problem = f"{how}, so the parts cannot keep the classes' shares"
        yield Problem(("data", "split", "stratify"), problem, "false, or auto")
