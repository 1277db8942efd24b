"""Files that appear under their final names only when they are whole."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from mlpcli.errors import FileError


def write_whole(path: Path, content: bytes) -> None:
    """Write a file: first under a temporary name beside it, then renamed over it.

    Killed at any moment, there is either the old file or the new one under `path`. A link keeps
    its place: what it points to is written. Devices and pipes are written as they are.
    Raises FileError where the operating system refuses.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)
        else:
            _replace(path.resolve(), content)
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}") from None


def _replace(path: Path, content: bytes) -> None:
    # Cut: with the number, a long name would be longer than the file system takes.
    temporary = path.with_name(f".{path.name[:40]}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():  # who may read it stays as it was
            temporary.chmod(stat.S_IMODE(path.stat().st_mode))
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
