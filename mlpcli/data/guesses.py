"""What was found in the data by itself, where the spec leaves it open."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Guess:
    """One choice that the data has decided, as a sentence for the user.

    kind     encoding, delimiter, decimal, header, missing, reading, text (though it looks like
             numbers or dates), left_out, rows, task, target, split, category, indicator
    text     what was taken for what, and what to write where it is something else
    columns  the columns it is about, where it is about columns
    """

    kind: str
    text: str
    columns: tuple[str, ...] = ()
