"""The model of a run that went on after it was written: whoever uses it is told so."""

import json
import shutil
from types import SimpleNamespace

import pytest

from mlpcli.runs.compare import Contender
from mlpcli.runs.files import Folder
from mlpcli.runs.lock import lock, unlock
from mlpcli.runs.status import why_not_final

EPOCHS = 3  # of the run that `trained` is
KILLED = (
    "run: the run was killed after it had gone on: the model is the one of before, of 3 epochs "
    "(metrics.csv: 5); mlp train --resume run goes on"
)


@pytest.fixture
def folder(trained, tmp_path, monkeypatch):
    """Return the folder of a run that was killed two epochs after `--extend` had begun."""
    shutil.copytree(trained.run, tmp_path / "run")
    shutil.copytree(trained.run, tmp_path / "whole")
    shutil.copy(trained.folder / "iris.csv", tmp_path)
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "run" / "manifest.json"
    changes = {"status": "running", "ended": None, "result": None}
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")
    metrics = tmp_path / "run" / "metrics.csv"
    header, *rows = metrics.read_text("ascii").splitlines()
    assert len(rows) == EPOCHS
    more = [f"{epoch}," + rows[-1].partition(",")[2] for epoch in (4, 5)]
    metrics.write_text("\n".join([header, *rows, *more]) + "\n", "ascii")
    return tmp_path


def test_every_verb_says_that_the_model_is_the_one_of_before(folder, mlp):
    done = mlp("eval", "run", "--json", "-q", cwd=folder)
    assert (done.code, done.err) == (0, f"mlp: {KILLED}\n")
    assert json.loads(done.out)["notes"] == [KILLED]
    done = mlp("predict", "run/model.safetensors", "iris.csv", "-q", cwd=folder)
    assert (done.code, done.err) == (0, f"mlp: {KILLED}\n")
    done = mlp("compare", "whole", "run", cwd=folder)
    assert (done.code, done.err.splitlines()[0]) == (0, f"mlp: {KILLED}")
    done = mlp("eval", "whole", "--json", cwd=folder)
    assert (done.code, done.err, json.loads(done.out)["notes"]) == (0, "", [])


def test_the_curve_is_that_of_the_models_own_epochs(folder):
    model = SimpleNamespace(training={"epochs": EPOCHS})
    run = Contender("run", folder, model, "test", None, "", None)
    assert [row["epoch"] for row in run.history] == [1, 2, 3]


def test_while_a_process_trains_that_is_said_instead(folder):
    with Folder(folder / "run") as home:
        assert lock(home)
        try:
            said = why_not_final(folder / "run", EPOCHS)
            assert "the run goes on (" in said
            assert said.endswith("the one of before, of 3 epochs (metrics.csv: 5)")
            assert "the run is training (" in why_not_final(folder / "run", 5)
        finally:
            unlock(home)
    end = "the run was killed before its end; mlp train --resume run goes on"
    assert why_not_final(folder / "run", 5).replace(str(folder) + "/", "") == f"run: {end}"
    assert why_not_final(folder / "whole", EPOCHS) == why_not_final(folder, EPOCHS) == ""
