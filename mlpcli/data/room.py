"""Memory for the rows of a table that is read, asked for as they come."""

from __future__ import annotations

from mlpcli.errors import counted
from mlpcli.memory import FEW, FEWER, require

TEXT = 160  # bytes of a short text, and of its place among those that are known


class Room:
    """What the rows of a table take, of which it is not known how many there are.

    name     of the file, for messages
    width    bytes of a row
    n_rows   about how many there are; asked for at once
    """

    def __init__(self, name: str, width: float, n_rows: int) -> None:
        self.name, self.width = name, width
        self.n_rows = self.n_texts = 0
        self.granted = max(FEW, width * n_rows)
        require(self.granted, f"{name}: about {counted(n_rows, 'row')}", FEWER)

    def add(self, n_rows: int, n_texts: int = 0) -> None:
        """Count rows that came, and how many different texts there are by now.

        Raises OutOfMemoryError where a quarter more of them would not fit.
        """
        self.n_rows += n_rows
        n_bytes = self.n_rows * self.width + n_texts * TEXT
        if n_bytes > self.granted:
            more = n_bytes / 4 + FEW
            require(more, f"{self.name}: {counted(self.n_rows, 'row')}, and more to come", FEWER)
            self.granted = n_bytes + more
