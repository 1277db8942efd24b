"""The files that `mlp explain -o` writes, and which of those that are there it replaces."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mlpcli.errors import FileError, UsageError

if TYPE_CHECKING:
    from mlpcli.report.explain.explanation import Explanation

PROGRAM = "mlp explain"
# What each begins with, but for a page, whose generator is named.
MARKS = {".md": f"<!-- {PROGRAM} -->\n", ".txt": f"{PROGRAM}: "}


def check_place(output: str | None, *, force: bool) -> None:
    """Raise UsageError where a file would be replaced that mlp explain has not written."""
    if output is None:
        return
    path = Path(output)
    try:
        if path.is_dir():
            raise UsageError(f"--output {output}: is a folder, not a file")
        if force or not path.is_file():
            return
        with path.open("rb") as file:
            head = file.read(2048)
    except OSError as error:
        raise FileError(f"{output}: {error.strerror}") from None
    if head and not _is_ours(path.suffix, head):
        raise UsageError(
            f"{output}: is there already, and mlp explain has not written it; choose another name "
            "with --output, or replace it with --force"
        )


def _is_ours(ending: str, head: bytes) -> bool:
    if ending in MARKS:
        return head.startswith(MARKS[ending].encode())
    from mlpcli.report.page import is_page

    return is_page(head, PROGRAM)


def content_of(output: str, found: Explanation) -> bytes:
    """Return a file's content, by its ending."""
    from mlpcli.report.explain.markdown import markdown
    from mlpcli.report.explain.text import text_lines

    ending = Path(output).suffix
    if ending == ".html":
        from mlpcli.report.explain.web_page import web_page

        return web_page(found)
    if ending == ".md":
        return (MARKS[ending] + markdown(found)).encode()
    return (MARKS[ending] + "".join(f"{text}\n" for text, _ in text_lines(found))).encode()
