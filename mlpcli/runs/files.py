"""Files that appear under their final names only when they are whole."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from mlpcli.errors import FileError


def write_whole(path: Path, content: bytes) -> None:
    """Write a file: first under a temporary name beside it, then renamed over it.

    Killed at any moment, there is either the old file or the new one under `path`.
    Raises FileError where the operating system refuses.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}") from None
