"""A training of a small spec on iris, made without the command."""

from pathlib import Path

import pytest

from mlpcli.spec.load import load_spec
from mlpcli.training.build import load_dataset
from mlpcli.training.lanes import Lane
from mlpcli.training.training import Training

IRIS = Path(__file__).parents[2] / "data" / "iris.csv"
DEFAULT = """
data: {path: iris.csv, target: species, scale: standard}
model: {layers: [{units: 8, activation: tanh}], output_initializer: glorot_uniform}
training: {epochs: 4, batch_size: 32, optimizer: sgd}
"""


@pytest.fixture
def training(tmp_path):
    """Return a function that makes the training of a spec, iris beside it."""
    (tmp_path / "iris.csv").write_bytes(IRIS.read_bytes())

    def make(*overrides, spec=DEFAULT):
        (tmp_path / "spec.yaml").write_text(spec, encoding="utf-8")
        loaded = load_spec(str(tmp_path / "spec.yaml"), overrides)
        return Training(loaded.spec, load_dataset(loaded), [Lane(loaded.spec, loaded.spec.seed)])

    return make


@pytest.fixture
def ensemble(training):
    """Return a function that makes the training of an ensemble's spec, iris beside it."""

    def make(*overrides, **options):
        one = training(*overrides, **options)
        return Training(one.spec, one.dataset)

    return make
