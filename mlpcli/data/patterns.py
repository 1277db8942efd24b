"""Regular expressions that are compiled when they are first used."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any


class Pattern:
    """A regular expression of `re`: a run on plain numbers uses a few of some thirty.

    Compiling those of all modules took 8 ms of a run's start.
    """

    def __init__(self, pattern: str | bytes, flags: int = 0) -> None:
        self.pattern, self.flags = pattern, flags

    @cached_property
    def compiled(self) -> re.Pattern[Any]:
        """The compiled expression."""
        return re.compile(self.pattern, self.flags)

    def __getattr__(self, name: str) -> Any:
        """Return a method of the compiled expression."""
        return getattr(self.compiled, name)
