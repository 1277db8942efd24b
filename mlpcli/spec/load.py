"""A spec file and its overrides -> a validated `Spec`, or all its faults at once."""

from __future__ import annotations

import contextlib
import copy
import json
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from mlpcli.errors import DataError, Fault, FileError, SpecError, UsageError
from mlpcli.similar_files import did_you_mean
from mlpcli.spec.checks import check_spec
from mlpcli.spec.checks.remarks import remarks
from mlpcli.spec.checks.sweep import not_whole, refusal_of_key
from mlpcli.spec.faults import faults_from, remove
from mlpcli.spec.not_a_spec import table_problem
from mlpcli.spec.overrides import override, spell
from mlpcli.spec.schema import Spec
from mlpcli.spec.yaml_reader import MAX_BYTES, Document, Path, Problem, read_yaml
from mlpcli.standard_input import read_standard_input

STDIN = "<stdin>"
ENDINGS = (".yaml", ".yml", ".json")  # of files that a misspelt name may have meant
CONTINUOUS = ("uniform", "log_uniform", "values")  # the kinds whose values are floats
REQUIRED = (("data",), ("data", "target"))  # keys without a default
NO_NAME = "\0"  # of a file or a column, in place of a required one
# What stands for an entry of a list that cannot be read, so that the others keep their places.
IN_PLACE: dict[Any, dict[str, Any]] = {"layers": {"units": 1}, "augmentation": {"name": "jitter"}}
NOT_WHOLE = "must be a whole number"  # how the fault of a float at a key of integers begins


@dataclass(frozen=True)
class LoadedSpec:
    """A valid spec, and where its keys stand."""

    spec: Spec
    document: Document
    folder: FilePath  # that paths in the spec are relative to
    name: str  # of the file, without its ending

    def error(self, problems: Sequence[Problem]) -> SpecError:
        """Return problems found against the data, with their positions in the file."""
        return SpecError([self.document.fault(problem) for problem in problems])

    def remarks(self) -> list[str]:
        """Return the warnings to print before training, each with its position in the file."""
        return [str(self.document.fault(problem)) for problem in remarks(self.spec)]

    def located(self, error: DataError) -> DataError:
        """Return a DataError with the position of its key in the spec, if it has one."""
        if error.key is None:
            return error
        return DataError(str(self.document.mark(error.key).fault(error.key, str(error))))

    @contextlib.contextmanager
    def locating(self) -> Iterator[None]:
        """Add the position in the spec to a DataError raised inside."""
        try:
            yield
        except DataError as error:
            raise self.located(error) from None

    def path(self, text: str) -> str:
        """Return a path of the spec as one that can be opened from here; - stays -."""
        if text == "-":
            if self.document.file == STDIN:
                raise UsageError("-: standard input is the spec; it cannot be the data as well")
            return text
        # Resolved first: `..` below a link is not what the text alone says.
        try:
            whole = (self.folder / text).resolve()
        except (OSError, RuntimeError, ValueError):  # opening it will say what is wrong
            return str(self.folder / text)
        here = FilePath.cwd().resolve()
        return str(whole.relative_to(here) if whole.is_relative_to(here) else whole)


def load_spec(
    path: str,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    metrics: Mapping[str, Any] | None = None,
) -> LoadedSpec:
    """Return the spec in the file `path`, or on standard input for `-`.

    overrides  `a.b[0].c=value`, later ones win
    seed       replaces the spec's own
    metrics    the class of each metric, by name: names that are none are faults at once
    Raises SpecError with every fault; FileError, UsageError where the file cannot be read.
    """
    name = path if path != "-" else STDIN
    document = read_yaml(_text(path, name), name)
    spell(document)
    for each in overrides:
        override(document, each)
    if seed is not None:
        override(document, f"seed={seed}", f"--seed {seed}")
    spell(document)
    file = FilePath(path)
    folder = FilePath() if path == "-" else file.parent
    name = "stdin" if path == "-" else file.stem
    loaded = LoadedSpec(validate(document, metrics), document, folder, name)
    faults = _faults_of_search(loaded)
    if faults:
        raise SpecError(faults)
    return loaded


def with_values(loaded: LoadedSpec, values: Mapping[str, Any]) -> LoadedSpec:
    """Return the spec without its sweep, and with these keys set as --set would.

    A key inside another one's value is set after it. Raises SpecError, UsageError.
    """
    found = loaded.document
    data = {key: value for key, value in found.data.items() if key != "sweep"}
    document = Document(found.file, copy.deepcopy(data), dict(found.marks), dict(found.keys))
    for key in sorted(values, key=len):
        text = f"{key}={json.dumps(values[key], ensure_ascii=False)}"
        override(document, text, text)
    spell(document)
    return LoadedSpec(validate(document), document, loaded.folder, loaded.name)


