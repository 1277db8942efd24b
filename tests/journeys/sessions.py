"""Sessions that pages show, run as they are written: commands after `$`, what they print below."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?|\d+e-?\d+")


def steps(session):
    """Yield each command of a session with the output shown below it.

    A command may go on in lines that begin with `> `, as a shell asks for them.
    """
    for part in re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]:
        command, more, shown = re.fullmatch(r"(.*\n)((?:>.*\n)*)((?s:.*))", part).groups()
        yield (command + re.sub(r"^> ?", "", more, flags=re.MULTILINE)).rstrip("\n"), shown


def sessions_of(page):
    """Return the sessions of a page of the repository."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def prepare(folder):
    """Put the repository's configs and data into a folder, and `mlp` beside them; return it."""
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


def check(session, printed):
    """Assert that the commands of a session have printed what it shows."""
    for (command, shown), lines in zip(steps(session), printed, strict=True):
        assert match(shown.splitlines(), lines.splitlines()), f"{command}\n{lines}"
