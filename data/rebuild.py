#!/usr/bin/env python3
"""Rebuild the example data sets of this folder, bit for bit, from installed packages.

Usage::

    pip install '.[data]'
    python data/rebuild.py            # write every file again
    python data/rebuild.py --check    # compare only; exit 1 if a stored file differs

No network is used: the numbers come out of scikit-learn and palmerpenguins.
Exit status: 0 all is well, 1 a stored file differs or is missing, 2 the rebuild was impossible.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import importlib
import io
import math
import os
import re
import sys
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import ModuleType

HERE = Path(__file__).resolve().parent
MISSING = "NA"
OLDEST_SKLEARN = (1, 8)
EXIT_DIFFERENT = 1
EXIT_IMPOSSIBLE = 2

PENGUIN_COLUMNS = (
    "island",
    "bill_length_mm",
    "bill_depth_mm",
    "flipper_length_mm",
    "body_mass_g",
    "sex",
    "species",
)


class RebuildError(Exception):
    """The files could not be rebuilt; the message is one sentence for the user."""


@dataclass(frozen=True)
class Table:
    """A header and its rows, the target in the last column."""

    header: list[str]
    rows: list[list[str | float]]


class Bunch(Protocol):
    """What is used here of a data set as scikit-learn returns it, which has no type hints."""

    data: Any
    target: Any
    feature_names: Sequence[str]
    target_names: Sequence[str]


# --- from tables to bytes ---------------------------------------------------------------------


def format_cell(value: str | float) -> str:
    """Write text as it is and a number as the shortest text that reads back as the same number.

    A whole number is written without a decimal point and a missing value as ``NA``.
    """
    if isinstance(value, str):
        return value
    if math.isnan(value):
        return MISSING
    number = float(value)
    return str(int(number)) if number.is_integer() else repr(number)


def to_csv(table: Table) -> bytes:
    """Encode a table as UTF-8 CSV, quoted as RFC 4180 asks, with bare newline line ends."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.header)
    writer.writerows([format_cell(value) for value in row] for row in table.rows)
    return text.getvalue().encode("utf-8")


# --- from packages to tables ------------------------------------------------------------------


def load_package(module: str, distribution: str) -> ModuleType:
    """Import a module, or say which distribution has to be installed first."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        message = (
            f"The package {distribution} could not be imported ({error}); "
            "install it with: pip install '.[data]'"
        )
        raise RebuildError(message) from error


def sklearn_datasets() -> ModuleType:
    """Return the module that holds the data sets of scikit-learn, if it is recent enough.

    Before 1.8 eleven numbers of the diabetes set are off by a rounding error, such as
    4.803999999999999 for 4.804, so that its file could not be rebuilt bit for bit.
    """
    version = str(load_package("sklearn", "scikit-learn").__version__)
    major, minor = (int(part) for part in version.split(".")[:2])
    if (major, minor) < OLDEST_SKLEARN:
        message = (
            f"scikit-learn {version} is too old: the files are rebuilt with "
            f"{'.'.join(map(str, OLDEST_SKLEARN))} or newer."
        )
        raise RebuildError(message)
    return load_package("sklearn.datasets", "scikit-learn")


def snake_case(name: str) -> str:
    """Turn a name such as ``sepal length (cm)`` into ``sepal_length_cm``."""
    return re.sub(r"[^0-9a-z]+", "_", name.lower()).strip("_")


def features_then_target(bunch: Bunch, name: str, targets: Iterable[str | float]) -> Table:
    """Join the features of a scikit-learn data set with its target, which comes last."""
    header = [*(snake_case(feature) for feature in bunch.feature_names), name]
    pairs = zip(bunch.data.tolist(), targets, strict=True)
    return Table(header, [[*features, target] for features, target in pairs])


def class_names(bunch: Bunch) -> list[str]:
    """Return the name of the class of every row of a scikit-learn data set."""
    return [str(bunch.target_names[number]) for number in bunch.target]


def iris() -> Table:
    """Four flower measurements and the species of 150 irises."""
    bunch = sklearn_datasets().load_iris()
    return features_then_target(bunch, "species", class_names(bunch))


def digits() -> Table:
    """Images of 8 by 8 pixels, row by row, and the handwritten digit each one shows."""
    bunch = sklearn_datasets().load_digits()
    return features_then_target(bunch, "digit", bunch.target.tolist())


def breast_cancer() -> Table:
    """Thirty measurements of cell nuclei and the diagnosis."""
    bunch = sklearn_datasets().load_breast_cancer()
    return features_then_target(bunch, "diagnosis", class_names(bunch))


def diabetes() -> Table:
    """Ten baseline measurements, in their original units, and the later disease progression."""
    bunch = sklearn_datasets().load_diabetes(scaled=False)
    return features_then_target(bunch, "progression", bunch.target.tolist())


def penguins() -> Table:
    """Island, size, sex and species of 344 penguins, with missing values."""
    frame = load_package("palmerpenguins", "palmerpenguins").load_penguins()
    absent = [name for name in PENGUIN_COLUMNS if name not in frame.columns]
    if absent:
        message = f"The penguins in palmerpenguins lack the columns {', '.join(absent)}."
        raise RebuildError(message)
    columns = [frame[name].tolist() for name in PENGUIN_COLUMNS]
    return Table(list(PENGUIN_COLUMNS), [list(row) for row in zip(*columns, strict=True)])


BUILDERS: dict[str, Callable[[], Table]] = {
    "iris.csv": iris,
    "digits.csv": digits,
    "breast_cancer.csv": breast_cancer,
    "diabetes.csv": diabetes,
    "penguins.csv": penguins,
}


def rebuild() -> dict[str, bytes]:
    """Build the bytes of every file in memory, so that a failure leaves no file half done."""
    return {name: to_csv(build()) for name, build in BUILDERS.items()}


# --- writing and checking ---------------------------------------------------------------------


def write_file(path: Path, content: bytes) -> None:
    """Put a file in place in one step: a reader sees the old bytes or the new ones."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)  # os.replace: one atomic step within a folder
    finally:
        temporary.unlink(missing_ok=True)


