"""manifest.json and the recorder: what was run, on what, and how it ended."""

import hashlib
import json
import math
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

import mlpcli
from mlpcli.plain import without_nan
from mlpcli.runs import recorder as recorder_module
from mlpcli.runs.failing_disk import RunFiles
from mlpcli.runs.files import Folder
from mlpcli.runs.manifest import Manifest, describe_data
from mlpcli.runs.model_file import load_model
from mlpcli.runs.recorder import Recorder
from mlpcli.spec.load import load_spec
from mlpcli.training.build import load_dataset
from mlpcli.training.training import Training


@pytest.fixture
def told(iris_run):
    return json.loads((iris_run.directory / "manifest.json").read_text(encoding="utf-8"))


def test_the_fields_are_these(told):
    assert list(told) == [
        "format",
        "status",
        "host",
        "pid",
        "command",
        "started",
        "ended",
        "machine",
        "spec",
        "data",
        "result",
    ]
    assert told["status"] == "done"
    assert told["command"] == sys.argv


def test_times_are_utc_and_in_order(told):
    started, ended = (datetime.fromisoformat(told[key]) for key in ("started", "ended"))
    assert started.utcoffset() == timedelta(0)
    assert started <= ended <= datetime.now(UTC)
    assert ended - started < timedelta(minutes=10)


def test_the_machine_is_this_one(told):
    machine = told["machine"]
    assert machine["mlp"] == mlpcli.__version__
    assert machine["python"] == platform.python_version()
    assert machine["numpy"] == np.__version__
    assert machine["blas_threads"] == 1
    assert machine["blas_kernel"] is None or machine["blas_kernel"].isalnum()
    assert machine["pandas"] == pd.__version__
    assert all(machine[key] for key in ("platform", "cpu", "cores", "blas"))


@pytest.mark.skipif(platform.machine() != "x86_64", reason="names a kernel of this processor")
def test_the_kernels_of_the_matrix_products_are_named():
    """Asked for by name, in a process of its own: OpenBLAS chooses when it is loaded."""
    words = "from mlpcli.runs.manifest import describe_machine as d; print(d()['blas_kernel'])"
    environment = {**os.environ, "OPENBLAS_CORETYPE": "Nehalem"}
    said = subprocess.run(
        [sys.executable, "-c", words], env=environment, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() in ("Nehalem", "None")  # None where NumPy has another BLAS


def test_the_data_and_their_sha256(told, iris_run):
    data, file = told["data"], iris_run.folder / "iris.csv"
    assert data["task"] == "multiclass"
    assert data["features"] == 4
    assert data["files"] == {"data": iris_run.dataset.tables["data"].name}
    assert data["sha256"] == {"data": hashlib.sha256(file.read_bytes()).hexdigest()}
    assert data["replaced"] == {"data": {}}


def test_the_indices_are_those_of_the_rows_that_were_used(told, iris_run):
    split = told["data"]["split"]
    assert split["seed"] == 0
    assert split["rows"] == {"train": 106, "validation": 22, "test": 22}  # 22 = round(0.15 · 150)
    lines = (iris_run.folder / "iris.csv").read_text(encoding="utf-8").splitlines()[1:]
    cells = np.array([line.split(",")[:4] for line in lines], float)
    listed = split["indices"]
    assert sorted(listed) == ["test", "validation"]
    listed["train"] = sorted({*range(150)} - {*listed["test"], *listed["validation"]})
    shift, scale = cells[listed["train"]].mean(axis=0), cells[listed["train"]].std(axis=0)
    for name, part in iris_run.dataset.parts.items():
        expected = 3 * np.arcsinh((cells[listed[name]] - shift) / scale / 3)
        np.testing.assert_allclose(part.X, expected, atol=1e-5, err_msg=name)


def test_files_of_their_own_have_no_indices(make_run, tmp_path):
    for name, rows in (("a", 12), ("b", 5)):
        body = "".join(f"{k},{'yes' if k % 2 else 'no'}\n" for k in range(rows))
        (tmp_path / f"{name}.csv").write_text("x,y\n" + body, encoding="ascii")
    run = make_run(
        tmp_path,
        "data: {target: y, split: {files: {train: a.csv, test: b.csv}}}\ntraining: {epochs: 1}",
    )
    told = describe_data(run.training.spec, run.dataset)
    assert told["split"] == {"seed": 0, "rows": {"train": 12, "test": 5}}
    assert sorted(told["files"]) == sorted(told["sha256"]) == ["test", "train"]
    assert load_model(run.model).codes is None


def test_the_result_is_that_of_the_events_and_the_metrics_file(told, iris_run):
    result, ended = told["result"], iris_run.events[-1]
    assert result["status"] == "done"
    assert result["reason"] == "finished"
    assert (result["epochs"], result["best_epoch"]) == (3, ended.best_epoch)
    assert result["seconds"] == ended.seconds
    lines = (iris_run.directory / "metrics.csv").read_text(encoding="ascii").splitlines()
    best = dict(zip(lines[0].split(","), lines[ended.best_epoch].split(","), strict=True))
    validation = result["scores"]["validation"]
    assert validation["rows"] == 22
    # The result's loss is of the predictions, in float64; training's is of u, in float32.
    assert validation["loss"] == pytest.approx(float(best["val_loss"]), rel=2**-22)
    assert validation["loss"] == pytest.approx(validation["log_loss"], rel=1e-12)
    assert validation["accuracy"] == float(best["val_accuracy"])


def test_values_that_were_replaced_are_counted(mixed_run):
    # NA in every seventh of 40 rows is a category of its own where the training rows have it.
    told = describe_data(mixed_run.training.spec, mixed_run.dataset)
    assert told["replaced"] == {"data": {}}
    assert told["features"] == 4


def test_names_that_are_not_utf8_are_escaped(iris_run, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["mlp", "train", "caf\udce9.yaml", "für"])
    Manifest(RunFiles(Folder(tmp_path)), iris_run.training.spec, iris_run.dataset)
    text = (tmp_path / "manifest.json").read_bytes().decode("utf-8")
    assert "für" in text
    assert json.loads(text)["command"] == ["mlp", "train", "caf\udce9.yaml", "für"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.nan, None),
        (-math.inf, None),
        (np.float64("nan"), None),
        (0.0, 0.0),
        (True, True),
        ("nan", "nan"),
        ({"a": [1, math.inf, {"b": (math.nan, 2.5)}]}, {"a": [1, None, {"b": [None, 2.5]}]}),
    ],
)
def test_what_json_cannot_write_is_null(value, expected):
    assert without_nan(value) == expected
    json.dumps(without_nan(value), allow_nan=False)


