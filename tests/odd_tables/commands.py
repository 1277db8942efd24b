"""`mlp` run in this process, and what `mlp check` says."""

import json
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from mlpcli.cli.main import app_for
from mlpcli.training.baselines import fitting


def run(verb, *words, stdin=b""):
    """Run a verb: its exit code, output and messages."""
    done = CliRunner().invoke(app_for([verb]), [verb, *words], input=stdin)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return SimpleNamespace(code=done.exit_code, out=done.stdout, err=done.stderr)


def outcome(*words):
    """Run `mlp check`: the exit code, the document, and every line about the data.

    Without gradient boosting, which has tests of its own and would take most of the time.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "find_library", lambda: None)
        done = run("check", *words, "--json")
    if done.code:
        return SimpleNamespace(code=done.code, document=None, lines=[done.err], guesses=[])
    document = json.loads(done.out)
    guesses = [each["text"] for each in document["guesses"]]
    lines = [*guesses, *(each["text"] for each in document["oddities"]), *document["remarks"]]
    return SimpleNamespace(code=0, document=document, lines=lines, guesses=guesses)
