"""Help on a terminal of less than 52 columns, which Typer breaks within words."""

from __future__ import annotations

import functools
import shutil
from typing import Any

from typer.core import TyperCommand, TyperGroup

LEAST = 52  # columns that Typer takes a terminal to have


class NarrowContext(TyperCommand.context_class):  # type: ignore[misc,valid-type]
    """Typer's context, with a formatter that keeps to the width."""

    def make_formatter(self) -> Any:
        formatter = super().make_formatter()
        columns = shutil.get_terminal_size().columns
        if columns < LEAST:
            formatter.width = columns - 2
            # Longer options have a line of their own, with their text below.
            formatter.write_dl = functools.partial(formatter.write_dl, col_max=columns // 4)
        return formatter


class NarrowCommand(TyperCommand):
    """A verb."""

    context_class = NarrowContext


class NarrowGroup(TyperGroup):
    """The program."""

    context_class = NarrowContext
