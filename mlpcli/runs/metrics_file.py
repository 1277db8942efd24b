"""metrics.csv: one line an epoch, each written whole, so that it can be followed while it grows."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path

from mlpcli.errors import FileError


class MetricsFile:
    """Appends rows of metrics to a CSV file.

    Numbers are written so that they read back as the same floats; NaN is an empty cell.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path, self.columns = path, columns
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o666)
        except OSError as error:
            raise FileError(f"{path}: {error.strerror}") from None
        self._write(",".join(columns))

    def append(self, row: dict[str, float]) -> None:
        """Write one row, in the order of the columns, with one call of the system."""
        self.extend([row])

    def extend(self, rows: Sequence[dict[str, float]]) -> None:
        """Write some rows with one call of the system."""
        lines = (",".join(_cell(row[name]) for name in self.columns) for row in rows)
        self._write("\n".join(lines))

    def _write(self, line: str) -> None:
        content = (line + "\n").encode()
        try:
            if os.write(self._file, content) < len(content):
                raise FileError(f"{self.path}: no space left on the device")
        except OSError as error:
            raise FileError(f"{self.path}: {error.strerror}") from None

    def close(self) -> None:
        """Close the file, if it is open."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _cell(value: float) -> str:
    return "" if value != value else repr(value)  # noqa: PLR0124  NaN


def read_metrics(path: Path) -> list[dict[str, float]]:
    """Return the rows of a metrics file; none where there is no such file.

    An empty cell is NaN. A line that is not whole, as a killed run may leave it, ends the file.
    """
    try:
        text = path.read_text("utf-8")
        whole = text[: text.rfind("\n") + 1].splitlines()
    except (OSError, ValueError):
        return []
    rows: list[dict[str, float]] = []
    for row in csv.DictReader(whole):
        if None in row or None in row.values():
            break
        try:
            rows.append({name: float(cell or "nan") for name, cell in row.items()})
        except ValueError:
            break
    return rows
