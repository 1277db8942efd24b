"""Every session that the README shows, run as it is written."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mlpcli.spec.load import load_spec, validate
from mlpcli.spec.yaml_reader import read_yaml

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SESSIONS = re.findall(r"^```console\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?|\d+e-?\d+")


def steps(session):
    """Yield each command of a session with the output shown below it."""
    for part in re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        yield command, shown


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the repository's configs and data, and `mlp` on the path."""
    folder = tmp_path_factory.mktemp("readme")
    for name in ("configs", "data"):
        shutil.copytree(ROOT / name, folder / name)
    program = folder / "bin" / "mlp"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mlpcli "$@"\n')
    program.chmod(0o755)
    return folder


def run(session, place):
    """Run a session in one shell; return the output of each of its commands."""
    mark = "=-=-=-="
    script = "".join(
        f"{command}\ncode=$?; echo {mark}; (exit $code)\n" for command, _ in steps(session)
    )
    environment = os.environ | {"PATH": f"{place / 'bin'}:{os.environ['PATH']}"}
    environment["PYTHONUNBUFFERED"] = "1"  # lines come in the order in which a terminal has them
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=place,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout.split(f"{mark}\n")[:-1]


def agrees(shown, printed):
    """Whether two lines agree: `…` stands for anything, fractions may differ a little.

    Another CPU rounds differently, so after many steps the same spec ends at slightly other
    weights: fractions agree to 0.05 or a tenth.
    """
    pattern = re.escape(NUMBER.sub("#", " ".join(shown.split()))).replace("…", ".*")
    line = NUMBER.sub("#", " ".join(printed.split()))
    if not re.fullmatch(pattern, line):
        return False
    if "…" in shown:
        return True
    pairs = zip(NUMBER.findall(shown), NUMBER.findall(printed), strict=True)
    return all(abs(float(a) - float(b)) <= max(0.05, 0.1 * abs(float(a))) for a, b in pairs)


def match(shown, printed):
    """Whether printed lines are the shown ones; a line that is only `…` stands for any lines."""
    if not shown:
        return not printed
    if shown[0].strip() == "…":
        return any(match(shown[1:], printed[k:]) for k in range(len(printed) + 1))
    return bool(printed) and agrees(shown[0], printed[0]) and match(shown[1:], printed[1:])


@pytest.fixture(scope="module")
def outputs(place):
    """All sessions, one after the other: later ones use what earlier ones made."""
    return [run(session, place) for session in SESSIONS]


@pytest.mark.parametrize("k", range(len(SESSIONS)))
def test_a_session_prints_what_the_readme_shows(k, outputs):
    for (command, shown), printed in zip(steps(SESSIONS[k]), outputs[k], strict=True):
        assert match(shown.splitlines(), printed.splitlines()), f"{command}\n{printed}"


def test_the_spec_in_the_readme_means_the_shipped_one():
    text = re.search(r"^```yaml\n(.*?)^```", README, re.MULTILINE | re.DOTALL)[1]
    shipped = load_spec(str(ROOT / "configs" / "iris.yaml")).spec
    assert validate(read_yaml(text, "README.md")) == shipped


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_a_wrong_session_is_seen():
    assert match(["a 0.95 …", "…", "end"], ["a 0.96 xyz", "1", "2", "end"])
    assert not match(["a 0.95"], ["a 0.85"])
    assert not match(["rows 22"], ["rows 23"])
    assert not match(["one"], ["one", "two"])
