"""Runs that many tests of reports look at, each trained once, in this process."""

import json
from pathlib import Path

import pytest

from mlpcli.report.reported_run import load_run
from mlpcli.runs.files import Folder
from mlpcli.runs.recorder import Recorder
from mlpcli.spec.load import load_spec
from mlpcli.training.build import load_dataset
from mlpcli.training.training import Training

DATA = Path(__file__).parents[2] / "data"
SPECS = {
    "classes": {
        "data": {"path": "iris.csv", "target": "species"},
        "model": {"layers": [{"units": 8, "activation": "tanh", "keep_prob": 0.9}]},
        "training": {
            "epochs": 50,
            "batch_size": 8,
            "optimizer": {"name": "sgd", "learning_rate": 0.3},
            "early_stopping": {"patience": 3},
        },
    },
    "numbers": {
        "data": {"path": "diabetes.csv", "target": "progression"},
        "model": {"layers": [{"units": 8, "activation": "relu"}]},
        "training": {"epochs": 8, "schedule": "cosine"},
    },
    "ensemble": {
        "data": {"path": "iris.csv", "target": "species"},
        "model": {"layers": [{"units": 4, "activation": "tanh"}]},
        "training": {"epochs": 4},
        "ensemble": {"kind": "bootstrap", "replicas": 5},
    },
}


@pytest.fixture(scope="session")
def train_run(tmp_path_factory):
    """Return a function that trains a spec, given as data, into a run directory."""

    def train(name, spec):
        folder = tmp_path_factory.mktemp(name)
        spec = {**spec, "data": {**spec["data"], "path": str(DATA / spec["data"]["path"])}}
        (folder / "spec.yaml").write_text(json.dumps(spec))
        loaded = load_spec(str(folder / "spec.yaml"))
        training = Training(loaded.spec, load_dataset(loaded))
        recorder = Recorder(Folder(folder), training, loaded.folder)
        for event in training.run(due=recorder.checkpointing.clock.due):
            recorder.record(event)
        return folder

    return train


@pytest.fixture(autouse=True)
def no_boosting(monkeypatch):
    """Leave out gradient boosting: importing scikit-learn takes longer than all else here."""
    monkeypatch.setattr("mlpcli.training.baselines.fitting.find_library", lambda: None)


@pytest.fixture(scope="session")
def reported(train_run):
    """Return a function that gives the run of that name in SPECS, read for a report."""
    found = {}

    def of(name):
        if name not in found:
            found[name] = load_run(str(train_run(name, SPECS[name])))
        return found[name]

    return of
