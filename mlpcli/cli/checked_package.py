"""Which copy of mlpcli runs: a check of the code says whose code it has checked."""

from __future__ import annotations

from pathlib import Path

import mlpcli


def package() -> Path:
    """Return the directory of the package that runs."""
    return Path(mlpcli.__file__).resolve().parent


def other_package() -> Path | None:
    """Return another copy in the working directory, or one above it; None: there is none."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        found = folder / mlpcli.__name__
        if (found / "__init__.py").is_file():
            return None if found.resolve() == package() else found
    return None


def warning() -> str:
    """Return that another copy than the one in the working directory runs; empty: it does not."""
    other = other_package()
    if other is None:
        return ""
    return (
        f"{other} is NOT what was checked: this command runs the copy in {package()}; to check "
        f"that one, install it (pip install -e .), or run python -m mlpcli in {other.parent}"
    )
