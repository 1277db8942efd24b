"""How the run that --force trains takes the place of the old one (docs/decisions/0040).

It is trained in a directory of its own within the old one's, so that both are on one file system.
The directory's name says how far it is:

    .mlp-new-X    it is being trained; left over: it was killed, and the old run is as it was
    .mlp-swap-X   it is whole; the old run's files that it has no new ones for are removed
    .mlp-move-X   its files take the place of the old ones, one after the other

Each of the steps can be done again, so whoever comes next finishes what was cut short.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from pathlib import Path

from mlpcli.errors import FileError
from mlpcli.runs.files import Folder
from mlpcli.runs.lock import lock, unlock
from mlpcli.runs.names import OURS
from mlpcli.runs.status import read_manifest
from mlpcli.runs.temporary import naming, sync_directory

NEW, SWAP, MOVE = ".mlp-new-", ".mlp-swap-", ".mlp-move-"
OWN = re.compile(r"\.mlp-(new|swap|move)-[0-9a-f]{16}")
WAIT_SECONDS = 1.0  # of a reader, for a swap under way


def begin(home: Folder) -> Folder:
    """Make the directory that a new run is trained in."""
    name = NEW + os.urandom(8).hex()
    with naming(home.path / name):
        os.mkdir(name, dir_fd=home.descriptor)
    return Folder(home.path / name, home)


def swap(home: Folder, new: Folder) -> None:
    """Let a run that is whole take the place of the old one; `home` is locked."""
    os.fsync(new.descriptor)
    name = new.path.name
    home.rename(name, SWAP + name.removeprefix(NEW))
    finish(home)


def finish(home: Folder) -> None:
    """Finish a swap that was begun, if there is one; `home` is locked."""
    for name in home.names():
        if OWN.fullmatch(name) and not name.startswith(NEW):
            moving = name.replace(SWAP, MOVE)
            with Folder(home.path / name, home) as new:
                if read_manifest(new) is not None:  # else all has been moved, or is not mlp's
                    _take_places(home, new, moving)
            with contextlib.suppress(OSError):  # somebody's file in it
                os.rmdir(moving, dir_fd=home.descriptor)


def _take_places(home: Folder, new: Folder, moving: str) -> None:
    if new.path.name != moving:
        _remove(home, set(OURS) - set(new.names()))
        home.rename(new.path.name, moving)
    new.sweep(OURS)
    found = set(new.names())
    for name in OURS:
        if name in found:
            with naming(home.path / name):
                os.replace(name, name, src_dir_fd=new.descriptor, dst_dir_fd=home.descriptor)
    with naming(home.path):
        sync_directory(home.descriptor)


def _remove(home: Folder, names: set[str]) -> None:
    for name in names:
        home.remove(name)


def unfinished(home: Folder) -> Path:
    """Return the directory of a new run that could not take the old one's place."""
    return home.place / next((name for name in home.names() if OWN.fullmatch(name)), "")


def drop(home: Folder, name: str) -> None:
    """Remove the directory of a new run with the run's own files, as far as possible."""
    with contextlib.suppress(FileError), Folder(home.path / name, home) as new:
        new.sweep(OURS)
        _remove(new, set(OURS))
    with contextlib.suppress(OSError):  # somebody's file in it
        os.rmdir(name, dir_fd=home.descriptor)


def sweep(home: Folder) -> None:
    """Remove what killed runs have left, those that were not whole; `home` is locked."""
    for name in home.names():
        if OWN.fullmatch(name) and name.startswith(NEW):
            drop(home, name)


def keep(home: Folder, new: Folder) -> Path:
    """Give a run that was interrupted a name to go on with; return its path."""
    stamp = time.strftime("interrupted-%Y%m%d-%H%M%S")
    taken = set(home.names())
    numbered = (stamp, *(f"{stamp}-{number}" for number in range(2, 1000)))
    name = next(name for name in numbered if name not in taken)
    home.rename(new.path.name, name)
    return home.path / name


def settle(path: Path) -> None:
    """Before a run is read: finish a swap that was cut short, or wait for one under way."""
    end = time.monotonic() + WAIT_SECONDS
    with contextlib.suppress(FileError), Folder(path) as home:
        while any(OWN.fullmatch(n) and not n.startswith(NEW) for n in home.names()):
            if lock(home):
                try:
                    finish(home)
                finally:
                    unlock(home)
                return
            if time.monotonic() > end:
                return
            time.sleep(0.01)


def current(path: Path, name: str) -> Path:
    """Return where a run's file is: a reader that may not write cannot finish a swap."""
    with contextlib.suppress(FileError), Folder(path) as home:
        for each in home.names():
            if OWN.fullmatch(each) and not each.startswith(NEW):
                with Folder(path / each, home) as new:
                    # The manifest is moved last: without it there is nothing more of mlp's.
                    if read_manifest(new) is not None and name in new.names():
                        return path / each / name
    return path / name
