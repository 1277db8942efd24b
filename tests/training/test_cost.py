"""What `mlp check` says a training takes, beside what it takes, counted by tracemalloc."""

import tracemalloc

import numpy as np
import pytest

from mlpcli.data.dataset import Dataset, Encoding, Part
from mlpcli.data.encoders import NumericColumn
from mlpcli.data.inputs import InputEncoder
from mlpcli.data.readers import ReadOptions
from mlpcli.data.targets import ClassTarget, RegressionTarget
from mlpcli.spec.schema import Spec
from mlpcli.training import recent_state
from mlpcli.training.build import build_architecture
from mlpcli.training.cost import cost_of, memory_of
from mlpcli.training.training import Training


@pytest.fixture(autouse=True)
def no_copies(monkeypatch):
    """Keep no copies of recent states, which a training of more than a second makes."""
    monkeypatch.setattr(recent_state, "SECONDS", 1e9)


def dataset_of(task, n_rows, n_features):
    """Return made-up rows, a tenth as many for validation."""
    columns = tuple(NumericColumn(f"x{k}", 0.0, 0.0, 1.0) for k in range(n_features))
    target = RegressionTarget(("y",), (0.0,), (1.0,))
    if task == "multiclass":
        target = ClassTarget(("y",), tuple(range(4)), task)
    encoding = Encoding(task, InputEncoder(columns), target, ReadOptions())

    def part(n):
        rng = np.random.default_rng(n)
        labels = rng.integers(0, 4, n) if task == "multiclass" else rng.normal(size=(n, 1))
        y = labels if task == "multiclass" else target.encode(labels)
        return Part(rng.standard_normal((n, n_features), np.float32), y, labels, np.arange(n))

    parts = {"train": part(n_rows), "validation": part(n_rows // 10)}
    return Dataset(parts, {}, None, encoding, {})


@pytest.mark.parametrize(
    ("task", "n_rows", "n_features", "units", "optimizer", "kind"),
    [
        ("regression", 100_000, 4, 4, "sgd", None),
        ("regression", 100_000, 32, 4, "sgd", None),
        ("multiclass", 100_000, 4, 4, "sgd", None),
        ("multiclass", 2_000, 8, 1500, "sgd", None),
        ("regression", 2_000, 8, 1500, "adam", None),
        ("multiclass", 20_000, 4, 64, "sgd", "tabm"),
        ("regression", 2_000, 8, 500, "adam", "tabm_mini"),
        ("regression", 2_000, 8, 200, "adam", "batch_ensemble"),
    ],
)
def test_the_estimate_is_near_what_is_taken(task, n_rows, n_features, units, optimizer, kind):
    spec = Spec.model_validate(
        {
            "ensemble": None if kind is None else {"kind": kind, "replicas": 8},
            "data": {"path": "none.csv", "target": "y", "task": task},
            "model": {"layers": [{"units": units}, {"units": units}]},
            "training": {"epochs": 2, "batch_size": 1000, "optimizer": {"name": optimizer}},
        }
    )
    tracemalloc.start()
    try:
        dataset = dataset_of(task, n_rows, n_features)
        training = Training(spec, dataset)
        list(training.run())
        taken = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    estimate = cost_of(spec, training.architecture, dataset).memory_bytes
    # Beside it, mebibytes for what is small; the model is not written here, two vectors more.
    vectors = 2 * 4 * training.architecture.layout.n_params
    assert 0.95 * taken < estimate
    assert estimate - vectors - (4 << 20) < 1.15 * taken


def cut_spec(shards, batch_size):
    return Spec.model_validate(
        {
            "data": {"path": "none.csv", "target": "y", "task": "multiclass"},
            "model": {"layers": [{"units": 512}, {"units": 256}]},
            "training": {"epochs": 2, "batch_size": batch_size},
            "runtime": {"shards": shards, "threads": 2},
        }
    )


@pytest.mark.parametrize("batch_size", [128, 1024])
@pytest.mark.parametrize("shards", [2, 4])
def test_the_estimate_is_near_what_a_cut_step_takes(shards, batch_size):
    spec = cut_spec(shards, batch_size)
    tracemalloc.start()
    try:
        dataset = dataset_of("multiclass", 3072, 784)
        training = Training(spec, dataset)
        list(training.run())
        taken = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    n_params = training.architecture.layout.n_params
    # tracemalloc counts the shards' gradients whole: of the zeros, those of weights are never
    # written, and take no memory.
    taken -= (shards - 1) * 4 * n_params
    estimate = cost_of(spec, training.architecture, dataset).memory_bytes
    assert 0.95 * taken < estimate
    assert estimate - 2 * 4 * n_params - (4 << 20) < 1.15 * taken


def test_no_more_shards_are_said_than_a_batch_has_rows():
    dataset = dataset_of("multiclass", 200, 5)
    spec = cut_spec(1000, 16)
    assert cost_of(spec, build_architecture(spec, dataset.encoding), dataset).shards == 16


def test_what_more_shards_add_by_hand():
    dataset = dataset_of("multiclass", 3072, 784)
    architecture = Training(cut_spec(1, 128), dataset).architecture
    one, two, four = (
        memory_of(cut_spec(shards, 128), architecture, dataset, 128).per_network
        for shards in (1, 2, 4)
    )
    # A batch of 128 rows of 784 float32 has 401,408 bytes: of them, 1 makes a block of 2^19
    # bytes, 2 make one of 2 · 2^19, 5 one of 4 · 2^19. A row gathered has 784 inputs, 4 targets,
    # and 3 times 4 numbers beside.
    assert four - two == (5 - 2) * 128 * (784 + 4 + 12) * 4
    # Two shards also leave h of 512 and 256 and δ of 512, 256 and 4 units to all rows of the
    # batch; and an evaluation is taken to need as much a row, up to a bound that it is at.
    assert two - one == (2 - 1) * 128 * (784 + 4 + 12) * 4 + 128 * (512 + 256 + 512 + 256 + 4) * 4
