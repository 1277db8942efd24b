"""How a training runs, as long as its numbers are the same, is not in the model file."""

import shutil

import pytest

from mlpcli.runs.model_file import load_model

SPEC = """
data: {path: ../iris.csv, target: species}
model: {layers: [{units: 5}]}
training: {epochs: 3}
"""
ENSEMBLE = SPEC + "ensemble: {kind: bootstrap, replicas: 4}\n"
OTHERS = {
    "threads": ["runtime.threads=1"],
    "checkpoints": ["runtime.checkpoint_seconds=0"],
    "memory": ["runtime.memory=1GB"],
}


@pytest.fixture
def train(make_run, tmp_path):
    shutil.copy("data/iris.csv", tmp_path / "iris.csv")

    def bytes_of(name, spec, overrides=()):
        (tmp_path / name).mkdir()
        return make_run(tmp_path / name, spec, overrides).model

    return bytes_of


@pytest.mark.parametrize("overrides", OTHERS.values(), ids=OTHERS)
def test_runtime_keys_that_change_no_number_change_no_byte(overrides, train):
    one, other = train("one", SPEC), train("other", SPEC, overrides)
    assert one.read_bytes() == other.read_bytes()


def test_the_type_of_the_numbers_is_in_the_file(train):
    one, other = train("one", SPEC), train("other", SPEC, ["runtime.dtype=float64"])
    assert load_model(one).spec.runtime.dtype == "float32"
    assert load_model(other).spec.runtime.dtype == "float64"


def test_an_ensemble_has_the_same_bytes_however_many_processes_train_it(train):
    ways = [["threads=1"], ["threads=2"], ["threads=2", "memory=1MB"]]
    files = [
        train(str(number), ENSEMBLE, [f"runtime.{each}" for each in way]).read_bytes()
        for number, way in enumerate(ways)
    ]
    assert len(set(files)) == 1
