"""metrics.csv: one line an epoch, each written whole, so that it can be followed while it grows."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from mlpcli.runs.failing_disk import RunFiles
from mlpcli.runs.files import Folder


class MetricsFile:
    """Appends rows of metrics to a CSV file.

    Numbers are written so that they read back as the same floats; NaN is an empty cell.

    length  bytes of it to keep, all of them whole lines; 0: it is begun anew, with its header
    """

    def __init__(
        self, folder: Folder | RunFiles, name: str, columns: Sequence[str], length: int = 0
    ) -> None:
        self.columns = columns
        self.file = folder.append_file(name, length)
        if not length:
            self.file.append((",".join(columns) + "\n").encode())

    def append(self, row: dict[str, float]) -> None:
        """Write one row, in the order of the columns, with one call of the system."""
        self.extend([row])

    def extend(self, rows: Sequence[dict[str, float]]) -> None:
        """Write some rows with one call of the system."""
        lines = (",".join(cell_text(row[name]) for name in self.columns) + "\n" for row in rows)
        self.file.append("".join(lines).encode())

    def close(self) -> None:
        """Close the file, if it is open."""
        self.file.close()


def cell_text(value: float) -> str:
    """Return a number as it is written: it reads back as the same float; NaN is empty."""
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
