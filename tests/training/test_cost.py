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
from mlpcli.training.cost import cost_of
from mlpcli.training.training import Training


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
