"""mlp report RUN…."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlpcli.cli.command import verb
from mlpcli.cli.console import print_json, print_note, print_raw, print_result
from mlpcli.cli.options import Debug, Json, Quiet
from mlpcli.cli.signals import raised
from mlpcli.errors import FileError, UsageError

if TYPE_CHECKING:
    from mlpcli.report.page import Page

REPORT = "report.html"
NEEDED = ("jinja2", "matplotlib")


@verb
def report(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN…", help="A run directory or a model file.")
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The page; by default RUN/report.html."
        ),
    ] = None,
    data: Annotated[
        str | None, typer.Option(metavar="FILE", help="The data; by default the run's own.")
    ] = None,
    no_rows: Annotated[
        bool, typer.Option("--no-rows", help="Show no row of the data, not even the worst.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write a page about a run, to be shown: one HTML file that needs nothing else.

    It says how good the model is, on how many rows and against which baseline, with intervals;
    draws the network and its curves, its errors and what it looks at; and has the spec, the machine
    and the command to do it again. It opens offline, on a phone, in the dark and on paper; each
    chart has a description and its numbers. Its figures are those of mlp eval --json. With -q
    standard output is the page's path alone.

    By default it is written into the run directory; of a model file into the working directory.
    A report of before is replaced, no other file is.

    Needs matplotlib and Jinja2: pip install 'mlpcli[report]'.

    \b
    Examples:
      mlp report runs/iris-20261130-101500
      mlp report model.safetensors --data new.csv -o new.html
    """
    _check_libraries()
    from mlpcli.report.page import render

    path = Path(output) if output is not None else _place(runs)
    _check_place(path)
    page = _page(runs, data, rows=not no_rows, quiet=quiet or json)
    content = render(page)
    with raised():
        _write(path, content)
    if json:
        names = [section.name for section in page.sections]
        print_json({"report": str(path), "bytes": len(content), "sections": names})
    elif quiet:
        print_raw(str(path))
    else:
        print_result(f"report: {path}, {len(content) / 1000:.0f} kB")


def _check_libraries() -> None:
    """Raise UsageError where the extra is not installed; keep matplotlib's own notes back."""
    from importlib.util import find_spec

    if any(find_spec(name) is None for name in NEEDED):
        raise UsageError("mlp report needs matplotlib and Jinja2: pip install 'mlpcli[report]'")
    # It notes that it looks for fonts, or has no folder to remember them in.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)


def _place(runs: list[str]) -> Path:
    """Return where a page is written by default."""
    if len(runs) == 1 and Path(runs[0]).is_dir():
        return Path(runs[0]) / REPORT
    return Path(REPORT)


def _check_place(path: Path) -> None:
    """Raise UsageError where another file than a report would be replaced."""
    from mlpcli.report.page import HEAD, is_page

    try:
        if path.is_dir():
            raise UsageError(f"{path}: is a directory; name a file with -o")
        if not path.is_file():
            return
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise FileError(f"{path}: {error.strerror}") from None
    if head and not is_page(head):
        raise UsageError(f"{path}: is no report of mlp's, so it is not replaced; choose another -o")


def _page(runs: list[str], data: str | None, *, rows: bool, quiet: bool) -> Page:
    from mlpcli.cli.describe import interruption_notes, note_on_changes
    from mlpcli.report.reported_run import load_run
    from mlpcli.report.run_page import run_page

    if len(runs) > 1:
        raise UsageError("mlp report takes one run; mlp compare shows several side by side")
    run = load_run(runs[0], data)
    note_on_changes(run.path, run.model)
    if not quiet:
        for note in [*interruption_notes(run.model), *run.notes]:
            print_note(note)
    return run_page(run, rows=rows)


def _write(path: Path, content: bytes) -> None:
    from mlpcli.runs.files import write_whole

    write_whole(path, content)
