"""Texts as they are."""

from __future__ import annotations

from mlpcli.data.columns import Column
from mlpcli.data.readings.reading import READINGS, Reading
from mlpcli.data.table import Table


@READINGS.add("text")
class Text(Reading):
    """Texts as they are, though they may look like something else."""

    def read(self, table: Table, name: str) -> Column:
        return table.column(name)
