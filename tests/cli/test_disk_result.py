"""What `mlp train` says where the disk has refused something, and its exit code."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from mlpcli.cli.training_result import exit_code
from mlpcli.cli.training_run import conclude
from mlpcli.errors import FileError
from mlpcli.runs.directory import run_directory
from mlpcli.runs.files import Folder

MANIFEST = {
    "status": "done",
    "pid": 17,
    "command": [],
    "machine": {"mlp": "0.1.0"},
    "data": {"sha256": {"data": "5f" * 32}, "split": {}},
}


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def said(disk, capsys):
    loaded = SimpleNamespace(spec=None)
    code = exit_code({"disk": disk}, Path("run"), loaded, SimpleNamespace(signal=0))
    assert code == 6
    return capsys.readouterr().err


def test_where_what_is_saved_and_what_is_not(capsys):
    disk = {
        "problem": "run/metrics.csv: No space left on device",
        "unwritten": ["manifest.json", "metrics.csv"],
        "saved": {"metrics.csv": "/x/iris-emergency.csv"},
    }
    assert said(disk, capsys) == (
        "mlp: run/metrics.csv: No space left on device; metrics.csv is saved as "
        "/x/iris-emergency.csv; not written: manifest.json\n"
    )


def test_an_interrupted_run_without_its_last_checkpoint_says_how_to_go_on(capsys):
    loaded = SimpleNamespace(spec=SimpleNamespace(data=SimpleNamespace(path="iris.csv")))
    problem = "run/checkpoint.safetensors: No space left on device"
    disk = {"problem": problem, "unwritten": ["checkpoint.safetensors"], "saved": {}}
    result = {"reason": "interrupted", "disk": disk}
    stop = SimpleNamespace(signal=15, exit_code=143)
    assert exit_code(result, Path("run"), loaded, stop) == 6
    assert capsys.readouterr().err.splitlines() == [
        f"mlp: {problem}; not written: checkpoint.safetensors",
        "mlp: to go on, from the checkpoint before or the beginning: mlp train --resume run",
    ]


@pytest.mark.parametrize(
    ("rates", "now"), [((), "now 0.05"), ((0.025, 0.0125, 0.00625), "now 0.05, halved to 0.00625")]
)
def test_the_advice_for_a_divergence_names_the_rate_that_was_reached(capsys, rates, now):
    optimizer = SimpleNamespace(learning_rate=0.05)
    training = SimpleNamespace(optimizer=optimizer)
    loaded = SimpleNamespace(spec=SimpleNamespace(training=training))
    result = {"reason": "diverged", "last_epoch": 3, "best_epoch": 2, "cause": "the training loss"}
    if rates:
        reductions = [{"epoch": 3, "learning_rate": rate, "lane": 0} for rate in rates]
        result["learning_rate_reductions"] = reductions
    assert exit_code(result, Path("run"), loaded, SimpleNamespace(signal=0)) == 4
    assert f"a smaller learning rate, {now}, usually helps" in capsys.readouterr().err


def test_a_run_that_could_not_take_the_old_ones_place_is_named(capsys, monkeypatch):
    Path("run").mkdir()
    Path("run/manifest.json").write_text(json.dumps(MANIFEST), "ascii")

    def refuse(*_):
        raise FileError("run/x: Read-only file system")

    with run_directory("a", "run", force=True) as run:
        run.folder.write("model.safetensors", b"new")
        place = run.folder.path
        monkeypatch.setattr(Folder, "rename", refuse)
        result = {"status": "done"}
        path = conclude(run, result)
    assert path == place
    assert (path / "model.safetensors").read_bytes() == b"new"
    assert said(result["disk"], capsys) == (
        "mlp: run/x: Read-only file system; the new run could not take the old one's place; the "
        "run is in run\n"
    )


@pytest.mark.parametrize("status", ["done", "interrupted"])
def test_a_directory_that_was_moved_is_named_where_it_is(status):
    result = {"status": status}
    with run_directory("a", "run") as run:
        run.folder.write("model.safetensors", b"new")
        Path("run").rename("moved")
        assert conclude(run, result) == Path("moved").absolute()
    assert result["disk"]["problem"].startswith("run: it was moved")
