"""`mlp sweep` in processes of its own, on iris."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[2]
IRIS = ROOT / "data" / "iris.csv"
ENVIRONMENT = os.environ | {"PYTHONWARNINGS": "error", "TERM": "xterm", "LANG": "C.UTF-8"}
SPEC = {
    "data": {"path": "iris.csv", "target": "species"},
    "model": {"layers": [{"units": 6, "activation": "tanh"}]},
    "training": {"epochs": 4},
}


@pytest.fixture
def folder(tmp_path):
    """Return a new folder with iris.csv."""
    (tmp_path / "iris.csv").write_bytes(IRIS.read_bytes())
    return tmp_path


@pytest.fixture
def start(folder):
    """Return a function that starts `mlp` in the folder."""
    started = []

    def start(*words, **changes):
        process = subprocess.Popen(
            [sys.executable, "-m", "mlpcli", *map(str, words)],
            cwd=folder,
            env=ENVIRONMENT | changes,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def preloaded(preload):
    """Return `mlp` with its modules already imported."""
    return preload(ENVIRONMENT, ["optuna", "mlpcli.sweep.search", "mlpcli.sweep.board"])


@pytest.fixture
def mlp(start, preloaded, folder):
    """Return a function that runs `mlp` to its end; where it can, forked from one preloaded."""

    def mlp(*words, **changes):
        if preloaded.fits(ENVIRONMENT | changes):
            done = preloaded.run(words, folder, ENVIRONMENT | changes, timeout=120)
        else:
            process = start(*words, **changes)
            out, err = process.communicate(timeout=120)
            done = SimpleNamespace(code=process.returncode, out=out, err=err)
        assert "Traceback" not in done.err, done.err
        assert "a bug in mlp" not in done.err, done.err
        return done

    return mlp


@pytest.fixture
def write(folder):
    """Return a function that writes a spec with a sweep; other sections by their keys."""

    def write(parameters, name="spec", **sweep):
        sections = {k: sweep.pop(k) for k in ("data", "model", "training", "seed") if k in sweep}
        spec = SPEC | {k: SPEC.get(k, {}) | v if k != "seed" else v for k, v in sections.items()}
        spec["sweep"] = {"parameters": parameters, **sweep}
        (folder / f"{name}.yaml").write_text(json.dumps(spec))
        return f"{name}.yaml"

    return write


@pytest.fixture
def board(mlp):
    """Return a function that runs a sweep to its end and returns its JSON document."""

    def board(spec, *words):
        done = mlp("sweep", spec, "--json", *words)
        assert done.code == 0, done.err
        return json.loads(done.out)

    return board
