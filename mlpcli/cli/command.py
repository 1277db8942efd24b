"""The wrapper of every verb: an exception becomes a sentence and an exit code."""

from __future__ import annotations

import contextlib
import functools
import re
import traceback
from collections.abc import Callable
from typing import Any

import typer

from mlpcli.cli.console import flush, print_error
from mlpcli.cli.signals import watched
from mlpcli.errors import MlpError, interruption
from mlpcli.machine import cores
from mlpcli.workers import SHARED

BUG = 70
OPERATING_SYSTEM = 6
INTERRUPTED = 130


def verb(work: Callable[..., Any]) -> Callable[..., Any]:
    """Turn a function into a command that translates exceptions and shows no traceback.

    The function returns None or an exit code. With --debug the traceback is shown as well.
    """

    @functools.wraps(work)
    def command(**arguments: Any) -> None:
        code = _run(work, arguments)
        if code:
            raise typer.Exit(code)

    return command


def _run(work: Callable[..., Any], arguments: dict[str, Any]) -> int:
    try:
        with watched():
            SHARED.n = cores()
            code = work(**arguments)
            flush()
    except (typer.Exit, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001  the last place where it can become a sentence
        if arguments.get("debug"):
            with contextlib.suppress(OSError):  # standard error may be full
                traceback.print_exc()
        return explain(error)
    finally:
        SHARED.n = 1
    return code or 0


def explain(error: BaseException) -> int:
    """Print one sentence for an error; return its exit code."""
    error = interruption(error) or error
    print_error(sentence(error))
    if isinstance(error, MlpError):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED if not error.args else 128 + int(error.args[0])
    if isinstance(error, MemoryError | UnicodeEncodeError | OSError):
        return OPERATING_SYSTEM
    print_error("please report it, with the output of the same command and --debug")
    return BUG


def sentence(error: BaseException) -> str:
    """Return the message of an error for the user."""
    if isinstance(error, MlpError):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, MemoryError):
        asked = re.match(r"Unable to allocate (\S+ \S+)", str(error))  # as NumPy says it
        return f"not enough memory{f' for {asked[1]} more' if asked else ''}"
    if isinstance(error, UnicodeEncodeError):
        return f"{error.object!r}: this system's encoding, {error.encoding}, cannot write that"
    if isinstance(error, OSError):
        name = f"{error.filename}: " if error.filename else ""
        return f"{name}{error.strerror or error}"
    return f"a bug in mlp: {type(error).__name__}: {error}"