def _faults_of_search(loaded: LoadedSpec) -> list[Fault]:
    """Return the faults of a sweep's keys: the ends or choices of each are tried in turn."""
    found: list[Fault] = []
    parameters = loaded.spec.sweep.parameters if loaded.spec.sweep else {}
    for key, parameter in parameters.items():
        section: Path = ("sweep", "parameters", key)
        # A key inside another one that is searched has to fit one of the values of that at least.
        settings: list[dict[str, Any]] = [
            {other: value}
            for other, around in parameters.items()
            for _, value in around.probes
            if key.startswith((f"{other}.", f"{other}["))
        ]
        refused = {
            (*section, parameter.kind, k): min(
                (_refused(loaded, {**more, key: value}) for more in settings or [{}]), key=len
            )
            for k, value in parameter.probes
        }
        for path, faults in refused.items():
            for fault in faults:
                at_key = fault.path.startswith(key) or not fault.path
                if parameter.kind in CONTINUOUS and at_key and fault.problem.startswith(NOT_WHOLE):
                    mark = loaded.document.mark((*section, parameter.kind), key=True)
                    found.append(mark.fault(section, *not_whole(parameter)))
                    continue
                # What is wrong with every value is wrong with the key.
                texts = [[f.problem for f in each] for each in refused.values()]
                common = all(fault.problem in each for each in texts)
                at = section if common else path
                problem = fault.problem if at_key else f"{fault.path}: {fault.problem}"
                mark = loaded.document.mark(at, key=common)
                found.append(mark.fault(at, problem, fault.allowed, fault.nearest))
    return list(dict.fromkeys(found))


def _refused(loaded: LoadedSpec, values: dict[str, Any]) -> list[Fault]:
    for key in values:
        refused = refusal_of_key(key)
        if refused is not None:
            return [Fault("", 0, 0, "", *refused)]
    try:
        with_values(loaded, values)
    except SpecError as error:
        return error.faults
    except UsageError:
        allowed = "a key as --set takes it, such as training.epochs or model.layers[0].units"
        return [Fault("", 0, 0, "", "is not a key", allowed)]
    return []


def validate(document: Document, metrics: Mapping[str, Any] | None = None) -> Spec:
    """Return the spec in a document. Raises SpecError with all its faults.

    metrics  the class of each metric, by name; None: their names are not looked at
    """
    faults = list(document.faults)
    if document.data is None:
        document.data = {}
    try:
        spec = Spec.model_validate(document.data)
    except ValidationError as error:
        # Where the reader has found a fault, those of validation are left out.
        refused = {(fault.file, fault.line, fault.column) for fault in faults}
        refused |= {(mark.file, mark.line, mark.column) for mark in document.aliases}
        more = faults_from(error, document) + _further(error, document, metrics)
        faults += [f for f in more if (f.file, f.line, f.column) not in refused]
        raise SpecError(faults) from None
    faults += [document.fault(problem) for problem in check_spec(spec, metrics)]
    if faults:
        raise SpecError(faults)
    return spec


def _further(
    error: ValidationError, document: Document, metrics: Mapping[str, Any] | None
) -> list[Fault]:
    """Return the faults of the rest of the spec, with every faulty key at its default.

    Where a key cannot be left out, what it stands in is.
    """
    rest, removed = copy.deepcopy(document.data), set[Path]()
    while True:
        before = set(removed)
        for each in error.errors(include_url=False):
            if each["type"] == "missing" and each["loc"] in REQUIRED and isinstance(rest, dict):
                rest.setdefault("data", {"path": NO_NAME})["target"] = NO_NAME
                removed.add(each["loc"])
                continue
            path = remove(rest, each["loc"])
            if path and isinstance(path[-1], int):
                _leave_out(rest, path)
            while path in before:
                path = path[:-1]
                _leave_out(rest, path)
            removed.add(path)
        try:
            spec = Spec.model_validate(rest)
        except ValidationError as still:
            if not all(removed):  # nothing is left of it
                return []
            error = still
        else:
            break
    problems = check_spec(spec, metrics)
    return [document.fault(each) for each in problems if not _inside(each.path, removed)]


def _leave_out(data: Any, path: Path) -> None:
    """Remove a key from plain data; an entry of a list becomes one that can be read."""
    for part in path[:-1]:
        data = data[part]
    if path and isinstance(data, dict):
        data.pop(path[-1], None)
    elif path and path[-2] in IN_PLACE:
        data[path[-1]] = IN_PLACE[path[-2]]


def _inside(path: Path, removed: set[Path]) -> bool:
    """Whether a path is one of those that were removed, or stands in what was."""
    return any(path[: len(each)] == each for each in removed)


def _text(path: str, name: str) -> str:
    """Return the text of a spec file, read no further than the reader would go.

    name  of the file, for faults
    """
    if not path:
        raise UsageError(f"{path!r} is not the name of a file")
    try:
        if path == "-":
            raw = read_standard_input("spec", 4 * MAX_BYTES + 1)
        else:
            with open(path, "rb") as file:  # noqa: PTH123
                raw = file.read(4 * MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        hint = did_you_mean(path, lambda each: each.suffix.lower() in ENDINGS)
        raise UsageError(f"{path}: there is no such file{hint}") from None
    except IsADirectoryError:
        raise UsageError(f"{path}: is a folder, not a spec") from None
    except OSError as error:
        raise FileError(f"{path}: {error.strerror}") from None
    except ValueError:
        raise UsageError(f"{path!r} is not the name of a file") from None
    problem = table_problem(path, raw)
    if problem:
        raise UsageError(problem)
    if len(raw) > 4 * MAX_BYTES:
        raise SpecError([Fault(name, 1, 1, "", f"larger than {MAX_BYTES} characters")])
    raw = raw.removeprefix(BOM_UTF8)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise SpecError([Fault(name, line, column, "", "not UTF-8 text")]) from None
