"""mlp report RUN…."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlpcli.cli.command import verb
from mlpcli.cli.completion import complete_metric, complete_run_or_study
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
        list[str],
        typer.Argument(
            metavar="RUN",
            help="Run directories or model files, or a study.",
            autocompletion=complete_run_or_study,
        ),
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
    metric: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Of several runs: to compare them by.",
            autocompletion=complete_metric,
        ),
    ] = None,
    no_rows: Annotated[
        bool, typer.Option("--no-rows", help="Show no row of the data and no path to it.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write an HTML page about a run, several runs, or a sweep.

    One file that needs nothing else. It says how good the model is, on how many rows and against
    which baseline, with intervals; draws the network and its curves, its errors and what it looks
    at; and has the spec, the machine and the command to do it again. It opens offline, on a phone,
    in the dark and on paper; each chart has a description and its numbers. Its figures are those of
    mlp eval --json. With -q standard output is the page's path alone.

    Several runs are set side by side: which is best, whether their rows show it, as mlp compare
    has it, their curves, and what differs in their specs. A study, the directory of mlp sweep or
    the file in it, has its trials, the importances of its keys, and the figure by each of them.

    By default it is written into the run's or study's directory; of several runs, or of a model
    file, into the working directory. A report of before is replaced, no other file is.

    With --no-rows the page has no single row: the rows predicted worst are left out, numbers are
    drawn as groups of rows or their density, and of the data's path the file's name is left.
    Names of columns, categories and classes stay.

    Needs matplotlib and Jinja2: pip install 'mlpcli[report]'; of a study Optuna too.

    \b
    Examples:
      mlp report runs/iris-20261130-101500
      mlp report model.safetensors --data new.csv -o new.html
      mlp report runs/old runs/new --metric log_loss
      mlp report runs/iris_sweep-sweep
    """
    _check_libraries()
    from mlpcli.report.page import render

    if output == "-" and json:
        raise UsageError("--output -: standard output has the JSON document; name a file")
    path = Path(output) if output is not None else _place(runs)
    if output != "-":
        _check_place(path)
    page = _page(runs, data, metric, rows=not no_rows, quiet=quiet or json)
    content = render(page)
    if output == "-":
        print_raw(content.decode())
        return
    with raised():
        _write(path, content)
    _print(path, page, len(content), json=json, quiet=quiet)


def _print(path: Path, page: Page, n_bytes: int, *, json: bool, quiet: bool) -> None:
    if json:
        names = [section.name for section in page.sections]
        print_json({"report": str(path), "bytes": n_bytes, "sections": names})
    elif quiet:
        print_raw(str(path))
    else:
        print_result(f"report: {path}, {n_bytes / 1000:.0f} kB")


def _check_libraries() -> None:
    """Raise UsageError where the extra is not installed; keep matplotlib's own notes back."""
    from importlib.util import find_spec

    if any(find_spec(name) is None for name in NEEDED):
        raise UsageError("mlp report needs matplotlib and Jinja2: pip install 'mlpcli[report]'")
    # It notes that it looks for fonts, or has no folder to remember them in.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)


def _place(runs: list[str]) -> Path:
    """Return where a page is written by default."""
    from mlpcli.sweep.study_file import LOG

    if len(runs) == 1 and Path(runs[0]).is_dir():
        return Path(runs[0]) / REPORT
    if len(runs) == 1 and Path(runs[0]).name == LOG:
        return Path(runs[0]).parent / REPORT
    return Path(REPORT)


def _check_place(path: Path) -> None:
    """Raise UsageError where another file than a report would be replaced."""
    from mlpcli.report.page import HEAD, is_page

    try:
        if path.is_dir():
            raise UsageError(f"{path}: is a directory; name a file with -o")
        if not path.parent.is_dir():
            raise FileError(f"{path}: there is no directory {path.parent}")
        if not path.is_file():
            return
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise FileError(f"{path}: {error.strerror}") from None
    if head and not is_page(head):
        raise UsageError(f"{path}: is no report of mlp's, so it is not replaced; choose another -o")


def _page(
    runs: list[str], data: str | None, metric: str | None, *, rows: bool, quiet: bool
) -> Page:
    from mlpcli.sweep.study_file import find_study

    if len(runs) > 1:
        runs = _runs_among(runs, quiet=quiet)
    if len(runs) > 1:
        return _page_of_runs(runs, data, metric, quiet=quiet)
    if metric is not None:
        raise UsageError("--metric: is of several runs, to compare them by")
    if find_study(runs[0]) is not None:
        if data is not None:
            raise UsageError(f"--data: {runs[0]} is a sweep, whose trials are not evaluated again")
        return _page_of_study(runs[0])
    return _page_of_run(runs[0], data, rows=rows, quiet=quiet)


def _runs_among(names: list[str], *, quiet: bool) -> list[str]:
    """Return the names that are runs, having said which are not: `runs/*` has sweeps too."""
    from mlpcli.runs.compare import no_run, study_note
    from mlpcli.sweep.study_file import find_study

    why = {name: study_note(name) if find_study(name) else no_run(name) for name in names}
    runs = [name for name in names if not why[name]]
    if not runs and any(find_study(name) for name in names):
        raise UsageError("each sweep has a report of its own: name one of them")
    for name in names if runs and not quiet else ():
        if why[name]:
            print_note(f"{name}: {why[name]}; left out")
    return runs or names


def _page_of_run(name: str, data: str | None, *, rows: bool, quiet: bool) -> Page:
    from mlpcli.cli.describe import interruption_notes, note_on_changes
    from mlpcli.report.reported_run import load_run
    from mlpcli.report.run_page import run_page

    run = load_run(name, data)
    note_on_changes(run.path, run.model)
    if not quiet:
        for note in [*interruption_notes(run.model), *run.notes, *run.lost]:
            print_note(note)
    return run_page(run, rows=rows)


def _page_of_runs(names: list[str], data: str | None, metric: str | None, *, quiet: bool) -> Page:
    from mlpcli.cli.describe import note_on_changes
    from mlpcli.report.comparison.compared_runs import compare_runs
    from mlpcli.report.comparison.page import comparison_page

    if data == "-":
        raise UsageError("--data -: standard input can be read only once; name a file")
    runs = compare_runs(names, data, metric)
    for note in () if quiet else runs.left_out:
        print_note(note)
    for run in runs.runs:
        note_on_changes(run.path, run.model)
    return comparison_page(runs)


def _page_of_study(name: str) -> Page:
    from mlpcli.sweep.study_file import find_study

    try:
        import optuna  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name != "optuna":
            raise
        problem = "is a sweep, whose study needs Optuna: pip install 'mlpcli[report,sweep]'"
        raise UsageError(f"{name}: {problem}") from None
    from mlpcli.report.study.page import study_page
    from mlpcli.report.study.reported_study import load_reported_study

    path = find_study(name)
    assert path is not None
    return study_page(load_reported_study(name, path))


def _write(path: Path, content: bytes) -> None:
    from mlpcli.runs.files import write_whole

    write_whole(path, content)
