"""The file of a study: Optuna's journal, JSON lines, each with a checksum of all before it.

    {"op_code":4,…,"sha256":"h_k"}    h_k = SHA-256(h_{k−1} | the line up to `,"sha256"`), h_0 empty

Optuna's own reader leaves the key `sha256` alone. So a line that is missing, stands twice or in
another place, or of which one bit is other than it was, is found; but lines at the end that are
missing whole are not: what is left is the study as it was once. Lines that were written before
there were checksums have none; the first one after them is the checksum of them all.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from optuna.storages.journal import BaseJournalBackend

from mlpcli.errors import RunError

CHECKSUM = re.compile(rb',"sha256":"([0-9a-f]{64})"\}$')
ADVICE = "; name another file with --storage"  # for who is about to write into it
LONGEST = 1 << 26  # bytes of a line: it holds one trial, or one spec


class Journal(BaseJournalBackend):
    """The lines of the file `path`; it is made where there is none.

    lock   held while lines are added
    line   the number of the line that Optuna has been given last, while it is at it; else 0
    """

    def __init__(self, path: Path, lock: AbstractContextManager[None]) -> None:
        self.path, self.lock, self.line = path, lock, 0
        self._rewind()
        if not path.exists():
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _rewind(self) -> None:
        self.n_read, self.offset = 0, 0  # lines that are read and found sound, and their bytes
        self.digest, self.has_checksums = b"", False
        self.waiting: deque[dict[str, Any]] = deque()  # of those, which Optuna has not yet

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """Yield the lines from this number on, counted from 0. Raises RunError, OSError."""
        if log_number_from < self.n_read - len(self.waiting):
            self._rewind()
        self._read()
        while self.waiting:
            self.line = self.n_read - len(self.waiting) + 1
            log = self.waiting.popleft()
            if self.line > log_number_from:
                yield log
        self.line = 0

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Add lines, all or, where they cannot be written, none. Raises RunError, OSError."""
        with self.lock:
            is_torn, digest, lines = self._read(), self.digest, []
            for log in logs:
                content = json.dumps(log, separators=(",", ":")).encode().removesuffix(b"}")
                digest = _digest(digest, content)
                lines.append(content + b',"sha256":"' + digest + b'"}\n')
            file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            try:
                if is_torn:  # a killed process has not finished the last line: it says nothing
                    os.ftruncate(file, self.offset)
                _write(file, b"".join(lines), self.offset)
            finally:
                os.close(file)

    def _read(self) -> bool:
        """Read the lines that are new; return whether there is a part of one behind them."""
        with self.path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < self.offset:
                raise RunError(f"{self.path}: was cut or replaced while it was in use")
            file.seek(self.offset)
            while line := file.readline(LONGEST):
                if not line.endswith(b"\n"):
                    if len(line) == LONGEST or self._is_sound(line[:-1]):
                        raise no_study(self.path, self.n_read + 1)
                    return True
                self._take(line)
        return False

    def _take(self, line: bytes) -> None:
        content = line[:-1]
        if not self._is_sound(content) and (CHECKSUM.search(content) or self.has_checksums):
            raise no_study(self.path, self.n_read + 1)
        try:
            log = json.loads(content)
        except (ValueError, RecursionError):
            log = None
        if not isinstance(log, dict):
            raise no_study(self.path, self.n_read + 1)
        found = CHECKSUM.search(content)
        self.has_checksums = found is not None
        self.digest = found[1] if found else _digest(self.digest, content)
        self.n_read, self.offset = self.n_read + 1, self.offset + len(line)
        self.waiting.append(log)

    def _is_sound(self, content: bytes) -> bool:
        """Whether a line has a checksum, the one that it should have."""
        found = CHECKSUM.search(content)
        return bool(found and found[1] == _digest(self.digest, content[: found.start()]))


def no_study(path: Path, line: int = 0) -> RunError:
    """Return the error of a file that is no study, or damaged in this line; 0: no line's fault."""
    where = f" in line {line}" if line else ""
    problem = f"is not the study of a sweep, or it is damaged{where}"
    return RunError(f"{path}: {problem}{ADVICE}")


def _digest(before: bytes, content: bytes) -> bytes:
    return hashlib.sha256(before + content).hexdigest().encode()


def _write(file: int, content: bytes, size: int) -> None:
    """Add bytes to a file of a known size; where that fails, it has that size again."""
    left = memoryview(content)
    try:
        while left:
            left = left[os.write(file, left) :]
        os.fsync(file)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(file, size)
        raise
