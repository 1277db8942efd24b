"""The interface of readings, and their table."""

from __future__ import annotations

from mlpcli.data.columns import Column
from mlpcli.data.table import Table
from mlpcli.family import Family, Member

READINGS = Family("reading")


class Reading(Member):
    """How the texts of one column become values."""

    def read(self, table: Table, name: str) -> Column:
        """Return a table's column, read. Raises DataError at the first cell that does not fit."""
        raise NotImplementedError
