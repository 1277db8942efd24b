"""A run's files on a disk that may fail: what it refuses waits in memory, and is tried again.

A training is worth more than the disk that it is written to: it goes on, says once what is wrong,
and at the end what still has no place is written to another one (docs/decisions/0041).
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlpcli.errors import FileError
from mlpcli.runs.files import AppendFile, Folder, write_whole
from mlpcli.runs.names import METRICS, MODEL, REPLICAS
from mlpcli.runs.temporary import Temporary

RETRY_SECONDS = 1.0
# What is worth another place, and the ends of its names there.
ENDINGS = {MODEL: ".safetensors", METRICS: ".csv", REPLICAS: "-replicas.csv"}


def silent(_: str) -> None:
    """Say nothing."""


class RunFiles:
    """Writes the files of a run in its folder, as far as the disk takes them.

    warn      is called with a sentence, once, where something cannot be written
    problem   what the disk said first; None: it has taken everything
    unwritten names of the files that it has not taken yet
    """

    def __init__(self, folder: Folder, warn: Callable[[str], None] = silent) -> None:
        self.folder, self.warn = folder, warn
        self.problem: str | None = None
        self.unwritten: set[str] = set()
        self._contents: dict[str, bytes] = {}  # of the whole files
        self._growing: list[PatientFile] = []
        self._reserved: dict[str, Temporary] = {}
        self._next, self._is_moved = time.monotonic() + RETRY_SECONDS, False
        self._is_closed = False
        self._lost: dict[str, Any] | None = None

    def begin(self, name: str, content: bytes, room: int = 0) -> None:
        """Write a file whole, or raise FileError: whoever begins a run is told at once.

        room  bytes on the disk to keep for the file that will replace it
        """
        if room:
            self._reserved[name] = self.folder.reserve(name, room)
        # Who loses the name with the power begins again, and has lost nothing.
        self.folder.write(name, content, sync_name=False)
        self._contents[name] = content

    def write(self, name: str, content: bytes, *, sync_name: bool = True) -> bool:
        """Write a file whole, as `Folder.write` does; return whether the disk has taken it."""
        self._contents[name] = content
        return self.attempt(name, lambda: self._write(name, sync_name=sync_name))

    def append_file(self, name: str, length: int = 0) -> PatientFile:
        """Open a file as `Folder.append_file` does; what is appended may wait."""
        file = PatientFile(self.folder.append_file(name, length), self)
        self._growing.append(file)
        return file

    def attempt(self, name: str, write: Callable[[], None]) -> bool:
        """Call a function that writes a file; return whether it did, having said it if not."""
        try:
            write()
        except FileError as error:
            self.unwritten.add(name)
            if self.problem is None:
                self.problem = str(error)
                self.warn(f"{error}; the training goes on in memory and tries that again")
            return False
        self.unwritten.discard(name)
        return True

    def try_again(self, *, now: bool = False) -> bool:
        """Write what waits, and what has disappeared; return whether all is written.

        At most once in RETRY_SECONDS, unless it is to be `now`.
        """
        if now or time.monotonic() >= self._next:
            self._next = time.monotonic() + RETRY_SECONDS
            if not self._is_moved and not self.folder.is_in_place:
                self._is_moved = True
                self._say_that_it_is_moved()
            there: set[str] = set()
            with contextlib.suppress(FileError):
                there = set(self.folder.names())
            for name in self._contents:
                if name in self.unwritten or name not in there:
                    self.attempt(name, lambda name=name: self._write(name))  # type: ignore[misc]
            for file in self._growing:
                self.attempt(file.name, file.mend)
        return not self.unwritten

    def rescue(self, stem: str) -> dict[str, str]:
        """Write what the disk has not taken elsewhere; return the paths by the files' names.

        The model with all of the metrics, or the metrics alone, in the current directory, else in
        that of temporary files, as STEM-emergency-YYYYMMDD-HHMMSS with an ending.
        """
        import tempfile

        contents = {MODEL: self._contents[MODEL]} if MODEL in self.unwritten else {}
        for file in self._growing:
            if file.name in self.unwritten or MODEL in contents:
                contents[file.name] = file.content()
        base = f"{stem}-emergency-{time.strftime('%Y%m%d-%H%M%S')}"
        saved = {}
        for name, content in contents.items():
            for directory in (Path.cwd, tempfile.gettempdir):
                with contextlib.suppress(FileError, OSError):
                    path = _new_path(Path(directory()), base, ENDINGS[name])
                    write_whole(path, content)
                    saved[name] = str(path)
                    break
        return saved

    def close(self, stem: str) -> dict[str, Any] | None:
        """Try a last time, rescue what is not written, and close the files.

        Returns None where all is written, else a description: the problem, the names of the files
        that are not in the folder, the paths of those that are elsewhere.
        """
        if self._is_closed:
            return self._lost
        self._is_closed = True
        is_written = self.try_again(now=True)
        saved = {} if is_written else self.rescue(stem)
        for file in self._growing:
            with contextlib.suppress(FileError):
                file.close()
        self._growing.clear()
        for reserved in self._reserved.values():
            reserved.discard()
        if not is_written:
            names = sorted(self.unwritten)
            self._lost = {"problem": self.problem, "unwritten": names, "saved": saved}
        return self._lost

    def _say_that_it_is_moved(self) -> None:
        path = self.folder.path
        if os.fstat(self.folder.descriptor).st_nlink == 0:
            self.problem = self.problem or f"{path}: it was removed while the run trained"
            self.warn(f"{path}: it was removed; the training goes on in memory")
            return
        where = f"the run's files go on where it is now, {self.folder.place}"
        self.warn(f"{path}: it was moved, or its name given to another one; {where}")

    def _write(self, name: str, *, sync_name: bool = True) -> None:
        content, reserved = self._contents[name], self._reserved.get(name)
        try:
            self.folder.write(name, content, sync_name=sync_name)
        except FileError:
            if reserved is None:
                raise
            with contextlib.suppress(OSError):
                reserved.write(content)
                reserved.commit()
                del self._reserved[name]
                reserved.discard()
                return
            raise


class PatientFile:
    """A file to append lines to; those that the disk refuses wait, and follow in their order."""

    def __init__(self, file: AppendFile, files: RunFiles) -> None:
        self.file, self.files = file, files
        self.waiting = bytearray()
        self.is_damaged = False

    @property
    def name(self) -> str:
        """The file's name in its folder."""
        return self.file.name

    @property
    def length(self) -> int:
        """How many bytes of whole lines the file has."""
        return self.file.length

    @property
    def sha256(self) -> str:
        """The SHA-256 of these bytes, as they were appended."""
        return self.file.sha256

    def append(self, content: bytes) -> None:
        """Append whole lines, now or when the disk takes them."""
        is_behind = bool(self.waiting)
        self.waiting += content
        if not is_behind:
            self.files.attempt(self.name, self._append_what_waits)

    def sync(self) -> None:
        """Make sure that all of it is on the disk. Raises FileError."""
        self.mend()
        try:
            self.file.sync()
        except FileError:
            # What the system could not write it forgets: it would not be tried again.
            self.is_damaged = True
            raise

    def mend(self) -> None:
        """Append what waits; write all of it anew where the file is gone. Raises FileError."""
        if self.is_damaged or not self.file.is_in_place:
            folder, content = self.file.folder, self.file.content() + bytes(self.waiting)
            folder.write(self.name, content)
            before, self.file = self.file, folder.append_file(self.name, len(content))
            self.waiting.clear()
            self.is_damaged = False
            with contextlib.suppress(FileError):
                before.close()
        elif self.waiting:
            self._append_what_waits()

    def content(self) -> bytes:
        """Return all that was appended, as far as it can be read."""
        with contextlib.suppress(FileError):
            return self.file.content() + bytes(self.waiting)
        return bytes(self.waiting)

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def _append_what_waits(self) -> None:
        self.file.append(bytes(self.waiting))
        self.waiting.clear()


def _new_path(directory: Path, base: str, ending: str) -> Path:
    """Return a path in a directory that does not exist yet."""
    path, number = directory / f"{base}{ending}", 1
    while os.path.lexists(path):
        number += 1
        path = directory / f"{base}-{number}{ending}"
    return path
