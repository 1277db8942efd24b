"""Suggestions where a file does not exist."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path

from mlpcli.errors import nearest

MOST = 10_000  # names of a folder that are looked at


def did_you_mean(path: str, fits: Callable[[Path], bool]) -> str:
    """Return `; did you mean PATH?`, of a file beside it with a similar name; or nothing.

    fits  whether a file is of the kind that is wanted

    Names are compared up to their first dot: endings make all of a kind alike. Where the folder
    does not exist either, one with a similar name is looked for that has such a file.
    """
    folder, name = Path(path).parent, Path(path).name
    if not folder.is_dir():
        instead = _similar(folder.parent, folder.name, Path.is_dir)
        if not instead:
            return ""
        folder = folder.parent / instead
    found = _similar(folder, name, fits)
    return f"; did you mean {folder / found}?" if found else ""


def _similar(folder: Path, name: str, fits: Callable[[Path], bool]) -> str:
    try:
        names = sorted(each.name for each in islice(folder.iterdir(), MOST) if fits(each))
    except OSError:
        return ""
    # One that begins alike, of those that differ in their ending alone: the last written wins.
    same_ending = Path(name).suffix.lower()
    names.sort(key=lambda each: Path(each).suffix.lower() == same_ending)
    by_stem = {_stem(each): each for each in names if each.isprintable() and _stem(each)}
    found = nearest(_stem(name), by_stem)
    return by_stem[found] if found else ""


def _stem(name: str) -> str:
    return name.partition(".")[0]
