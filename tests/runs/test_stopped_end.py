"""A run that is asked to stop after its last step: the model is kept, what takes long left out."""

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest

from mlpcli.cli.training_result import print_training
from mlpcli.nn.evaluation import StoppedError
from mlpcli.runs import recorder as recorder_module
from mlpcli.runs.files import Folder
from mlpcli.runs.model_file import load_model
from mlpcli.runs.recorder import Recorder
from mlpcli.spec.load import load_spec
from mlpcli.training.build import load_dataset
from mlpcli.training.training import Training

IRIS = Path(__file__).parents[2] / "data" / "iris.csv"
ENSEMBLE = "ensemble: {kind: bootstrap, replicas: 2}"


def given_up(*_, **__):
    raise StoppedError


@pytest.fixture
def end(tmp_path):
    """Return a function that trains, ends, and returns the run's directory and recorder."""

    def end_(more=""):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        text = f"data: {{path: {IRIS}, target: species}}\ntraining: {{epochs: 3}}\n{more}"
        (folder / "spec.yaml").write_text(text, "utf-8")
        loaded = load_spec(str(folder / "spec.yaml"))
        training = Training(loaded.spec, load_dataset(loaded))
        recorder = Recorder(Folder(folder), training, folder, patience=contextlib.nullcontext)
        for event in training.run():
            recorder.record(event)
        return folder, recorder

    return end_


@pytest.mark.parametrize("more", ["", ENSEMBLE])
@pytest.mark.parametrize("what", ["evaluate", "calibrate"])
def test_the_run_is_interrupted_and_its_model_the_one_that_it_would_be(
    what, more, end, monkeypatch, capsys
):
    whole = load_model(end(more)[0] / "model.safetensors")
    monkeypatch.setattr(recorder_module, what, given_up)
    folder, recorder = end(more)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert manifest["status"] == manifest["result"]["status"] == "interrupted"
    assert manifest["result"]["reason"] == "interrupted"
    assert (manifest["result"]["scores"] == {}) == (what == "evaluate")
    model = load_model(folder / "model.safetensors")
    assert np.array_equal(model.network.vector, whole.network.vector)
    print_training(recorder.result, folder, None, None, json=False, quiet=False)
    said = capsys.readouterr()
    left_out = "no scores: they would have taken too long for a run that is stopped"
    assert (left_out in said.err) == (what == "evaluate")
    assert said.out.endswith(f"run: {folder}\n")