def write_all(files: dict[str, bytes], folder: Path) -> None:
    """Write every file into the folder and print its size and SHA-256."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_file(folder / name, content)
        say(f"{hashlib.sha256(content).hexdigest()}  {name}  ({len(content)} bytes)")


def first_difference(stored: bytes, rebuilt: bytes) -> int:
    """Return the number, from 1, of the first line in which two unequal contents differ."""
    pairs = zip_longest(stored.split(b"\n"), rebuilt.split(b"\n"))
    return next(number for number, (old, new) in enumerate(pairs, start=1) if old != new)


def fault(path: Path, rebuilt: bytes) -> str | None:
    """Say in one sentence how a stored file differs from the rebuilt one, or return None."""
    try:
        stored = path.read_bytes()
    except FileNotFoundError:
        return f"{path.name} is missing from {path.parent}."
    if stored == rebuilt:
        return None
    line = first_difference(stored, rebuilt)
    return f"{path.name} differs from the rebuilt file, first in line {line}."


def check_all(files: dict[str, bytes], folder: Path) -> int:
    """Compare every stored file with its rebuilt bytes, name each faulty one, return the status."""
    faults = [found for name, content in files.items() if (found := fault(folder / name, content))]
    for found in faults:
        complain(found)
    if faults:
        return EXIT_DIFFERENT
    say(f"All {len(files)} files equal their rebuilt bytes.")
    return 0


# --- the command line -------------------------------------------------------------------------


def say(line: str) -> None:
    """Print a line of the result."""
    sys.stdout.write(f"{line}\n")


def complain(sentence: str) -> None:
    """Print an error."""
    sys.stderr.write(f"error: {sentence}\n")


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description="Rebuild the example data sets bit for bit from installed packages.",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; exit 1 and name the file if stored bytes differ",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=HERE,
        metavar="DIR",
        help="the folder to write to, or with --check to compare with (default: this script's)",
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script and return its exit status."""
    options = parse_arguments(arguments)
    try:
        files = rebuild()
        if options.check:
            return check_all(files, options.output)
        write_all(files, options.output)
    except RebuildError as error:
        complain(str(error))
        return EXIT_IMPOSSIBLE
    except OSError as error:
        complain(f"The files in {options.output} could not be read or written: {error}.")
        return EXIT_IMPOSSIBLE
    return 0


if __name__ == "__main__":
    sys.exit(main())
