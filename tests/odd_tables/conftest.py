"""Every odd table written and checked once. The cases stand in modules of their own."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
collect_ignore_glob = ["case*.py", "commands.py", "make.py"]  # imported once, by the tests

import pytest  # noqa: E402  after the path
from commands import outcome  # noqa: E402
from make import make  # noqa: E402


@pytest.fixture(scope="session")
def tables(tmp_path_factory):
    """Return the folder that the script has written."""
    folder = tmp_path_factory.mktemp("odd") / "tables"
    make(folder)
    return folder


@pytest.fixture(scope="session")
def checked(tables):
    """Return a function that checks a case's spec, once: the exit code, the document, the lines."""
    known = {}

    def check(case):
        if case.name not in known:
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(tables / case.name)
                known[case.name] = outcome("spec.yaml")
        return known[case.name]

    return check


@pytest.fixture
def here(case, tables, monkeypatch):
    """Work in the case's folder."""
    monkeypatch.chdir(tables / case.name)
