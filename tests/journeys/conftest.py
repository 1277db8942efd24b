"""The real command in processes of its own, and a run on iris that many tests look at."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).parent))
ROOT = Path(__file__).parents[2]
IRIS = ROOT / "data" / "iris.csv"
PROGRAM = [sys.executable, "-m", "mlpcli"]
# What a user's shell may have set and a test must not depend on.
NOT_OURS = ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS", "LINES", "PYTHONUNBUFFERED")
collect_ignore = ["without_learners"]
WITHOUT_LEARNERS = Path(__file__).parent / "without_learners"
SPEC = """
data: {path: iris.csv, target: species, scale: standard}
model:
  layers: [{units: 8, activation: tanh, keep_prob: 0.9}]
  output_initializer: glorot_uniform
training: {epochs: 3, batch_size: 32, optimizer: sgd}
"""


def environment(**changes):
    """Return the environment of a command: warnings are errors, as in every test.

    It finds no scikit-learn, whose import takes longer than all else of a check.
    """
    ours = {k: v for k, v in os.environ.items() if k not in NOT_OURS and k[:2] != "LC"}
    ours |= {"PYTHONWARNINGS": "error", "TERM": "xterm", "LANG": "C.UTF-8"}
    ours["PYTHONPATH"] = f"{WITHOUT_LEARNERS}:{os.environ.get('PYTHONPATH', '')}".rstrip(":")
    return {k: v for k, v in (ours | changes).items() if v is not None}


def never_a_traceback(text):
    assert "Traceback" not in text, text
    assert "Warning" not in text, text
    assert "mlp: a bug in mlp" not in text, text
    assert "Exception ignored" not in text, text


@pytest.fixture(scope="session")
def learners():
    """Return changes of the environment with which a command finds scikit-learn."""
    return {"PYTHONPATH": os.environ.get("PYTHONPATH")}


@pytest.fixture(scope="session")
def preloaded(preload):
    """Return `mlp` with its modules already imported, in the environment of a command."""
    return preload(environment())


@pytest.fixture(scope="session")
def mlp(preloaded):
    """Return a function that runs `mlp` and returns its exit code, output and errors.

    It is forked from a process that has imported it, where nothing is asked for that a process
    reads when it starts, and its streams are the usual ones.
    """

    def run(*arguments, cwd, stdin="", env=None, **options):
        ours = environment(**(env or {}))
        if stdin == "" and not options and preloaded.fits(ours):
            done = preloaded.run(arguments, cwd, ours)
            never_a_traceback(done.err + done.out)
            return done
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        given = {"stdin": stdin} if hasattr(stdin, "fileno") else {"input": stdin}
        done = subprocess.run(
            [*PROGRAM, *map(str, arguments)],
            cwd=cwd,
            env=ours,
            encoding="utf-8",
            errors="surrogateescape",
            check=False,
            timeout=60,
            **given,
            **options,
        )
        never_a_traceback((done.stderr or "") + (done.stdout or ""))
        return SimpleNamespace(code=done.returncode, out=done.stdout, err=done.stderr)

    return run


@pytest.fixture(scope="session")
def shell():
    """Return a function that runs a line of sh in which `mlp` is the command."""

    def run(line, cwd, **changes):
        folder = Path(cwd) / ".bin"
        folder.mkdir(exist_ok=True)
        program = folder / "mlp"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mlpcli "$@"\n', "utf-8")
        program.chmod(0o755)
        path = f"{folder.resolve()}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            cwd=cwd,
            env=environment(PATH=path, **changes),
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=60,
        )
        never_a_traceback(done.stderr + done.stdout)
        return SimpleNamespace(code=done.returncode, out=done.stdout, err=done.stderr)

    return run


@pytest.fixture(scope="session")
def program():
    """Return the command's words and environment, for tests that start it themselves."""
    return SimpleNamespace(words=PROGRAM, environment=environment, check=never_a_traceback)


# The command itself, many times in one process: starting it takes longest.
MANY = """
import contextlib, io, json, sys
from mlpcli.cli.main import main

for words in json.loads(sys.stdin.read()):
    sys.argv = ["mlp", *words]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code
    print(json.dumps([code, out.getvalue(), err.getvalue()]))
"""


@pytest.fixture(scope="session")
def in_one_process():
    """Return a function that runs `mlp` many times; the code, output and errors of each."""

    def run(commands, folder, before=""):
        done = subprocess.run(
            [sys.executable, "-c", before + MANY],
            input=json.dumps(commands),
            cwd=folder,
            env=environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        found = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(found) == len(commands)
        for _, out, err in found:
            never_a_traceback(out + err)
        return found

    return run


def folder_with_iris(folder):
    (folder / "iris.csv").write_bytes(IRIS.read_bytes())
    (folder / "iris.yaml").write_text(SPEC, encoding="utf-8")
    return folder


@pytest.fixture
def folder(tmp_path):
    """Return a new folder with iris.csv and iris.yaml."""
    return folder_with_iris(tmp_path)


@pytest.fixture(scope="session")
def trained(mlp, tmp_path_factory):
    """Return a run on iris, made by the command; not to be changed."""
    folder = folder_with_iris(tmp_path_factory.mktemp("trained"))
    done = mlp("train", "iris.yaml", "--run-dir", "run", cwd=folder)
    assert done.code == 0, done.err
    run = folder / "run"
    manifest = json.loads((run / "manifest.json").read_text("utf-8"))
    model = run / "model.safetensors"
    return SimpleNamespace(folder=folder, done=done, run=run, manifest=manifest, model=model)