# ---------------------------------------------------------------- the recorder


@pytest.fixture
def begun(tmp_path, iris_run):
    """Return a training that has not been run, and a recorder in an empty directory."""
    training = Training(iris_run.training.spec, iris_run.dataset)
    return training, Recorder(Folder(tmp_path), training, iris_run.folder), tmp_path


def status_in(folder):
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["status"]


def test_spec_and_manifest_are_there_before_the_first_epoch(begun):
    _, _, folder = begun
    files = sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))
    assert files == ["manifest.json", "metrics.csv", "spec.yaml"]
    assert status_in(folder) == "running"


def test_the_resolved_spec_reads_back_with_its_paths_absolute(iris_run):
    loaded = load_spec(str(iris_run.directory / "spec.yaml"))
    assert loaded.spec == load_model(iris_run.model).spec
    assert loaded.spec.data.path == str((iris_run.folder / "iris.csv").resolve())
    assert loaded.spec.data.task == "multiclass"
    assert loaded.spec.model.loss.name == "cross_entropy"
    assert loaded.spec.data.encoding == "utf-8"  # written out, where the spec left it open
    assert load_dataset(loaded).encoding == iris_run.dataset.encoding


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_a_training_that_has_no_end_says_so(status, begun):
    training, recorder, folder = begun
    recorder.record(next(event for event in training.run() if hasattr(event, "mean")))
    recorder.break_off(status)
    assert status_in(folder) == status
    assert (folder / "metrics.csv").read_text(encoding="ascii").count("\n") == 2
    assert not (folder / "model.safetensors").exists()


def test_the_model_is_safe_before_the_scores_are_counted(begun, monkeypatch):
    def impatient(*_):
        raise KeyboardInterrupt

    training, recorder, folder = begun
    monkeypatch.setattr(recorder_module, "evaluate", impatient)
    *before, ended = training.run()
    for event in before:
        recorder.record(event)
    with pytest.raises(KeyboardInterrupt):
        recorder.record(ended)
    model = load_model(folder / "model.safetensors")
    np.testing.assert_array_equal(model.network.theta, training.network.theta)


def test_the_same_training_writes_the_same_bytes(begun, iris_run):
    training, recorder, folder = begun
    for event in training.run():
        recorder.record(event)
    for name in ("model.safetensors", "spec.yaml"):
        assert (folder / name).read_bytes() == (iris_run.directory / name).read_bytes(), name
