"""The program `mlp`: every module of `verbs` is a verb.

Nothing here imports NumPy or pandas: `mlp --help` must be as quick as Typer is. A verb imports
what it needs when it runs.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from mlpcli import __version__
from mlpcli.cli import verbs
from mlpcli.cli.command import explain
from mlpcli.cli.completion import SHELL, join_words
from mlpcli.cli.console import flush, print_error
from mlpcli.cli.exit_codes import MEANINGS, codes_of, sentence
from mlpcli.cli.narrow_help import NarrowCommand, NarrowGroup
from mlpcli.cli.output import (
    NOBODY_READS,
    OutputError,
    guard_results,
    is_unread,
    open_closed_descriptors,
)

HELP = f"""Train, evaluate and verify multilayer perceptrons from YAML specs.

Results go to standard output, everything else to standard error.

{sentence(MEANINGS)}
"""


OF_SHELLS = (["--install-completion"], ["--show-completion"])


def _version(value: bool) -> None:  # noqa: FBT001  Typer's signature
    if value:
        typer.echo(f"mlp {__version__}")
        raise typer.Exit


def _root(
    _version: Annotated[  # noqa: FBT002  Typer's signature
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def app_for(words: Sequence[str]) -> typer.Typer:
    """Return the program for a command line, as Typer takes it.

    Typer makes a command of each verb before it looks at the words, which takes 2 ms each: where
    they begin with a verb, that is the only one.
    """
    app = typer.Typer(
        cls=NarrowGroup,
        help=HELP,
        no_args_is_help=True,
        rich_markup_mode=None,
        add_completion=not words or words[0].startswith("-"),
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    names = [module.name for module in pkgutil.iter_modules(verbs.__path__)]
    for name in words[:1] if words[:1] in [[each] for each in names] else names:
        function = getattr(importlib.import_module(f"{verbs.__name__}.{name}"), name)
        app.command(name, cls=NarrowCommand, epilog=sentence(codes_of(name)))(function)
    return app


def main() -> None:
    """Run the command line."""
    open_closed_descriptors()
    # Before NumPy is imported: BLAS's own threads run many times slower than one as soon as
    # another job holds a core (docs/decisions/0007). Parallelism is over lanes.
    for library in ("OPENBLAS", "OMP", "MKL", "VECLIB", "BLIS"):
        name = f"{library}_NUM_THREADS" if library != "VECLIB" else "VECLIB_MAXIMUM_THREADS"
        os.environ[name] = "1"
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # looking for them takes 7 ms
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    guard_results()
    if SHELL in os.environ:
        join_words(os.environ)
    try:
        try:
            app_for(sys.argv[1:])(prog_name="mlp")
        finally:
            flush()
    except (OSError, OutputError) as error:  # of what Typer prints; verbs look after their own
        sys.exit(explain(error))
    except SystemExit as end:
        if end.code == 1 and sys.argv[1:2] in OF_SHELLS:  # Typer does not know the shell
            print_error("which shell this is could not be found; there are bash, zsh and fish")
            sys.exit(2)
        if not end.code and is_unread():
            sys.exit(NOBODY_READS)
        raise
