"""mlp init DATA."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from mlpcli.cli.command import verb
from mlpcli.cli.console import print_json, print_raw
from mlpcli.cli.options import Debug, Json, Quiet
from mlpcli.cli.signals import raised
from mlpcli.errors import UsageError, listing, nearest

if TYPE_CHECKING:
    from mlpcli.spec.draft.draft import Draft


@verb
def init(
    data: Annotated[
        str | None,
        typer.Argument(metavar="DATA", help="A table: csv, tsv, jsonl, parquet or npz."),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="The column to predict; repeatable. None: list them."),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(metavar="TASK", help="regression, binary, multiclass or multilabel."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="SPEC",
            help="Where to write; default: ./NAME.yaml; -: stdout.",
        ),
    ] = None,
    example: Annotated[
        bool, typer.Option("--example", help="Write the shipped spec called DATA, with its data.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write a first spec for a table, with a reason for each finding.

    The spec trains as it stands: `mlp train` takes it next. Beside it mlp.schema.json, by which
    editors complete and explain its keys. Without --target nothing is written: the columns are
    listed, and what each would be as target and as input.

    \b
    Examples:
      mlp init iris.csv
      mlp init iris.csv --target species
      mlp init ../data/sales.csv --target price -o specs/sales.yaml
      mlp init --example iris
    """
    how: dict[str, bool] = {"force": force, "json": json, "quiet": quiet}
    if example:
        _write_example(data, target, output, **how)
        return
    path = _checked_data(data)
    if target:
        _write_spec(path, target, task, output, **how)
    else:
        _list_columns(path, output, json=json, quiet=quiet)


def _write_example(
    name: str | None, target: list[str] | None, output: str | None, **how: bool
) -> None:
    from mlpcli.cli.examples import write_example

    if target:
        raise UsageError("--example: a shipped spec has its target; leave out --target")
    write_example(name, output, **how)


def _list_columns(data: str, output: str | None, *, json: bool, quiet: bool) -> None:
    from mlpcli.cli.column_listing import show_columns

    if output is not None:
        raise UsageError("--output: say which column is to be predicted with --target")
    show_columns(data, json=json, quiet=quiet)


def _checked_data(data: str | None) -> str:
    """Return the data's path. Raises UsageError where it is none of a file that a spec can name."""
    from mlpcli.data.source import is_pipe

    if data is None:
        raise UsageError(
            "init needs a table: mlp init DATA lists its columns, mlp init DATA --target COLUMN "
            "writes a spec; or take a shipped one: mlp init --example"
        )
    if not os.path.lexists(data):
        from mlpcli.spec.draft.examples import examples

        if data in examples():
            raise UsageError(
                f"{data}: there is no such file; the shipped example: mlp init --example {data}"
            )
    if data == "-" or is_pipe(data):
        raise UsageError(
            f"{data}: a spec names its data, so they have to be in a file; save them first, as in: "
            "cat > data.csv"
        )
    try:
        data.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{data!r}: the name is not UTF-8, so no spec can have it") from None
    return data


def _write_spec(
    data: str,
    targets: list[str],
    task: str | None,
    output: str | None,
    *,
    force: bool,
    json: bool,
    quiet: bool,
) -> None:
    from mlpcli.cli.draft_report import document_of, print_draft
    from mlpcli.cli.new_files import check_new, place_of, schema_beside, write_new
    from mlpcli.spec.draft.writing import spec_text

    if len(set(targets)) < len(targets):
        raise UsageError("--target names a column twice")
    place = place_of(data, output)
    if place is not None and place.exists() and Path(data).exists() and place.samefile(data):
        raise UsageError(f"--output {output}: that is the data; choose another file")
    draft = _draft(data, targets, _checked(task), place)
    if place is not None:
        check_new(place, force=force)
        check_new(schema_beside(place), force=force, ours=True)
    text = spec_text(draft)
    if place is not None:
        with raised():
            write_new(place, text)
    if place is None and not json:
        print_raw(text.removesuffix("\n"))
        return
    document = document_of(data, draft, place, text)
    if json:
        print_json(document)
    elif not quiet:
        print_draft(document, draft)


def _draft(data: str, targets: list[str], task: str | None, place: Path | None) -> Draft:
    """Return what the spec is to say. Raises UsageError where a target is no column."""
    from mlpcli.cli.new_files import path_in_spec
    from mlpcli.data.readers import ReadOptions, read_table
    from mlpcli.data.table import absence, absent
    from mlpcli.errors import DataError
    from mlpcli.spec.draft.draft import Draft
    from mlpcli.spec.draft.examine import examine
    from mlpcli.spec.draft.settings import settings_for
    from mlpcli.training.batches import auto_batch_size

    try:
        found = examine(data, targets, task)
    except DataError as error:
        table = read_table(data, ReadOptions())
        wanted = absent(table.columns, targets)
        if wanted:
            raise UsageError(f"--target: {absence(data, wanted, table.columns)}") from None
        advised = re.search(r"data\.task: (\w+)", str(error))
        if advised:
            raise DataError(f"{error}, as in: mlp init … --task {advised[1]}") from None
        raise
    folder = Path() if place is None else place.parent
    return Draft(
        path_in_spec(data, folder),
        "SPEC" if place is None else str(place),
        found.dataset,
        found.decisions,
        settings_for(found.dataset),
        auto_batch_size(len(found.dataset.parts["train"])),
    )


def _checked(task: str | None) -> str | None:
    """Return the task of --task; None for auto. Raises UsageError where there is no such task."""
    from mlpcli.spec.data_section import Task

    known: tuple[str, ...] = get_args(Task)
    if task in (None, "auto", *known):
        return None if task == "auto" else task
    near = nearest(str(task), known)
    hint = f"; did you mean {near}?" if near else ""
    raise UsageError(f"--task {task}: is no task; allowed: auto, {listing(known)}{hint}")
