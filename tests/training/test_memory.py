"""Networks that do not fit into the memory are refused before any of it is taken."""

import json

import numpy as np
import pytest

from mlpcli import memory
from mlpcli.errors import OutOfMemoryError
from mlpcli.nn import network
from mlpcli.report.explain.source import open_step
from mlpcli.spec.load import load_spec
from mlpcli.training import evaluation, stack_training
from mlpcli.training.build import load_dataset
from mlpcli.training.gradcheck import check_spec
from mlpcli.training.training import Training

UNITS = 1000


@pytest.fixture
def prepared(tmp_path):
    """Return a function from a spec's sections to the spec and its data."""

    def prepare(**sections):
        rows = "".join(f"{k % 7},{k % 5},{k % 3}\n" for k in range(60))
        (tmp_path / "d.csv").write_text("a,b,y\n" + rows)
        layers = {"layers": [{"units": UNITS}, {"units": UNITS}]}
        spec = {"data": {"path": "d.csv", "target": "y"}, "model": layers, **sections}
        (tmp_path / "s.yaml").write_text(json.dumps(spec))
        loaded = load_spec(str(tmp_path / "s.yaml"))
        return loaded.spec, load_dataset(loaded)

    return prepare


@pytest.fixture
def nothing_is_made(monkeypatch):
    def made(*_, **__):
        raise AssertionError("took memory that it had not asked for")

    monkeypatch.setattr(stack_training, "empty", made)
    monkeypatch.setattr(stack_training, "initial_vector", made)
    monkeypatch.setattr(network, "initial_vector", made)


def free(monkeypatch, n_bytes):
    monkeypatch.setattr(memory, "FEW", 0)
    monkeypatch.setattr(memory, "allocatable_memory", lambda: n_bytes)


# By hand: 2 · 1000 + 1000, 1000 · 1000 + 1000, 1000 · 3 + 3; in float32 4 MB each time, and Adam
# needs θ, its gradient, two moments, the best weights and two more as they are written.
N_PARAMS = 3000 + 1_001_000 + 3003
LEAST = 4 * N_PARAMS * 7


@pytest.mark.usefixtures("nothing_is_made")
def test_a_network_that_does_not_fit_is_refused(prepared, monkeypatch):
    spec, dataset = prepared()
    free(monkeypatch, LEAST)
    with pytest.raises(OutOfMemoryError) as raised:
        Training(spec, dataset)
    assert str(raised.value).startswith("1 network of 1,007,003 parameters: about ")
    assert str(raised.value).endswith(
        "and 26.9 MiB are free; smaller model.layers or a smaller training.batch_size are needed"
    )


def test_one_that_fits_trains(prepared, monkeypatch):
    spec, dataset = prepared(training={"epochs": 1})
    free(monkeypatch, 2 * LEAST)
    *_, end = Training(spec, dataset).run()
    assert end.reason == "finished"


@pytest.mark.usefixtures("nothing_is_made")
@pytest.mark.parametrize("check", ["gradcheck", "explain"])
def test_what_a_step_is_checked_or_explained_with_is_asked_for(
    prepared, monkeypatch, tmp_path, check
):
    """In float64, with what is kept besides: a training of float32 would fit three times."""
    prepared()
    free(monkeypatch, 3 * LEAST)
    path = str(tmp_path / "s.yaml")
    work = {
        "explain": lambda: open_step(path, None),
        "gradcheck": lambda: check_spec(load_spec(path), synthetic=False, samples=1),
    }[check]
    with pytest.raises(OutOfMemoryError, match=r"1 network of 1,007,003 parameters: about "):
        work()


@pytest.mark.usefixtures("nothing_is_made")
@pytest.mark.parametrize("kind", ["seeds", "bootstrap", "kfold"])
def test_the_numbers_of_all_replicas_are_asked_for(prepared, monkeypatch, kind):
    spec, dataset = prepared(ensemble={"kind": kind, "replicas": 30})
    free(monkeypatch, 30 * 4 * N_PARAMS)  # and a stack of them beside
    with pytest.raises(OutOfMemoryError, match="30 networks of 1,007,003 parameters") as raised:
        Training(spec, dataset)
    assert str(raised.value).endswith("smaller model.layers or fewer ensemble.replicas are needed")


@pytest.mark.parametrize("kind", ["bootstrap", "kfold"])
def test_the_rows_of_all_replicas_are_asked_for(prepared, monkeypatch, kind):
    spec, dataset = prepared(ensemble={"kind": kind, "replicas": 30})
    n_rows = len(dataset.parts["train"])
    free(monkeypatch, 30 * 8 * n_rows - 1)
    with pytest.raises(OutOfMemoryError, match=f"the rows of 30 networks, of {n_rows} rows each"):
        Training(spec, dataset)


def test_a_batch_of_all_rows_is_asked_for(prepared, monkeypatch):
    layers = {"layers": [{"units": 100_000}]}
    spec, dataset = prepared(model=layers, training={"batch_size": 10**18})
    least = 4 * 2 * 100_000 * len(dataset.parts["train"])  # u and h of each row
    free(monkeypatch, least)
    with pytest.raises(OutOfMemoryError, match=r"1 network of 600,003 parameters"):
        Training(spec, dataset)


def test_predictions_are_asked_for(prepared, monkeypatch):
    spec, dataset = prepared(training={"epochs": 0})
    training = Training(spec, dataset)
    X = np.zeros((50, 2), np.float32)
    free(monkeypatch, 50 * 3 * 8)
    assert evaluation.predict(training.network, X).shape == (50, 3)
    free(monkeypatch, 50 * 3 * 8 - 1)
    with pytest.raises(OutOfMemoryError, match="predictions of 50 × 3 outputs"):
        evaluation.predict(training.network, X)
