"""`mlp` run in this process, and what `mlp check` says."""

import json
from types import SimpleNamespace

from typer.testing import CliRunner

from mlpcli.cli.main import app_for


def run(verb, *words, stdin=b""):
    """Run a verb: its exit code, output and messages."""
    done = CliRunner().invoke(app_for([verb]), [verb, *words], input=stdin)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return SimpleNamespace(code=done.exit_code, out=done.stdout, err=done.stderr)


def outcome(*words):
    """Run `mlp check`: the exit code, the document, and every line about the data."""
    done = run("check", *words, "--json")
    if done.code:
        return SimpleNamespace(code=done.code, document=None, lines=[done.err])
    document = json.loads(done.out)
    lines = [each["text"] for each in [*document["guesses"], *document["oddities"]]]
    return SimpleNamespace(code=0, document=document, lines=lines + document["remarks"])
