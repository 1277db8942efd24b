"""A fault of a spec before it has a position."""

from __future__ import annotations

from dataclasses import dataclass

from mlpcli.spec.yaml_reader import Path


@dataclass(frozen=True)
class Problem:
    """A fault before it has a position."""

    path: Path
    problem: str
    allowed: str = ""
    nearest: str = ""
