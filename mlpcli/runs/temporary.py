"""Temporary files, which get their names when they are whole and on the disk."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

from mlpcli.errors import FileError
from mlpcli.runs.lock import lock, unlock

NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe is not waited for
TEMPORARY = re.compile(r"\..{1,40}\.[0-9a-f]{16}\.tmp", re.DOTALL)
LONGEST = 40  # characters of a name in its temporary name: 255 bytes are all a name may have


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn an OSError into a FileError that names `path`."""
    try:
        yield
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}") from None


class Temporary:
    """A file under a temporary name, `.NAME.<16 hex digits>.tmp`, in the directory of its place.

    It is locked as long as it is open, so that `Folder.sweep` knows the ones of dead processes.
    Left as a context without `commit`, it is removed.
    """

    def __init__(self, directory: int, place: str) -> None:
        self.directory, self.place = directory, place
        mode = _mode_of(directory, place)
        self.descriptor, self.name = -1, ""
        while self.descriptor < 0:
            self.name = f".{place[:LONGEST]}.{os.urandom(8).hex()}.tmp"
            self.descriptor = os.open(
                self.name, NEW, 0o666 if mode is None else mode, dir_fd=self.directory
            )
            if not lock(self) or os.fstat(self.descriptor).st_nlink == 0:
                unlock(self)
                os.close(self.descriptor)  # somebody has swept it before it was locked
                self.descriptor = -1
        if mode is not None and stat.S_IMODE(os.fstat(self.descriptor).st_mode) != mode:
            with contextlib.suppress(OSError):  # a file system without modes
                os.fchmod(self.descriptor, mode)  # the umask had taken some of it

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    def allocate(self, n_bytes: int) -> None:
        """Take room on the disk, by zeros.

        `posix_fallocate` would take it as well, but giving it back costs 4 ms on ext4 with
        `discard`, where bytes that are still to be written cost nothing.
        """
        self.write(bytes(n_bytes))

    def write(self, content: bytes) -> None:
        """Write from the beginning, all of it; what was allocated beyond is given up."""
        os.lseek(self.descriptor, 0, os.SEEK_SET)
        self.append(content)
        if os.fstat(self.descriptor).st_size > len(content):
            os.ftruncate(self.descriptor, len(content))

    def append(self, content: bytes) -> None:
        """Write behind what was written last, all of it."""
        left = memoryview(content)
        while left:
            left = left[os.write(self.descriptor, left) :]

    def commit(self, *, sync_name: bool = True) -> None:
        """Make sure that it is on the disk, and give it its name."""
        os.fsync(self.descriptor)
        # Closing a second descriptor reports what closing would, and the lock is kept.
        os.close(os.dup(self.descriptor))
        os.replace(self.name, self.place, src_dir_fd=self.directory, dst_dir_fd=self.directory)
        self.name = ""
        if sync_name:
            sync_directory(self.directory)

    def discard(self) -> None:
        """Close it, and remove it if it has not got its name."""
        if self.name:
            with contextlib.suppress(OSError):
                os.unlink(self.name, dir_fd=self.directory)
        if self.descriptor >= 0:
            descriptor, self.descriptor, self.name = self.descriptor, -1, ""
            unlock(self)
            with contextlib.suppress(OSError):
                os.close(descriptor)


def sweep(directory: int, names: Iterable[str]) -> None:
    """Remove the temporary files for these names that dead processes have left, if possible."""
    prefixes = tuple(f".{name[:LONGEST]}." for name in names)
    with contextlib.suppress(OSError):
        for each in os.listdir(directory):
            if each.startswith(prefixes) and TEMPORARY.fullmatch(each):
                _remove_if_left(directory, each)


def sync_directory(descriptor: int) -> None:
    """Make sure that a directory's names are on the disk, where the file system can do that."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise


def _mode_of(directory: int, name: str) -> int | None:
    """Return the mode of a regular file; None where there is none."""
    try:
        found = os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode
    except OSError:
        return None
    return found & 0o777 if stat.S_ISREG(found) else None


def _remove_if_left(directory: int, name: str) -> None:
    """Remove a temporary file that no process has locked."""
    with contextlib.suppress(OSError):
        file = os.open(name, READ, dir_fd=directory)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(name, dir_fd=directory)
        finally:
            os.close(file)
