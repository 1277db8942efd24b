"""Runs made in the test's own process: a spec from text, its data set, a training, its files."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from mlpcli.runs.files import Folder
from mlpcli.runs.recorder import Recorder
from mlpcli.spec.load import load_spec
from mlpcli.training.build import load_dataset
from mlpcli.training.training import Training

IRIS = Path(__file__).parents[2] / "data" / "iris.csv"


@pytest.fixture(scope="session")
def make_run():
    """Return a function that trains a spec's text in a folder and returns all that came of it."""

    def make(folder, spec, overrides=()):
        (folder / "spec.yaml").write_text(spec, encoding="utf-8")
        loaded = load_spec(str(folder / "spec.yaml"), overrides)
        training = Training(loaded.spec, load_dataset(loaded))
        directory = folder / "run"
        directory.mkdir()
        recorder = Recorder(Folder(directory), training, loaded.folder)
        events = []
        for event in training.run(due=recorder.checkpointing.clock.due):
            recorder.record(event)
            events.append(event)
        return SimpleNamespace(
            folder=folder,
            directory=directory,
            model=directory / "model.safetensors",
            dataset=training.dataset,
            training=training,
            recorder=recorder,
            events=events,
        )

    return make


@pytest.fixture(scope="session")
def iris_run(make_run, tmp_path_factory):
    """Return three epochs on iris, two hidden layers of different widths."""
    folder = tmp_path_factory.mktemp("iris")
    shutil.copy(IRIS, folder / "iris.csv")
    return make_run(
        folder,
        """
data: {path: iris.csv, target: species}
model: {layers: [{units: 5, activation: tanh}, {units: 4, keep_prob: 0.9}]}
training: {epochs: 3}
""",
    )


@pytest.fixture(scope="session")
def mixed_run(make_run, tmp_path_factory):
    """Return two targets in their own units, categories and missing values; float64."""
    folder = tmp_path_factory.mktemp("mixed")
    rows = [
        f"{x},{'NA' if x % 7 == 0 else 'red' if x % 3 else 'blué'},{3 * x + 1000},{x * x / 10}"
        for x in range(40)
    ]
    text = "\n".join(["length,colour,price,weight", *rows]) + "\n"
    (folder / "table.csv").write_text(text, encoding="utf-8")
    return make_run(
        folder,
        """
seed: 3
data: {path: table.csv, target: [price, weight], categorical: [colour]}
model: {layers: [{units: 3}]}
training: {epochs: 2, batch_size: 8}
runtime: {dtype: float64}
""",
    )


@pytest.fixture(scope="session")
def coded_run(make_run, tmp_path_factory):
    """Return inputs of every kind: numbers with gaps, dates, few, rare and many categories."""
    folder = tmp_path_factory.mktemp("coded")
    rows = [
        f"{'' if k % 5 == 0 else k % 7},20{k % 60 + 10}-0{k % 9 + 1}-11,{'uuuuuvvvvx'[k % 10]},"
        f"z{k % 4},{k % 5}.5"
        for k in range(40)
    ]
    text = "\n".join(["size,day,kind,zip,price", *rows]) + "\n"
    (folder / "table.csv").write_text(text, encoding="ascii")
    return make_run(
        folder,
        """
data: {path: table.csv, target: price, task: regression, rare: 6, max_categories: 3,
  missing_indicator: [size, day], columns: {zip: text, kind: text}}
model: {layers: [{units: 3}]}
training: {epochs: 2, batch_size: 8}
""",
    )
