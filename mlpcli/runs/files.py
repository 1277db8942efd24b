"""Durable files: whole or not there, in a directory held open by its descriptor.

A whole file is written under a temporary name of its own beside its place, made sure of on the
disk, and then given its name, as SQLite and git do it. All calls that change the disk are
attributes of `os`, so that a test can let each of them fail.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Self

from mlpcli.errors import FileError
from mlpcli.runs.lock import unlock
from mlpcli.runs.temporary import READ, Temporary, naming, sweep, sync_directory

CHUNK = 1 << 20  # bytes that are hashed at a time
APPEND = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


class Folder:
    """A directory held open: its files stay its own, also when its name is given to another one.

    path        the name that it was opened under
    within      the open directory that it is in, where its name is not to be followed elsewhere
    descriptor  of the directory; closed by `close`
    """

    def __init__(self, path: Path, within: Folder | None = None) -> None:
        self.path = path
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        with naming(path):
            if within is None:
                self.descriptor = os.open(path, flags)
            else:
                name, flags = path.name, flags | os.O_NOFOLLOW
                self.descriptor = os.open(name, flags, dir_fd=within.descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the descriptor, if it is open; a lock on it is given up."""
        unlock(self)
        if self.descriptor >= 0:
            descriptor, self.descriptor = self.descriptor, -1
            os.close(descriptor)

    def names(self) -> list[str]:
        """Return the names of all that is in it, sorted."""
        with naming(self.path):
            return sorted(os.listdir(self.descriptor))

    def read(self, name: str) -> bytes | None:
        """Return what a regular file holds; None where there is none. Links are not followed."""
        with naming(self.path / name):
            try:
                file = os.open(name, READ, dir_fd=self.descriptor)
            except FileNotFoundError:
                return None
            with open(file, "rb") as opened:
                if not stat.S_ISREG(os.fstat(file).st_mode):
                    raise FileError(f"{self.path / name}: is not a regular file")
                return opened.read()

    def sha256(self, name: str, length: int) -> str | None:
        """Return the SHA-256 of a regular file's first bytes; None where there is no such file.

        A file that is shorter has another one than so many bytes of it had.
        """
        with naming(self.path / name):
            try:
                file = os.open(name, READ, dir_fd=self.descriptor)
            except FileNotFoundError:
                return None
            try:
                if not stat.S_ISREG(os.fstat(file).st_mode):
                    raise FileError(f"{self.path / name}: is not a regular file")
                return _hashed(file, length).hexdigest()
            finally:
                os.close(file)

    def size(self, name: str) -> int:
        """Return the bytes of a file; 0 where there is none."""
        with naming(self.path / name):
            try:
                return os.stat(name, dir_fd=self.descriptor, follow_symlinks=False).st_size
            except FileNotFoundError:
                return 0

    def write(self, name: str, content: bytes, *, sync_name: bool = True) -> None:
        """Write a file whole: killed at any moment there is the old one or the new one.

        It has the mode of the file that it replaces, else 0o666 less the umask, from the start.

        sync_name  make sure of its name too, beside its bytes: as long again, some milliseconds
        """
        with naming(self.path / name), Temporary(self.descriptor, name) as file:
            file.write(content)
            file.commit(sync_name=sync_name)

    def reserve(self, name: str, n_bytes: int) -> Temporary:
        """Return a temporary file for `name` with so much room on the disk, to be written later.

        Raises FileError where there is no room.
        """
        with naming(self.path / name):
            file = Temporary(self.descriptor, name)
            try:
                file.allocate(n_bytes)
            except BaseException:
                file.discard()
                raise
            return file

    def append_file(self, name: str, length: int = 0) -> AppendFile:
        """Open a file to append lines, having cut it to `length` bytes; made where there is none.

        Raises FileError where it is shorter than that.
        """
        return AppendFile(self, name, length)

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, in place of a file that has it."""
        with naming(self.path / old):
            os.replace(old, new, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)
            sync_directory(self.descriptor)

    def remove(self, name: str) -> None:
        """Remove a file, where there is one."""
        with naming(self.path / name), contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.descriptor)

    def sweep(self, names: Iterable[str]) -> None:
        """Remove the temporary files for these names that dead processes have left, if possible."""
        sweep(self.descriptor, names)

    @property
    def is_in_place(self) -> bool:
        """Whether its path still names this directory."""
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self.descriptor))
        except OSError:
            return False

    @property
    def place(self) -> Path:
        """Its path, or where it has been moved to, as far as the system says that."""
        if not self.is_in_place:
            with contextlib.suppress(OSError):
                moved = Path(os.readlink(f"/proc/self/fd/{self.descriptor}"))
                if os.path.samestat(os.stat(moved), os.fstat(self.descriptor)):
                    return moved
        return self.path


class AppendFile:
    """A file that grows by whole lines, each group of them with one call of the system.

    length  of what is whole, in bytes: what a failed write has left behind it is cut off
    """

    def __init__(self, folder: Folder, name: str, length: int = 0) -> None:
        self.folder, self.name, self.length = folder, name, length
        self.path = folder.path / name
        with naming(self.path):
            self.descriptor = os.open(name, APPEND, 0o666, dir_fd=folder.descriptor)
        try:
            self._cut_off_the_rest()
            with naming(self.path):
                self._hash = _hashed(self.descriptor, length)
        except BaseException:
            self.close()
            raise

    def append(self, content: bytes) -> None:
        """Append whole lines. Raises FileError, and they are not in it, where there is no room."""
        with naming(self.path):
            self._mend()
            self._is_torn = True
            if os.write(self.descriptor, content) < len(content):
                self._mend()
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._is_torn = False
            self.length += len(content)
            self._hash.update(content)

    @property
    def sha256(self) -> str:
        """The SHA-256 of what was appended, in hexadecimal digits, kept up as it grows."""
        return self._hash.hexdigest()

    def sync(self) -> None:
        """Make sure that what was appended is on the disk."""
        with naming(self.path):
            os.fsync(self.descriptor)

    def content(self) -> bytes:
        """Return what was appended, also where the file's name is gone."""
        with naming(self.path):
            return os.pread(self.descriptor, self.length, 0)

    @property
    def is_in_place(self) -> bool:
        """Whether its name in the folder still names this file."""
        try:
            found = os.stat(self.name, dir_fd=self.folder.descriptor, follow_symlinks=False)
            return os.path.samestat(found, os.fstat(self.descriptor))
        except OSError:
            return False

    def close(self) -> None:
        """Close the file, if it is open."""
        if self.descriptor >= 0:
            descriptor, self.descriptor = self.descriptor, -1
            with naming(self.path):
                os.close(descriptor)

    def _cut_off_the_rest(self) -> None:
        with naming(self.path):
            size = os.fstat(self.descriptor).st_size
            self._is_torn = size > self.length
            self._mend()
        if size < self.length:
            raise FileError(f"{self.path}: has {size} bytes, but {self.length} were written")

    def _mend(self) -> None:
        if self._is_torn:
            os.ftruncate(self.descriptor, self.length)
            self._is_torn = False


