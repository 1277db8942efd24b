"""Everything that can go wrong, each with the exit code that a script sees.

    MlpError
    ├── UsageError      2   the command line
    ├── SpecError       2   the spec: all its faults at once
    ├── DataError       3   the data file, or data that does not fit the spec or the model
    ├── DivergedError   4   the loss is no longer a finite number
    ├── RunError        5   a run, model or checkpoint that cannot be used
    ├── FileError       6   the operating system: permissions, a full disk, a missing folder
    │   └── OutOfMemoryError  6   what is asked for takes more memory than there is
    └── BusyError      75   another process has it: the same command may do later

An exit code of 1 is not an error: the command ran and its answer is "no". 70 is a bug in mlp, 128
and more a signal: 130 is SIGINT, 143 SIGTERM.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MOST_FAULTS = 100  # that are printed
MOST_COMPARED = 10_000  # words that are looked through for a similar one: 0.3 s


class MlpError(Exception):
    """A sentence for the user and the exit code that goes with it."""

    exit_code = 70


def interruption(error: BaseException | None) -> KeyboardInterrupt | None:
    """Return the KeyboardInterrupt that an error wraps, or None.

    Where a signal comes while C code runs, as in creating a class or serializing a model, Python
    and pydantic raise an error of their own that wraps the interrupt.
    """
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return error
        if error.__cause__ is None and "KeyboardInterrupt" in str(error):
            return KeyboardInterrupt()
        error = error.__cause__
    return None


class UsageError(MlpError):
    """The command line asks for something that does not exist or does not fit."""

    exit_code = 2


@dataclass(frozen=True)
class Fault:
    """One problem in a file: its position, what is wrong, what is allowed."""

    file: str
    line: int
    column: int
    path: str
    problem: str
    allowed: str = ""
    nearest: str = ""

    def __str__(self) -> str:
        """`FILE:LINE:COLUMN: path: problem; what is allowed; nearest match`."""
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        path = f"{self.path}: " if self.path else ""
        hint = f"did you mean {self.nearest}?" if self.nearest else ""
        return f"{where}: {path}" + "; ".join(p for p in (self.problem, self.allowed, hint) if p)


class SpecError(MlpError):
    """All faults of a spec, in the order in which they stand in the file."""

    exit_code = 2

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = sorted(faults, key=lambda f: (f.file, f.line, f.column))
        lines = [str(fault) for fault in self.faults[:MOST_FAULTS]]
        if len(self.faults) > MOST_FAULTS:
            lines.append(f"… and {len(self.faults) - MOST_FAULTS:,} more faults")
        super().__init__("\n".join(lines))


class DataError(MlpError):
    """The data cannot be read, or does not fit the spec or the model.

    key  the path of the spec's key that led here, where there is one
    """

    exit_code = 3

    def __init__(self, message: str, key: tuple[str | int, ...] | None = None) -> None:
        super().__init__(message)
        self.key = key


class DivergedError(MlpError):
    """The loss is infinite or not a number."""

    exit_code = 4


class RunError(MlpError):
    """A run directory, model file or checkpoint that cannot be used."""

    exit_code = 5


class FileError(MlpError):
    """The operating system refused: no permission, no space, no such folder."""

    exit_code = 6


class OutOfMemoryError(FileError):
    """What is asked for takes more memory than there is, or than it may; nothing was taken."""


class BusyError(MlpError):
    """Another process is at work on it; the same command may succeed later."""

    exit_code = 75


def nearest(word: str, allowed: Iterable[str]) -> str:
    """The allowed word that `word` most likely meant, or the empty string.

    >>> nearest("learning_rat", ["learning_rate", "momentum"])
    'learning_rate'
    >>> nearest("zebra", ["learning_rate", "momentum"])
    ''
    """
    import difflib

    by_lower = {name.lower(): name for name in allowed}
    if len(by_lower) > MOST_COMPARED:
        return by_lower.get(word.lower(), "")
    found = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else ""


def listing(words: Iterable[object], *, most: int = 12) -> str:
    """A comma-separated list for a sentence, cut where it would no longer be read.

    >>> listing(["a", "b", "c"], most=2)
    'a, b, … (3 in all)'
    """
    names = [str(word) for word in words]
    if len(names) <= most:
        return ", ".join(names)
    return ", ".join(names[:most]) + f", … ({len(names)} in all)"


def counted(n: int, one: str, many: str = "") -> str:
    """A number with what it counts.

    >>> counted(1, "row"), counted(2000, "row"), counted(0, "entry", "entries")
    ('1 row', '2,000 rows', '0 entries')
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"
