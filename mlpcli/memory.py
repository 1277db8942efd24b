"""Memory that is asked for before it is taken.

What is asked for is an estimate. Less than FEW bytes are always granted: looking how much is free
takes longer than to take them. docs/decisions/0043 says what is refused, and by which margin.
"""

from __future__ import annotations

from mlpcli.errors import OutOfMemoryError
from mlpcli.machine import allocatable_memory, in_bytes

FEW = 64 << 20
FEWER = "a file with fewer rows or columns, or a machine with more memory, is needed"


def require(n_bytes: float, what: str, advice: str) -> None:
    """Raise OutOfMemoryError where so many bytes are not free.

    n_bytes  beside what is held already
    what     takes them, as a sentence begins: "d.csv: 3,000 rows of 20 columns"
    advice   what can be done about it
    """
    if not fits(n_bytes):
        free = allocatable_memory()
        sizes = f"about {in_bytes(int(n_bytes))} are needed, and {in_bytes(free)} are free"
        raise OutOfMemoryError(f"{what}: {sizes}; {advice}")


def fits(n_bytes: float) -> bool:
    """Whether so many bytes can be allocated beside what is held already."""
    return n_bytes <= FEW or n_bytes <= allocatable_memory()
