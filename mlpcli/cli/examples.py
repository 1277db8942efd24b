"""What `mlp init --example NAME` writes and prints."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path

from mlpcli.cli.console import print_json, print_raw, print_sentence
from mlpcli.cli.new_files import check_new, schema_beside, write_new
from mlpcli.cli.signals import raised
from mlpcli.errors import FileError, UsageError, listing, nearest
from mlpcli.runs.files import write_whole
from mlpcli.spec.draft.examples import Example, examples


def write_example(
    name: str | None, output: str | None, *, force: bool, json: bool, quiet: bool
) -> None:
    """Write a shipped spec with its data beside it; without a name, list them."""
    known = examples()
    if not known:
        raise FileError("this installation has no examples: install mlpcli again, from its wheel")
    if name is None:
        _list(known, json=json, quiet=quiet)
        return
    if name not in known:
        near = nearest(name, known)
        hint = f"; did you mean {near}?" if near else ""
        raise UsageError(f"--example {name}: is none; there are {listing(known)}{hint}")
    example = known[name]
    if output == "-":
        print_raw(example.text.removesuffix("\n"))
        return
    place = _place(name, output)
    data = place.parent / example.data.name
    copies = {data: example.data.read_bytes()}
    if example.weights is not None:
        copies[place.parent / example.weights.name] = example.weights.read_bytes()
    missing = {p: c for p, c in copies.items() if not (p.is_file() and p.read_bytes() == c)}
    check_new(place, force=force)
    check_new(schema_beside(place), force=force, ours=True)
    _refuse_other(missing)
    with raised():
        for copy, content in missing.items():
            write_whole(copy, content)
        write_new(place, example.text)
    if json:
        print_json({"spec": str(place), "schema": str(schema_beside(place)), "data": str(data)})
    elif not quiet:
        _print_written(example, place, list(copies))


def _refuse_other(copies: Iterable[Path]) -> None:
    """Raise UsageError where one of the files that are not as the example has them is there."""
    for copy in copies:
        if copy.exists() or copy.is_symlink():
            raise UsageError(
                f"{copy}: is there already, and is not the example's: data that differ are never "
                "replaced, not by --force either; choose another folder with --output"
            )


def _print_written(example: Example, place: Path, copies: list[Path]) -> None:
    """Print what the example is, which files were written, and what to type next."""
    print_sentence(example.about, hang=2)
    files = " and ".join(map(str, [place, *copies]))
    print_sentence(f"written: {files}, and {schema_beside(place)} for editors")
    verb, more = "sweep" if "\nsweep:" in example.text else "train", ""
    if example.weights is not None:
        verb, more = "explain", f" --weights {shlex.quote(str(copies[-1]))}"
    print_sentence(f"next: mlp {verb} {shlex.quote(str(place))}{more}")


def _place(name: str, output: str | None) -> Path:
    if output is None:
        return Path(f"{name}.yaml")
    if output == "":
        raise UsageError("--output '' is not the name of a file")
    return Path(output) / f"{name}.yaml" if Path(output).is_dir() else Path(output)


def _list(known: dict[str, Example], *, json: bool, quiet: bool) -> None:
    """List the examples."""
    if json:
        plain = {name: {"about": e.about, "data": e.data.name} for name, e in known.items()}
        print_json({"examples": plain})
    elif not quiet:
        width = max(map(len, known)) + 2
        for name, each in known.items():
            print_sentence(f"{name:<{width}}{each.about}", hang=width)
        print_sentence("next: mlp init --example iris")
