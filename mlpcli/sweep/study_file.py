"""The file of a study, recognized without Optuna."""

from __future__ import annotations

import contextlib
from pathlib import Path

LOG = "study.log"  # in the directory of a sweep
HEAD = b'{"op_code":'  # that a journal begins with


def begins_as_journal(path: Path) -> bool:
    """Whether a file begins as a study's does, or is empty. Raises OSError."""
    with path.open("rb") as file:
        return HEAD.startswith(file.read(len(HEAD)))


def find_study(name: str) -> Path | None:
    """Return the study's file where a user's name is of one, or of the directory with one."""
    with contextlib.suppress(OSError, ValueError):
        path = Path(name) / LOG if Path(name).is_dir() else Path(name)
        if path.is_file() and path.stat().st_size and begins_as_journal(path):
            return path
    return None
