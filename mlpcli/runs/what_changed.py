"""What decides the bits of a run, besides its data, and is not as it was when it trained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mlpcli.runs.checkpoint import comparable
from mlpcli.runs.difference import said
from mlpcli.runs.manifest import describe_machine
from mlpcli.runs.recorded_run import RecordedRun
from mlpcli.runs.same_spec import differences
from mlpcli.spec.schema import Spec
from mlpcli.spec.yaml_reader import dotted

MACHINE = {  # of the manifest: what other bits may come of, most likely first
    "blas_kernel": "CPU kernel",
    "blas": "BLAS",
    "blas_threads": "BLAS threads",
    "numpy": "NumPy",
    "pandas": "pandas",
    "python": "Python",
    "mlp": "mlp",
}


@dataclass(frozen=True)
class Change:
    """Something besides the bits that is not as it was when a run trained."""

    what: str
    then: Any
    now: Any


def changed_machine(run: RecordedRun) -> list[Change]:
    """Return what decides the bits besides spec and data, and is another than then."""
    then, now = run.manifest["machine"], describe_machine()
    found = [key for key in MACHINE if key in then and then[key] != now[key]]
    if then.get("blas_kernel") is None and then.get("cpu") not in (None, now["cpu"]):
        return [Change("CPU", then["cpu"], now["cpu"]), *_changes(found, then, now)]
    return _changes(found, then, now)


def _changes(keys: list[str], then: dict[str, Any], now: dict[str, Any]) -> list[Change]:
    return [Change(MACHINE[key], then[key], now[key]) for key in keys]


def changed_spec(run: RecordedRun) -> list[Change]:
    """Return the keys in which a run's spec is another than the one in its model file."""
    try:
        then = Spec.model_validate(run.model.document.get("spec"))
    except ValueError:  # of another version; or damaged, which the seal shows
        return []
    found = differences(comparable(then), comparable(run.loaded.spec))
    return [Change(f"spec: {dotted(path)}", old, new) for path, old, new in found]


def listed(changes: list[Change]) -> Iterator[str]:
    """Yield each change in a few words."""
    for each in changes:
        yield f"{each.what}: {said(each.then)} then, {said(each.now)} now"
