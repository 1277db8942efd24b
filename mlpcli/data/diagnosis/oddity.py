"""What a rule finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Oddity:
    """One thing that may be a mistake in the data.

    kind     the rule's, as the reference lists them
    text     what is odd, with counts and an example, and what to write where it is a mistake
    columns  the columns it is about, where it is about columns
    """

    kind: str
    text: str
    columns: tuple[str, ...] = ()