def _hashed(file: int, length: int) -> hashlib._Hash:
    """Return the SHA-256, to be kept up, of the first bytes of an open file."""
    found, done = hashlib.sha256(), 0
    while done < length and (part := os.pread(file, min(CHUNK, length - done), done)):
        found.update(part)
        done += len(part)
    return found


def write_whole(path: Path, content: bytes) -> None:
    """Write a file as `Folder.write` does, at any path.

    A link keeps its place: what it points to is written. Devices and pipes are written as they are.
    Raises FileError where the operating system refuses.
    """
    with writing_whole(path) as write:
        write(content)


@contextlib.contextmanager
def writing_whole(path: Path) -> Iterator[Callable[[bytes], None]]:
    """Yield a function that writes a file piece by piece, in as little memory as a piece takes.

    The file appears under its name once it is whole; not, where an error is raised within. Else as
    `write_whole`.
    """
    with naming(path):
        is_special = path.exists() and not path.is_file()
        opened = path.open("wb", buffering=0) if is_special else None
    if opened is not None:
        with opened:
            yield _writes(path, lambda piece: _write_all(opened, piece))
        return
    with naming(path):
        whole = path.resolve()
        try:
            folder = Folder(whole.parent)
        except FileError as error:  # its own words, about the file that was asked for
            raise FileError(f"{path}: {str(error).removeprefix(f'{whole.parent}: ')}") from None
    with folder:
        with naming(path):
            file = Temporary(folder.descriptor, whole.name)
        with file:
            folder.sweep([whole.name])
            yield _writes(path, file.append)
            with naming(path):
                file.commit()


def _writes(path: Path, write: Callable[[bytes], None]) -> Callable[[bytes], None]:
    def named(piece: bytes) -> None:
        with naming(path):
            write(piece)

    return named


def _write_all(opened: io.FileIO, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[opened.write(left) :]
