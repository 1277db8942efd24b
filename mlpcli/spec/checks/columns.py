"""What is wrong with the readings of single columns, `data.columns`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlpcli.data.readings import READINGS
from mlpcli.spec.members import build
from mlpcli.spec.schema import Spec
from mlpcli.spec.yaml_reader import Problem


def check(spec: Spec) -> Iterator[Problem]:
    """Check that readings fit what the rest of the section says about their columns."""
    data = spec.data
    columns: dict[str, Any] = data.columns  # their members' types are built from tables
    for name, member in columns.items():
        path, kind = ("data", "columns", name), member.name
        problem = build(READINGS, member).problem()
        if problem is not None:
            yield Problem(path, problem)
        if name in (data.categorical or ()) and kind in ("number", "date", "time"):
            yield Problem(path, f"data.categorical lists {name!r}, and a category is no {kind}")
        if name in data.targets and kind == "date":
            yield Problem(path, f"{name!r} is the target: numbers or classes, no dates")
        if name == data.sample_weight and kind != "number":
            yield Problem(path, f"{name!r} is data.sample_weight, but weights are numbers")
